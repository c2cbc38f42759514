//! ASEBO: antithetic perturbations that prefer the active subspace, which is that of the principal components of past gradient estimates;
//! by how much, and how many they are, the estimates say. Only seeds are held.
//!
//! ```text
//! Σ   = Σ_i λ^{age_i} ĝ_i ĝ_iᵀ                                         over the last `memory` estimates
//! U   = the eigenvectors of the r largest eigenvalues of Σ, r the fewest whose sum is `variance` · tr Σ
//! n   = max(r, least_pairs)
//! ε_k = ς (√(α/d) z_k + √((1 − α)/r) U z'_k)                           z_k ~ N(0, I_d), z'_k ~ N(0, I_r), k = 1..n
//! ĝ   = 1 / (2 ς² n) · Σ_k (u(x + ε_k) − u(x − ε_k)) ε_k
//! α   ← ‖ĝ − U Uᵀ ĝ‖ / ‖Uᵀ ĝ‖, within [.01, 1]
//! x   ← descent(x, ĝ)                                                  Adam by default
//! ```
//!
//! For the first `warm_up` estimates there is no U: α is 1, and n is `pairs`. x, ε, ĝ: \[d\]; U: \[d, r\]; ς (`sigma`) is the length of a
//! perturbation, E‖ε‖² = ς²; u is the z-score of a candidate's loss among all of the step, or what `shaping` says. Σ is never formed:
//! its eigenvectors are mixtures of the estimates, whose inner products \[memory, memory\] have the same eigenvalues.
//!
//! Source: Choromanski, Pacchiano, Parker-Holder, Tang & Sindhwani 2019, arXiv:1903.04268, in the form of the authors' published program,
//! whose α is the ratio above; the paper adapts its probability of the two parts otherwise.
//! Differs from both: only the last `memory` estimates are known; α has limits, for the program's may pass 1, where the covariance would
//! be indefinite, and 0 would end all search outside U; perturbations and ĝ are not rescaled to a length. As in the paper, and not in the
//! program, estimates are not centred and U has no components beyond r. Failed pairs are left out.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · n evaluations in one round; `memory` numbers of state per parameter beside the point and the descent's; scratch of r
//! numbers per parameter, twice while U is made, and 2 for ĝ and its direction; memory² · d multiplications for U, and r a candidate and
//! parameter for ε, which is never stored.
//!
//! Take it when an evaluation costs far more than a pass over `memory` points, and gradients stay within a few directions, which it then
//! needs few pairs for; `guided-es` has a fixed number of pairs and a fixed share of the subspace, and `open-es` no memory at all.
//!
//! Tune first: `sigma`, the length of a whole perturbation and not its deviation in a coordinate; `memory`, 40 on Rosenbrock's function in
//! 100 dimensions and 10 on a network of digits; `least_pairs`, more where losses are noisy.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("asebo").with("least_pairs", 8)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/asebo.md")]

use moths_core::{
    CowTensor, Key, Objective, Result, Sampler, Schedule, Space, Spec, fuse,
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
    subspace::{self, Guided, Past},
};

/// What `memory` is unless it is set.
const MEMORY: usize = 20;
/// α is never less: no direction is left out for good.
const LEAST_ALPHA: f64 = 0.01;

/// Settings of [`Asebo`], beside its `descent`. `least_pairs` and `variance` are those of the authors' program, and λ is .99², as it multiplies
/// estimates by .99 in a step. Its 100 pairs and its warm-up of 70 steps are for policies of many parameters; on Rosenbrock's function in 100
/// dimensions 4 steps did as well as 20. No `memory` was best everywhere: 40 was there, 10 on a network of digits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AseboConfig {
    /// Pairs of candidates a step, for the steps of the warm-up.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// The fewest pairs of candidates a step, after the warm-up.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub least_pairs: usize,
    /// l, how many gradients are estimated in all directions alike, before the first principal components.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub warm_up: u64,
    /// ς, the length of a perturbation in search coordinates: the root of its mean square.
    pub sigma: Schedule,
    /// How many of the last gradient estimates are known.
    #[schemars(range(min = 1, max = 1000))]
    pub memory: usize,
    /// λ, what the covariance of the estimates keeps of itself in a step.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub decay: f64,
    /// The share of the estimates' variance that the active subspace holds.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub variance: f64,
    /// What weighs the perturbations.
    pub shaping: Shaping,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for AseboConfig {
    fn default() -> Self {
        Self {
            pairs: 16,
            least_pairs: 10,
            warm_up: 4,
            sigma: 0.1.into(),
            memory: MEMORY,
            decay: 0.98,
            variance: 0.995,
            shaping: Shaping::ZScores,
            draws: DataDraws::Shared,
        }
    }
}

/// ASEBO as an optimizer. See the [module documentation](self) for equations.
pub type Asebo = GradientDescent<AseboEstimator, Box<dyn Descent>>;

/// The gradient estimate of ASEBO.
pub struct AseboEstimator {
    config: AseboConfig,
    space: Space,
    clock: Clock,
    past: Past,
    alpha: f64,
}

impl NamedEstimator for AseboEstimator {
    const META: Meta = Meta::new("asebo", Family::Evolution, "Antithetic perturbations that prefer the principal components of past gradient estimates, fed to Adam. Only seeds are held.", "Choromanski et al. 2019, arXiv:1903.04268").capabilities(Capabilities::NONE.seeds_only(true).translation(true).beats_random(true).state_per_parameter(MEMORY as f64)).size("pairs");
    type Config = AseboConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let past = Past::new(space, config.memory)?;
        Ok(Self { past, config, space: space.clone(), clock: Clock::new(key), alpha: 1.0 })
    }

    fn default_descent() -> Spec {
        Spec::new("adamw")
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        let (rank_based, state_per_parameter) = (config.shaping == Shaping::Ranks, config.memory as f64);
        Self::META.capabilities.rank_based(rank_based).state_per_parameter(state_per_parameter)
    }
}

impl AseboEstimator {
    /// U; `None` during the warm-up.
    fn active(&self) -> Result<Option<CowTensor>> {
        if self.past.seen() < self.config.warm_up {
            return Ok(None);
        }
        self.past.principal(self.config.decay, self.config.variance)
    }

    fn pairs(&self, active: Option<&CowTensor>) -> Antithetic {
        let &AseboConfig { pairs, least_pairs, draws, .. } = &self.config;
        Antithetic {
            key: self.clock.key(),
            pairs: active.map_or(pairs, |u| u.dims()[0].max(least_pairs)),
            scale: self.config.sigma.at(self.clock.step),
            sampler: Sampler::Normal,
            draws,
        }
    }
}

impl Estimator for AseboEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let active = self.active()?;
        let guided = Guided::new(self.pairs(active.as_ref()), active.as_ref(), self.alpha, &self.space);
        let losses = objective.losses(&guided.batch(at))?;
        let gradient = guided.gradient(&self.config.shaping.of(&losses), &self.space)?;
        if let Some(gradient) = &gradient {
            let alpha = active.map(|u| ratio(&u, gradient)).transpose()?.flatten();
            self.past.remember(gradient)?;
            self.alpha = alpha.unwrap_or(self.alpha);
        }
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient.map(Gradient::from), losses.len() as u64))
    }
}

/// ‖g − U Uᵀ g‖ / ‖Uᵀ g‖ within the limits of α; `None` where g is 0 or not finite.
fn ratio(u: &CowTensor, gradient: &CowTensor) -> Result<Option<f64>> {
    let inside = subspace::length_within(u, gradient)?;
    let length = fuse::norm(gradient)?;
    let outside = (length * length - inside * inside).max(0.0).sqrt();
    Ok((length > 0.0 && length.is_finite()).then(|| (outside / inside).clamp(LEAST_ALPHA, 1.0)))
}

persist!(AseboEstimator { clock, past, alpha });
register!(Asebo);

#[cfg(test)]
mod tests;
