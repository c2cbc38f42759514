//! QES: an evolution strategy for the integer codes of a quantised model.
//!
//! ```text
//! ĝ = 1 / (2 σ pairs) · Σ_k (u(x + σ ε_k) − u(x − σ ε_k)) ε_k          ε_k ~ N(0, I) follows from a seed
//! x ← x − α ĝ
//! ```
//!
//! with u the z-score of a candidate's loss among all of the step. x, ε_k, ĝ: \[d\]. Over the codes of a file
//! ([`GgufOptions::codes`](moths_core::objective::model::gguf::GgufOptions::codes)) one unit of x is one step of a code: candidates have codes moved by σ ε, rounded
//! up or down by chance, and the model rounds α ĝ with the residual of what it rounded away before. Over any other space it is what the equations say.
//!
//! This is the estimator of [`open-es`](crate::open_es) with z-scores and plain gradient descent: a preset.
//! Source: Xu et al. 2026, arXiv:2602.03120.
//! Differs from the paper: ĝ is of the noise ε and not of the moves that it was rounded to, which are σ ε in the mean.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round; no state of size d beside the point, and in place no point either. A model of codes
//! draws the noise of its last steps again with each one.
//!
//! Take it when the integer codes of a quantised model should move: there are 32 to 256 times as many as scales, which `qzo` moves at a lower price.
//!
//! Tune first: `descent.rate`, so that some codes of a thousand move with a step, or a few percent; `sigma`, up to 1 for four bits and to 10 for eight, large
//! enough that losses differ by more than their noise; `pairs`, more where ĝ is too noisy.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec: Spec = r#"{"name": "qes", "pairs": 8, "descent": {"name": "sgd", "rate": 0.005}}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/qes.md")]

use moths_core::{
    Sampler, Schedule, Spec,
    optimizer::{Capabilities, DataDraws, Descent, GradientDescent, Meta, NamedEstimator, Preset, PresetEstimator},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{OpenEsConfig, OpenEsEstimator, Shaping};

/// Settings of [`Qes`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct QesConfig {
    /// Pairs of candidates a step: half the population.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// σ, the deviation of the perturbations in search coordinates: of codes, in steps of them.
    pub sigma: Schedule,
    /// What weighs the perturbations.
    pub shaping: Shaping,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for QesConfig {
    fn default() -> Self {
        Self { pairs: 25, sigma: 0.1.into(), shaping: Shaping::ZScores, draws: DataDraws::Shared }
    }
}

/// QES as an optimizer. See the [module documentation](self) for equations.
pub type Qes = GradientDescent<QesEstimator, Box<dyn Descent>>;

/// The gradient estimate of QES: that of OpenES from z-scores.
pub type QesEstimator = PresetEstimator<QesConfig>;

impl Preset for QesConfig {
    const META: Meta = OpenEsEstimator::META
        .id("qes")
        .summary("`open-es` with z-scores and plain gradient descent, for the integer codes of a quantised model. Only seeds are held.")
        .citation("Xu et al. 2026, arXiv:2602.03120")
        .capabilities(OpenEsEstimator::META.capabilities.rank_based(false).beats_random(false).in_place(true));
    type Of = OpenEsEstimator;

    fn capabilities(of: Capabilities) -> Capabilities {
        // Its steps are made for codes, one at a time.
        of.beats_random(false)
    }

    fn settings(self) -> OpenEsConfig {
        let Self { pairs, sigma, shaping, draws } = self;
        OpenEsConfig { pairs, sigma, shaping, draws, sampler: Sampler::Normal }
    }

    fn default_descent() -> Spec {
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), json!(0.1))].into_iter().collect() }
    }
}

register!(Qes);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Optimizer, Space, registry};

    fn bowl(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum()
    }

    /// x − α / (2 σ N) Σ (c⁺ − c⁻) ε with normalised losses c, on the same noise.
    #[test]
    fn a_step_is_that_of_the_paper() {
        let (space, key, sigma, rate, pairs) = (Space::real(4).unwrap(), Key::new(5), 0.3, 0.07, 3);
        let noise: Vec<Vec<f64>> = (0..pairs)
            .map(|k| {
                let mut e = space.zeros().unwrap();
                Sampler::Normal.fill(key.fold(0).member(k), &mut e).unwrap();
                e.to_vec1().unwrap()
            })
            .collect();
        let losses: Vec<f64> =
            noise.iter().flat_map(|e| [sigma, -sigma].map(|s| bowl(&e.iter().map(|e| s * e).collect::<Vec<_>>()))).collect();
        let mean = losses.iter().sum::<f64>() / 6.0;
        let deviation = (losses.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / 6.0).sqrt();
        let mut x = [0.0; 4];
        for (e, f) in noise.iter().zip(losses.chunks(2)) {
            let weight = (f[0] - f[1]) / deviation / (2.0 * sigma * pairs as f64);
            x.iter_mut().zip(e).for_each(|(x, e)| *x -= rate * weight * e);
        }
        let spec = Spec::new("qes").with("pairs", pairs).unwrap().with("sigma", sigma).unwrap();
        let mut qes: Box<dyn Optimizer> =
            registry::build(&spec.with("descent.name", "sgd").unwrap().with("descent.rate", rate).unwrap(), &space, key).unwrap();
        assert_eq!(qes.step(&mut Function::new(space.clone(), bowl)).unwrap().evaluations, 6);
        let got: Vec<f64> = qes.answer().unwrap().to_vec1().unwrap();
        assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?} {x:?}");
    }
}
