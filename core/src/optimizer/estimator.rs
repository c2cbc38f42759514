//! Approximate gradients.

use std::sync::Arc;

use crate::{
    Error, Result,
    noise::{Gradient, Perturbation, Sampler},
    objective::{Batch, Objective, Probe},
    optimizer::{Descent, Report},
    persist::Persist,
    rng::{Key, Seed},
    space::Space,
    tensor::CowTensor,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Approximates the gradient of an objective at a point; what [`GradientDescent`](crate::optimizer::GradientDescent) turns into an optimizer.
///
/// Its state changes only when it succeeds.
///
/// ```
/// use moths_core::{optimizer::{Antithetic, DataDraws, Estimate, Estimator}, persist, persist::Clock, CowTensor, Objective, Result, Sampler, Space};
///
/// /// Differences of two losses along one normal direction.
/// struct TwoPoint {
///     clock: Clock,
///     space: Space,
/// }
/// persist!(TwoPoint { clock });
///
/// impl Estimator for TwoPoint {
///     fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
///         let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, DataDraws::Shared);
///         let pairs = Antithetic { key, pairs: 1, scale: 0.01, sampler, draws };
///         let losses = objective.losses(&pairs.batch(at, &self.space))?;
///         let gradient = pairs.combine(&losses, &self.space)?;
///         self.clock.tick();
///         Ok(Estimate::new(losses.lowest(), gradient, 2))
///     }
/// }
/// ```
pub trait Estimator: Persist + Send {
    /// An approximate gradient at the point `at` \[d\].
    ///
    /// # Errors
    /// What the objective fails with; nothing has then changed.
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate>;

    /// One step of the optimizer that this estimator and the update rule `descent` make: moves the point `at`.
    ///
    /// Those who judge a gradient by where the update rule leads say here how.
    ///
    /// # Errors
    /// What the objective fails with; nothing has then changed.
    fn advance(
        &mut self,
        at: &mut CowTensor,
        descent: &mut dyn Descent,
        space: &Space,
        objective: &mut dyn Objective,
    ) -> Result<Report> {
        let estimate = self.estimate(at, objective)?;
        estimate.follow(at, descent, space)?;
        Ok(Report::new(estimate.loss, estimate.evaluations))
    }
}

/// What an [`Estimator`] found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Estimate {
    /// The lowest loss seen; +∞ when every candidate failed.
    pub loss: f64,
    /// The approximate gradient; `None` when too many candidates failed to say anything.
    pub gradient: Option<Gradient>,
    /// Loss evaluations used.
    pub evaluations: u64,
}

impl Estimate {
    /// An estimate that saw this lowest loss, in so many evaluations.
    pub fn new(loss: f64, gradient: Option<Gradient>, evaluations: u64) -> Self {
        Self { loss, gradient, evaluations }
    }

    /// Descends the gradient, if there is one and it is finite, and stays within the bounds.
    ///
    /// # Errors
    /// [`Error::Shape`] for a gradient that does not fit the point, which then stays where it was.
    pub fn follow(&self, at: &mut CowTensor, descent: &mut dyn Descent, space: &Space) -> Result<()> {
        descent.witness(at, self.loss);
        if let Some(gradient) = &self.gradient
            && gradient.is_finite()?
        {
            descent.descend(at, gradient)?;
            space.confine(at)?;
        }
        Ok(())
    }
}

/// Which candidates of one step share the data of a stochastic objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataDraws {
    /// All of them.
    #[default]
    Shared,
    /// The two of an antithetic pair; each pair sees data of its own.
    PerPair,
}

/// Antithetic pairs of perturbations, x ± c·z_k with z_k the noise of the k-th member of a key: the batch they make, and the gradients that
/// weights on them amount to.
#[derive(Clone, Copy, Debug)]
pub struct Antithetic {
    /// The key whose members the pairs are.
    pub key: Key,
    /// How many pairs.
    pub pairs: usize,
    /// c: the length of a perturbation in units of the sampler's deviation.
    pub scale: f64,
    /// The distribution of z.
    pub sampler: Sampler,
    /// Which candidates share data.
    pub draws: DataDraws,
}

impl Antithetic {
    /// The 2·pairs candidates x + c·z₀, x − c·z₀, x + c·z₁, ...
    pub fn batch(&self, centre: &CowTensor, space: &Space) -> Batch {
        self.batch_from(self.sampler.over(space), centre)
    }

    /// [`batch`](Self::batch) of z that `noise` draws, whatever the sampler.
    pub fn batch_from(&self, noise: Perturbation, centre: &CowTensor) -> Batch {
        let probes: Arc<[Probe]> = (0..self.pairs).flat_map(|k| self.pair(k)).collect();
        Batch::seeded(centre, noise, probes)
    }

    /// The probes of x + c·z_k and x − c·z_k.
    pub fn pair(&self, k: usize) -> [Probe; 2] {
        let draw = if self.draws == DataDraws::PerPair { k as u32 } else { 0 };
        [self.scale, -self.scale].map(|scale| Probe::new(self.key.member(k as u64), scale).of_draw(draw))
    }

    /// Σ_k (u₂ₖ − u₂ₖ₊₁) / (2·c·pairs) · z_k for one value u a candidate: the central-difference estimate when u are losses.
    ///
    /// A pair with a value that is not finite counts for nothing; `None` when no pair is left.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are 2 · pairs values.
    pub fn combine(&self, values: &[f64], space: &Space) -> Result<Option<Gradient>> {
        self.combine_from(self.sampler.over(space), values, space)
    }

    /// [`combine`](Self::combine) of z that `noise` draws, whatever the sampler.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are 2 · pairs values.
    pub fn combine_from(&self, noise: Perturbation, values: &[f64], space: &Space) -> Result<Option<Gradient>> {
        if values.len() != 2 * self.pairs {
            return Err(Error::shape("values of antithetic pairs", 2 * self.pairs, values.len()));
        }
        let valid = values.chunks(2).filter(|pair| pair[0].is_finite() && pair[1].is_finite()).count();
        if valid == 0 {
            return Ok(None);
        }
        let terms: Vec<(Seed, f64)> = values
            .chunks(2)
            .enumerate()
            .filter(|(_, pair)| pair[0].is_finite() && pair[1].is_finite())
            .map(|(k, pair)| (self.key.member(k as u64), (pair[0] - pair[1]) / (2.0 * self.scale * valid as f64)))
            .collect();
        Gradient::drawn(noise, terms, space).map(Some)
    }
}
