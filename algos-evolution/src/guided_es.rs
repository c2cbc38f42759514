//! Guided evolution strategy: antithetic perturbations that are longer within the span of the last gradient estimates. Only seeds are held.
//!
//! ```text
//! ε_k = σ (√(α/d) z_k + √((1 − α)/r) U z'_k)                           z_k ~ N(0, I_d), z'_k ~ N(0, I_r), k = 1..pairs
//! ĝ   = β / (2 σ² pairs) · Σ_k (u(x + ε_k) − u(x − ε_k)) ε_k
//! x   ← descent(x, ĝ)                                                  Adam by default
//! U   = orthonormal basis of the last `memory` ĝ                       α = 1 as long as there is none
//! ```
//!
//! x, ε, ĝ: \[d\]; U: \[d, r\], r ≤ memory; u is the centred rank of a candidate's loss among all of the step, or what `shaping` says. σ is
//! the length of a perturbation, not its deviation in a coordinate: E‖ε‖² = σ² whatever α. Where u is a linear function, ĝ is, in the mean,
//! β (α/d I + (1 − α)/r U Uᵀ) times its gradient: biased towards the subspace, in return for less variance.
//!
//! Source: Maheswaranathan, Metz, Tucker, Choi & Sohl-Dickstein 2019, arXiv:1806.10230.
//! Differs from the paper: U comes from the method's own estimates, as there are no surrogate gradients in what an objective can be asked
//! (`gradient` is that of the loss itself); u is the loss only where `shaping` is raw; an estimate that newer ones span adds no direction
//! to U; failed pairs are left out.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round; `memory` numbers of state per parameter beside the point and the descent's; scratch
//! of as many again for U, and 2 for ĝ and its direction; 2 · memory² · d multiplications for U, and r a candidate and parameter for ε,
//! which is never stored.
//!
//! Take it when an evaluation costs far more than a pass over `memory` points, and successive gradients are alike. `asebo` adapts the share
//! of the subspace and the number of pairs; where memory is short take `open-es`, which keeps no gradients.
//!
//! Tune first: `sigma`, the length of a whole perturbation and not its deviation in a coordinate; `memory` (20 did better than 10, 4 or 1);
//! `alpha`, lower where past gradients can be trusted.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("guided-es").with("pairs", 8)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/guided-es.md")]

use moths_core::{
    CowTensor, Key, Objective, Result, Sampler, Schedule, Space, Spec,
    noise::Gradient,
    optimizer::{
        Antithetic, Capabilities, DataDraws, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator,
        settings,
    },
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Shaping,
    subspace::{Guided, Past},
};

/// What `memory` is unless it is set.
const MEMORY: usize = 20;

/// Settings of [`GuidedEs`], beside its `descent`. σ, α and β are those of the authors' demonstration. Ranks did better than its raw losses,
/// and 20 estimates better than 10, 4 or 1, on Rosenbrock's function in 100 dimensions, an ellipsoid in 20 and a network of digits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GuidedEsConfig {
    /// Pairs of candidates a step: half the population.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// σ, the length of a perturbation in search coordinates: the root of its mean square.
    pub sigma: Schedule,
    /// α, the share of the squared length that goes to all directions alike; the rest stays within the subspace.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub alpha: f64,
    /// β, what the estimate is multiplied by.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub beta: f64,
    /// How many of the last gradient estimates span the subspace.
    #[schemars(range(min = 1, max = 1000))]
    pub memory: usize,
    /// What weighs the perturbations.
    pub shaping: Shaping,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for GuidedEsConfig {
    fn default() -> Self {
        let (alpha, beta, shaping, draws) = (0.5, 1.0, Shaping::Ranks, DataDraws::Shared);
        Self { pairs: 16, sigma: 0.1.into(), alpha, beta, memory: MEMORY, shaping, draws }
    }
}

/// Guided ES as an optimizer. See the [module documentation](self) for equations.
pub type GuidedEs = GradientDescent<GuidedEsEstimator, Box<dyn Descent>>;

/// The gradient estimate of guided ES.
pub struct GuidedEsEstimator {
    config: GuidedEsConfig,
    space: Space,
    clock: Clock,
    past: Past,
}

impl NamedEstimator for GuidedEsEstimator {
    const META: Meta = Meta::new(
        "guided-es",
        Family::Evolution,
        "Antithetic perturbations that prefer the span of the last gradient estimates, fed to Adam. Only seeds are held.",
        "Maheswaranathan et al. 2019, arXiv:1806.10230",
    )
    .capabilities(
        Capabilities::NONE
            .seeds_only(true)
            .rank_based(true)
            .translation(true)
            .beats_random(true)
            .state_per_parameter(MEMORY as f64),
    )
    .size("pairs");
    type Config = GuidedEsConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { past: Past::new(space, config.memory)?, config, space: space.clone(), clock: Clock::new(key) })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.pairs as u64)
    }

    fn default_descent() -> Spec {
        Spec::new("adamw")
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        let (rank_based, state_per_parameter) = (config.shaping == Shaping::Ranks, config.memory as f64);
        Self::META.capabilities.rank_based(rank_based).state_per_parameter(state_per_parameter)
    }
}

impl Estimator for GuidedEsEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let Self { config, space, clock, past } = self;
        let pairs = Antithetic {
            key: clock.key(),
            pairs: config.pairs,
            scale: config.sigma.at(clock.step),
            sampler: Sampler::Normal,
            draws: config.draws,
        };
        let guided = Guided::new(pairs, past.span()?.as_ref(), config.alpha, space);
        let losses = objective.losses(&guided.batch(at))?;
        let values: Vec<f64> = config.shaping.of(&losses).into_iter().map(|u| config.beta * u).collect();
        let gradient = guided.gradient(&values, space)?;
        if let Some(gradient) = &gradient {
            past.remember(gradient)?;
        }
        clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient.map(Gradient::from), losses.len() as u64))
    }
}

persist!(GuidedEsEstimator { clock, past });
register!(GuidedEs);

#[cfg(test)]
mod tests;
