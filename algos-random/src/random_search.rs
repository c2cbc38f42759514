//! Pure random search: the yardstick everything else must beat.
//!
//! ```text
//! x_1..x_n ~ uniform in the bounds, or N(centre, I) where there are none
//! best ← the lowest of all x seen so far
//! ```
//!
//! x, best, centre: \[d\]. Source: Brooks 1958, "A discussion of random methods for seeking maxima", doi:10.1287/opre.6.2.244.
//! Differs from the paper: coordinates without bounds are drawn from a normal distribution around the start.
//! Cost per step: n evaluations in one round; 2 numbers of state per parameter.

use candle_core::Tensor;
use moths_core::{
    Algorithm, Batch, Capabilities, Clock, CowTensor, Family, Key, Meta, Objective, Optimizer, Report, Result, Space, persist,
    register, settings,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`RandomSearch`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RandomSearchConfig {
    /// n, candidates a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub candidates: usize,
}

impl Default for RandomSearchConfig {
    fn default() -> Self {
        Self { candidates: 16 }
    }
}

/// Pure random search. See the [module documentation](self) for equations.
pub struct RandomSearch {
    config: RandomSearchConfig,
    space: Space,
    clock: Clock,
    centre: CowTensor,
    best: CowTensor,
    /// +∞ until `best` has been evaluated.
    best_loss: f64,
}

impl Algorithm for RandomSearch {
    const META: Meta = Meta {
        id: "random-search",
        family: Family::Random,
        summary: "Independent random points; the lowest is kept. The yardstick.",
        citation: "Brooks 1958, doi:10.1287/opre.6.2.244",
        capabilities: Capabilities {
            rank_based: true,
            translation: true,
            monotone: true,
            state_per_parameter: 2.0,
            ..Capabilities::NONE
        },
    };
    type Config = RandomSearchConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let start = space.start();
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), best: start.clone(), centre: start, best_loss: f64::INFINITY })
    }
}

impl Optimizer for RandomSearch {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut points = self.space.scatter(&self.centre, self.clock.key(), self.config.candidates)?;
        if self.best_loss.is_infinite() {
            points.set_row(0, &self.best)?;
        }
        let batch = Batch::Dense(points);
        let losses = objective.losses(&batch)?;
        if let Some((i, loss)) = losses.best()
            && loss < self.best_loss
        {
            self.best = batch.row(i, &self.space)?;
            self.best_loss = loss;
        }
        self.clock.tick();
        Ok(Report::of(&losses))
    }

    fn answer(&self) -> Result<Tensor> {
        Ok(self.best.copy()?)
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let mut at = at.clone();
        self.space.confine(&mut at)?;
        (self.centre, self.best, self.best_loss) = (at.clone(), at, f64::INFINITY);
        Ok(())
    }
}

persist!(RandomSearch { clock, centre, best, best_loss });
register!(RandomSearch);
