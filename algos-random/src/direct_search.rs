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
//! use moths_core::{Batch, Capabilities, Clock, CowTensor, Family, Function, Key, Meta, Optimizer, Result, Sampler, Space, persist};
//! use moths_random::{DirectSearch, Directions, Rule, Trial, Verdict};
//!
//! /// Steps of length 0.1, kept when they lead down.
//! struct Down { directions: Directions }
//! persist!(Down {});
//!
//! impl Rule for Down {
//!     const META: Meta = Meta {
//!         id: "down", family: Family::Random, summary: "Goes down.", citation: "nobody", capabilities: Capabilities::NONE,
//!     };
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

use moths_core::{
    Algorithm, Batch, Capabilities, Clock, CowTensor, Key, Meta, Objective, Optimizer, Persist, Perturbation, Probe, Report,
    Result, Sampler, Seed, Space, persist, settings,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// What a search promises that compares the losses of seeded steps along isotropic directions, and never goes up.
pub const DOWNHILL: Capabilities = Capabilities {
    seeds_only: true,
    rank_based: true,
    translation: true,
    rotation: true,
    monotone: true,
    beats_random: true,
    ..Capabilities::NONE
};

/// What is particular to a direct search.
pub trait Rule: Persist + Send + Sized + 'static {
    /// What it is.
    const META: Meta;
    /// Its settings.
    type Config: Serialize + DeserializeOwned + JsonSchema + Default;

    /// A fresh rule; the settings are within the ranges of their schema.
    fn new(config: Self::Config, space: &Space) -> Result<Self>;

    /// What it can do with these settings.
    fn capabilities(_config: &Self::Config) -> Capabilities {
        Self::META.capabilities
    }

    /// The candidates of a step from the point `x` \[d\]. Nothing that is saved may change here.
    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch>;

    /// What becomes of the point, and of the rule's own numbers, now that the candidates have losses.
    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict>;

    /// The search goes on at another point: what belongs to the place that was left is forgotten.
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
    pub fn go(&self, i: usize) -> Result<Verdict> {
        let mut point = self.batch.row(i, self.space)?;
        self.space.confine(&mut point)?;
        Ok(Verdict::Go(point, self.losses[i]))
    }

    /// Goes to the best candidate if it is better than the point, and stays otherwise.
    pub fn if_lower(&self) -> Result<Verdict> {
        match self.best() {
            Some((i, loss)) if loss < self.before => self.go(i),
            _ => Ok(Verdict::Stay),
        }
    }

    /// Goes to the best candidate unless it is worse than the point: plateaus are crossed.
    pub fn if_not_higher(&self) -> Result<Verdict> {
        match self.best() {
            Some((i, loss)) if loss <= self.before => self.go(i),
            _ => Ok(Verdict::Stay),
        }
    }

    /// Goes to a point whose loss is not known.
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
}

impl<R: Rule> Optimizer for DirectSearch<R> {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let Self { space, clock, incumbent, rule } = self;
        let batch = rule.propose(&incumbent.x, clock)?;
        let Contest { before, losses, report } = incumbent.against(&batch, objective)?;
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

/// The point a search stands on, and what is known of its loss.
pub(crate) struct Incumbent {
    pub(crate) x: CowTensor,
    /// +∞ while it is not known, or failed.
    pub(crate) loss: f64,
}

persist!(Incumbent { x, loss });

/// Losses that may be compared with each other.
pub(crate) struct Contest {
    pub(crate) before: f64,
    pub(crate) losses: Vec<f64>,
    pub(crate) report: Report,
}

impl Incumbent {
    pub(crate) fn at(x: CowTensor) -> Self {
        Self { x, loss: f64::INFINITY }
    }

    /// Evaluates candidates, and the point beside them unless its loss is known and lasts.
    pub(crate) fn against(&self, batch: &Batch, objective: &mut dyn Objective) -> Result<Contest> {
        if self.loss.is_finite() && !objective.stochastic() {
            let losses = objective.losses(batch)?;
            return Ok(Contest { before: self.loss, losses: losses.to_vec(), report: Report::of(&losses) });
        }
        let losses = objective.losses(&Batch::Joined([Batch::one(&self.x)?, batch.clone()].into()))?;
        Ok(Contest { before: losses[0], losses: losses[1..].to_vec(), report: Report::of(&losses) })
    }

    /// Goes where it is told; `before` is the loss here.
    pub(crate) fn follow(&mut self, verdict: Verdict, before: f64) {
        match verdict {
            Verdict::Stay => self.loss = before,
            Verdict::Go(x, loss) => (self.x, self.loss) = (x, loss),
        }
    }
}

/// Steps of known length in random directions: length/√d · z, with z of a sampler.
#[derive(Clone, Debug)]
pub struct Directions {
    noise: Perturbation,
    root_dim: f64,
}

impl Directions {
    /// Directions of this distribution, in this space.
    pub fn new(sampler: Sampler, space: &Space) -> Self {
        Self { noise: sampler.over(space), root_dim: (space.dim() as f64).sqrt() }
    }

    /// One candidate for each seed and length, around the point `x` \[d\].
    pub fn batch(&self, x: &CowTensor, steps: &[(Seed, f64)]) -> Batch {
        let probe = |(seed, length): &(Seed, f64)| Probe { seed: *seed, scale: length / self.root_dim, draw: 0 };
        Batch::seeded(x, self.noise.clone(), steps.iter().map(probe).collect::<Vec<_>>())
    }

    /// Adds one step to `onto` \[d\].
    pub fn add(&self, seed: impl Into<Seed>, length: f64, onto: &mut CowTensor) -> Result<()> {
        self.noise.add(seed, length / self.root_dim, onto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StochasticThreePoints;
    use moths_core::Function;

    /// Another loss for the same point whenever it is asked.
    struct Shifting(Function<fn(&[f64]) -> f64>, f64);

    impl Objective for Shifting {
        fn space(&self) -> &Space {
            self.0.space()
        }
        fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
            Ok(self.0.evaluate(batch)?.into_iter().map(|loss| loss + self.1).collect())
        }
        fn stochastic(&self) -> bool {
            true
        }
        fn refresh(&mut self) -> Result<()> {
            self.1 += 100.0;
            Ok(())
        }
    }

    fn bowl(x: &[f64]) -> f64 {
        x.iter().map(|x| (x - 1.0).powi(2)).sum()
    }

    #[test]
    fn the_loss_of_the_point_is_remembered_or_evaluated_again() {
        let space = Space::real(3).unwrap();
        let new = || <StochasticThreePoints as Algorithm>::new(Default::default(), &space, Key::new(1)).unwrap();
        let (mut calm, mut noisy) = (new(), new());
        let mut shifting = Shifting(Function::new(space.clone(), bowl), 0.0);
        for step in 0..30 {
            let report = calm.step(&mut Function::new(space.clone(), bowl)).unwrap();
            assert_eq!(report.evaluations, if step == 0 { 3 } else { 2 });
            assert_eq!(noisy.step(&mut shifting).unwrap().evaluations, 3);
            shifting.refresh().unwrap();
            let points = [&calm, &noisy].map(|search| search.answer().unwrap().to_vec1::<f64>().unwrap());
            assert_eq!(points[0], points[1], "only losses of one step are compared");
        }
        calm.move_to(&space.start()).unwrap();
        assert_eq!(calm.step(&mut Function::new(space.clone(), bowl)).unwrap().evaluations, 3);
    }
}
