//! Random directions stochastic approximation: slopes along random directions of any law.
//!
//! ```text
//! ĝ = mean over `pairs` of ŝ z,   s = (f(x + c z) − f(x − c z)) / (2 c)          z_i uniform on [−√3, √3], E z z' = I
//! x ← descent(x, ĝ)
//! ```
//!
//! x, z, ĝ: \[d\]. Calibration, clipping, blocking and gain sequences are those of [`spsa`](crate::spsa), and so is the code: with
//! directions of signs, which are their own inverses, the two are the same, and this is a preset with others. Normal ones
//! (`"sampler": "normal"`) are those of Kushner & Clark 1978; their fourth moment is larger, 3 where uniform ones have 9/5 and signs
//! have 1, and so is the error of ĝ. Asymmetric ones (`{"asymmetric-bernoulli": {"epsilon": 1e-4}}`, the value the paper recommends) have
//! 1 + ε²/(1 + ε).
//!
//! Source: Prashanth et al. 2017, arXiv:1502.05577.
//! Differs from the paper: the laws are scaled to variance 1, which turns its factors 3/η² and 1/(1 + ε) into 1; and see [`spsa`](crate::spsa).
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round, 2 · max(pairs, calibration) in the first, one more in a round of its own with
//! blocking; no state of size d beside the point and the descent's; scratch as in `spsa`.
//!
//! Take it when directions of another law are wanted than signs, normal ones for instance. Otherwise take `spsa`, where the error of ĝ is
//! least.
//!
//! Tune first: `descent.rate` and `c`, as in `spsa`; `sampler`, of which the paper recommends asymmetric signs with a small ε.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("rdsa").with("sampler", "normal")?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/rdsa.md")]

use moths_core::{
    Sampler, Schedule,
    optimizer::{DataDraws, Descent, GradientDescent, Meta, NamedEstimator, Preset, PresetEstimator},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Calibration, SpsaConfig, SpsaEstimator};

/// Settings of [`Rdsa`], beside its `descent`: those of [`SpsaConfig`], with another law by default.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RdsaConfig {
    /// c_k, the length of the perturbation in every search coordinate.
    pub c: Schedule,
    /// Pairs of candidates a step, averaged.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// Pairs of the first step, from which the unit of slopes is taken; 0: they stay in that of the loss; `"paper"`: also no clipping.
    pub calibration: Calibration,
    /// The steepest slope a pair may have, in that unit; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub clip: f64,
    /// A step that raises the loss by more than so many of its recent deviations is refused; 0: none is.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub blocking: f64,
    /// The distribution of z.
    pub sampler: Sampler,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for RdsaConfig {
    fn default() -> Self {
        let SpsaConfig { c, pairs, calibration, clip, blocking, draws, .. } = SpsaConfig::default();
        Self { c, pairs, calibration, clip, blocking, draws, sampler: Sampler::Uniform }
    }
}

/// RDSA as an optimizer. See the [module documentation](self) for equations.
pub type Rdsa = GradientDescent<RdsaEstimator, Box<dyn Descent>>;

/// The gradient estimate of RDSA: that of [`SpsaEstimator`].
pub type RdsaEstimator = PresetEstimator<RdsaConfig>;

impl Preset for RdsaConfig {
    const META: Meta = SpsaEstimator::META
        .id("rdsa")
        .summary("A gradient from two evaluations along one random direction, uniform by default: SPSA with other directions.")
        .citation("Prashanth et al. 2017, arXiv:1502.05577");
    type Of = SpsaEstimator;

    fn settings(self) -> SpsaConfig {
        let Self { c, pairs, calibration, clip, blocking, sampler, draws } = self;
        SpsaConfig { c, pairs, calibration, clip, blocking, sampler, draws }
    }
}

register!(Rdsa);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Space, optimizer::Estimator};

    /// The paper's formula for ξ uniform on [−η, η], 3/η² · ξ (f(x + δ ξ) − f(x − δ ξ)) / (2 δ), with η = 0.5 and δ = 0.2.
    #[test]
    fn one_estimate_is_that_of_the_paper() {
        let (space, eta, delta) = (Space::real(4).unwrap(), 0.5, 0.2);
        let f = |x: &[f64]| x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * x * x + x.powi(3) - x).sum::<f64>();
        let c = delta * eta / 3f64.sqrt();
        let config = RdsaConfig { c: c.into(), calibration: 0.into(), clip: 0.0, ..RdsaConfig::default() };
        let mut rdsa = RdsaEstimator::new(config, &space, Key::new(7)).unwrap();
        let estimate = rdsa.estimate(&space.start(), &mut Function::new(space.clone(), f)).unwrap();
        let mut z = space.zeros().unwrap();
        Sampler::Uniform.fill(Key::new(7).fold(0).fold(0), &mut z).unwrap();
        let xi: Vec<f64> = z.to_vec1::<f64>().unwrap().iter().map(|z| z * eta / 3f64.sqrt()).collect();
        let at = |delta: f64| f(&xi.iter().map(|xi| delta * xi).collect::<Vec<_>>());
        let expected = xi.iter().map(|xi| 3.0 / (eta * eta) * xi * (at(delta) - at(-delta)) / (2.0 * delta));
        let got: Vec<f64> = estimate.gradient.unwrap().dense().unwrap().to_vec1().unwrap();
        // In the paper's unit z is η/√3 times as long.
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
    }

    /// The paper's formula for ξ of −1 or 1 + ε: 1/(1 + ε) · ξ (f(x + δ ξ) − f(x − δ ξ)) / (2 δ).
    #[test]
    fn asymmetric_directions_are_those_of_the_paper() {
        let (space, epsilon, delta) = (Space::real(4).unwrap(), 0.5f64, 0.2);
        let f = |x: &[f64]| x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * x * x + x.powi(3) - x).sum::<f64>();
        let sampler = Sampler::AsymmetricBernoulli { epsilon };
        let c = (delta * (1.0 + epsilon).sqrt()).into();
        let config = RdsaConfig { c, sampler, calibration: 0.into(), clip: 0.0, ..RdsaConfig::default() };
        let mut rdsa = RdsaEstimator::new(config, &space, Key::new(7)).unwrap();
        let got = rdsa.estimate(&space.start(), &mut Function::new(space.clone(), f)).unwrap().gradient.unwrap().dense().unwrap();
        let mut z = space.zeros().unwrap();
        sampler.fill(Key::new(7).fold(0).fold(0), &mut z).unwrap();
        let xi: Vec<f64> = z.to_vec1::<f64>().unwrap().iter().map(|z| if *z < 0.0 { -1.0 } else { 1.0 + epsilon }).collect();
        let at = |delta: f64| f(&xi.iter().map(|xi| delta * xi).collect::<Vec<_>>());
        let expected = xi.iter().map(|xi| xi / (1.0 + epsilon) * (at(delta) - at(-delta)) / (2.0 * delta));
        assert!(got.to_vec1::<f64>().unwrap().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
    }
}
