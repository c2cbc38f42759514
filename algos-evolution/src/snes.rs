//! Separable natural evolution strategy: a mean and a deviation for every coordinate follow the natural gradient. Linear in the dimension.
//!
//! ```text
//! x_k = μ + σ ⊙ s_k                                                s_k ~ N(0, I), k = 1..λ
//! u_k = max(0, ln(λ/2 + 1) − ln rank_k) / Σ_j max(0, ..) − 1/λ     rank_k = 1 for the best; Σ u_k = 0
//! μ   ← μ + η_μ σ ⊙ Σ_k u_k s_k
//! σ   ← σ ⊙ exp(η_σ/2 Σ_k u_k (s_k² − 1))
//! ```
//!
//! μ, σ: \[d\]; x, s: \[λ, d\]; products, squares and exp go element by element. λ = 4 + ⌊3 ln d⌋, η_μ = 1,
//! η_σ = (3 + ln d)/(5 √d). Source: Schaul, Glasmachers & Schmidhuber 2011, doi:10.1145/2001576.2001692; Wierstra et al. 2014,
//! JMLR 15:949, arXiv:1106.4487.
//! Differs from the papers: candidates that failed have the utility of the worst; coordinates with bounds are moved to the nearest point
//! inside, and count as sampled there (s is (x − μ)/σ of what was evaluated, so that no noise is stored); σ_j of a discrete
//! coordinate stays above a tenth of a level; σ stays within 10⁻¹⁸ and 10⁹
//! of its start.
//! `converged` is said by the criteria that all share, [`convergence`](moths_core::optimizer::convergence).
//! Cost per step: λ evaluations in one round; 2 numbers of state per parameter; scratch of λ + 2 numbers per parameter, held throughout.
//!
//! Take it when hundreds or thousands of parameters do not depend on each other, and there should be little state: half that of
//! `sep-cma-es`, which has paths beside. It does not get through Rosenbrock's valley; there take `cr-fm-nes`.
//!
//! Tune first: `sigma`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be in a
//! coordinate; `population`, larger where there are many valleys or noise; then `mean_rate`, 3.5 and 3 on the digits with 128 candidates.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("snes").with("population", 12)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/snes.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, fuse, kernel,
    optimizer::{Algorithm, Capabilities, Family, Meta, convergence::History, settings},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    deviation::{self, Floor},
    population_size, utilities,
};

/// Settings of [`Snes`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SnesConfig {
    /// λ, candidates a step; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub population: Option<usize>,
    /// Initial value of every σ, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
    /// η_μ, the learning rate of the mean.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 10.0))]
    pub mean_rate: f64,
    /// η_σ, the learning rate of the deviations; null: (3 + ln d)/(5 √d).
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 2.0))]
    pub sigma_rate: Option<f64>,
}

impl Default for SnesConfig {
    fn default() -> Self {
        Self { population: None, sigma: 1.0, mean_rate: 1.0, sigma_rate: None }
    }
}

/// Separable natural evolution strategy. See the [module documentation](self) for equations.
pub struct Snes {
    config: SnesConfig,
    space: Space,
    /// ŵ by rank.
    by_rank: Vec<f64>,
    eta_sigma: f64,
    clock: Clock,
    mu: CowTensor,
    sigma: CowTensor,
    floor: Floor,
    history: History,
    scratch: Scratch,
}

/// Memory that is overwritten within every step and means nothing between two.
struct Scratch {
    x: CowTensor,
    /// Σ u (x − μ).
    first: CowTensor,
    /// Σ u (x − μ)².
    second: CowTensor,
}

kernel! { fn sample(x: out, mu: row, sigma: row, s: normal) {
    x = mu + sigma * s;
} }
// Σ u = 0, so that Σ u (s² − 1) = Σ u s².
kernel! { fn adapt(mu: inout, sigma: inout, first: mat, second: mat, eta_mu: num, half_eta_sigma: num, least: num, most: num) {
    mu = mu + eta_mu * first;
    sigma = clamp(sigma * exp(half_eta_sigma * (second / sigma / sigma)), least, most);
} }

impl Algorithm for Snes {
    const META: Meta = Meta::new(
        "snes",
        Family::Evolution,
        "Natural gradient on a mean and a deviation for every coordinate, from the ranks of samples.",
        "Schaul, Glasmachers & Schmidhuber 2011, doi:10.1145/2001576.2001692",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .beats_random(true)
            .at_walls(true)
            .converges(true)
            .discrete(true)
            .state_per_parameter(2.0),
    )
    .size("population");
    type Config = SnesConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let d = space.dim() as f64;
        let lambda = config.population.unwrap_or_else(|| population_size::logarithmic(space.dim()));
        Ok(Self {
            by_rank: utilities::by_rank(lambda),
            eta_sigma: config.sigma_rate.unwrap_or_else(|| (3.0 + libm::log(d)) / (5.0 * d.sqrt())),
            clock: Clock::new(key),
            mu: space.start(),
            sigma: CowTensor::new(space.zeros()?.affine(0.0, config.sigma)?),
            floor: Floor::of(space)?,
            history: History::new(space.dim(), lambda).clamped(space),
            scratch: Scratch { x: space.zeros_for(lambda)?, first: space.zeros()?, second: space.zeros()? },
            space: space.clone(),
            config,
        })
    }
}

impl Snes {
    fn adapt(&mut self, utilities: &[f64]) -> Result<()> {
        let Self { config, mu, sigma, floor, scratch: Scratch { x, first, second }, .. } = self;
        fuse::weighted_moments(x, mu, utilities, first, second)?;
        let (least, most) = deviation::range(config.sigma);
        adapt(mu, sigma, first, second, config.mean_rate, 0.5 * self.eta_sigma, least, most)?;
        floor.raise(sigma, 1.0)?;
        self.space.confine(mu)
    }
}

impl Optimizer for Snes {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        sample(&mut self.scratch.x, &self.mu, &self.sigma, self.clock.key())?;
        self.space.confine(&mut self.scratch.x)?;
        let losses = objective.losses(&Batch::Dense(self.scratch.x.clone()))?;
        if let Some(utilities) = utilities::of(&losses, &self.by_rank) {
            self.adapt(&utilities)?;
        }
        self.clock.tick();
        let spread = deviation::spread(&self.space, &self.sigma, 1.0)?;
        let by_losses = self.history.judge(&losses, objective.stochastic(), self.clock.step);
        Ok(Report::of(&losses).converged(spread.judge(self.config.sigma).or(by_losses)))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.mu.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.mu = self.space.point(at)?;
        self.history.clear();
        Ok(())
    }
}

persist!(Snes { clock, mu, sigma, history });
register!(Snes);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convergence::{self, Problem};
    use moths_core::{Function, Sampler};

    /// The equations of the module in plain loops: d = 3, λ = 6, all numbers from the paper's formulas.
    #[test]
    fn ten_generations_are_those_of_the_paper() {
        let f = |x: &[f64]| x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 0.5).powi(2)).sum::<f64>();
        let (space, key) = (Space::real(3).unwrap(), Key::new(2));
        let mut snes = Snes::new(SnesConfig { population: Some(6), ..SnesConfig::default() }, &space, key).unwrap();
        let (mut mu, mut sigma) = ([0.0; 3], [1.0; 3]);
        let raw = [4f64.ln(), 2f64.ln(), (4.0 / 3f64).ln(), 0.0, 0.0, 0.0];
        let rate = (3.0 + 3f64.ln()) / (5.0 * 3f64.sqrt());
        for t in 0..10 {
            let mut s = space.zeros_for(6).unwrap();
            Sampler::Normal.fill(key.fold(t), &mut s).unwrap();
            let s: Vec<Vec<f64>> = s.to_vec2().unwrap();
            let loss: Vec<f64> = s.iter().map(|s| f(&[0, 1, 2].map(|j| mu[j] + sigma[j] * s[j]))).collect();
            let rank = |k: usize| loss.iter().filter(|l| **l < loss[k]).count();
            let u: Vec<f64> = (0..6).map(|k| raw[rank(k)] / raw.iter().sum::<f64>() - 1.0 / 6.0).collect();
            for j in 0..3 {
                mu[j] += sigma[j] * (0..6).map(|k| u[k] * s[k][j]).sum::<f64>();
                sigma[j] *= (rate / 2.0 * (0..6).map(|k| u[k] * (s[k][j].powi(2) - 1.0)).sum::<f64>()).exp();
            }
            snes.step(&mut Function::new(space.clone(), f)).unwrap();
            let close = |got: &CowTensor, expected: [f64; 3]| {
                got.to_vec1::<f64>().unwrap().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-11 * b.abs().max(1e-3))
            };
            assert!(close(&snes.mu, mu) && close(&snes.sigma, sigma), "step {t}");
        }
    }

    /// Evaluations to 1e-9, median of 11 seeds, of pypop7 0.0.82 (`SNES`, after the authors' PyBrain) from the same start, 0, with σ = 1.
    #[test]
    fn it_converges_as_fast_as_the_reference() {
        for (dim, sphere, ellipsoid) in [(10, 2104, 2919), (20, 4468, 6084)] {
            convergence::check::<Snes>(Problem::Sphere, dim, sphere);
            convergence::check::<Snes>(Problem::Ellipsoid, dim, ellipsoid);
        }
    }
}
