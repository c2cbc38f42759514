//! VD-CMA-ES: a diagonal and one direction of covariance, in linear time, for large problems whose coordinates depend on each other.
//!
//! ```text
//! y_k = z_k + (√γ − 1) (v̄·z_k) v̄,  x_k = m + σ D y_k               z_k ~ N(0, I), k = 1..λ:  y ~ N(0, I + v vᵀ)
//! ⟨y⟩ = Σ_i w_i y_{i:λ}                                             i:λ the i-th best
//! p_σ ← (1 − c_σ) p_σ + √(c_σ (2 − c_σ) μ_eff) (⟨y⟩ + (1/√γ − 1) (v̄·⟨y⟩) v̄)
//! h   = 1 if ‖p_σ‖² < (2 + 4/(d + 1)) d, else 0
//! p_c ← (1 − c_c) p_c + h √(c_c (2 − c_c) μ_eff) D ⟨y⟩
//! (∇v, ∇D) = natural gradient of c_μ Σ_i w_i ln p(y_{i:λ}) + h c_1 ln p(p_c/D)
//! (v, D) ← (v, D) + min(1, .7 ‖v‖/‖∇v‖, .7 min_j D_j/|∇D_j|) (∇v, ∇D)
//! m   ← m + σ D ⟨y⟩
//! σ   ← σ exp(c_σ/d_σ (‖p_σ‖ / E‖z‖ − 1))
//! ```
//!
//! m, v, D, p_σ, p_c: \[d\]; x, y, z: \[λ, d\]; v̄ = v/‖v‖; γ = 1 + ‖v‖²; products and quotients go element by element. The natural gradient
//! stands in [`cr-fm-nes`](crate::cr_fm_nes), which has it from here. w_i ∝ ln((λ + 1)/2) − ln i for i ≤ λ/2, of sum 1; μ_eff = 1/Σ w²;
//! c_σ = ½/(√(d/μ_eff) + 1); d_σ = 1 + 2 max(0, √((μ_eff − 1)/(d + 1)) − 1) + c_σ; c_c = (4 + μ_eff/d)/(d + 4 + 2 μ_eff/d);
//! c_1 = 2 f/((d + 1.3)² + μ_eff) and c_μ = min(1 − c_1, 2 f (μ_eff − 2 + 1/μ_eff)/((d + 2)² + μ_eff)) with f = max((d − 5)/6, ½).
//! v begins as N(0, I/d), D as 1.
//! Source: Akimoto, Auger & Hansen 2014, "Comparison-based natural gradient optimization in high dimension",
//! doi:10.1145/2576768.2598258; h, the least f of ½ and the limit of .7 from the first author's program.
//!
//! All of the gradient is linear in three sums over candidates, so that v and D cost O(d) beside them.
//! Differs from the paper: candidates that failed have no weight, and μ_eff and the rates stay as they are; coordinates with bounds are
//! moved to the nearest point inside, and count as sampled there, and so is m; deviations of discrete coordinates stay above a tenth of a
//! level; σ grows e-fold in a step at most and stays within 10⁻¹⁸ and 10⁹ of its start; a step of v and D is computed in f64, kept in the
//! dtype of the space, and left out where it leaves no usable numbers.
//! Left out: rules of its own for the end of a run; `converged` is said by the criteria that all share,
//! [`convergence`](moths_core::optimizer::convergence).
//! Minima on a wall are not promised: in two dimensions, and on slopes in many, the deviations collapse along a wall.
//! Cost per step: λ evaluations in one round; 5 numbers of state per parameter; scratch of 2 λ + 3 numbers per parameter, held throughout,
//! and 6 (f64) while v and D are adapted.
//!
//! Take it when many parameters depend on each other along one direction, and some are integers or flags, which `cr-fm-nes` does not
//! promise to get right; otherwise that one takes fewer evaluations (Rosenbrock in 20-D: 12,264, here 20,292).
//!
//! Tune first: `sigma`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be in a
//! coordinate; `population`, larger where there are many valleys or noise.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("vd-cma-es").with("population", 12)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/vd-cma-es.md")]

use candle_core::Tensor;
use moths_core::{
    CowTensor, Key, Result, Sampler, Space, fuse, kernel,
    objective::Losses,
    optimizer::{Capabilities, Family, Meta},
    persist,
    persist::Clock,
    register,
    rng::Element,
    tensor::host,
    with_scalar,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Distribution, DistributionSearch, Generation,
    covariance::Constants,
    deviation::{self, Floor},
    directed::{self, Moments},
};

/// Settings of [`VdCmaEs`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VdCmaEsConfig {
    /// λ, candidates a step; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// σ, the initial deviation in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
}

impl Default for VdCmaEsConfig {
    fn default() -> Self {
        Self { population: None, sigma: 1.0 }
    }
}

/// VD-CMA-ES. See the [module documentation](self) for equations.
pub type VdCmaEs = DistributionSearch<VdCmaEsDistribution>;

/// The distribution of [`VdCmaEs`].
pub struct VdCmaEsDistribution {
    constants: Constants,
    sigma_0: f64,
    sigma: f64,
    v: CowTensor,
    d: CowTensor,
    p_sigma: CowTensor,
    p_c: CowTensor,
    floor: Floor,
    scratch: Scratch,
}

/// Memory that is overwritten within every step and means nothing between two.
struct Scratch {
    y: CowTensor,
    x: CowTensor,
    /// ⟨y⟩, ⟨y²⟩ and ⟨(v̄·y) y⟩.
    mean_y: CowTensor,
    mean_y2: CowTensor,
    mean_ip_y: CowTensor,
}

kernel! { fn sample(y: inout, x: out, ip: col, m: row, d: row, v: row, sigma: num, stretch: num) {
    let step = y + stretch * ip * v;
    y = step;
    x = m + sigma * d * step;
} }
kernel! { fn steps_taken(y: out, x: mat, m: row, d: row, inverse_sigma: num) {
    y = (x - m) / d * inverse_sigma;
} }
kernel! { fn step_size_path(p: inout, y: mat, v: mat, stretch: num, keep: num, gain: num) {
    p = keep * p + gain * (y + stretch * v);
} }
kernel! { fn advance(m: inout, p: inout, y: mat, d: mat, sigma: num, keep: num, gain: num) {
    let step = d * y;
    p = keep * p + gain * step;
    m = m + sigma * step;
} }

impl Distribution for VdCmaEsDistribution {
    const META: Meta = Meta::new(
        "vd-cma-es",
        Family::Evolution,
        "Adapts a mean, a step size, a diagonal and one direction of covariance from the ranks of samples, in linear time.",
        "Akimoto, Auger & Hansen 2014, doi:10.1145/2576768.2598258",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .beats_random(true)
            .converges(true)
            .discrete(true)
            .state_per_parameter(5.0),
    )
    .size("population");
    type Config = VdCmaEsConfig;
    type Mean = CowTensor;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        let constants = Constants::directed(space.dim(), config.population);
        let lambda = constants.lambda;
        Ok(Self {
            constants,
            sigma_0: config.sigma,
            sigma: config.sigma,
            v: directed::first_direction(space, key)?,
            d: CowTensor::new(Tensor::ones(space.dim(), space.dtype(), space.device())?),
            p_sigma: space.zeros()?,
            p_c: space.zeros()?,
            floor: Floor::of(space)?,
            scratch: Scratch {
                y: space.zeros_for(lambda)?,
                x: space.zeros_for(lambda)?,
                mean_y: space.zeros()?,
                mean_y2: space.zeros()?,
                mean_ip_y: space.zeros()?,
            },
        })
    }

    fn population(&self) -> usize {
        self.constants.lambda
    }

    fn sample(&mut self, m: &CowTensor, clock: &Clock) -> Result<&mut [CowTensor]> {
        Sampler::Normal.fill(clock.key(), &mut self.scratch.y)?;
        let length = fuse::norm(&self.v)?;
        let ip = self.along_v(length)?;
        let Scratch { y, x, .. } = &mut self.scratch;
        let ip = Tensor::from_slice(&ip, ip.len(), &candle_core::Device::Cpu)?.to_dtype(y.dtype())?.to_device(y.device())?;
        sample(y, x, &ip, m, &self.d, &self.v, self.sigma, directed::stretch(length))?;
        Ok(std::slice::from_mut(x))
    }

    fn weights(&self, losses: &Losses) -> Option<Vec<f64>> {
        self.constants.weights_by_candidate(losses)
    }

    fn adapt(&mut self, m: &mut CowTensor, w: &[f64], of: &Generation<'_>) -> Result<()> {
        if of.space.is_bounded() {
            let Scratch { y, x, .. } = &mut self.scratch;
            steps_taken(y, x, m, &self.d, 1.0 / self.sigma)?;
        }
        let length = fuse::norm(&self.v)?;
        let ip = self.along_v(length)?;
        let w_ip: Vec<f64> = w.iter().zip(&ip).map(|(w, ip)| w * ip).collect();
        let Self { constants: k, scratch: Scratch { y, mean_y, mean_y2, mean_ip_y, .. }, .. } = self;
        fuse::weighted_moments(y, w).both(mean_y, mean_y2)?;
        fuse::weighted_sum(y, &w_ip, mean_ip_y)?;
        let stretch = (1.0 / (1.0 + length * length).sqrt() - 1.0) * w_ip.iter().sum::<f64>() / length;
        let (keep, gain) = k.sigma_path();
        step_size_path(&mut self.p_sigma, mean_y, &self.v, stretch, keep, gain)?;
        let path = fuse::norm(&self.p_sigma)?;
        let dim = of.space.dim() as f64;
        let h = if path * path < (2.0 + 4.0 / (dim + 1.0)) * dim { 1.0 } else { 0.0 };
        let (keep, gain) = k.covariance_path(h);
        advance(m, &mut self.p_c, mean_y, &self.d, self.sigma, keep, gain)?;
        self.sigma = deviation::confined(self.sigma * k.growth(path), self.sigma_0);
        self.shape(length, f64::dot(&w_ip, &ip), h)?;
        self.floor.raise(&mut self.d, self.sigma)?;
        of.space.confine(m)
    }

    fn spread(&self, space: &Space) -> Result<Option<&'static str>> {
        Ok(directed::spread(space, self.sigma, &self.d, &self.v)?.judge(self.sigma_0))
    }
}

impl VdCmaEsDistribution {
    /// v̄·y for every row y of the scratch, with ‖v‖ given.
    fn along_v(&self, length: f64) -> Result<Vec<f64>> {
        let (y, dim) = (&self.scratch.y, self.v.elem_count());
        with_scalar!(y.dtype(), T => host::read::<T, _>(y, |y| host::read::<T, _>(&self.v, |v| {
            y.chunks_exact(dim).map(|y| T::dot(y, v) / length).collect()
        }))?)
    }

    /// The new v and D from the sums in the scratch, ‖v‖ and ⟨(v̄·y)²⟩.
    fn shape(&mut self, length: f64, ip2: f64, h: f64) -> Result<()> {
        let (c_mu, c_1) = (self.constants.c_mu, h * self.constants.c_1);
        let [mut v, mut d] = [host::to_f64s(&self.v)?, host::to_f64s(&self.d)?];
        let path: Vec<f64> = host::to_f64s(&self.p_c)?.iter().zip(&d).map(|(p, d)| p / d).collect();
        let ip_path = f64::dot(&v, &path) / length;
        let [mut ip_y, mut y2] = [host::to_f64s(&self.scratch.mean_ip_y)?, host::to_f64s(&self.scratch.mean_y2)?];
        ip_y.iter_mut().zip(&path).for_each(|(sum, p)| *sum = c_mu * *sum + c_1 * ip_path * p);
        y2.iter_mut().zip(&path).for_each(|(sum, p)| *sum = c_mu * *sum + c_1 * p * p);
        let moments = Moments { one: c_mu + c_1, ip2: c_mu * ip2 + c_1 * ip_path * ip_path, ip_y, y2 };
        let (t, s) = moments.natural_gradient(&v);

        let widest = s.iter().fold(0.0, |most, s| f64::max(most, s.abs()));
        let part = (0.7 * length * length / f64::dot(&t, &t).sqrt()).min(0.7 / widest).min(1.0);
        v.iter_mut().zip(&t).for_each(|(v, t)| *v += part * t / length);
        d.iter_mut().zip(&s).for_each(|(d, s)| *d += part * s * *d);
        directed::store_shape(&v, &d, [&mut self.v, &mut self.d])
    }
}

persist!(VdCmaEsDistribution { sigma, v, d, p_sigma, p_c });
register!(VdCmaEs);

#[cfg(test)]
mod tests;
