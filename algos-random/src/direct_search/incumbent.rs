//! The point a search stands on, and what its loss may be compared with.

use moths_core::{Batch, CowTensor, Objective, Report, Result, persist};

use super::Verdict;

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
