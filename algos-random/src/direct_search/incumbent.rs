//! The point a search stands on, and what its loss may be compared with.

use moths_core::{Batch, CowTensor, Objective, Result, optimizer::Comparison, persist};

use super::Verdict;

/// The point a search stands on, and what is known of its loss.
pub(crate) struct Incumbent {
    pub(crate) x: CowTensor,
    /// +∞ while it is not known, or failed.
    pub(crate) loss: f64,
}

persist!(Incumbent { x, loss });

impl Incumbent {
    pub(crate) fn at(x: CowTensor) -> Self {
        Self { x, loss: f64::INFINITY }
    }

    /// Evaluates candidates, and the point beside them unless its loss is known and lasts.
    pub(crate) fn against(&self, batch: &Batch, objective: &mut dyn Objective) -> Result<Comparison> {
        let known = [self.loss];
        objective.losses_beside(batch, &Batch::one(&self.x)?, self.loss.is_finite().then_some(&known))
    }

    /// Goes where it is told; `before` is the loss here.
    pub(crate) fn follow(&mut self, verdict: Verdict, before: f64) {
        match verdict {
            Verdict::Stay => self.loss = before,
            Verdict::Go(x, loss) => (self.x, self.loss) = (x, loss),
        }
    }
}
