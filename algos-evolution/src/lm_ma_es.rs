//! Limited-memory matrix adaptation: a covariance of a few directions, each a path of its own memory. Rotation costs it nothing, and a
//! candidate O(d ln d).
//!
//! ```text
//! d_k = z_k;  d_k ← (1 − c_{d,i}) d_k + c_{d,i} (m_i·d_k) m_i  for i = 1..min(t, M)         z_k ~ N(0, I), k = 1..λ
//! x_k = y + σ d_k
//! ⟨·⟩ = Σ_i w_i (·)_{i:λ}                                                                   i:λ the i-th best
//! p_σ ← (1 − c_σ) p_σ + √(μ_w c_σ (2 − c_σ)) ⟨z⟩
//! m_i ← (1 − c_{c,i}) m_i + √(μ_w c_{c,i} (2 − c_{c,i})) ⟨z⟩  for i = 1..M
//! y   ← y + σ ⟨d⟩
//! σ   ← σ exp(c_σ/2 (‖p_σ‖²/d − 1))
//! ```
//!
//! y, p_σ, m_i, z, d: \[d\]; t: steps before this one; M = λ = 4 + ⌊3 ln d⌋; w_i ∝ ln((λ + 1)/2) − ln i for the best half, summing to 1;
//! μ_w = 1/Σ w²; c_σ = 2λ/d; c_{d,i} = 1/(1.5^{i−1} max(d, 5)); c_{c,i} = λ/(4^{i−1} d). Note that ⟨z⟩ and ⟨d⟩ are sums over the *sorted*
//! candidates.
//! d_k = α z_k + Σ_i β_ik m_i, where α and β follow from m_i·z_k and m_i·m_j alone, is how it is computed.
//! Source: Loshchilov, Glasmachers & Beyer 2017, arXiv:1705.06693 (2019, doi:10.1109/TEVC.2018.2855049).
//! Differs from the paper: c_σ and c_{c,i} are at most 1, so that it runs where 2λ > d, for which it was not made (take `cma-es` there);
//! c_{d,i} are never larger than in 5 dimensions: they add up to 3/d, and in one the first direction, a random number, would replace z;
//! with bounds, y goes on in ℝᵈ and its image under the smooth transform of `Walls` is evaluated: a fold alone makes a slope |x|, which
//! paths cannot learn (0 of 32 linear functions in a box; smooth 28). Minima on a wall are not promised: there the transform makes a bowl
//! quartic, whose bottom is flat (1e-5 of the box is left at a condition of 1e4). Candidates that failed have no weight; σ grows e-fold
//! in a step at most, and stays within 10⁻¹⁸ and 10⁹ of its start.
//! `converged` is said by the criteria that all share, [`convergence`](moths_core::optimizer::convergence), stagnation over windows twice as long.
//! Cost per step: λ evaluations in one round, (2 λ + M) M d multiplications; M + 2 numbers of state per parameter (40 where d = 10⁵);
//! scratch of 2 λ + 2 numbers per parameter, held throughout, and λ more where there are bounds.
//!
//! Take it when thousands of parameters depend on each other in any direction, and a d × d matrix is too large: of its kin in linear time
//! it alone promises *rotation*. Where scales differ by much take `cr-fm-nes` (ellipsoid in 10-D: 2,010 evaluations, here 124,460).
//!
//! Tune first: `sigma`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be in a
//! coordinate; `population`, larger where there are many valleys or noise; `directions`, more for a longer memory.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::real(40)?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("lm-ma-es"), &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.1 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/lm-ma-es.md")]

use candle_core::Tensor;
use moths_core::{
    CowTensor, Key, Result, Sampler, Space, fuse, kernel,
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

use crate::{Distribution, DistributionSearch, Generation, covariance, deviation, paths::follow, population_size};

/// The d of c_{d,i} where there are fewer.
const FEWEST_DIMENSIONS: f64 = 5.0;
/// M for 10⁹ parameters.
const MOST_DIRECTIONS: f64 = 66.0;

/// Settings of [`LmMaEs`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LmMaEsConfig {
    /// λ, candidates a step; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// M, how many directions are remembered; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 1, max = 1000))]
    pub directions: Option<usize>,
    /// σ, the initial deviation in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
}

impl Default for LmMaEsConfig {
    fn default() -> Self {
        Self { population: None, directions: None, sigma: 1.0 }
    }
}

/// LM-MA-ES. See the [module documentation](self) for equations.
pub type LmMaEs = DistributionSearch<LmMaEsDistribution>;

/// The distribution of [`LmMaEs`].
pub struct LmMaEsDistribution {
    /// Of which λ, the weights and μ_w are used.
    recombination: covariance::Constants,
    c_sigma: f64,
    sigma_0: f64,
    /// c_{d,i}.
    rates: Vec<f64>,
    sigma: f64,
    p_sigma: CowTensor,
    /// m_1, m_2, .., one after another.
    m: CowTensor,
    scratch: Scratch,
}

/// Memory that is overwritten within every step and means nothing between two.
struct Scratch {
    z: CowTensor,
    x: CowTensor,
    mean_z: CowTensor,
    mean_step: CowTensor,
}

kernel! { fn shift(y: inout, step: mat) {
    y = y + step;
} }

impl Distribution for LmMaEsDistribution {
    const META: Meta = Meta::new(
        "lm-ma-es",
        Family::Evolution,
        "Adapts a mean, a step size and a few directions of covariance, from the ranks of samples.",
        "Loshchilov, Glasmachers & Beyer 2017, arXiv:1705.06693",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .rotation(true)
            .beats_random(true)
            .walls(Walls::Smooth)
            .converges(true)
            .state_per_parameter(MOST_DIRECTIONS + 2.0),
    )
    .size("population");
    type Config = LmMaEsConfig;
    type Mean = CowTensor;
    const MEAN: &'static str = "y";
    const PATIENCE: usize = 2;

    fn new(config: Self::Config, space: &Space, _key: Key) -> Result<Self> {
        let d = space.dim();
        let recombination = covariance::Constants::separable(d, config.population);
        let lambda = recombination.lambda;
        let directions = config.directions.unwrap_or_else(|| population_size::logarithmic(d));
        Ok(Self {
            c_sigma: (2.0 * lambda as f64 / d as f64).min(1.0),
            sigma_0: config.sigma,
            recombination,
            rates: (0..directions).map(|i| 1.0 / (libm::pow(1.5, i as f64) * (d as f64).max(FEWEST_DIMENSIONS))).collect(),
            sigma: config.sigma,
            p_sigma: space.zeros()?,
            m: Tensor::zeros(directions * d, space.dtype(), space.device())?.into(),
            scratch: Scratch {
                z: space.zeros_for(lambda)?,
                x: space.zeros_for(lambda)?,
                mean_z: space.zeros()?,
                mean_step: space.zeros()?,
            },
        })
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        let directions = config.directions.map_or(MOST_DIRECTIONS, |m| m as f64);
        Self::META.capabilities.state_per_parameter(directions + 2.0)
    }

    fn population(&self) -> usize {
        self.recombination.lambda
    }

    fn sample(&mut self, y: &CowTensor, clock: &Clock) -> Result<&mut [CowTensor]> {
        let Scratch { z, x, .. } = &mut self.scratch;
        Sampler::Normal.fill(clock.key(), z)?;
        let (dim, sigma) = (y.elem_count(), self.sigma);
        let rates = &self.rates[..self.rates.len().min(clock.step as usize)];
        with_scalar!(y.dtype(), T => host::read::<T, _>(z, |z| {
            host::read::<T, _>(&self.m, |m| host::read::<T, _>(y, |y| host::edit::<T, _>(x, |x| {
                x.copy_from_slice(z);
                turn(x, &m[..rates.len() * dim], rates, sigma, dim);
                x.chunks_exact_mut(dim).for_each(|x| x.iter_mut().zip(y).for_each(|(x, y)| *x += *y));
            })))
        })???)?;
        Ok(std::slice::from_mut(x))
    }

    fn weights(&self, losses: &Losses) -> Option<Vec<f64>> {
        self.recombination.weights_by_candidate(losses)
    }

    fn adapt(&mut self, y: &mut CowTensor, weights: &[f64], of: &Generation<'_>) -> Result<()> {
        let (mu_w, lambda, dim) = (self.recombination.mu_eff, self.recombination.lambda as f64, of.space.dim());
        let Scratch { z, x, mean_z, mean_step } = &mut self.scratch;
        fuse::weighted_sum(z, weights, mean_z)?;
        fuse::weighted_moments(x, weights).about(y).first(mean_step)?;
        follow(&mut self.p_sigma, mean_z, 1.0 - self.c_sigma, (mu_w * self.c_sigma * (2.0 - self.c_sigma)).sqrt())?;
        with_scalar!(y.dtype(), T => host::read::<T, _>(mean_z, |z| host::edit::<T, _>(&mut self.m, |m| {
            let mut c = lambda / dim as f64;
            for m in m.chunks_exact_mut(dim) {
                let (keep, gain) = (T::of(1.0 - c.min(1.0)), T::of((mu_w * c.min(1.0) * (2.0 - c.min(1.0))).sqrt()));
                m.iter_mut().zip(z).for_each(|(m, z)| *m = keep * *m + gain * *z);
                c /= 4.0;
            }
        }))?)?;
        shift(y, mean_step)?;
        let length2 = fuse::dot(&self.p_sigma, &self.p_sigma)?;
        let growth = (self.c_sigma / 2.0 * (length2 / dim as f64 - 1.0)).min(1.0);
        self.sigma = deviation::confined(self.sigma * libm::exp(growth), self.sigma_0);
        of.space.confine_discrete(y)
    }

    fn spread(&self, _space: &Space) -> Result<Option<&'static str>> {
        Ok(Spread::same(self.sigma).judge(self.sigma_0))
    }
}

/// σ d_k in place of every z_k, the rows of `z`: the equations of the header in the terms m_i·z_k and m_i·m_j, so that two products of
/// matrices do what would otherwise read all directions again for every candidate.
fn turn<T: Products>(z: &mut [T], m: &[T], rates: &[f64], sigma: f64, dim: usize) {
    let (n, lambda) = (rates.len(), z.len() / dim);
    let (mut z_m, mut m_m) = (vec![0.0; lambda * n], vec![0.0; n * n]);
    T::dots(z, m, dim, &mut z_m);
    T::gram(m, dim, &mut m_m);
    // d = α z + Σ_i β_i m_i after each direction.
    let mut betas = vec![T::ZERO; lambda * n];
    let (mut alpha, mut beta) = (1.0, vec![0.0; n]);
    for k in 0..lambda {
        alpha = 1.0;
        for (i, c) in rates.iter().enumerate() {
            let along = alpha * z_m[k * n + i] + (0..i).map(|j| beta[j] * m_m[i * n + j]).sum::<f64>();
            beta[..i].iter_mut().for_each(|beta| *beta *= 1.0 - c);
            beta[i] = c * along;
            alpha *= 1.0 - c;
        }
        betas[k * n..][..n].iter_mut().zip(&beta).for_each(|(out, beta)| *out = T::of(sigma * beta));
    }
    T::combine(T::of(sigma * alpha), &betas, m, dim, z);
}

persist!(LmMaEsDistribution { sigma, p_sigma, m });
register!(LmMaEs);

#[cfg(test)]
mod tests;
