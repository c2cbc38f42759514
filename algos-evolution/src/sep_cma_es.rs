//! CMA-ES with a diagonal covariance: linear in the dimension, for large or nearly separable problems.
//!
//! ```text
//! y_k = √C ⊙ z_k,  x_k = m + σ y_k                                  z_k ~ N(0, I), k = 1..λ
//! ⟨y⟩  = Σ_i w_i y_{i:λ}                                            i:λ the i-th best
//! p_σ ← (1 − c_σ) p_σ + √(c_σ (2 − c_σ) μ_eff) ⟨y⟩ / √C
//! h   = 1 if ‖p_σ‖ / √(1 − (1 − c_σ)^{2(t+1)}) < (1.4 + 2/(d+1)) E‖z‖, else 0
//! p_c ← (1 − c_c) p_c + h √(c_c (2 − c_c) μ_eff) ⟨y⟩
//! C   ← (1 − c_1 − c_μ + (1 − h) c_1 c_c (2 − c_c)) C + c_1 p_c² + c_μ Σ_i w_i y_{i:λ}²
//! m   ← m + c_m σ ⟨y⟩
//! σ   ← σ exp(c_σ/d_σ (‖p_σ‖ / E‖z‖ − 1))
//! ```
//!
//! m, p_σ, p_c, C (variances): \[d\]; y, x, z: \[λ, d\]; products and roots go element by element. Source: Ros & Hansen 2008,
//! doi:10.1007/978-3-540-87700-4_30 (c_1 and c_μ of the full method, times (d + 2)/3); constants of Hansen 2016, arXiv:1604.00772.
//! Differs from the papers: only the μ best have weight (no active update); candidates that failed have none; coordinates with bounds
//! are moved to the nearest point inside, and count as sampled there; deviations of discrete coordinates stay above a tenth of a level;
//! σ grows e-fold in a step at most. c_m is 1, as in the papers, unless
//! `mean_rate` says otherwise: the mean of many good steps is short where there are many dimensions, and a large population then affords more.
//! `converged` is said by the criteria that all share, [`convergence`](moths_core::optimizer::convergence).
//! Cost per step: λ evaluations in one round; 4 numbers of state per parameter; scratch of 2 λ + 4 numbers per parameter, held throughout.
//!
//! Take it when hundreds or thousands of parameters hardly depend on each other, integers and flags among them, or minima lie on bounds.
//! Where they do depend take `cr-fm-nes`, and with up to some 100 of them `cma-es`.
//!
//! Tune first: `sigma`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be in a
//! coordinate; `population`, larger where there are many valleys or noise; then `mean_rate`, 2.5 and 1.5 on the digits with 128 candidates.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("sep-cma-es").with("population", 12)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/sep-cma-es.md")]

use candle_core::Tensor;
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
    covariance::Constants,
    deviation::{self, Floor},
};

/// Settings of [`SepCmaEs`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SepCmaEsConfig {
    /// λ, candidates a step; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// σ, the initial deviation in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
    /// c_m, how far the mean follows that of the good steps.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 100.0))]
    pub mean_rate: f64,
}

impl Default for SepCmaEsConfig {
    fn default() -> Self {
        Self { population: None, sigma: 1.0, mean_rate: 1.0 }
    }
}

/// Separable CMA-ES. See the [module documentation](self) for equations.
pub struct SepCmaEs {
    space: Space,
    constants: Constants,
    sigma_0: f64,
    c_m: f64,
    clock: Clock,
    m: CowTensor,
    sigma: f64,
    c: CowTensor,
    p_sigma: CowTensor,
    p_c: CowTensor,
    floor: Floor,
    history: History,
    scratch: Scratch,
}

/// Memory that is overwritten within every step and means nothing between two.
struct Scratch {
    y: CowTensor,
    x: CowTensor,
    deviation: CowTensor,
    mean_y: CowTensor,
    mean_y2: CowTensor,
    zero: Tensor,
}

kernel! { fn deviations(s: out, c: mat) {
    s = sqrt(c);
} }
kernel! { fn sample(y: out, x: out, m: row, deviation: row, sigma: num, z: normal) {
    let step = deviation * z;
    y = step;
    x = m + sigma * step;
} }
kernel! { fn steps_taken(y: out, x: mat, m: row, inverse_sigma: num) {
    y = (x - m) * inverse_sigma;
} }
kernel! { fn step_size_path(p: inout, y: mat, deviation: mat, keep: num, gain: num) {
    p = keep * p + gain * (y / deviation);
} }
kernel! { fn adapt(m: inout, p: inout, c: inout, y: mat, y2: mat, length: num, keep_p: num, gain_p: num, keep_c: num, c1: num, c_mu: num) {
    let np = keep_p * p + gain_p * y;
    p = np;
    c = keep_c * c + c1 * (np * np) + c_mu * y2;
    m = m + length * y;
} }

impl Algorithm for SepCmaEs {
    const META: Meta = Meta::new(
        "sep-cma-es",
        Family::Evolution,
        "Adapts a mean, a step size and a variance for every coordinate from the ranks of samples.",
        "Ros & Hansen 2008, doi:10.1007/978-3-540-87700-4_30",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .beats_random(true)
            .at_walls(true)
            .converges(true)
            .discrete(true)
            .state_per_parameter(4.0),
    )
    .size("population");
    type Config = SepCmaEsConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let constants = Constants::separable(space.dim(), config.population);
        let lambda = constants.lambda;
        Ok(Self {
            constants,
            sigma_0: config.sigma,
            c_m: config.mean_rate,
            clock: Clock::new(key),
            m: space.start(),
            sigma: config.sigma,
            c: CowTensor::new(Tensor::ones(space.dim(), space.dtype(), space.device())?),
            p_sigma: space.zeros()?,
            p_c: space.zeros()?,
            floor: Floor::of(space)?,
            history: History::new(space.dim(), lambda).clamped(space),
            scratch: Scratch {
                y: space.zeros_for(lambda)?,
                x: space.zeros_for(lambda)?,
                deviation: space.zeros()?,
                mean_y: space.zeros()?,
                mean_y2: space.zeros()?,
                zero: space.zeros()?.copy()?,
            },
            space: space.clone(),
        })
    }
}

impl SepCmaEs {
    /// x_k and y_k of this step, into the scratch.
    fn sample(&mut self) -> Result<()> {
        let Scratch { y, x, deviation, .. } = &mut self.scratch;
        deviations(deviation, &self.c)?;
        sample(y, x, &self.m, deviation, self.sigma, self.clock.key())?;
        if self.space.is_bounded() {
            self.space.confine(x)?;
            steps_taken(y, x, &self.m, 1.0 / self.sigma)?;
        }
        Ok(())
    }

    fn adapt(&mut self, weights: &[f64]) -> Result<()> {
        let k = &self.constants;
        let Scratch { y, deviation, mean_y, mean_y2, zero, .. } = &mut self.scratch;
        fuse::weighted_moments(y, zero, weights, mean_y, mean_y2)?;
        let (keep, gain) = k.sigma_path();
        step_size_path(&mut self.p_sigma, mean_y, deviation, keep, gain)?;
        let length = fuse::norm(&self.p_sigma)?;
        let h = k.h(length, self.clock.step);
        let (keep, gain) = k.covariance_path(h);
        let Self { m, p_c, c, sigma, .. } = self;
        adapt(m, p_c, c, mean_y, mean_y2, self.c_m * *sigma, keep, gain, k.keep(h, 1.0), k.c_1, k.c_mu)?;
        *sigma *= k.growth(length);
        self.floor.raise_variances(c, *sigma)?;
        self.space.confine(&mut self.m)
    }
}

impl Optimizer for SepCmaEs {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.sample()?;
        let losses = objective.losses(&Batch::Dense(self.scratch.x.clone()))?;
        if let Some(weights) = self.constants.weights_by_candidate(&losses) {
            self.adapt(&weights)?;
        }
        self.clock.tick();
        let spread = deviation::spread(&self.space, &self.scratch.deviation, self.sigma)?;
        let by_losses = self.history.judge(&losses, objective.stochastic(), self.clock.step);
        Ok(Report::of(&losses).converged(spread.judge(self.sigma_0).or(by_losses)))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.m.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.m = self.space.point(at)?;
        self.history.clear();
        Ok(())
    }
}

persist!(SepCmaEs { clock, m, sigma, c, p_sigma, p_c, history });
register!(SepCmaEs);

#[cfg(test)]
mod tests;
