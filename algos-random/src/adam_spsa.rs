//! Adam-SPSA: the two-point estimate with moments whose memory fades.
//!
//! ```text
//! β_k = β / (k + 1)^λ
//! m ← β_k m + (1 − β_k) ĝ          v ← ζ v + (1 − ζ) ĝ²
//! x ← x − a m / (√v + δ)
//! ```
//!
//! x, ĝ, m, v: \[d\]; ĝ is the estimate of [`spsa`](crate::spsa), with its settings. One pair along random signs says the same of
//! every coordinate but for the sign, and so do v's elements for each other at first: only the mean of many steps tells coordinates
//! apart, which is what m is for. It is long at the beginning and fades as k^−λ, because gradients that are old lie far back.
//!
//! Source: arXiv:1910.03591.
//! Differs from the paper: λ, which its experiments choose between 0.42 and 0.5, is 0.5 by default; m and v start at 0 without a
//! correction for it, so that some of the first hundred steps are a few times as long as later ones; ĝ is calibrated and clipped. It
//! takes no other descent: `{"name": "spsa", "descent": "adam"}` is the pair with lasting memory.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round, 2 · max(pairs, calibration) in the first, one more in a round of its own with
//! blocking; 3 numbers of state per parameter; no scratch of size d, but d numbers with a smoothed sampler, and with blocking as much as in
//! `spsa`.
//!
//! Take it when a step can have two evaluations, the losses are noisy, and old gradients mislead: the memory of `spsa` with `adam` lasts,
//! this one fades. Otherwise take `spsa`, which takes any descent.
//!
//! Tune first: `rate`, the first step in every search coordinate, lower where the loss rises; `c`, larger where losses are noisier;
//! `pairs`, more where their differences are mostly noise.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("adam-spsa"), &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/adam-spsa.md")]

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Schedule, Space, kernel,
    noise::Gradient,
    optimizer::{Algorithm, Descent, GradientDescent, Meta, NamedEstimator, settings},
    persist, register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SpsaConfig, SpsaEstimator};

/// Settings of [`AdamSpsa`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AdamSpsaConfig {
    /// Those of the estimate.
    #[serde(flatten)]
    pub spsa: SpsaConfig,
    /// a, the learning rate.
    pub rate: Schedule,
    /// β, the memory of the mean of gradients in the first step.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub beta: f64,
    /// λ, how fast that memory fades.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub fading: f64,
    /// ζ, the memory of the mean of squared gradients.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub zeta: f64,
    /// δ, added to the root of the mean square.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e12))]
    pub delta: f64,
}

impl Default for AdamSpsaConfig {
    fn default() -> Self {
        let rate = Schedule::power(0.05, None, 0.602);
        Self { spsa: SpsaConfig::default(), rate, beta: 0.99, fading: 0.5, zeta: 0.99, delta: 1e-6 }
    }
}

/// Adam-SPSA. See the [module documentation](self) for equations.
pub struct AdamSpsa {
    search: GradientDescent<SpsaEstimator, Fading>,
}

/// Adam with a memory of gradients that fades.
struct Fading {
    config: AdamSpsaConfig,
    step: u64,
    m: CowTensor,
    v: CowTensor,
}

kernel! { #[allow(clippy::too_many_arguments)] fn fading(x: inout, m: inout, v: inout, g: sum, rate: num, beta: num, zeta: num, delta: num) {
    m = beta * m + (1.0 - beta) * g;
    v = zeta * v + (1.0 - zeta) * (g * g);
    x = x - rate * (m / (sqrt(v) + delta));
} }

impl Descent for Fading {
    fn descend(&mut self, at: &mut CowTensor, g: &Gradient) -> Result<()> {
        let c = &self.config;
        let beta = c.beta / libm::pow((self.step + 1) as f64, c.fading);
        fading(at, &mut self.m, &mut self.v, g, c.rate.at(self.step), beta, c.zeta, c.delta)?;
        self.step += 1;
        Ok(())
    }
}

persist!(Fading { step, m, v });

impl Algorithm for AdamSpsa {
    const META: Meta = SpsaEstimator::META
        .id("adam-spsa")
        .summary("SPSA with Adam's moments, whose memory of gradients fades.")
        .citation("arXiv:1910.03591")
        .capabilities(SpsaEstimator::META.capabilities.state_per_parameter(3.0).in_place(false));
    type Config = AdamSpsaConfig;

    fn new(config: AdamSpsaConfig, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let estimator = SpsaEstimator::new(config.spsa.clone(), space, key)?;
        let descent = Fading { config, step: 0, m: space.zeros()?, v: space.zeros()? };
        Ok(Self { search: GradientDescent::new(estimator, descent, space) })
    }

    fn evaluations_per_step(config: &AdamSpsaConfig, space: &Space, _stochastic: bool) -> Result<Option<u64>> {
        Ok(SpsaEstimator::evaluations_per_step(&config.spsa, space))
    }
}

impl Optimizer for AdamSpsa {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.search.step(objective)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.search.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.search.move_to(at)
    }
}

persist!(AdamSpsa { search });
register!(AdamSpsa);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, optimizer::Estimator};

    /// Three steps by the formulas, on the gradients that the estimator gives at the same points.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key) = (Space::real(4).unwrap(), Key::new(5));
        let mut objective = Function::new(space.clone(), |x| x.iter().enumerate().map(|(i, x)| (x - i as f64).powi(2)).sum());
        let config = AdamSpsaConfig { rate: 0.1.into(), beta: 0.9, fading: 0.4, zeta: 0.8, ..AdamSpsaConfig::default() };
        let mut estimator = SpsaEstimator::new(config.spsa.clone(), &space, key).unwrap();
        let mut optimizer = AdamSpsa::new(config, &space, key).unwrap();
        let (mut x, mut m, mut v) = ([0.0; 4], [0.0; 4], [0.0; 4]);
        for k in 0..3 {
            let at = CowTensor::new(candle_core::Tensor::new(&x, space.device()).unwrap());
            let g: Vec<f64> =
                estimator.estimate(&at, &mut objective).unwrap().gradient.unwrap().dense().unwrap().to_vec1().unwrap();
            let beta = 0.9 / f64::from(k + 1).powf(0.4);
            for i in 0..4 {
                m[i] = beta * m[i] + (1.0 - beta) * g[i];
                v[i] = 0.8 * v[i] + 0.2 * g[i] * g[i];
                x[i] -= 0.1 * m[i] / (v[i].sqrt() + 1e-6);
            }
            optimizer.step(&mut objective).unwrap();
            let got: Vec<f64> = optimizer.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?} {x:?}");
        }
    }
}
