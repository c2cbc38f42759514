//! CMA-ES: adapts a full covariance, and so learns any scaling and rotation of the coordinates. What to try first up to some 100 dimensions.
//!
//! ```text
//! y_k = √C z_k,  x_k = m + σ y_k                                    z_k ~ N(0, I), k = 1..λ
//! ⟨y⟩ = Σ_{w_i > 0} w_i y_{i:λ}                                     i:λ the i-th best
//! p_σ ← (1 − c_σ) p_σ + √(c_σ (2 − c_σ) μ_eff) C^{−½} ⟨y⟩
//! h   = 1 if ‖p_σ‖ / √(1 − (1 − c_σ)^{2(t+1)}) < (1.4 + 2/(d+1)) E‖z‖, else 0
//! p_c ← (1 − c_c) p_c + h √(c_c (2 − c_c) μ_eff) ⟨y⟩
//! w°_i = w_i  where w_i ≥ 0,  w_i d / ‖C^{−½} y_{i:λ}‖²  where w_i < 0
//! C   ← (1 − c_1 − c_μ Σ_i w_i + (1 − h) c_1 c_c (2 − c_c)) C + c_1 p_c p_cᵀ + c_μ Σ_i w°_i y_{i:λ} y_{i:λ}ᵀ
//! m   ← m + σ ⟨y⟩
//! σ   ← σ exp(c_σ/d_σ (‖p_σ‖ / E‖z‖ − 1))
//! ```
//!
//! m, p_σ, p_c, y, z: \[d\]; C: \[d, d\]; √C is the symmetric root. Weights and constants are those of the tutorial's table 1. Everything is
//! f64, whatever the space's dtype. `converged` names the first of the tutorial's criteria that holds: TolX (1e-12 σ_0), TolXUp (1e4),
//! ConditionCov (1e14), EqualFunValues and TolFun (1e-12) over 10 + ⌈30 d/λ⌉ generations, Stagnation, NoEffectCoord, NoEffectAxis.
//! Source: Hansen 2016, "The CMA evolution strategy: a tutorial", arXiv:1604.00772.
//! Differs from the paper: samples are √C z and not B D z, so that they are a continuous function of C and do not depend on the signs of
//! eigenvectors; C is decomposed every max(1, ⌊1/(d (c_1 + c_μ))⌋) generations, a tenth as often as in the paper: evaluations to
//! 1e-9 on ellipsoid, cigar and Rosenbrock in 10 to 80 dimensions stay within 3 % of those with a decomposition in every generation;
//! candidates that failed count as the worst and have no positive weight; σ grows e-fold in a step at most.
//! **Bounds.** A candidate outside is drawn again, up to 10 times; what is still outside is evaluated at its mirror image and learnt as it
//! was drawn. m is free, the answer its mirror image inside; no deviation exceeds a quarter of its interval after a step. A distribution that learns
//! from clamped points is lost at a wall.
//! **Suggestions** take the place of the last candidates and are evaluated as they are; learnt is y = (x − m)/σ ⊘ a, shortened to
//! ‖C^{−½} y‖ ≤ √d + 2d/(d + 2) (Hansen 2011, arXiv:1110.4181), of the image of x that is nearest to m.
//! Integer and boolean coordinates are drawn as m + σ a ⊙ y and kept from freezing by a margin (Hamano et al. 2022, arXiv:2205.13482).
//! `learning_rate: "adapted"` takes as much of every update as its signal-to-noise ratio allows (Nomura et al. 2023, arXiv:2304.03473): far
//! slower, but noise, and many valleys, do not lead it astray with a small population.
//! Cost per step: λ evaluations in one round, O(λ d²) arithmetic; state of 3 d² + 5 d numbers (f64), d² + d more with adapted learning
//! rates; scratch of 3 λ d numbers, held throughout, and up to 2 λ d while candidates are drawn again or C is updated, d² while C is
//! decomposed, some 7 d² with adapted learning rates (f64). Dimensions for which the three matrices take more than 1 GiB (d > 6,688) are
//! refused.
//!
//! Take it when there are up to some 100 real parameters, integers and flags among them, or an evaluation takes longer than the arithmetic
//! of a candidate (480 µs at 1,000 parameters). In runs long enough to converge put `restart` around it; with more parameters take
//! `cr-fm-nes`.
//!
//! Tune first: `sigma`, 1 where bounds are given, as that is a quarter of an interval, and else about how far the minimum may be in a
//! coordinate; `population`, larger where there are many valleys or noise; `learning_rate`, "adapted" where the population cannot be.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::real(4)?;
//! let rosenbrock = |x: &[f64]| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum();
//! let mut optimizer = registry::build(&Spec::new("cma-es").with("sigma", 0.5)?, &space, Key::new(1))?;
//! let mut objective = Function::new(space.clone(), rosenbrock);
//! let reason = (0..2000).find_map(|_| optimizer.step(&mut objective).ok()?.converged);
//! assert!(reason.is_some_and(|reason| reason.starts_with("tol-")));
//! assert!(rosenbrock(&space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?) < 1e-12);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/cma-es.md")]

mod candidates;
mod learning_rate;
mod margin;
mod matrix;
mod stops;
#[cfg(test)]
mod tests;

use moths_core::{
    CowTensor, Key, Result, Sampler, Space,
    objective::Losses,
    optimizer::{Capabilities, Family, Meta, Suggestions, convergence::History},
    persist,
    persist::Clock,
    register,
    space::Walls,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Distribution, DistributionSearch, Generation, covariance::Constants, deviation::Ceiling};
use candidates::Scratch;
pub use learning_rate::LearningRate;
use learning_rate::{Adaptation, Before, Rates};
use margin::Margin;
use matrix::Matrix;

/// Settings of [`CmaEs`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CmaEsConfig {
    /// λ, candidates a step; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// σ, the initial deviation in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
    /// How much of an update is taken.
    pub learning_rate: LearningRate,
}

impl Default for CmaEsConfig {
    fn default() -> Self {
        Self { population: None, sigma: 1.0, learning_rate: LearningRate::Fixed }
    }
}

/// CMA-ES with a full covariance. See the [module documentation](self) for equations.
pub type CmaEs = DistributionSearch<CmaEsDistribution>;

/// The distribution of [`CmaEs`].
pub struct CmaEsDistribution {
    constants: Constants,
    sigma_0: f64,
    sigma: f64,
    p_sigma: Vec<f64>,
    p_c: Vec<f64>,
    matrix: Matrix,
    rates: Adaptation,
    margin: Margin,
    ceiling: Ceiling,
    /// Factors of y \[d\], other than 1 for discrete coordinates.
    a: Vec<f64>,
    scratch: Scratch,
}

impl Distribution for CmaEsDistribution {
    const META: Meta = Meta::new(
        "cma-es",
        Family::Evolution,
        "Adapts a mean, a step size and a full covariance from the ranks of samples.",
        "Hansen 2016, arXiv:1604.00772",
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
            .discrete(true)
            .suggestible(true)
            // f64, where the space may be f32.
            .state_per_parameter(10.0)
            .state_per_pair(6.0),
    )
    .size("population");
    type Config = CmaEsConfig;
    type Mean = Vec<f64>;

    fn new(config: Self::Config, space: &Space, _key: Key) -> Result<Self> {
        let d = space.dim();
        let constants = Constants::full(d, config.population);
        let lambda = constants.lambda;
        let gap = (1.0 / (d as f64 * (constants.c_1 + constants.c_mu))).floor().max(1.0) as u64;
        let margin = Margin::new(space, lambda);
        let adapted = config.learning_rate == LearningRate::Adapted;
        Ok(Self {
            matrix: Matrix::identity(space, gap)?,
            constants,
            sigma_0: config.sigma,
            sigma: config.sigma,
            p_sigma: vec![0.0; d],
            p_c: vec![0.0; d],
            scratch: Scratch::new(space, lambda)?,
            margin,
            ceiling: Ceiling::new(space),
            a: vec![1.0; d],
            rates: Adaptation(adapted.then(|| Rates::new(space)).transpose()?),
        })
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        let Capabilities { state_per_parameter, state_per_pair, .. } = Self::META.capabilities;
        let extra = if config.learning_rate == LearningRate::Adapted { 2.0 } else { 0.0 };
        let (state_per_parameter, state_per_pair) = (state_per_parameter + extra, state_per_pair + extra);
        Self::META.capabilities.state_per_parameter(state_per_parameter).state_per_pair(state_per_pair)
    }

    fn population(&self) -> usize {
        self.constants.lambda
    }

    fn sample(&mut self, m: &Vec<f64>, clock: &Clock) -> Result<&mut [CowTensor]> {
        Sampler::Normal.fill_slice(clock.key(), &mut self.scratch.z);
        self.place(m, clock.key())?;
        Ok(std::slice::from_mut(&mut self.scratch.x))
    }

    fn sample_beside(&mut self, m: &Vec<f64>, suggestions: &Suggestions, clock: &Clock) -> Result<&mut [CowTensor]> {
        self.sample(m, clock)?;
        let (suggested, lambda) = (suggestions.rows(), self.constants.lambda);
        let first = lambda.saturating_sub(suggested.len());
        suggested.enumerate().take(lambda).try_for_each(|(k, point)| self.inject(m, first + k, point))?;
        Ok(std::slice::from_mut(&mut self.scratch.x))
    }

    fn weights(&self, losses: &Losses) -> Option<Vec<f64>> {
        self.constants.weights_by_candidate(losses)
    }

    fn adapt(&mut self, m: &mut Vec<f64>, weights: &[f64], of: &Generation<'_>) -> Result<()> {
        let d = m.len();
        let weights_c = self.covariance_weights(weights);
        let mean_y = mean(weights, &self.scratch.rows, d);
        // C^{−½} ⟨y⟩ = ⟨z⟩.
        let white = mean(weights, &self.scratch.z, d);
        let k = &self.constants;
        mix(k.sigma_path(), &white, &mut self.p_sigma);
        let length = self.p_sigma.iter().map(|p| p * p).sum::<f64>().sqrt();
        let h = k.h(length, of.clock.step);
        mix(k.covariance_path(h), &mean_y, &mut self.p_c);
        self.scratch.rows[weights.len() * d..].copy_from_slice(&self.p_c);
        let before = self.rates.0.is_some().then(|| Before::of(m, self.sigma, &self.matrix)).transpose()?;
        self.matrix.update(k.keep(h, weights.iter().sum()), &weights_c, &self.scratch.rows)?;
        m.iter_mut().zip(&mean_y).zip(&self.a).for_each(|((m, y), a)| *m += self.sigma * a * y);
        self.sigma *= k.growth(length);
        if let (Some(rates), Some(before)) = (&mut self.rates.0, before) {
            rates.apply(&before, &self.a, m, &mut self.sigma, &mut self.matrix)?;
        }
        self.matrix.refresh()?;
        self.matrix.deviations(&mut self.scratch.deviations)?;
        self.sigma *= self.ceiling.factor(self.scratch.deviations.iter().map(|s| self.sigma * s));
        self.margin.apply(m, &mut self.a, self.sigma, &self.scratch.deviations);
        Ok(())
    }

    fn spread(&self, _space: &Space) -> Result<Option<&'static str>> {
        Ok(self.said_by_deviations())
    }

    fn converged(&self, m: &Vec<f64>, after: &Generation<'_>, history: &mut History) -> Result<Option<&'static str>> {
        if after.losses.all_failed() {
            return Ok(None);
        }
        let by_losses = self.said_by_losses(after, history);
        let said = self.spread(after.space)?.or(by_losses);
        if said.is_some() { Ok(said) } else { self.without_effect(m, after) }
    }
}

impl CmaEsDistribution {
    /// c_μ w°_k of every candidate, and c_1 of p_c.
    fn covariance_weights(&self, weights: &[f64]) -> Vec<f64> {
        let (k, d) = (&self.constants, self.p_c.len());
        let mut scaled: Vec<f64> = weights.iter().map(|w| k.c_mu * w).chain([k.c_1]).collect();
        // C^{−½} y = z.
        for (w, z) in scaled.iter_mut().zip(self.scratch.z.chunks_exact(d)).filter(|(w, _)| **w < 0.0) {
            let square = z.iter().map(|x| x * x).sum::<f64>();
            *w *= if square > 0.0 { d as f64 / square } else { 0.0 };
        }
        scaled
    }
}

/// Σ w_k row_k over the positive weights.
fn mean(weights: &[f64], rows: &[f64], d: usize) -> Vec<f64> {
    let mut mean = vec![0.0; d];
    for (w, row) in weights.iter().zip(rows.chunks_exact(d)).filter(|(w, _)| **w > 0.0) {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += w * x);
    }
    mean
}

/// p ← keep p + gain v.
fn mix((keep, gain): (f64, f64), v: &[f64], p: &mut [f64]) {
    p.iter_mut().zip(v).for_each(|(p, v)| *p = keep * *p + gain * v);
}

persist!(CmaEsDistribution { sigma, p_sigma, p_c, matrix, rates, a });
register!(CmaEs);
