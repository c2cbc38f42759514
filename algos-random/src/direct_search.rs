//! What all direct searches share: one point, candidates around it, and a rule that says what becomes of the point.
//!
//! ```text
//! y_1..y_n ← propose(x);   f_0 = f(x), f_i = f(y_i);   x ← judge(x, f_0, y, f)
//! ```
//!
//! Losses are compared only where they can be: on a stochastic objective f_0 is evaluated again in every step, beside the candidates and
//! on the same data; on a deterministic one it is remembered. A method is a [`Rule`], its two functions and the few numbers it keeps;
//! the rest is here.
//!
//! Lengths of steps are those of the whole vector ([`Directions`]): one unit is a typical change of one coordinate, and every one
//! of d coordinates then moves by 1/√d. Since the best step towards a point at the distance R is about 1.2 R/√d in every coordinate
//! (Rechenberg's sphere model), the same length serves two parameters and two million.
//!
//! ```
//! use moths_core::{Batch, optimizer::{Family, Meta}, persist, persist::Clock, CowTensor, Function, Key, Optimizer, Result, Sampler, Space};
//! use moths_random::{DirectSearch, Directions, Rule, Trial, Verdict};
//!
//! /// Steps of length 0.1, kept when they lead down.
//! struct Down { directions: Directions }
//! persist!(Down {});
//!
//! impl Rule for Down {
//!     const META: Meta = Meta::new("down", Family::Random, "Goes down.", "nobody");
//!     type Config = serde_json::Map<String, serde_json::Value>;
//!     fn new(_: Self::Config, space: &Space) -> Result<Self> {
//!         Ok(Self { directions: Directions::new(Sampler::Normal, space) })
//!     }
//!     fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch> {
//!         Ok(self.directions.batch(x, &[(clock.key().into(), 0.1)]))
//!     }
//!     fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict> {
//!         trial.if_lower()
//!     }
//! }
//!
//! let space = Space::real(2)?;
//! let mut search = DirectSearch::<Down>::new(Down::new(Default::default(), &space)?, &space, Key::new(1));
//! for _ in 0..300 {
//!     search.step(&mut Function::new(space.clone(), |x| (x[0] - 1.0).powi(2) + x[1].powi(2)))?;
//! }
//! assert!((search.answer()?.to_vec1::<f64>()?[0] - 1.0).abs() < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```

mod directions;
mod flips;
mod incumbent;
#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space,
    optimizer::{Algorithm, Capabilities, Comparison, Meta, settings},
    persist,
    persist::{Clock, Persist},
    space::Walls,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use directions::Directions;
pub(crate) use flips::Flips;
pub(crate) use incumbent::Incumbent;

/// What a search promises that compares the losses of seeded steps along isotropic directions, and never goes up.
pub const DOWNHILL: Capabilities = Capabilities::NONE
    .seeds_only(true)
    .rank_based(true)
    .translation(true)
    .rotation(true)
    .monotone(true)
    .beats_random(true)
    .walls(Walls::Fold);

/// What is particular to a direct search.
pub trait Rule: Persist + Send + Sized + 'static {
    /// What it is.
    const META: Meta;
    /// Its settings.
    type Config: Serialize + DeserializeOwned + JsonSchema + Default;

    /// A fresh rule; the settings are within the ranges of their schema.
    ///
    /// # Errors
    /// [`Error::Invalid`](moths_core::Error::Invalid) for settings that contradict each other, naming field, value and what is valid;
    /// [`Error::Tensor`](moths_core::Error::Tensor) where candle refuses.
    fn new(config: Self::Config, space: &Space) -> Result<Self>;

    /// What it can do with these settings.
    fn capabilities(_config: &Self::Config) -> Capabilities {
        Self::META.capabilities
    }

    /// How many candidates a step has with these settings; `None`: no fixed number.
    fn candidates(_config: &Self::Config, _space: &Space) -> Option<u64> {
        None
    }

    /// What an ordinary step takes with these settings: see [`Algorithm::evaluations_per_step`]. Its candidates, and on a stochastic objective
    /// the point itself.
    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Option<u64> {
        Self::candidates(config, space).map(|candidates| candidates + u64::from(stochastic))
    }

    /// The candidates of a step from the point `x` \[d\]. Nothing that is saved may change here.
    ///
    /// # Errors
    /// What making the candidates fails with. The step has then failed, and must have changed nothing.
    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch>;

    /// What becomes of the point, and of the rule's own numbers, now that the candidates have losses.
    ///
    /// # Errors
    /// What making the next point fails with. The step has then failed, and must have changed nothing.
    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict>;

    /// The search goes on at another point: what belongs to the place that was left is forgotten.
    ///
    /// # Errors
    /// What changing the tensors of the rule fails with.
    fn moved(&mut self, _to: &CowTensor) -> Result<()> {
        Ok(())
    }

    /// The point to deploy, for rules that also go up.
    fn answer<'a>(&'a self, x: &'a CowTensor) -> &'a CowTensor {
        x
    }
}

/// What a step found.
pub struct Trial<'a> {
    /// The point the step was taken from, \[d\].
    pub x: &'a CowTensor,
    /// f(x), on the data of the candidates.
    pub before: f64,
    /// One loss a candidate; +∞ for those that failed.
    pub losses: &'a [f64],
    /// When the step was taken; its key also serves the draws of the verdict.
    pub clock: &'a Clock,
    /// Will the same points have other losses in the next step?
    pub stochastic: bool,
    batch: &'a Batch,
    space: &'a Space,
}

/// Where the search goes on.
pub enum Verdict {
    /// Where it was.
    Stay,
    /// At this point \[d\], inside the bounds. Its loss is +∞ if it is not known.
    Go(CowTensor, f64),
}

impl Trial<'_> {
    /// The first candidate of lowest loss, and its loss; `None` when all failed.
    pub fn best(&self) -> Option<(usize, f64)> {
        let (i, loss) = self.losses.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        loss.is_finite().then_some((i, loss))
    }

    /// The first candidate of highest loss; `None` when all failed, the point too, and nothing can be said.
    pub fn worst(&self) -> Option<usize> {
        let worst = (0..self.losses.len()).rev().max_by(|a, b| self.losses[*a].total_cmp(&self.losses[*b]))?;
        (self.before.is_finite() || self.best().is_some()).then_some(worst)
    }

    /// Goes to candidate `i`.
    ///
    /// # Errors
    /// [`Error::Shape`](moths_core::Error::Shape) when there is no such candidate.
    pub fn go(&self, i: usize) -> Result<Verdict> {
        let mut point = self.batch.row(i, self.space)?;
        self.space.confine(&mut point)?;
        Ok(Verdict::Go(point, self.losses[i]))
    }

    /// Goes to the best candidate if it is better than the point, and stays otherwise.
    ///
    /// # Errors
    /// [`Error::Tensor`](moths_core::Error::Tensor) where candle refuses to make the point.
    pub fn if_lower(&self) -> Result<Verdict> {
        match self.best() {
            Some((i, loss)) if loss < self.before => self.go(i),
            _ => Ok(Verdict::Stay),
        }
    }

    /// Goes to the best candidate unless it is worse than the point: plateaus are crossed.
    ///
    /// # Errors
    /// [`Error::Tensor`](moths_core::Error::Tensor) where candle refuses to make the point.
    pub fn if_not_higher(&self) -> Result<Verdict> {
        match self.best() {
            Some((i, loss)) if loss <= self.before => self.go(i),
            _ => Ok(Verdict::Stay),
        }
    }

    /// Goes to a point whose loss is not known.
    ///
    /// # Errors
    /// [`Error::Shape`](moths_core::Error::Shape) for a point that is not of the space.
    pub fn go_unseen(&self, mut point: CowTensor) -> Result<Verdict> {
        self.space.confine(&mut point)?;
        Ok(Verdict::Go(point, f64::INFINITY))
    }
}

/// A direct search by the rule `R`. See the [module documentation](self).
pub struct DirectSearch<R> {
    space: Space,
    clock: Clock,
    incumbent: Incumbent,
    rule: R,
}

impl<R: Rule> DirectSearch<R> {
    /// A search by this rule, from where the space starts.
    pub fn new(rule: R, space: &Space, key: Key) -> Self {
        Self { space: space.clone(), clock: Clock::new(key), incumbent: Incumbent::at(space.start()), rule }
    }
}

impl<R: Rule> Algorithm for DirectSearch<R> {
    const META: Meta = R::META;
    type Config = R::Config;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(DirectSearch::new(R::new(config, space)?, space, key))
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        Ok(R::capabilities(config))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(R::evaluations_per_step(config, space, stochastic))
    }
}

impl<R: Rule> Optimizer for DirectSearch<R> {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let Self { space, clock, incumbent, rule } = self;
        let batch = rule.propose(&incumbent.x, clock)?;
        let Comparison { before, losses, report } = incumbent.against(&batch, objective)?;
        let before = before[0];
        let stochastic = objective.stochastic();
        let trial = Trial { x: &incumbent.x, before, losses: &losses, clock, stochastic, batch: &batch, space };
        let verdict = rule.judge(&trial)?;
        incumbent.follow(verdict, before);
        clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.rule.answer(&self.incumbent.x).clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.rule.moved(&at)?;
        self.incumbent = Incumbent::at(at);
        Ok(())
    }
}

persist!([R: Rule] DirectSearch<R> { clock, incumbent, rule });
