//! ES at scale: an evolution strategy of few candidates and plain steps, as large language models were tuned with.
//!
//! ```text
//! Z_i = (f_i − mean f) / deviation f           i = 1..N, N = 2 · pairs = 30;  f_i = f(x ± σ ε_k), ε_k ~ N(0, I)
//! x   ← x − α / N · Σ_i Z_i (± ε_k)
//! ```
//!
//! x, ε_k: \[d\]. In words of [`open-es`](crate::open_es), of which this is a preset with `shaping` z-scores: ĝ = 1 / (2 σ pairs) Σ_k (Z_2k − Z_2k+1) ε_k
//! and x ← x − η ĝ, plain gradient descent with η = α σ.
//!
//! Source: Qiu et al. 2025, arXiv:2509.24372.
//! Differs from the paper: candidates are mirrored pairs, 15 of them, where the paper draws 30 independent ones; and Z is of losses, with the
//! sign turned, where it has rewards. Its σ = 1e-3 and α = σ / 2 = 5e-4 are in units of the parameters of language models, which deviate by
//! about 0.02; one unit of a search coordinate is such a deviation, so that σ = 1e-3 / 0.02 = 0.05 and α = 0.025 here, and the rate is
//! η = α σ = σ² / 2 = 0.00125: change both together.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round; no state beside the point and the descent's; no scratch of size d, but d numbers with
//! `clip-up` or a smoothed sampler.
//!
//! Take it when a large model is tuned by a reward that has no slope, from where it is good already: a step is as long whatever the unit of the
//! loss, and α / √N or so in every search coordinate, which is little. Otherwise take `open-es`, which goes further in a step: that this one
//! beats random search is not promised, as 10,000 evaluations may be too few for it to arrive anywhere.
//!
//! Tune first: `sigma`, and `descent.rate` with it; `pairs`, more where rewards are noisy.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("es-at-scale"), &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/es-at-scale.md")]

use moths_core::{
    Sampler, Schedule, Spec,
    optimizer::{Capabilities, DataDraws, Descent, GradientDescent, Meta, NamedEstimator, Preset, PresetEstimator},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{OpenEsConfig, OpenEsEstimator, Shaping};

/// Settings of [`EsAtScale`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EsAtScaleConfig {
    /// Pairs of candidates a step: half of N.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// σ, the deviation of the perturbations in search coordinates.
    pub sigma: Schedule,
    /// The distribution of ε.
    pub sampler: Sampler,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for EsAtScaleConfig {
    fn default() -> Self {
        Self { pairs: 15, sigma: 0.05.into(), sampler: Sampler::Normal, draws: DataDraws::Shared }
    }
}

/// ES at scale as an optimizer. See the [module documentation](self) for equations.
pub type EsAtScale = GradientDescent<EsAtScaleEstimator, Box<dyn Descent>>;

/// The gradient estimate of ES at scale: that of OpenES from z-scores.
pub type EsAtScaleEstimator = PresetEstimator<EsAtScaleConfig>;

impl Preset for EsAtScaleConfig {
    const META: Meta = OpenEsEstimator::META
        .id("es-at-scale")
        .summary(
            "`open-es` with z-scores of 30 candidates and plain short steps, as language models were tuned. Only seeds are held.",
        )
        .citation("Qiu et al. 2025, arXiv:2509.24372")
        .capabilities(OpenEsEstimator::META.capabilities.rank_based(false).beats_random(false).in_place(true));
    type Of = OpenEsEstimator;

    fn capabilities(of: Capabilities) -> Capabilities {
        of.beats_random(false)
    }

    fn settings(self) -> OpenEsConfig {
        let Self { pairs, sigma, sampler, draws } = self;
        OpenEsConfig { pairs, sigma, shaping: Shaping::ZScores, sampler, draws }
    }

    fn default_descent() -> Spec {
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), 0.00125.into())].into_iter().collect() }
    }
}

register!(EsAtScale);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Optimizer, Space, optimizer::Algorithm};

    fn bowl(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum()
    }

    /// θ ← θ + α / N Σ Z_n ε_n with rewards −f, on the same noise; from the third step on one of its candidates fails, and the mean is over the
    /// other pairs.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key, sigma, alpha) = (Space::real(4).unwrap(), Key::new(9), 0.05, 0.025);
        let mut es = <EsAtScale as Algorithm>::new(Default::default(), &space, key).unwrap();
        let mut x = vec![0.0; 4];
        for step in 0..4 {
            let noise: Vec<Vec<f64>> = (0..15)
                .flat_map(|k| {
                    let mut z = space.zeros().unwrap();
                    Sampler::Normal.fill(key.fold(step).fold(k), &mut z).unwrap();
                    let z: Vec<f64> = z.to_vec1().unwrap();
                    [z.clone(), z.iter().map(|z| -z).collect()]
                })
                .collect();
            let points: Vec<Vec<f64>> = noise.iter().map(|e| x.iter().zip(e).map(|(x, e)| x + sigma * e).collect()).collect();
            let highest = points.iter().map(|p| bowl(p)).fold(0.0, f64::max);
            let limit = if step < 2 { f64::INFINITY } else { highest * (1.0 - 1e-9) };
            let rewards: Vec<f64> = points.iter().map(|p| -bowl(p)).collect();
            let valid: Vec<f64> = rewards.iter().copied().filter(|r| -r < limit).collect();
            let n = valid.len() as f64;
            let mean = valid.iter().sum::<f64>() / n;
            let deviation = (valid.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n).sqrt();
            let pairs = (0..15).filter(|k| -rewards[2 * k] < limit && -rewards[2 * k + 1] < limit).collect::<Vec<_>>();
            let candidates: Vec<usize> = pairs.iter().flat_map(|k| [2 * k, 2 * k + 1]).collect();
            for i in &candidates {
                let z = (rewards[*i] - mean) / deviation;
                (0..4).for_each(|j| x[j] += alpha / candidates.len() as f64 * z * noise[*i][j]);
            }
            assert_eq!(candidates.len(), if step < 2 { 30 } else { 28 });
            let loss = move |x: &[f64]| if bowl(x) < limit { bowl(x) } else { f64::NAN };
            es.step(&mut Function::new(space.clone(), loss)).unwrap();
            let got: Vec<f64> = es.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-10), "{step}: {got:?} {x:?}");
        }
    }

    /// Bit for bit, so that nothing needs to be said of it that is not said of `open-es`.
    #[test]
    fn it_is_a_preset() {
        let space = Space::real(6).unwrap();
        let descent = serde_json::json!({ "name": "sgd", "rate": 0.00125 });
        let spec = Spec::new("open-es").with("pairs", 15).unwrap().with("sigma", 0.05).unwrap();
        let spec = spec.with("shaping", "z_scores").unwrap().with("descent", descent).unwrap();
        let run = |spec: Spec| -> Vec<f64> {
            let mut optimizer = moths_core::registry::build(&spec, &space, Key::new(3)).unwrap();
            let mut objective = Function::new(space.clone(), bowl);
            (0..4).for_each(|_| assert!(optimizer.step(&mut objective).is_ok()));
            optimizer.answer().unwrap().to_vec1().unwrap()
        };
        assert_eq!(run(Spec::new("es-at-scale")), run(spec));
    }
}
