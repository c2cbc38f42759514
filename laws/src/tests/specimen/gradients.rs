//! The specimen that asks gradients.

use super::{super::flaw::Flaw, Specimen};
use moths_core::{CowTensor, Error, Objective, Report, Result, fuse};

impl Specimen {
    /// A step down the gradient, whose length is fixed unless that of the run is known.
    pub(super) fn descend(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let Some((loss, gradient)) = objective.gradient(&self.at)? else {
            if self.has(Flaw::NeedsNoGradients) {
                return Ok(Report::new(f64::INFINITY, 0));
            }
            return Err(Error::unsupported("specimen", "needs gradients"));
        };
        let norm = fuse::norm(&gradient)?;
        let valid = loss.is_finite() && norm.is_finite() && norm > 0.0;
        if valid {
            let mut at = CowTensor::new((&*self.at - (gradient * (self.most().min(0.1) / norm))?)?);
            self.space.confine(&mut at)?;
            self.at = at;
        }
        self.clock.tick();
        Ok(Report::new(if loss.is_finite() { loss } else { f64::INFINITY }, 1))
    }
}
