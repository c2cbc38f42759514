//! A random search that proposes while losses are outstanding, and what it becomes with a flaw.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flaw::Flaw;
use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space,
    optimizer::{Algorithm, Capabilities, Family, Meta, Pending, Proposal, settings},
    persist::{Clock, Fields, Persist},
    register,
};

/// Settings of a [`Waiter`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WaiterConfig {
    flaw: Flaw,
    /// Candidates a step.
    #[schemars(range(min = 1, max = 1000))]
    candidates: usize,
}

impl Default for WaiterConfig {
    fn default() -> Self {
        Self { flaw: Flaw::None, candidates: 4 }
    }
}

pub(super) struct Waiter {
    config: WaiterConfig,
    space: Space,
    clock: Clock,
    best: CowTensor,
    loss: f64,
    pending: Pending,
}

impl Algorithm for Waiter {
    const META: Meta = Meta::new("waiter", Family::Random, "What the law of proposals is tried on.", "none")
        .capabilities(Capabilities::NONE.asynchronous(true).state_per_parameter(2.0))
        .size("candidates");
    type Config = WaiterConfig;

    fn new(config: WaiterConfig, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let (clock, best, pending) = (Clock::new(key), space.start(), Pending::none(space));
        Ok(Self { config, space: space.clone(), clock, best, loss: f64::INFINITY, pending })
    }
}

impl Waiter {
    fn points(&self, n: usize) -> Result<Batch> {
        Ok(Batch::Dense(self.space.scatter(&self.space.start(), self.clock.key(), n)?))
    }

    fn consider(&mut self, point: CowTensor, loss: f64) {
        if loss < self.loss {
            (self.best, self.loss) = (point, loss);
        }
    }
}

impl Optimizer for Waiter {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let batch = self.points(self.config.candidates)?;
        let losses = objective.losses(&batch)?;
        let best = losses.best().map(|(i, loss)| Ok::<_, moths_core::Error>((batch.row(i, &self.space)?, loss))).transpose()?;
        if let Some((point, loss)) = best {
            self.consider(point, loss);
        }
        self.clock.tick();
        Ok(Report::of(&losses))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.best.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        (self.best, self.loss) = (self.space.point(at)?, f64::INFINITY);
        if self.config.flaw != Flaw::WaitsAfterMoves {
            self.pending.clear();
        }
        Ok(())
    }

    fn propose(&mut self) -> Result<Proposal> {
        let proposal = self.pending.add(self.points(1)?.row(0, &self.space)?)?;
        if self.config.flaw != Flaw::ProposesAgain {
            self.clock.tick();
        }
        Ok(proposal)
    }

    fn learn(&mut self, number: u64, loss: f64) -> Result<()> {
        let waits = self.pending.get(number, &self.space);
        if self.config.flaw == Flaw::LearnsOfStrangers && waits.is_err() {
            return Ok(());
        }
        let point = waits?;
        self.pending.remove(number);
        if self.config.flaw != Flaw::LosesLateLosses || self.pending.rows().len() == 0 {
            self.consider(point, loss);
        }
        Ok(())
    }
}

impl Persist for Waiter {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        fields.field("best", &mut self.best)?;
        fields.field("loss", &mut self.loss)?;
        match self.config.flaw {
            Flaw::ForgetsWaiting => Ok(()),
            _ => fields.field("pending", &mut self.pending),
        }
    }
}

register!(Waiter);
