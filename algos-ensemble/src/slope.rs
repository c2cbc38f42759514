//! A gradient as an objective: what hands the update of one optimizer to another as its gradient.

use moths_core::{Batch, CowTensor, Objective, Result, Space, candle_core::Tensor, fuse};

/// f(x) = <g, x>: the linear function whose gradient is g \[d\] everywhere.
///
/// Losses are those of the linear function, free of charge, for wrappers of what follows gradients that look at where that led. It is stochastic:
/// the next one is another, and losses of two of them are never compared.
pub(crate) struct Slope {
    space: Space,
    gradient: CowTensor,
    /// <g, x> where the search stands: losses are differences from there.
    origin: f64,
}

impl Slope {
    /// With the gradient g \[d\]; losses are 0 at the point `at` \[d\].
    pub(crate) fn new(gradient: CowTensor, at: &CowTensor, space: &Space) -> Result<Self> {
        Ok(Self { origin: fuse::dot(&gradient, at)?, gradient, space: space.clone() })
    }
}

impl Objective for Slope {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let mut point = self.space.zeros()?;
        (0..batch.len())
            .map(|i| {
                batch.write(i, &mut point)?;
                Ok(fuse::dot(&self.gradient, &point)? - self.origin)
            })
            .collect()
    }

    fn stochastic(&self) -> bool {
        true
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let loss = fuse::dot(&self.gradient, at)? - self.origin;
        Ok(Some((loss, self.gradient.copy()?)))
    }
}
