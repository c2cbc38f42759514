//! Settings of consensus-based optimisation.

use moths_core::{
    Schedule,
    optimizer::{Init, Size},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How particles diffuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Diffusion {
    /// Every coordinate as far as it is from the consensus: how many there are does not matter.
    ComponentWise,
    /// All coordinates as far as the particle is from the consensus.
    Isotropic,
}

/// What particles drift with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// The difference from the consensus.
    Plain,
    /// The moments of that difference, as Adam has them of a gradient.
    Adam,
}

/// Who moves in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// The particles that were drawn.
    Partial,
    /// All.
    Full,
}

/// Settings of [`Consensus`](super::Consensus).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsensusConfig {
    /// n, the number of particles, at least 2. A curve is one of the step: newcomers begin around the mean, and who has the highest loss leaves.
    pub particles: Size,
    /// Where the particles begin.
    pub init: Init,
    /// How many particles are drawn in a step, evaluated, and share a consensus; null: all.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub batch: Option<usize>,
    /// Who moves, where not all are drawn.
    pub update: Update,
    /// α, how much lower losses count for more; null: as `effective` says.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub alpha: Option<f64>,
    /// η: α is such that this share of the particles counts, in every step.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub effective: f64,
    /// Δt, the length of a step.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub dt: f64,
    /// λ, the drift to the consensus.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub lambda: f64,
    /// What particles drift with.
    pub drift: Drift,
    /// σ, the diffusion in units of the distance from the consensus; null: with which the swarm neither grows nor shrinks where losses say nothing.
    pub sigma: Option<Schedule>,
    /// How particles diffuse.
    pub noise: Diffusion,
    /// σ_j, diffusion that does not depend on any distance, in units of the search; null: none.
    pub jitter: Option<Schedule>,
    /// λ_m, the drift to the best point a particle has seen, of which the consensus is then made; null: particles remember nothing.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub memory: Option<f64>,
    /// κ, how near particles are whose consensus is another one; null: all share one.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub polarised: Option<f64>,
    /// After how many steps without a better particle than ever the swarm is scattered; 0: never.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub resample: u64,
    /// How far it is then scattered: the deviation in every coordinate, in units of √Δt.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub scatter: f64,
}

impl Default for ConsensusConfig {
    fn default() -> Self {
        Self {
            particles: Size::from(20),
            init: Init::Around,
            batch: None,
            update: Update::Full,
            alpha: None,
            effective: 0.25,
            dt: 1.0,
            lambda: 1.0,
            drift: Drift::Plain,
            sigma: None,
            noise: Diffusion::Isotropic,
            jitter: None,
            memory: None,
            polarised: None,
            resample: 40,
            scatter: 0.3,
        }
    }
}

impl ConsensusConfig {
    /// How many of n particles a step draws.
    pub(super) fn drawn(&self, n: usize) -> usize {
        self.batch.unwrap_or(n).min(n)
    }
}
