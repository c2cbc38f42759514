//! Any optimizer, asked for settings and told losses.

use moths::{
    Batch, Horizon, Key, Space, Spec,
    candle_core::Tensor,
    registry,
    run::{One, OneByOne},
    tensor::host,
};

use crate::Result;

/// An optimizer over a space of settings.
pub(super) struct Search {
    asked: OneByOne,
    space: Space,
}

/// What is to be done next.
pub(super) enum Next {
    /// Evaluate this candidate: its number, and the values of all leaves.
    Evaluate(u64, Vec<f64>),
    /// Nothing, before another loss is told.
    Wait,
    /// A step is complete; with the reason, if the optimizer sees no point in going on.
    Step(Option<&'static str>),
}

impl Search {
    /// A search that is to be so many evaluations long. It looks at these points in its first step, where it is one that takes suggestions.
    ///
    /// # Errors
    /// As [`registry::build`], and what its first step fails with before it has evaluated anything.
    pub(super) fn new(space: Space, spec: &Spec, seed: u64, evaluations: u64, points: &[Vec<f64>]) -> Result<Self> {
        let mut asked = OneByOne::new(spec, &space, Key::new(seed), Horizon::evaluations(evaluations))?;
        if registry::capabilities(spec)?.suggestible {
            for point in points {
                let values = Tensor::from_slice(point, point.len(), space.device())?;
                asked.optimizer().suggest(&Batch::one(&space.encode(&values)?)?)?;
            }
        }
        asked.check()?;
        Ok(Self { asked, space })
    }

    /// Has it always another candidate?
    pub(super) fn is_asynchronous(&self) -> bool {
        self.asked.is_asynchronous()
    }

    /// What to do next.
    ///
    /// # Errors
    /// As [`OneByOne::ask`].
    pub(super) fn next(&mut self) -> Result<Next> {
        Ok(match self.asked.ask()? {
            One::Evaluate(proposal) => Next::Evaluate(proposal.number, host::to_f64s(&*self.space.decode(&proposal.point)?)?),
            One::Wait => Next::Wait,
            One::Step(report) => Next::Step(report.converged),
        })
    }

    /// The loss of a candidate; NaN where it failed.
    ///
    /// # Errors
    /// As [`OneByOne::tell`].
    pub(super) fn tell(&mut self, number: u64, loss: f64) -> Result<()> {
        self.asked.tell(number, loss)
    }

    /// What the optimizer has decided and why, if it decides.
    pub(super) fn explain(&mut self) -> Option<String> {
        self.asked.optimizer().explain()
    }
}
