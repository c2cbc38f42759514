//! A search of one point by two losses a step, wherever the point is held, and what it becomes with a flaw.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flaw::Flaw;
use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Sampler, Space,
    objective::Advance,
    optimizer::{Algorithm, Antithetic, Capabilities, DataDraws, Family, Meta, Point, settings},
    persist::{Clock, Fields, Persist},
    register,
    rng::Seed,
};

/// Settings of a [`Settler`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SettlerConfig {
    flaw: Flaw,
    /// The length of a step for a slope of 1.
    #[schemars(range(min = 0.0, max = 10.0))]
    rate: f64,
}

impl Default for SettlerConfig {
    fn default() -> Self {
        Self { flaw: Flaw::None, rate: 0.01 }
    }
}

pub(super) struct Settler {
    config: SettlerConfig,
    space: Space,
    clock: Clock,
    point: Point,
    steps: u64,
}

impl Algorithm for Settler {
    const META: Meta = Meta::new("settler", Family::Random, "What the law of models in place is tried on.", "none")
        .capabilities(Capabilities::NONE.seeds_only(true).in_place(true).translation(true));
    type Config = SettlerConfig;

    fn new(config: SettlerConfig, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), point: Point::new(space), steps: 0 })
    }
}

impl Settler {
    fn has(&self, flaw: Flaw) -> bool {
        self.config.flaw == flaw
    }

    fn pairs(&self) -> Antithetic {
        Antithetic { key: self.clock.key(), pairs: 1, scale: 0.05, sampler: Sampler::Normal, draws: DataDraws::Shared }
    }

    fn rate(&self) -> f64 {
        let longer =
            self.has(Flaw::StridesInPlace) && self.space.is_in_place() || self.has(Flaw::UnlistedField) && self.steps > 2;
        if longer { 2.0 * self.config.rate } else { self.config.rate }
    }
}

impl Optimizer for Settler {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.point.check(objective)?;
        let (pairs, rate, noise) = (self.pairs(), self.rate(), Sampler::Normal.over(&self.space));
        if self.has(Flaw::TicksFirst) {
            self.clock.tick();
        }
        if self.has(Flaw::MovesModelFirst) {
            let terms: [(Seed, f64); 1] = [(pairs.key.member(0), 0.1)];
            self.point.advance(objective, &Advance::new(&noise, &terms, rate))?;
        }
        let batch = match self.config.flaw {
            Flaw::AsksRowsInPlace => Batch::Dense(self.space.zeros_for(2)?),
            _ => pairs.batch(self.point.at(), &self.space),
        };
        let losses = objective.losses(&batch)?;
        let slope = ((losses[0] - losses[1]) / 0.1).clamp(-1.0, 1.0);
        if slope.is_finite() {
            self.point.advance(objective, &Advance::new(&noise, &[(pairs.key.member(0), slope)], rate))?;
        }
        if !self.has(Flaw::TicksFirst) {
            self.clock.tick();
        }
        self.steps += 1;
        Ok(Report::of(&losses))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.point.at().clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.point.move_to(at)
    }
}

impl Persist for Settler {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        fields.field("point", &mut self.point)?;
        if self.has(Flaw::UnlistedField) { Ok(()) } else { fields.field("steps", &mut self.steps) }
    }
}

register!(Settler);
