//! Any optimizer, asked for settings and told losses.

use moths::{AskTell, Batch, Horizon, Key, Space, Spec, candle_core::Tensor, registry, run::Ask, tensor::host};

use crate::Result;

/// An optimizer over a space of settings.
pub(super) struct Search {
    asked: AskTell,
    space: Space,
    asynchronous: bool,
}

/// What is to be done next.
pub(super) enum Next {
    /// Evaluate these candidates: the values of all leaves, for each.
    Evaluate(Vec<Vec<f64>>),
    /// A step is complete; with the reason, if the optimizer sees no point in going on.
    Step(Option<&'static str>),
}

impl Search {
    /// A search that is to be so many evaluations long. It looks at these points in its first step, where it is one that takes suggestions.
    ///
    /// # Errors
    /// As [`registry::build`].
    pub(super) fn new(space: Space, spec: &Spec, seed: u64, evaluations: u64, points: &[Vec<f64>]) -> Result<Self> {
        let planned = registry::planned(spec, &space, Horizon::evaluations(evaluations))?;
        let mut optimizer = registry::build(&planned, &space, Key::new(seed))?;
        let can = registry::capabilities(&planned)?;
        if can.suggestible {
            for point in points {
                let values = Tensor::from_slice(point, point.len(), space.device())?;
                optimizer.suggest(&Batch::one(&space.encode(&values)?)?)?;
            }
        }
        Ok(Self { asked: AskTell::new(optimizer, &space), space, asynchronous: can.asynchronous })
    }

    /// What to do next; the same until it is told.
    ///
    /// # Errors
    /// What the step fails with, for instance a method that needs gradients.
    pub(super) fn next(&mut self) -> Result<Next> {
        let batch = match self.asked.ask()? {
            Ask::Evaluate(batch) => batch,
            Ask::Done(report) => return Ok(Next::Step(report.converged)),
        };
        let values = self.space.decode(&*batch.dense(&self.space)?)?;
        Ok(Next::Evaluate(host::to_f64s(&values)?.chunks(self.space.dim()).map(<[f64]>::to_vec).collect()))
    }

    /// The losses of all candidates of the batch; NaN for those that failed.
    ///
    /// # Errors
    /// As [`AskTell::tell`].
    pub(super) fn tell(&mut self, losses: Vec<f64>) -> Result<()> {
        self.asked.tell(losses)
    }

    /// Can it be asked for one candidate while others are under way?
    pub(super) fn is_asynchronous(&self) -> bool {
        self.asynchronous
    }

    /// One more candidate: its number, and the values of all leaves.
    ///
    /// # Errors
    /// As [`Optimizer::propose`](moths::Optimizer::propose).
    pub(super) fn propose(&mut self) -> Result<(u64, Vec<f64>)> {
        let proposal = self.asked.optimizer().propose()?;
        Ok((proposal.number, host::to_f64s(&self.space.decode(&proposal.point)?)?))
    }

    /// The loss of one that was proposed; NaN where it failed.
    ///
    /// # Errors
    /// As [`Optimizer::learn`](moths::Optimizer::learn).
    pub(super) fn learn(&mut self, number: u64, loss: f64) -> Result<()> {
        self.asked.optimizer().learn(number, loss)
    }

    /// What the optimizer has decided and why, if it decides.
    pub(super) fn explain(&mut self) -> Option<String> {
        self.asked.optimizer().explain()
    }
}
