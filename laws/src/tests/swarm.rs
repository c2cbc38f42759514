//! A small, sound swarm, and what it becomes with a flaw.

use candle_core::Tensor;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flaw::Flaw;
use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space,
    optimizer::{Algorithm, Capabilities, Family, Meta},
    persist::{Clock, Fields, Persist},
    register,
};

const MEMBERS: usize = 8;

/// Settings of [`Swarm`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SwarmConfig {
    flaw: Flaw,
}

/// Differential evolution towards the best: a member is tried a way towards the best one, and a difference of two others further.
pub(super) struct Swarm {
    flaw: Flaw,
    space: Space,
    clock: Clock,
    members: Vec<CowTensor>,
    /// +∞ where a loss is not known.
    losses: Vec<f64>,
}

impl Algorithm for Swarm {
    const META: Meta = Meta::new("swarm", Family::Swarm, "What the laws are tried on beside a point.", "none")
        .capabilities(Capabilities::NONE.translation(true).rank_based(true).state_per_parameter(MEMBERS as f64));
    type Config = SwarmConfig;

    fn new(config: SwarmConfig, space: &Space, key: Key) -> Result<Self> {
        let mut swarm = Self {
            flaw: config.flaw,
            space: space.clone(),
            clock: Clock::new(key),
            members: vec![],
            losses: vec![f64::INFINITY; MEMBERS],
        };
        swarm.gather(&space.start(), key)?;
        Ok(swarm)
    }
}

impl Swarm {
    /// The first member at a point, the others around it.
    fn gather(&mut self, at: &CowTensor, key: Key) -> Result<()> {
        let around = self.space.scatter(at, key.fold(1), MEMBERS - 1)?;
        let others = (0..MEMBERS - 1).map(|i| Ok(CowTensor::new(around.get(i)?.copy()?)));
        self.members = std::iter::once(Ok(at.clone())).chain(others).collect::<Result<_>>()?;
        self.losses.fill(f64::INFINITY);
        Ok(())
    }

    /// The member of lowest loss; the first while none is known.
    fn best(&self) -> &CowTensor {
        let best = self.losses.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
        &self.members[best]
    }

    fn trials(&self) -> Result<Vec<CowTensor>> {
        let mut stream = self.clock.key().fold(2).stream();
        let mut trial = |member: &CowTensor| {
            let [a, b] = [0; 2].map(|_| &self.members[stream.random_range(0..MEMBERS)]);
            let [towards, across] = [0; 2].map(|_| stream.random::<f64>());
            let step = (((&**self.best() - &**member)? * towards)? + ((&**a - &**b)? * across)?)?;
            let mut trial = CowTensor::new((&**member + step)?);
            self.space.confine(&mut trial)?;
            Ok(trial)
        };
        self.members.iter().map(&mut trial).collect()
    }
}

/// Points as a batch.
fn rows(points: &[CowTensor]) -> Result<Batch> {
    let points: Vec<&Tensor> = points.iter().map(|point| &**point).collect();
    Ok(Batch::Dense(CowTensor::new(Tensor::stack(&points, 0)?)))
}

impl Optimizer for Swarm {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let trials = self.trials()?;
        let known = !objective.stochastic() && self.losses.iter().any(|loss| loss.is_finite());
        let old = if known { vec![] } else { vec![rows(&self.members)?] };
        let losses = objective.losses(&Batch::Joined(old.into_iter().chain([rows(&trials)?]).collect()))?;
        let (before, after) = losses.split_at(losses.len() - MEMBERS);
        let report = Report::of(&losses);
        if !known {
            self.losses.copy_from_slice(before);
        }
        for (i, trial) in trials.into_iter().enumerate() {
            if after[i] < self.losses[i] {
                (self.members[i], self.losses[i]) = (trial, after[i]);
            }
        }
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.best().clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.gather(&at, self.clock.key())
    }
}

impl Persist for Swarm {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        fields.field("losses", &mut self.losses)?;
        for (i, member) in self.members.iter_mut().enumerate().skip(usize::from(self.flaw == Flaw::LosesMember)) {
            fields.field(&format!("member{i}"), member)?;
        }
        Ok(())
    }
}

register!(Swarm);
