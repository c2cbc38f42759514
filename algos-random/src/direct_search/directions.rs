//! Steps of known length.

use moths_core::{Batch, CowTensor, Result, Sampler, Space, noise::Perturbation, objective::Probe, rng::Seed};

/// Steps of known length in random directions: length/√d · z, with z of a sampler. What would lie outside the bounds is mirrored inside: a
/// candidate that is only moved to the wall is the same point again and again.
#[derive(Clone, Debug)]
pub struct Directions {
    noise: Perturbation,
    /// √d.
    pub(super) root_dim: f64,
}

impl Directions {
    /// Directions of this distribution, in this space.
    pub fn new(sampler: Sampler, space: &Space) -> Self {
        Self { noise: sampler.over(space).folded_into(space), root_dim: (space.dim() as f64).sqrt() }
    }

    /// The same directions, every coordinate as many times as long as `deviation` \[d\] says.
    pub(crate) fn scaled_by(&self, deviation: &CowTensor) -> Self {
        Self { noise: self.noise.clone().scaled_by(deviation), ..*self }
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
