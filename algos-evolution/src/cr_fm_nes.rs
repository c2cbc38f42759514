//! Cost-reduced fast-moving natural evolution strategy: a diagonal and one direction of covariance, in linear time, with rates that
//! depend on whether the search moves, stagnates or converges.
//!
//! ```text
//! y_k = z_k + (√γ − 1) (v̄·z_k) v̄,  x_k = m + σ D y_k               z_k ~ N(0, I), z_{k+λ/2} = −z_k, k = 1..λ
//! p_σ ← (1 − c_σ) p_σ + √(c_σ (2 − c_σ) μ_eff) Σ_k u_k z_k          u_k = ŵ_k / Σ ŵ − 1/λ
//! w_k = ŵ_k e^{α ‖z_k‖} / Σ ŵ e^{α ‖z‖} − 1/λ  where ‖p_σ‖ ≥ χ,     else u_k
//! η_σ = 1 where ‖p_σ‖ ≥ χ,  tanh((.024 λ + .7 d + 20)/(d + 12)) where ‖p_σ‖ ≥ χ/10,  else 2 tanh((.025 λ + .75 d + 10)/(d + 4))
//! p_c ← (1 − c_c) p_c + √(c_c (2 − c_c) μ_eff) D Σ_k w_k y_k
//! m   ← m + σ D Σ_k w_k y_k
//! (v, D) ← (v, D) + natural gradient of Σ_k η_B w_k ln p(y_k) + c_1 ln p(p_c / D)
//! D   ← D / det(D (I + v vᵀ)^½)^{1/d}
//! σ   ← σ exp(η_σ/2 Σ_k w_k ‖z_k‖²/d)
//! ```
//!
//! The natural gradient, with ⟨g(y)⟩ = η_B Σ_k w_k g(y_k) + c_1 g(p_c/D):
//!
//! ```text
//! t = ⟨(v̄·y) y⟩ − ½ ⟨(v̄·y)² + γ⟩ v̄
//! s = ⟨y² − ‖v‖²/γ (v̄·y) v̄ y − 1⟩ − α_v/γ ((2 + ‖v‖²) v̄ t − ‖v‖² (v̄·t) v̄²)
//! H = 2 − (b + 2 α_v²) v̄²,  b = 2 α_v² − (1 − α_v²) ‖v‖⁴/γ
//! s ← s/H − b (s·v̄²/H) / (1 + b v̄²·v̄²/H) v̄²/H
//! t ← t − α_v ((2 + ‖v‖²) v̄ s − (s·v̄²) v̄)
//! v ← v + t/‖v‖,  D ← D + s D
//! α_v = min(1, √(‖v‖⁴ + (2γ − √γ)/max v̄²) / (2 + ‖v‖²))
//! ```
//!
//! m, v, D, p_σ, p_c: \[d\]; x, y, z: \[λ, d\]; v̄ = v/‖v‖; γ = 1 + ‖v‖²; χ = E‖z‖; ŵ_k = max(0, ln(λ/2 + 1) − ln rank_k);
//! μ_eff = 1/Σ (u + 1/λ)²; c_σ = (μ_eff + 2)/(d + μ_eff + 5); c_c = (4 + μ_eff/d)/(d + 4 + 2 μ_eff/d);
//! c_1 = (d − 5)/6 · 2/((d + 1.3)² + μ_eff); η_B = tanh((min(.02 λ, 3 ln d) + 5)/(.23 d + 25)); α = a min(1, √(λ/d)) with
//! (1 + a²) e^{a²/2} = .24 (d + 10). Where candidates failed, λ in the rates is the number λ_F of those that did not, and c_1 and α
//! are multiplied by λ_F/λ and √(λ_F/λ). v begins as N(0, I/d), D as 1.
//! Source: Nomura & Ono 2022, arXiv:2201.11422; the gradient: Akimoto, Auger & Hansen 2014, doi:10.1145/2576768.2598258.
//!
//! All of the gradient is linear in three sums over candidates, so that v and D cost O(d), and the pairs halve the sums: Σ w y² and the
//! like are taken over z_1..z_{λ/2} alone. Differs from the paper: bounds are the space's (no constraint violations): candidates outside
//! are evaluated at their mirror images and learnt as drawn, m is free, and no deviation exceeds a quarter of its interval after a step; a failed candidate has no ŵ; λ is 4 + ⌊3 ln d⌋ rounded up to an even number
//! (the paper leaves it open); c_1 is not negative (d < 5); an update that would take more than 9/10 of an element of D is shortened, and
//! one that leaves no usable numbers is left out; deviations of discrete coordinates stay above a tenth of a level;
//! σ stays within 10⁻¹⁸ and 10⁹ of its start.
//! `converged` is said by the criteria that all share, [`convergence`](moths_core::optimizer::convergence).
//! Right integers and flags are not promised: in 10 of 20 runs one of the answer was wrong. Means of discrete coordinates stay inside.
//! On a slope whose factors differ by a hundred, 1 run of 120 (1 to 40 dimensions) ended at a wall before the corner.
//! Cost per step: λ evaluations in one round; 5 numbers of state per parameter; scratch of 3/2 λ + 3 numbers per parameter, held
//! throughout, and 11 (f64) while v and D are adapted.
//!
//! Take it when there are ten parameters or more and only some 100 evaluations a dimension, or hundreds and thousands that depend on each
//! other. `vd-cma-es` has the same covariance, takes more evaluations (ellipsoid in 20-D: 9,480, here 3,900), and promises right integers.
//!
//! Tune first: `sigma`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be in a
//! coordinate; `population`, larger where there are many valleys or noise, and even.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("cr-fm-nes").with("population", 12)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/cr-fm-nes.md")]

mod constants;
mod shape;
#[cfg(test)]
mod tests;
mod weights;

use candle_core::Tensor;
use moths_core::{
    CowTensor, Error, Key, Result, Sampler, Space, fuse, kernel,
    objective::Losses,
    optimizer::{Capabilities, Family, Meta},
    persist,
    persist::Clock,
    register,
    rng::Element,
    space::Walls,
    tensor::host,
    with_scalar,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Distribution, DistributionSearch, Generation,
    deviation::{self, Ceiling, Floor},
    directed, paths, utilities,
};
use constants::Constants;
use weights::{by_distance, even, odd};

/// Settings of [`CrFmNes`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CrFmNesConfig {
    /// λ, candidates a step, an even number; null: 4 + ⌊3 ln d⌋, or one more.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// σ, the initial deviation in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
}

impl Default for CrFmNesConfig {
    fn default() -> Self {
        Self { population: None, sigma: 1.0 }
    }
}

/// CR-FM-NES. See the [module documentation](self) for equations.
pub type CrFmNes = DistributionSearch<CrFmNesDistribution>;

/// The distribution of [`CrFmNes`].
pub struct CrFmNesDistribution {
    constants: Constants,
    ceiling: Ceiling,
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
    /// z_k of the first half of the candidates.
    z: CowTensor,
    /// x_k of the first half, and of the second.
    x: [CowTensor; 2],
    rows: Rows,
    sums: Sums,
}

/// What the update needs of the first half of the candidates, one number each.
#[derive(Default)]
struct Rows {
    /// v̄·z.
    ip: Vec<f64>,
    /// ‖z‖².
    squares: Vec<f64>,
}

/// Σ p z, Σ q z² and Σ q (v̄·z) z over the first half: p = w_k − w_{k+λ/2}, q = w_k + w_{k+λ/2}.
struct Sums {
    z: CowTensor,
    z2: CowTensor,
    ip_z: CowTensor,
}

kernel! { fn sample(plus: out, minus: out, z: mat, ip: col, m: row, d: row, v: row, sigma: num, stretch: num) {
    let step = sigma * d * (z + stretch * ip * v);
    plus = m + step;
    minus = m - step;
} }

impl Distribution for CrFmNesDistribution {
    const META: Meta = Meta::new(
        "cr-fm-nes",
        Family::Evolution,
        "Natural gradient on a mean, a diagonal and one direction of covariance, from the ranks of mirrored samples.",
        "Nomura & Ono 2022, arXiv:2201.11422",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .beats_random(true)
            .walls(Walls::Fold)
            .at_walls(true)
            .converges(true)
            .state_per_parameter(5.0),
    )
    .size("population");
    type Config = CrFmNesConfig;
    type Mean = CowTensor;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        let constants = Constants::new(&config, space.dim());
        if !constants.lambda.is_multiple_of(2) {
            return Err(Error::invalid("population", constants.lambda, "an even number: candidates come in mirrored pairs"));
        }
        let half = || space.zeros_for(constants.lambda / 2);
        let sums = Sums { z: space.zeros()?, z2: space.zeros()?, ip_z: space.zeros()? };
        Ok(Self {
            scratch: Scratch { z: half()?, x: [half()?, half()?], rows: Rows::default(), sums },
            constants,
            ceiling: Ceiling::new(space),
            sigma: config.sigma,
            v: directed::first_direction(space, key)?,
            d: CowTensor::new(Tensor::ones(space.dim(), space.dtype(), space.device())?),
            p_sigma: space.zeros()?,
            p_c: space.zeros()?,
            floor: Floor::of(space)?,
        })
    }

    fn population(&self) -> usize {
        self.constants.lambda
    }

    fn sample(&mut self, m: &CowTensor, clock: &Clock) -> Result<&mut [CowTensor]> {
        let Scratch { z, x, rows, .. } = &mut self.scratch;
        Sampler::Normal.fill(clock.key(), z)?;
        let length = fuse::norm(&self.v)?;
        *rows = Rows::of(z, &self.v, length)?;
        let ip =
            Tensor::from_slice(&rows.ip, rows.ip.len(), &candle_core::Device::Cpu)?.to_dtype(z.dtype())?.to_device(z.device())?;
        let [plus, minus] = x;
        sample(plus, minus, z, &ip, m, &self.d, &self.v, self.sigma, directed::stretch(length))?;
        Ok(x)
    }

    fn weights(&self, losses: &Losses) -> Option<Vec<f64>> {
        utilities::of(losses, &self.constants.by_rank)
    }

    fn adapt(&mut self, m: &mut CowTensor, u: &[f64], of: &Generation<'_>) -> Result<()> {
        let (k, Scratch { z, rows, sums, .. }) = (&self.constants, &mut self.scratch);
        let valid = of.losses.iter().filter(|l| l.is_finite()).count() as f64;
        fuse::weighted_sum(z, &odd(u), &mut sums.z)?;
        paths::follow(&mut self.p_sigma, &sums.z, 1.0 - k.c_sigma, paths::gain(k.c_sigma, k.mu_eff))?;
        let path = fuse::norm(&self.p_sigma)?;
        let mut w = u.to_vec();
        if path >= k.chi {
            let raw = utilities::raw(of.losses, &k.by_rank);
            let far = by_distance(raw, &rows.squares, k.alpha * (valid / k.lambda as f64).sqrt());
            w = utilities::centred(far).unwrap_or(w);
            fuse::weighted_sum(z, &odd(&w), &mut sums.z)?;
        }
        let q = even(&w);
        let q_ip: Vec<f64> = q.iter().zip(&rows.ip).map(|(q, ip)| q * ip).collect();
        fuse::weighted_moments(z, &q).second(&mut sums.z2)?;
        fuse::weighted_sum(z, &q_ip, &mut sums.ip_z)?;
        let (ip, ip2) = (f64::dot(&odd(&w), &rows.ip), f64::dot(&q_ip, &rows.ip));
        let growth = 0.5 * k.sigma_rate(path, valid) * f64::dot(&q, &rows.squares) / k.dim;
        let sigma = deviation::confined(self.sigma * libm::exp(growth), k.sigma_0);
        self.shape(m, ip, ip2, valid)?;
        self.sigma = sigma * self.capped(sigma)?;
        of.space.confine_discrete(m)?;
        self.keep_discrete_moving()
    }

    fn spread(&self, space: &Space) -> Result<Option<&'static str>> {
        Ok(directed::spread(space, self.sigma, &self.d, &self.v)?.judge(self.constants.sigma_0))
    }
}

impl CrFmNesDistribution {
    /// What brings the deviations σ d √(1 + v²) under the ceiling.
    fn capped(&self, sigma: f64) -> Result<f64> {
        if !self.ceiling.is_there() {
            return Ok(1.0);
        }
        let [v, d] = [host::to_f64s(&self.v)?, host::to_f64s(&self.d)?];
        Ok(self.ceiling.factor(v.iter().zip(&d).map(|(v, d)| sigma * d * (1.0 + v * v).sqrt())))
    }
}

impl Rows {
    /// Of these z \[λ/2, d\], with ‖v‖ given.
    fn of(z: &Tensor, v: &Tensor, length: f64) -> Result<Self> {
        with_scalar!(z.dtype(), T => host::read::<T, _>(z, |z| host::read::<T, _>(v, |v| {
            let (ip, squares) = z.chunks_exact(v.len()).map(|z| (T::dot(z, v) / length, T::dot(z, z))).unzip();
            Self { ip, squares }
        }))?)
    }
}

persist!(CrFmNesDistribution { sigma, v, d, p_sigma, p_c });
register!(CrFmNes);
