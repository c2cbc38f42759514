//! The page everyone reads first: what an optimizer is.
//!
//! | file | what it answers |
//! |---|---|
//! | `mod` | what an [`Optimizer`] is, and what a step reports |
//! | `algorithm` | its static side: settings, promises, what the registry knows |
//! | [`registry`], `spec`, [`settings`], `horizon` | how it is named, built and told how long the run is |
//! | [`population`] | points that are searched together, where they begin and how many they are |
//! | `members` | optimizers inside an optimizer, as many as there happen to be |
//! | `point` | the one point of a search, its own or that of a model which holds it |
//! | [`schedule`] | settings that change with the step |
//! | `estimator`, [`descent`], `gradient_descent` | approximate gradients, update rules, and the optimizer the two make |
//! | `preset` | an estimator under another name, with other settings |
//! | `suggestions`, `pending` | points of somebody else's that wait for the next step, and its own that wait for their losses |
//! | [`shaping`], `comparison`, [`convergence`] | what losses are made into, when two may be compared, when to end |

mod algorithm;
mod comparison;
pub mod convergence;
pub mod descent;
mod estimator;
mod gradient_descent;
pub(crate) mod horizon;
mod members;
mod pending;
mod point;
pub mod population;
mod preset;
pub mod registry;
pub mod schedule;
pub mod settings;
pub mod shaping;
mod spec;
mod suggestions;

pub use algorithm::{Algorithm, Capabilities, Family, Meta};
pub use comparison::Comparison;
pub use descent::Descent;
pub use estimator::{Antithetic, DataDraws, Estimate, Estimator};
pub use gradient_descent::{GradientDescent, GradientDescentConfig, NamedEstimator};
pub use horizon::Horizon;
pub use members::{Member, Members};
pub use pending::{Pending, Proposal};
pub use point::Point;
pub use population::{Init, Population, Size};
pub use preset::{Preset, PresetEstimator};
pub use spec::Spec;
pub use suggestions::Suggestions;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    objective::{Batch, Objective},
    persist::Persist,
    tensor::CowTensor,
};

/// An iterative method that needs nothing but losses.
///
/// > **A step is a pure, deterministic, atomic function of (state, key, losses).**
/// > Equal key and equal losses give equal bits. A step that fails changes nothing.
///
/// Exact resume, ask/tell, replay, distribution and the tests all follow from this one law, so it holds for every
/// implementation, wrappers and ensembles included. A step therefore has three parts: *propose* candidates (pure),
/// *evaluate* them (the only part that is slow or can fail), *commit* (the last lines, which cannot fail).
pub trait Optimizer: Persist + Send {
    /// One iteration.
    ///
    /// # Errors
    /// What the objective fails with. The state is then as it was before.
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report>;

    /// The point \[d\], in search coordinates, that you would deploy now: of a distribution its mean, which may never have been evaluated,
    /// and which need not be the best point [seen](crate::run::Outcome::best). It keeps its values whatever the optimizer does next.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle refuses to make the point.
    fn answer(&self) -> Result<CowTensor>;

    /// Continues the search around this point \[d\], in search coordinates: for warm starts, wrappers and ensembles.
    /// The [`answer`](Optimizer::answer) is then this point, until a step finds a better one.
    ///
    /// # Errors
    /// For a point of another shape or dtype, or with a coordinate that is not finite; see [`Space::point`](crate::space::Space::point). Nothing
    /// has then changed.
    fn move_to(&mut self, at: &CowTensor) -> Result<()>;

    /// Points \[n, d\] of somebody else's, in search coordinates: its next step evaluates them, moved inside the bounds, in the place of as many
    /// candidates of its own, and learns from them as from those. What is suggested before a step adds up; where there are more than the step has
    /// room for, those suggested first are dropped. A step that fails has not looked at them; a
    /// [`move_to`](Optimizer::move_to) drops what still waits.
    ///
    /// ```
    /// # use moths_core::{Batch, Optimizer, Result, Space};
    /// # fn f(optimizer: &mut dyn Optimizer, space: &Space) -> Result<()> {
    /// // What worked last year.
    /// optimizer.suggest(&Batch::one(&space.start())?)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] from whoever has no place for them: that is, unless it is
    /// [`suggestible`](Capabilities#structfield.suggestible). As [`Space::point`](crate::space::Space::point) for what is no point. Nothing has then changed.
    fn suggest(&mut self, _points: &Batch) -> Result<()> {
        Err(Error::unsupported("this optimizer", "takes no suggestions; `move_to` goes on around a point"))
    }

    /// One more candidate, whether or not the losses of earlier ones are known: for evaluations that take unlike times, where nobody waits for the
    /// slowest of a batch. Whoever proposes and learns in turns takes the path of [`step`](Optimizer::step)s of one candidate. What waits is part of the
    /// state.
    ///
    /// Both this and [`learn`](Optimizer::learn) keep the law of steps: each is a pure, deterministic, atomic function of state, key and loss, so that the
    /// order of all of them, written down, is the whole run. Losses are compared as those of one deterministic objective.
    ///
    /// ```
    /// # use moths_core::{Optimizer, Result, Space};
    /// # fn f(optimizer: &mut dyn Optimizer, space: &Space) -> Result<()> {
    /// let (slow, fast) = (optimizer.propose()?, optimizer.propose()?);
    /// optimizer.learn(fast.number, 0.5)?;
    /// let third = optimizer.propose()?; // knows of the fast one, and that the slow one is under way
    /// # let _ = third;
    /// optimizer.learn(slow.number, f64::NAN)?; // it failed
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] from whoever needs all losses of a step at once: that is, unless it is
    /// [`asynchronous`](Capabilities#structfield.asynchronous); and where some thousands wait already. Nothing has then changed.
    fn propose(&mut self) -> Result<Proposal> {
        Err(Error::unsupported("this optimizer", "needs all losses of a step at once; `AskTell` asks for them"))
    }

    /// The loss of a candidate that was [proposed](Optimizer::propose), in any order; NaN where it failed. After a
    /// [`move_to`](Optimizer::move_to) nobody waits for those that were proposed before.
    ///
    /// # Errors
    /// [`Error::Unsupported`] as by [`propose`](Optimizer::propose); [`Error::Invalid`] for a number under which nothing waits. Nothing has then changed.
    fn learn(&mut self, _number: u64, _loss: f64) -> Result<()> {
        Err(Error::unsupported("this optimizer", "has proposed nothing: it needs all losses of a step at once"))
    }

    /// What it has decided so far and why, in words for people: of those that choose between others. `None` where there is nothing to tell.
    fn explain(&self) -> Option<String> {
        None
    }
}

/// What one step did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The lowest loss seen in this step; +∞ when every candidate failed.
    pub loss: f64,
    /// Loss evaluations this step used.
    pub evaluations: u64,
    /// Set when the algorithm's own criterion says that going on is pointless, with the reason.
    pub converged: Option<&'static str>,
    /// The members of an ensemble that began in this step; in its first step, those that it began with. Of ensembles that are members of another
    /// one nothing is told.
    pub births: Vec<Birth>,
}

/// A member of an ensemble begins: one that is new, or one in the place of another, whose life has then ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Birth {
    /// Which of all lives of the ensemble it is, from 0 on in the order of their births.
    pub life: u64,
    /// Where in the ensemble it lives, from 0 on. Whoever lived there is dead.
    pub place: u64,
    /// The lives that it comes from: none that began afresh, one that was copied, two that were crossed.
    pub parents: Vec<u64>,
    /// What it is, with the settings that differ from the defaults.
    pub spec: Spec,
}

impl Report {
    /// A step that saw this lowest loss in so many evaluations.
    pub fn new(loss: f64, evaluations: u64) -> Self {
        Self { loss, evaluations, converged: None, births: vec![] }
    }

    /// A step that evaluated these losses once.
    pub fn of(losses: &crate::objective::Losses) -> Self {
        Self::new(losses.lowest(), losses.len() as u64)
    }

    /// The same, and the algorithm says whether going on is pointless.
    pub fn converged(self, converged: Option<&'static str>) -> Self {
        Self { converged, ..self }
    }

    /// The same, of a step that saw another lowest loss.
    pub fn with_loss(self, loss: f64) -> Self {
        Self { loss, ..self }
    }

    /// The same, and these members began in the step beside.
    pub fn with_births(mut self, births: impl IntoIterator<Item = Birth>) -> Self {
        self.births.extend(births);
        self
    }

    /// The same, and the step saw this lowest loss in so many evaluations beside.
    pub fn and(self, loss: f64, evaluations: u64) -> Self {
        Self { loss: self.loss.min(loss), evaluations: self.evaluations + evaluations, ..self }
    }
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        (**self).step(objective)
    }

    fn answer(&self) -> Result<CowTensor> {
        (**self).answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        (**self).move_to(at)
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        (**self).suggest(points)
    }

    fn propose(&mut self) -> Result<Proposal> {
        (**self).propose()
    }

    fn learn(&mut self, number: u64, loss: f64) -> Result<()> {
        (**self).learn(number, loss)
    }

    fn explain(&self) -> Option<String> {
        (**self).explain()
    }
}
