//! Steps of known length.

use candle_core::Tensor;
use moths_core::{Batch, CowTensor, Result, Sampler, Space, kernel, noise::Perturbation, objective::Probe, rng::Seed};

/// Steps of known length in random directions: length/√d · z, with z of a sampler. What would lie outside the bounds is mirrored inside: a
/// candidate that is only moved to the wall is the same point again and again.
#[derive(Clone, Debug)]
pub struct Directions {
    noise: Perturbation,
    root_dim: f64,
}

kernel! { fn lengthen(deviation: out, least: mat, per_unit: num) {
    deviation = max(least * per_unit, 1.0);
} }

impl Directions {
    /// Directions of this distribution, in this space.
    pub fn new(sampler: Sampler, space: &Space) -> Self {
        Self { noise: sampler.over(space).folded_into(space), root_dim: (space.dim() as f64).sqrt() }
    }

    /// The same directions, so that a step of this length has at least the deviations `floor` \[d\].
    ///
    /// # Errors
    /// [`Error::Unsupported`](moths_core::Error::Unsupported) for a `floor` that is neither f32 nor f64;
    /// [`Error::Tensor`](moths_core::Error::Tensor) where candle refuses.
    pub fn above(&self, floor: &CowTensor, length: f64) -> Result<Self> {
        let mut deviation = CowTensor::new(Tensor::zeros_like(floor)?);
        lengthen(&mut deviation, floor, self.root_dim / length)?;
        Ok(Self { noise: self.noise.clone().scaled_by(&deviation), ..*self })
    }

    /// One candidate for each seed and length, around the point `x` \[d\].
    pub fn batch(&self, x: &CowTensor, steps: &[(Seed, f64)]) -> Batch {
        let probe = |(seed, length): &(Seed, f64)| Probe::new(*seed, length / self.root_dim);
        Batch::seeded(x, self.noise.clone(), steps.iter().map(probe).collect::<Vec<_>>())
    }

    /// Adds one step to `onto` \[d\].
    ///
    /// # Errors
    /// [`Error::Shape`](moths_core::Error::Shape) for an `onto` that is not of the space; it is then as it was.
    pub fn add(&self, seed: impl Into<Seed>, length: f64, onto: &mut CowTensor) -> Result<()> {
        self.noise.add(seed, length / self.root_dim, onto)
    }
}
