//! Simultaneous perturbation stochastic approximation: a gradient from two evaluations, whatever the dimension.
//!
//! ```text
//! ĝ = (f(x + c Δ) − f(x − c Δ)) / (2 c) · Δ⁻¹          Δ ∈ {−1, +1}ᵈ, so that Δ⁻¹ = Δ; the mean over `pairs`
//! x ← descent(x, ĝ)
//! c_k = c / (k + 1)^γ,  a_k = a ((A + 1) / (A + k + 1))^α,  γ = 0.101, α = 0.602
//! ```
//!
//! x, Δ, ĝ: \[d\]. Source: Spall 1992, doi:10.1109/9.119632; gain sequences of Spall 1998, doi:10.1109/7.705889.
//! Differs from the paper: several pairs may be averaged, any descent takes the place of plain gradient descent, and a pair with a
//! candidate that failed counts for nothing.
//! Cost per step: 2 · pairs evaluations in one round; no state beside the point and the descent's.

use moths_core::{
    Antithetic, Capabilities, Clock, CowTensor, Descend, Descent, Draws, Estimate, Estimator, Family, Key, Meta, NamedEstimator,
    Objective, Result, Sampler, Schedule, Space, Spec, persist, register, settings,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Settings of [`Spsa`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SpsaConfig {
    /// c_k, the length of the perturbation in every search coordinate.
    pub c: Schedule,
    /// Pairs of candidates a step, averaged.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: Draws,
}

impl Default for SpsaConfig {
    fn default() -> Self {
        Self { c: Schedule::power(0.1, 0.0, 0.101), pairs: 1, draws: Draws::Shared }
    }
}

/// SPSA as an optimizer. See the [module documentation](self) for equations.
pub type Spsa = Descend<SpsaEstimator, Box<dyn Descent>>;

/// The two-point gradient estimate of SPSA.
pub struct SpsaEstimator {
    config: SpsaConfig,
    space: Space,
    clock: Clock,
}

impl NamedEstimator for SpsaEstimator {
    const META: Meta = Meta {
        id: "spsa",
        family: Family::Random,
        summary: "A gradient from two evaluations along one random direction of signs, whatever the dimension.",
        citation: "Spall 1992, doi:10.1109/9.119632",
        capabilities: Capabilities {
            seeds_only: true,
            translation: true,
            beats_random: true,
            state_per_parameter: 0.0,
            ..Capabilities::NONE
        },
    };
    type Config = SpsaConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key) })
    }

    fn default_descent() -> Spec {
        let rate = json!({ "power": { "from": 0.02, "offset": 100.0, "exponent": 0.602 } });
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), rate)].into_iter().collect() }
    }
}

impl Estimator for SpsaEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let pairs = Antithetic {
            key: self.clock.key(),
            pairs: self.config.pairs,
            scale: self.config.c.at(self.clock.step),
            sampler: Sampler::Rademacher,
            draws: self.config.draws,
        };
        let losses = objective.losses(&pairs.batch(at))?;
        let gradient = pairs.combine(&losses, &self.space)?;
        self.clock.tick();
        Ok(Estimate { loss: losses.lowest(), gradient, evaluations: losses.len() as u64 })
    }
}

persist!(SpsaEstimator { clock });
register!(Spsa);
