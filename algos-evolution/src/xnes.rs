//! Exponential natural evolution strategy: a full covariance follows the natural gradient through the matrix exponential.
//!
//! ```text
//! x_k = μ + σ B s_k                                                s_k ~ N(0, I), k = 1..λ
//! u_k = max(0, ln(λ/2 + 1) − ln rank_k) / Σ_j max(0, ..) − 1/λ     rank_k = 1 for the best; Σ u_k = 0
//! G_δ = Σ_k u_k s_k,  G_M = Σ_k u_k (s_k s_kᵀ − I)
//! G_σ = tr(G_M)/d,    G_B = G_M − G_σ I
//! μ   ← μ + η_μ σ B G_δ
//! σ   ← σ exp(η_σ/2 G_σ)
//! B   ← B expm(η_B/2 G_B)
//! ```
//!
//! μ: \[d\]; x, s: \[λ, d\]; σ a number; B: \[d, d\], beginning as I, of determinant 1. λ = 4 + ⌊3 ln d⌋, η_μ = 1,
//! η_σ = η_B = (9 + 3 ln d)/(5 d √d). Source: Glasmachers et al. 2010, doi:10.1145/1830483.1830557; Wierstra et al. 2014, JMLR 15:949,
//! arXiv:1106.4487.
//!
//! **The exponential at the price of a sample.** G_M = SᵀUS has rank λ. With c = η_B/2, U = diag(u), K = SSᵀ, and
//! ψ(N) = Σ_k Nᵏ/(k + 1)! = N⁻¹(expm(N) − I),
//!
//! ```text
//! expm(c G_M) = I + Sᵀ c U ψ(c K U) S      where λ ≤ d: series of λ × λ matrices
//! expm(c G_M) = I + c G_M ψ(c G_M)         else:        series of d × d matrices
//! ```
//!
//! so that a step takes O(λ d²) and no d³. Differs from the papers: candidates that failed have the utility of the worst; candidates
//! outside the bounds are evaluated at their mirror images and learnt as drawn, μ is free, and no deviation exceeds a quarter of its
//! interval after a step; σ stays within 10⁻¹⁸ and 10⁹ of its start, and B is adapted until its entries'
//! root mean square reaches 10¹⁴.
//! `converged` is said by the criteria that all share, [`convergence`](moths_core::optimizer::convergence), and when B has grown out of shape.
//! Means of discrete coordinates stay inside.
//! On a slope whose factors differ by a hundred, 1 run of 100 (1 to 20 dimensions) ended at a wall before the corner.
//! Cost per step: λ evaluations in one round; d² + 1 numbers of state (f64) beside the mean; scratch of 4 λ d + min(λ, d) d numbers, held
//! throughout, and 5 min(λ, d)² while B turns. Dimensions for which B takes more than 1 GiB (d > 11,585) are refused: `snes` has no matrix.
//!
//! Take it when up to some 100 parameters depend on each other, and a natural gradient without paths is wanted. `cma-es` promises right
//! integers too and takes fewer evaluations (Rosenbrock in 20-D: 16,776, here 46,788).
//!
//! Tune first: `sigma`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be in a
//! coordinate; `population`, larger where there are many valleys or noise; `shape_rate`, higher to learn scales faster, at the risk of
//! learning noise.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("xnes").with("population", 12)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/xnes.md")]

mod exponential;
#[cfg(test)]
mod tests;

use candle_core::{DType, Tensor};
use moths_core::{
    CowTensor, Error, Key, Result, Sampler, Space, fuse,
    objective::Losses,
    optimizer::{Capabilities, Family, Meta, convergence::Spread},
    persist,
    persist::Clock,
    register,
    rng::Element,
    space::Walls,
    tensor::{host, products::Products},
    with_scalar,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Distribution, DistributionSearch, Generation,
    deviation::{self, Ceiling},
    population_size, utilities,
};

/// The most memory that B may take.
const MOST_BYTES: usize = 1 << 30;
/// The largest root mean square of B's singular values.
const MOST_SPREAD: f64 = 1e14;

/// Settings of [`Xnes`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct XnesConfig {
    /// λ, candidates a step; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub population: Option<usize>,
    /// σ, the initial deviation in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
    /// η_μ, the learning rate of the mean.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 10.0))]
    pub mean_rate: f64,
    /// η_σ, the learning rate of the step size; null: (9 + 3 ln d)/(5 d √d).
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 2.0))]
    pub sigma_rate: Option<f64>,
    /// η_B, the learning rate of the shape; null: (9 + 3 ln d)/(5 d √d).
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 2.0))]
    pub shape_rate: Option<f64>,
}

impl Default for XnesConfig {
    fn default() -> Self {
        Self { population: None, sigma: 1.0, mean_rate: 1.0, sigma_rate: None, shape_rate: None }
    }
}

/// Exponential natural evolution strategy. See the [module documentation](self) for equations.
pub type Xnes = DistributionSearch<XnesDistribution>;

/// The distribution of [`Xnes`].
pub struct XnesDistribution {
    eta_mu: f64,
    eta_sigma: f64,
    eta_b: f64,
    sigma_0: f64,
    ceiling: Ceiling,
    /// ŵ by rank.
    by_rank: Vec<f64>,
    sigma: f64,
    /// Bᵀ, f64, flat.
    b_t: CowTensor,
    scratch: Scratch,
}

/// Memory that is overwritten within every step and means nothing between two.
struct Scratch {
    x: CowTensor,
    s: Vec<f64>,
    s_t: Vec<f64>,
    /// Row k is B s_k.
    y: Vec<f64>,
    /// The part of the exponential that is not I, times Bᵀ: of λ rows, or d.
    w: Vec<f64>,
}

impl Distribution for XnesDistribution {
    const META: Meta = Meta::new(
        "xnes",
        Family::Evolution,
        "Natural gradient on a mean and a full covariance, from the ranks of samples.",
        "Glasmachers et al. 2010, doi:10.1145/1830483.1830557",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .rotation(true)
            .beats_random(true)
            .walls(Walls::Fold)
            .at_walls(true)
            .converges(true)
            .state_per_parameter(1.0)
            .state_per_pair(2.0),
    )
    .size("population");
    type Config = XnesConfig;
    type Mean = CowTensor;
    const MEAN: &'static str = "mu";

    fn new(config: Self::Config, space: &Space, _key: Key) -> Result<Self> {
        let d = space.dim();
        let lambda = config.population.unwrap_or_else(|| population_size::logarithmic(d));
        if d.saturating_mul(d).saturating_mul(8) > MOST_BYTES {
            let what = format!("keeps a matrix of {d} × {d} numbers, which is more than 1 GiB; `snes` needs none");
            return Err(Error::unsupported("xnes", what));
        }
        let eta = (9.0 + 3.0 * libm::log(d as f64)) / (5.0 * d as f64 * (d as f64).sqrt());
        let (s, y) = (vec![0.0; lambda * d], vec![0.0; lambda * d]);
        Ok(Self {
            eta_mu: config.mean_rate,
            eta_sigma: config.sigma_rate.unwrap_or(eta),
            eta_b: config.shape_rate.unwrap_or(eta),
            sigma_0: config.sigma,
            ceiling: Ceiling::new(space),
            by_rank: utilities::by_rank(lambda),
            sigma: config.sigma,
            b_t: Tensor::eye(d, DType::F64, space.device())?.flatten_all()?.into(),
            scratch: Scratch { x: space.zeros_for(lambda)?, s_t: s.clone(), w: vec![0.0; lambda.min(d) * d], s, y },
        })
    }

    fn population(&self) -> usize {
        self.by_rank.len()
    }

    fn sample(&mut self, mu: &CowTensor, clock: &Clock) -> Result<&mut [CowTensor]> {
        let (d, sigma, Scratch { x, s, y, .. }) = (mu.elem_count(), self.sigma, &mut self.scratch);
        Sampler::Normal.fill_slice(clock.key(), s);
        host::read::<f64, _>(&self.b_t, |b_t| f64::combine(0.0, s, b_t, d, y))?;
        with_scalar!(mu.dtype(), T => host::read::<T, _>(mu, |mu| {
            host::edit::<T, _>(x, |x| {
                for (x, y) in x.chunks_exact_mut(d).zip(y.chunks_exact(d)) {
                    x.iter_mut().zip(mu).zip(y).for_each(|((x, mu), y)| *x = T::of(f64::from(*mu) + sigma * y));
                }
            })
        })?)?;
        Ok(std::slice::from_mut(x))
    }

    fn weights(&self, losses: &Losses) -> Option<Vec<f64>> {
        utilities::of(losses, &self.by_rank)
    }

    fn adapt(&mut self, mu: &mut CowTensor, u: &[f64], of: &Generation<'_>) -> Result<()> {
        let d = of.space.dim();
        let mut step = vec![0.0; d];
        let weights: Vec<f64> = u.iter().map(|u| self.eta_mu * self.sigma * u).collect();
        f64::combine(0.0, &weights, &self.scratch.y, d, &mut step);
        with_scalar!(mu.dtype(), T => host::edit::<T, _>(mu, |mu| {
            mu.iter_mut().zip(&step).for_each(|(mu, step)| *mu = T::of(f64::from(*mu) + step));
        }))?;
        let squares = self.scratch.s.chunks_exact(d).map(|s| s.iter().map(|s| s * s).sum::<f64>());
        let g_sigma = squares.zip(u).map(|(s, u)| u * s).sum::<f64>() / d as f64;
        if self.size(d)? <= MOST_SPREAD {
            self.turn(d, u, g_sigma)?;
        }
        self.sigma = deviation::confined(self.sigma * libm::exp(0.5 * self.eta_sigma * g_sigma), self.sigma_0);
        self.sigma *= self.capped(d)?;
        of.space.confine_discrete(mu)
    }

    /// Of their root mean square, and whether B has grown out of shape.
    fn spread(&self, space: &Space) -> Result<Option<&'static str>> {
        let size = self.size(space.dim())?;
        if size > MOST_SPREAD {
            return Ok(Some("the covariance became ill-conditioned"));
        }
        Ok(Spread::same(self.sigma * size).judge(self.sigma_0))
    }
}

impl XnesDistribution {
    /// What brings the deviations, σ times the lengths of B's rows, under the ceiling.
    fn capped(&self, d: usize) -> Result<f64> {
        if !self.ceiling.is_there() {
            return Ok(1.0);
        }
        let mut squares = vec![0.0; d];
        host::read::<f64, _>(&self.b_t, |b_t| {
            for row in b_t.chunks_exact(d) {
                squares.iter_mut().zip(row).for_each(|(sum, b)| *sum += b * b);
            }
        })?;
        Ok(self.ceiling.factor(squares.iter().map(|square| self.sigma * square.sqrt())))
    }

    /// The root mean square of the singular values of B; 1 at least, its determinant being 1.
    fn size(&self, d: usize) -> Result<f64> {
        Ok(fuse::norm(&self.b_t)? / (d as f64).sqrt())
    }
}

persist!(XnesDistribution { sigma, b_t });
register!(Xnes);
