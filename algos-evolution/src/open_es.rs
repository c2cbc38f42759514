//! The evolution strategy of OpenAI: a gradient from antithetic Gaussian perturbations of one point.
//!
//! ```text
//! ĝ = 1 / (2 σ pairs) · Σ_k (u(x + σ ε_k) − u(x − σ ε_k)) ε_k          ε_k ~ N(0, I)
//! x ← descent(x, ĝ)                                                    Adam by default
//! ```
//!
//! with u the centred rank of a candidate's loss among all of the step, in [−½, ½]. x, ε_k, ĝ: \[d\]. Source: Salimans et al.
//! 2017, arXiv:1703.03864. Differs from the paper: no table of noise is shared, since every ε_k follows from its key alone and is
//! never stored; weight decay is a setting of the descent.
//! Cost per step: 2 · pairs evaluations in one round; no state beside the point and the descent's.

use moths_core::{
    Antithetic, Capabilities, Clock, CowTensor, Descend, Descent, Draws, Estimate, Estimator, Family, Key, Losses, Meta,
    NamedEstimator, Objective, Result, Sampler, Schedule, Space, Spec, persist, register, settings, shaping,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the losses of a step are turned into before they weigh perturbations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shaping {
    /// Centred ranks in [−½, ½].
    #[default]
    Ranks,
    /// The losses themselves.
    Raw,
}

/// Settings of [`OpenEs`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpenEsConfig {
    /// Pairs of candidates a step: half the population.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// σ, the deviation of the perturbations in search coordinates.
    pub sigma: Schedule,
    /// What weighs the perturbations.
    pub shaping: Shaping,
    /// The distribution of ε.
    pub sampler: Sampler,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: Draws,
}

impl Default for OpenEsConfig {
    fn default() -> Self {
        Self { pairs: 16, sigma: 0.1.into(), shaping: Shaping::Ranks, sampler: Sampler::Normal, draws: Draws::Shared }
    }
}

/// OpenES as an optimizer. See the [module documentation](self) for equations.
pub type OpenEs = Descend<OpenEsEstimator, Box<dyn Descent>>;

/// The gradient estimate of OpenES.
pub struct OpenEsEstimator {
    config: OpenEsConfig,
    space: Space,
    clock: Clock,
}

impl NamedEstimator for OpenEsEstimator {
    const META: Meta = Meta {
        id: "open-es",
        family: Family::Evolution,
        summary: "A gradient from the ranks of antithetic Gaussian perturbations, fed to Adam. Only seeds are held.",
        citation: "Salimans et al. 2017, arXiv:1703.03864",
        capabilities: Capabilities {
            seeds_only: true,
            rank_based: true,
            translation: true,
            beats_random: true,
            state_per_parameter: 0.0,
            ..Capabilities::NONE
        },
    };
    type Config = OpenEsConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key) })
    }

    fn default_descent() -> Spec {
        Spec::new("adamw")
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        Capabilities { rank_based: config.shaping == Shaping::Ranks, ..Self::META.capabilities }
    }
}

impl OpenEsEstimator {
    /// u: one value a candidate, not finite for those that count for nothing.
    fn utilities(&self, losses: &Losses) -> Vec<f64> {
        match self.config.shaping {
            Shaping::Raw => losses.to_vec(),
            Shaping::Ranks if losses.all_failed() => vec![f64::NAN; losses.len()],
            Shaping::Ranks => shaping::centred_ranks(losses),
        }
    }
}

impl Estimator for OpenEsEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let pairs = Antithetic {
            key: self.clock.key(),
            pairs: self.config.pairs,
            scale: self.config.sigma.at(self.clock.step),
            sampler: self.config.sampler,
            draws: self.config.draws,
        };
        let losses = objective.losses(&pairs.batch(at))?;
        let gradient = pairs.combine(&self.utilities(&losses), &self.space)?;
        self.clock.tick();
        Ok(Estimate { loss: losses.lowest(), gradient, evaluations: losses.len() as u64 })
    }
}

persist!(OpenEsEstimator { clock });
register!(OpenEs);
