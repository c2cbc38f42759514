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
//! with bounds are evaluated at the nearest point inside; σ stays within 10⁻¹⁸ and 10⁹ of its start, and B is adapted until its entries'
//! root mean square reaches 10¹⁴.
//! Cost per step: λ evaluations in one round; d² + 1 numbers of state (f64) beside the mean. Dimensions for which B takes more than
//! 1 GiB (d > 11,585) are refused: `snes` has no matrix.
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

use candle_core::{DType, Tensor};
use moths_core::{
    Algorithm, Batch, Capabilities, Clock, CowTensor, Error, Family, Key, Meta, Objective, Optimizer, Report, Result, Sampler,
    Space, fuse::Element, host, persist, register, settings, with_scalar,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    products::{Products, transpose},
    utilities,
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
pub struct Xnes {
    space: Space,
    eta_mu: f64,
    eta_sigma: f64,
    eta_b: f64,
    sigma_0: f64,
    /// ŵ by rank.
    by_rank: Vec<f64>,
    clock: Clock,
    mu: CowTensor,
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

impl Algorithm for Xnes {
    const META: Meta = Meta {
        id: "xnes",
        family: Family::Evolution,
        summary: "Natural gradient on a mean and a full covariance, from the ranks of samples.",
        citation: "Glasmachers et al. 2010, doi:10.1145/1830483.1830557",
        capabilities: Capabilities {
            rank_based: true,
            translation: true,
            rotation: true,
            beats_random: true,
            state_per_parameter: 1.0,
            state_per_pair: 2.0, // f64, where the space may be f32
            ..Capabilities::NONE
        },
    };
    type Config = XnesConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let d = space.dim();
        let lambda = config.population.unwrap_or_else(|| utilities::population(d));
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
            by_rank: utilities::by_rank(lambda),
            clock: Clock::new(key),
            mu: space.start(),
            sigma: config.sigma,
            b_t: Tensor::eye(d, DType::F64, space.device())?.flatten_all()?.into(),
            scratch: Scratch { x: space.zeros_for(lambda)?, s_t: s.clone(), w: vec![0.0; lambda.min(d) * d], s, y },
            space: space.clone(),
        })
    }
}

impl Xnes {
    /// s_k, B s_k and x_k of this step, into the scratch.
    fn sample(&mut self) -> Result<()> {
        let (d, sigma, Scratch { x, s, y, .. }) = (self.space.dim(), self.sigma, &mut self.scratch);
        Sampler::Normal.fill_slice(self.clock.key(), s);
        host::read::<f64, _>(&self.b_t, |b_t| f64::combine(0.0, s, b_t, d, y))?;
        with_scalar!(self.space.dtype(), T => host::read::<T, _>(&self.mu, |mu| {
            host::edit::<T, _>(x, |x| {
                for (x, y) in x.chunks_exact_mut(d).zip(y.chunks_exact(d)) {
                    x.iter_mut().zip(mu).zip(y).for_each(|((x, mu), y)| *x = T::of(f64::from(*mu) + sigma * y));
                }
            })
        })?)?;
        self.space.confine(x)
    }

    fn adapt(&mut self, u: &[f64]) -> Result<()> {
        let d = self.space.dim();
        let mut step = vec![0.0; d];
        let weights: Vec<f64> = u.iter().map(|u| self.eta_mu * self.sigma * u).collect();
        f64::combine(0.0, &weights, &self.scratch.y, d, &mut step);
        with_scalar!(self.space.dtype(), T => host::edit::<T, _>(&mut self.mu, |mu| {
            mu.iter_mut().zip(&step).for_each(|(mu, step)| *mu = T::of(f64::from(*mu) + step));
        }))?;
        let squares = self.scratch.s.chunks_exact(d).map(|s| s.iter().map(|s| s * s).sum::<f64>());
        let g_sigma = squares.zip(u).map(|(s, u)| u * s).sum::<f64>() / d as f64;
        if self.spread()? <= MOST_SPREAD {
            self.turn(u, g_sigma)?;
        }
        let sigma = self.sigma * libm::exp(0.5 * self.eta_sigma * g_sigma);
        self.sigma = sigma.clamp(1e-18 * self.sigma_0, 1e9 * self.sigma_0);
        self.space.confine(&mut self.mu)
    }

    /// Bᵀ ← expm(c G_B) Bᵀ = e^{−c G_σ} expm(c G_M) Bᵀ.
    fn turn(&mut self, u: &[f64], g_sigma: f64) -> Result<()> {
        let (d, lambda, c) = (self.space.dim(), u.len(), 0.5 * self.eta_b);
        let keep = libm::exp(-c * g_sigma);
        let Scratch { s, s_t, y, w, .. } = &mut self.scratch;
        transpose(s, d, s_t);
        if lambda <= d {
            let mut k = vec![0.0; lambda * lambda];
            f64::dots(s, s, d, &mut k);
            scale_rows(&mut k, u, c);
            // U ψ(K U) = ψ(U K) U.
            let mut middle = psi(&k, lambda);
            middle.chunks_exact_mut(lambda).for_each(|row| scale_rows(row, u, keep * c));
            f64::combine(0.0, &middle, y, d, w);
            host::edit::<f64, _>(&mut self.b_t, |b_t| f64::combine(keep, s_t, w, d, b_t))
        } else {
            let mut g = vec![0.0; d * d];
            scale_rows(s, u, c);
            f64::combine(0.0, s_t, s, d, &mut g);
            let mut rest = psi(&g, d);
            scale_rows(&mut rest, &[1.0], keep);
            host::edit::<f64, _>(&mut self.b_t, |b_t| {
                f64::combine(0.0, &g, b_t, d, w);
                f64::combine(keep, &rest, w, d, b_t);
            })
        }
    }

    /// The root mean square of the singular values of B; 1 at least, its determinant being 1.
    fn spread(&self) -> Result<f64> {
        let d = self.space.dim();
        Ok(moths_core::fuse::norm(&self.b_t)? / (d as f64).sqrt())
    }

    /// The run has converged when the deviations' root mean square is 1e-12 of the initial one, or B has grown out of shape.
    fn convergence(&self) -> Result<Option<&'static str>> {
        let spread = self.spread()?;
        if spread > MOST_SPREAD {
            return Ok(Some("the covariance became ill-conditioned"));
        }
        Ok((self.sigma * spread < 1e-12 * self.sigma_0).then_some("deviations became 1e-12 of the first"))
    }
}

/// Multiplies each of as many equal parts as there are factors by its own, and by `all`.
fn scale_rows(rows: &mut [f64], factors: &[f64], all: f64) {
    let len = rows.len() / factors.len();
    rows.chunks_exact_mut(len).zip(factors).for_each(|(row, f)| row.iter_mut().for_each(|x| *x *= all * f));
}

/// ψ(N) = Σ_k Nᵏ/(k + 1)! of an r × r matrix, to the precision of f64.
///
/// Halved until its norm is at most ½, where the series is short; then ψ(2N) = ψ(N) + ½ ψ(N) N ψ(N) doubles it back.
fn psi(n: &[f64], r: usize) -> Vec<f64> {
    let mut norm = n.chunks_exact(r).map(|row| row.iter().map(|x| x.abs()).sum()).fold(0.0, f64::max);
    let mut n = n.to_vec();
    let mut halvings = 0;
    while norm > 0.5 && halvings < 64 {
        norm *= 0.5;
        halvings += 1;
    }
    n.iter_mut().for_each(|x| *x *= libm::ldexp(1.0, -halvings));
    let (mut degree, mut term) = (1, norm / 2.0);
    while term > 1e-17 {
        degree += 1;
        term *= norm / (degree + 1) as f64;
    }
    // I + N/2 (I + N/3 (I + ..)), from the inside.
    let (mut psi, mut product) = (vec![0.0; r * r], vec![0.0; r * r]);
    psi.iter_mut().step_by(r + 1).for_each(|x| *x = 1.0);
    for k in (2..=degree + 1).rev() {
        f64::combine(0.0, &n, &psi, r, &mut product);
        psi.iter_mut().zip(&product).for_each(|(psi, x)| *psi = x / k as f64);
        psi.iter_mut().step_by(r + 1).for_each(|x| *x += 1.0);
    }
    for _ in 0..halvings {
        f64::combine(0.0, &n, &psi, r, &mut product);
        product.iter_mut().for_each(|x| *x *= 0.5);
        let half = psi.clone();
        f64::combine(1.0, &half, &product, r, &mut psi);
        n.iter_mut().for_each(|x| *x *= 2.0);
    }
    psi
}

impl Optimizer for Xnes {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.sample()?;
        let losses = objective.losses(&Batch::Dense(self.scratch.x.clone()))?;
        if let Some(utilities) = utilities::of(&losses, &self.by_rank) {
            self.adapt(&utilities)?;
        }
        self.clock.tick();
        Ok(Report { converged: self.convergence()?, ..Report::of(&losses) })
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.mu.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.mu = self.space.point(at)?;
        Ok(())
    }
}

persist!(Xnes { clock, mu, sigma, b_t });
register!(Xnes);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convergence::{self, Problem};
    use moths_core::Function;

    const D: usize = 3;
    type Matrix = [[f64; D]; D];

    fn times(a: &Matrix, b: &Matrix) -> Matrix {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..D).map(|k| a[i][k] * b[k][j]).sum()))
    }

    /// Σ Aᵏ/k!, term by term.
    fn expm(a: &Matrix) -> Matrix {
        let mut sum: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
        let mut term = sum;
        for k in 1..40 {
            term = times(&term, a).map(|row| row.map(|x| x / f64::from(k)));
            sum.iter_mut().flatten().zip(term.iter().flatten()).for_each(|(s, t)| *s += t);
        }
        sum
    }

    /// The equations of the module in plain loops, for fewer candidates than dimensions and for more.
    fn ten_generations(lambda: usize) {
        let f = |x: &[f64]| x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 0.5).powi(2)).sum::<f64>();
        let (space, key, d) = (Space::real(D).unwrap(), Key::new(2), D as f64);
        let mut xnes = Xnes::new(XnesConfig { population: Some(lambda), ..XnesConfig::default() }, &space, key).unwrap();
        let (mut mu, mut sigma, mut b) = ([0.0; D], 1.0, expm(&[[0.0; D]; D]));
        let raw: Vec<f64> = (1..=lambda).map(|k| f64::max(0.0, (lambda as f64 / 2.0 + 1.0).ln() - (k as f64).ln())).collect();
        let eta = (9.0 + 3.0 * d.ln()) / (5.0 * d * d.sqrt());
        for t in 0..10 {
            let mut s = space.zeros_for(lambda).unwrap();
            Sampler::Normal.fill(key.fold(t), &mut s).unwrap();
            let s: Vec<Vec<f64>> = s.to_vec2().unwrap();
            let y: Vec<[f64; D]> = s.iter().map(|s| std::array::from_fn(|i| (0..D).map(|j| b[i][j] * s[j]).sum())).collect();
            let loss: Vec<f64> = y.iter().map(|y| f(&[0, 1, 2].map(|j| mu[j] + sigma * y[j]))).collect();
            let rank = |k: usize| loss.iter().filter(|l| **l < loss[k]).count();
            let u: Vec<f64> = (0..lambda).map(|k| raw[rank(k)] / raw.iter().sum::<f64>() - 1.0 / lambda as f64).collect();
            let mean = |g: &dyn Fn(usize) -> f64| -> f64 { (0..lambda).map(|k| u[k] * g(k)).sum() };
            let unit = |i: usize, j: usize| f64::from(u8::from(i == j));
            let g_m: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| mean(&|k| s[k][i] * s[k][j] - unit(i, j))));
            let g_sigma = (0..D).map(|i| g_m[i][i]).sum::<f64>() / d;
            (0..D).for_each(|j| mu[j] += sigma * mean(&|k| y[k][j]));
            sigma *= (eta / 2.0 * g_sigma).exp();
            b = times(
                &b,
                &expm(&std::array::from_fn(|i| std::array::from_fn(|j| eta / 2.0 * (g_m[i][j] - g_sigma * unit(i, j))))),
            );

            xnes.step(&mut Function::new(space.clone(), f)).unwrap();
            let close = |a: f64, b: f64| (a - b).abs() < 1e-11 * b.abs().max(1e-3);
            let b_t = xnes.b_t.to_vec1::<f64>().unwrap();
            assert!(xnes.mu.to_vec1::<f64>().unwrap().iter().zip(mu).all(|(a, b)| close(*a, b)), "step {t} of {lambda}");
            assert!(close(xnes.sigma, sigma) && (0..D * D).all(|k| close(b_t[k], b[k % D][k / D])), "step {t} of {lambda}");
        }
    }

    #[test]
    fn ten_generations_are_those_of_the_paper() {
        [2, 3, 7].into_iter().for_each(ten_generations);
    }

    #[test]
    fn psi_is_the_series_for_small_and_for_large_matrices() {
        for scale in [1e-3, 0.3, 20.0] {
            let n = [0.1, 0.7, -0.2, 0.0, 0.4, 0.3, 0.2, -0.5, 0.1].map(|x| x * scale);
            let psi = psi(&n, D);
            let matrix = |v: &[f64]| -> Matrix { std::array::from_fn(|i| std::array::from_fn(|j| v[i * D + j])) };
            let (product, exponential) = (times(&matrix(&n), &matrix(&psi)), expm(&matrix(&n)));
            for (i, j) in (0..D * D).map(|k| (k / D, k % D)) {
                let expected = exponential[i][j] - f64::from(u8::from(i == j));
                assert!((product[i][j] - expected).abs() < 1e-11 * exponential[i][j].abs().max(1.0), "{scale}: {product:?}");
            }
        }
    }

    #[test]
    fn a_matrix_that_is_too_big_is_refused_by_name() {
        let refused = Xnes::new(XnesConfig::default(), &Space::real(11_586).unwrap(), Key::new(1)).err().unwrap();
        assert!(refused.to_string().contains("`snes`"), "{refused}");
    }

    /// Evaluations to 1e-9, median of 11 seeds, of the package cmaes 0.13.1 (`XNES`) from the same start, 0, with σ = 1.
    #[test]
    fn it_converges_as_fast_as_the_reference() {
        let references = [
            (Problem::Sphere, 10, 6805),
            (Problem::Ellipsoid, 10, 9701),
            (Problem::Rosenbrock, 10, 11_773),
            (Problem::Sphere, 20, 29_324),
            (Problem::Ellipsoid, 20, 40_141),
            (Problem::Rosenbrock, 20, 48_386),
        ];
        for (problem, dim, reference) in references {
            convergence::check::<Xnes>(problem, dim, reference);
        }
    }
}
