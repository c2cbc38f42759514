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
//! like are taken over z_1..z_{λ/2} alone. Differs from the paper: bounds are the space's, whose nearest point is evaluated in
//! place of a candidate outside (no constraint violations); a failed candidate has no ŵ; λ is 4 + ⌊3 ln d⌋ rounded up to an even number
//! (the paper leaves it open); c_1 is not negative (d < 5); an update that would take more than 9/10 of an element of D is shortened, and
//! one that leaves no usable numbers is left out; σ stays within 10⁻¹⁸ and 10⁹ of its start.
//! Cost per step: λ evaluations in one round; 5 numbers of state per parameter.
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

use candle_core::Tensor;
use moths_core::{
    Algorithm, Batch, Capabilities, Clock, CowTensor, Error, Family, Key, Losses, Meta, Objective, Optimizer, Report, Result,
    Sampler, Space,
    fuse::{self, Element},
    host, kernel, persist, register, settings, shaping, with_scalar,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    directed::{Moments, volume},
    utilities,
};

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
pub struct CrFmNes {
    space: Space,
    constants: Constants,
    clock: Clock,
    m: CowTensor,
    sigma: f64,
    v: CowTensor,
    d: CowTensor,
    p_sigma: CowTensor,
    p_c: CowTensor,
    scratch: Scratch,
}

/// Memory that is overwritten within every step and means nothing between two.
struct Scratch {
    /// z_k of the first half of the candidates.
    z: CowTensor,
    /// x_k of the first half, and of the second.
    x: [CowTensor; 2],
    sums: Sums,
}

/// Σ p z, Σ q z² and Σ q (v̄·z) z over the first half: p = w_k − w_{k+λ/2}, q = w_k + w_{k+λ/2}.
struct Sums {
    z: CowTensor,
    z2: CowTensor,
    ip_z: CowTensor,
    zero: Tensor,
    unused: CowTensor,
}

kernel! { fn sample(plus: out, minus: out, z: mat, ip: col, m: row, d: row, v: row, sigma: num, stretch: num) {
    let step = sigma * d * (z + stretch * ip * v);
    plus = m + step;
    minus = m - step;
} }
kernel! { fn follow(p: inout, z: mat, keep: num, gain: num) {
    p = keep * p + gain * z;
} }

/// The constants of the update, all from d and λ.
struct Constants {
    lambda: usize,
    dim: f64,
    by_rank: Vec<f64>,
    mu_eff: f64,
    c_sigma: f64,
    c_c: f64,
    c_1: f64,
    /// E‖z‖ for z ~ N(0, I) in d dimensions.
    chi: f64,
    alpha: f64,
    sigma_0: f64,
}

impl Constants {
    fn new(config: &CrFmNesConfig, dim: usize) -> Self {
        let d = dim as f64;
        let lambda = config.population.unwrap_or_else(|| utilities::population(dim).next_multiple_of(2));
        let by_rank = utilities::by_rank(lambda);
        let mu_eff = shaping::effective_mass(&by_rank);
        Self {
            lambda,
            dim: d,
            by_rank,
            mu_eff,
            c_sigma: (mu_eff + 2.0) / (d + mu_eff + 5.0),
            c_c: (4.0 + mu_eff / d) / (d + 4.0 + 2.0 * mu_eff / d),
            c_1: ((d - 5.0) / 6.0).max(0.0) * 2.0 / ((d + 1.3) * (d + 1.3) + mu_eff),
            chi: d.sqrt() * (1.0 - 1.0 / (4.0 * d) + 1.0 / (21.0 * d * d)),
            alpha: distance_exponent(d) * (lambda as f64 / d).sqrt().min(1.0),
            sigma_0: config.sigma,
        }
    }

    /// η_σ.
    fn sigma_rate(&self, path: f64, valid: f64) -> f64 {
        match path / self.chi {
            moving if moving >= 1.0 => 1.0,
            stagnating if stagnating >= 0.1 => libm::tanh((0.024 * valid + 0.7 * self.dim + 20.0) / (self.dim + 12.0)),
            _ => 2.0 * libm::tanh((0.025 * valid + 0.75 * self.dim + 10.0) / (self.dim + 4.0)),
        }
    }

    /// η_B.
    fn shape_rate(&self, valid: f64) -> f64 {
        libm::tanh(((0.02 * valid).min(3.0 * libm::log(self.dim)) + 5.0) / (0.23 * self.dim + 25.0))
    }
}

/// a with (1 + a²) e^{a²/2} = .24 (d + 10), by Newton's method from above, where it only falls.
fn distance_exponent(d: f64) -> f64 {
    let mut a = 8.0;
    for _ in 0..100 {
        let e = libm::exp(a * a / 2.0);
        a -= ((1.0 + a * a) * e - 0.24 * (d + 10.0)) / (a * (3.0 + a * a) * e);
    }
    a
}

impl Algorithm for CrFmNes {
    const META: Meta = Meta {
        id: "cr-fm-nes",
        family: Family::Evolution,
        summary: "Natural gradient on a mean, a diagonal and one direction of covariance, from the ranks of mirrored samples.",
        citation: "Nomura & Ono 2022, arXiv:2201.11422",
        capabilities: Capabilities {
            rank_based: true,
            translation: true,
            beats_random: true,
            state_per_parameter: 5.0,
            ..Capabilities::NONE
        },
    };
    type Config = CrFmNesConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let constants = Constants::new(&config, space.dim());
        if !constants.lambda.is_multiple_of(2) {
            return Err(Error::invalid("population", constants.lambda, "an even number: candidates come in mirrored pairs"));
        }
        let mut v = space.zeros()?;
        Sampler::Normal.add(key.fold(u64::MAX), 1.0 / (space.dim() as f64).sqrt(), &mut v)?;
        let half = || space.zeros_for(constants.lambda / 2);
        let sums = Sums {
            z: space.zeros()?,
            z2: space.zeros()?,
            ip_z: space.zeros()?,
            zero: space.zeros()?.copy()?,
            unused: space.zeros()?,
        };
        Ok(Self {
            scratch: Scratch { z: half()?, x: [half()?, half()?], sums },
            constants,
            clock: Clock::new(key),
            m: space.start(),
            sigma: config.sigma,
            v,
            d: CowTensor::new(Tensor::ones(space.dim(), space.dtype(), space.device())?),
            p_sigma: space.zeros()?,
            p_c: space.zeros()?,
            space: space.clone(),
        })
    }
}

/// What the update needs of the first half of the candidates, one number each.
struct Rows {
    /// v̄·z.
    ip: Vec<f64>,
    /// ‖z‖².
    squares: Vec<f64>,
}

/// Σ_k w_k g(z_k) for g odd: over the first half, with these weights.
fn odd(w: &[f64]) -> Vec<f64> {
    let (first, second) = w.split_at(w.len() / 2);
    first.iter().zip(second).map(|(a, b)| a - b).collect()
}

/// Σ_k w_k g(z_k) for g even: over the first half, with these weights.
fn even(w: &[f64]) -> Vec<f64> {
    let (first, second) = w.split_at(w.len() / 2);
    first.iter().zip(second).map(|(a, b)| a + b).collect()
}

/// ŵ_k e^{α ‖z_k‖}, over the largest such factor, which the utilities do not see.
fn by_distance(mut raw: Vec<f64>, squares: &[f64], alpha: f64) -> Vec<f64> {
    let longest = squares.iter().copied().fold(0.0, f64::max).sqrt();
    let both_halves = squares.iter().chain(squares);
    raw.iter_mut().zip(both_halves).for_each(|(w, square)| *w *= libm::exp(alpha * (square.sqrt() - longest)));
    raw
}

impl CrFmNes {
    /// z_k and x_k of this step, into the scratch.
    fn sample(&mut self) -> Result<Rows> {
        let Scratch { z, x: [plus, minus], .. } = &mut self.scratch;
        Sampler::Normal.fill(self.clock.key(), z)?;
        let dim = self.space.dim();
        let length = fuse::norm(&self.v)?;
        let rows = with_scalar!(self.space.dtype(), T => host::read::<T, _>(z, |z| host::read::<T, _>(&self.v, |v| {
            let rows = z.chunks_exact(dim).map(|z| (T::dot(z, v) / length, T::dot(z, z)));
            let (ip, squares) = rows.unzip();
            Rows { ip, squares }
        }))?)?;
        let ip = Tensor::from_slice(&rows.ip, rows.ip.len(), self.space.device())?.to_dtype(self.space.dtype())?;
        let stretch = ((1.0 + length * length).sqrt() - 1.0) / length;
        sample(plus, minus, z, &ip, &self.m, &self.d, &self.v, self.sigma, stretch)?;
        self.space.confine(plus)?;
        self.space.confine(minus)?;
        Ok(rows)
    }

    fn adapt(&mut self, losses: &Losses, rows: &Rows) -> Result<()> {
        let k = &self.constants;
        let raw = utilities::raw(losses, &k.by_rank);
        let Some(u) = utilities::centred(raw.clone()) else { return Ok(()) };
        let valid = losses.iter().filter(|l| l.is_finite()).count() as f64;
        let sums = &mut self.scratch.sums;
        fuse::weighted_sum(&self.scratch.z, &odd(&u), &mut sums.z)?;
        follow(&mut self.p_sigma, &sums.z, 1.0 - k.c_sigma, (k.c_sigma * (2.0 - k.c_sigma) * k.mu_eff).sqrt())?;
        let path = fuse::norm(&self.p_sigma)?;
        let mut w = u;
        if path >= k.chi
            && let Some(far) = utilities::centred(by_distance(raw, &rows.squares, k.alpha * (valid / k.lambda as f64).sqrt()))
        {
            w = far;
            fuse::weighted_sum(&self.scratch.z, &odd(&w), &mut sums.z)?;
        }
        let q = even(&w);
        let q_ip: Vec<f64> = q.iter().zip(&rows.ip).map(|(q, ip)| q * ip).collect();
        fuse::weighted_moments(&self.scratch.z, &sums.zero, &q, &mut sums.unused, &mut sums.z2)?;
        fuse::weighted_sum(&self.scratch.z, &q_ip, &mut sums.ip_z)?;
        let (ip, ip2) = (f64::dot(&odd(&w), &rows.ip), f64::dot(&q_ip, &rows.ip));
        let growth = 0.5 * k.sigma_rate(path, valid) * f64::dot(&q, &rows.squares) / k.dim;
        let sigma = (self.sigma * libm::exp(growth)).clamp(1e-18 * k.sigma_0, 1e9 * k.sigma_0);
        self.shape(ip, ip2, valid)?;
        self.sigma = sigma;
        self.space.confine(&mut self.m)
    }

    /// The new m, p_c, v and D from the sums in the scratch, Σ p (v̄·z) and Σ q (v̄·z)².
    fn shape(&mut self, ip: f64, ip2: f64, valid: f64) -> Result<()> {
        let k = &self.constants;
        let [mut m, mut p_c, z] = [host::to_f64s(&self.m)?, host::to_f64s(&self.p_c)?, host::to_f64s(&self.scratch.sums.z)?];
        let [v, d] = [host::to_f64s(&self.v)?, host::to_f64s(&self.d)?];
        let length = f64::dot(&v, &v).sqrt();
        let unit: Vec<f64> = v.iter().map(|v| v / length).collect();
        let root = (1.0 + length * length).sqrt();
        let gain = (k.c_c * (2.0 - k.c_c) * k.mu_eff).sqrt();
        for j in 0..z.len() {
            let step = d[j] * (z[j] + (root - 1.0) * ip * unit[j]);
            m[j] += self.sigma * step;
            p_c[j] = (1.0 - k.c_c) * p_c[j] + gain * step;
        }
        store(&m, &mut self.m)?;
        store(&p_c, &mut self.p_c)?;
        let path: Vec<f64> = p_c.iter().zip(&d).map(|(p, d)| p / d).collect();
        let moments = self.moments(&path, &unit, root, ip2, valid)?;
        self.climb(moments, v, d)
    }

    /// ⟨·⟩ over y_k = z_k + (√γ − 1) (v̄·z_k) v̄, whose product with v̄ is √γ v̄·z_k, and over the path p_c/D.
    fn moments(&self, path: &[f64], unit: &[f64], root: f64, ip2: f64, valid: f64) -> Result<Moments> {
        let (c_1, eta_b) = (self.constants.c_1 * valid / self.constants.lambda as f64, self.constants.shape_rate(valid));
        let [z2, ip_z] = [host::to_f64s(&self.scratch.sums.z2)?, host::to_f64s(&self.scratch.sums.ip_z)?];
        let stretch = root - 1.0;
        let ip_path = f64::dot(unit, path);
        let ip_y = |j: usize| eta_b * root * (ip_z[j] + stretch * ip2 * unit[j]) + c_1 * ip_path * path[j];
        let y2 = |j: usize| {
            let along = stretch * unit[j];
            eta_b * (z2[j] + 2.0 * along * ip_z[j] + along * along * ip2) + c_1 * path[j] * path[j]
        };
        Ok(Moments {
            one: c_1,
            ip2: eta_b * root * root * ip2 + c_1 * ip_path * ip_path,
            ip_y: (0..unit.len()).map(ip_y).collect(),
            y2: (0..unit.len()).map(y2).collect(),
        })
    }

    /// One step along the natural gradient, from these v and D.
    fn climb(&mut self, moments: Moments, mut v: Vec<f64>, mut d: Vec<f64>) -> Result<()> {
        let (t, s) = moments.natural_gradient(&v);
        let length = f64::dot(&v, &v).sqrt();
        let least = s.iter().copied().fold(0.0, f64::min);
        let part = if least < -0.9 { -0.9 / least } else { 1.0 };
        v.iter_mut().zip(&t).for_each(|(v, t)| *v += part * t / length);
        d.iter_mut().zip(&s).for_each(|(d, s)| *d += part * s * *d);
        let volume = volume(&d, &v);
        d.iter_mut().for_each(|d| *d /= volume);
        let square = f64::dot(&v, &v);
        if square > 0.0 && square < 1e30 && d.iter().all(|d| (1e-30..1e30).contains(d)) {
            store(&v, &mut self.v)?;
            store(&d, &mut self.d)?;
        }
        Ok(())
    }

    /// The run has converged when the deviations' root mean square is 1e-12 of the initial one.
    fn convergence(&self) -> Result<Option<&'static str>> {
        let rms = fuse::norm(&self.d)? / self.constants.dim.sqrt();
        Ok((self.sigma * rms < 1e-12 * self.constants.sigma_0).then_some("deviations became 1e-12 of the first"))
    }
}

/// Numbers into a tensor of as many.
fn store(values: &[f64], tensor: &mut CowTensor) -> Result<()> {
    with_scalar!(tensor.dtype(), T => host::edit::<T, _>(tensor, |out| {
        out.iter_mut().zip(values).for_each(|(out, x)| *out = T::of(*x));
    }))
}

impl Optimizer for CrFmNes {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let rows = self.sample()?;
        let halves = self.scratch.x.clone().map(Batch::Dense);
        let losses = objective.losses(&Batch::Joined(halves.into()))?;
        self.adapt(&losses, &rows)?;
        self.clock.tick();
        Ok(Report { converged: self.convergence()?, ..Report::of(&losses) })
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.m.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.m = self.space.point(at)?;
        Ok(())
    }
}

persist!(CrFmNes { clock, m, sigma, v, d, p_sigma, p_c });
register!(CrFmNes);

#[cfg(test)]
mod tests;
