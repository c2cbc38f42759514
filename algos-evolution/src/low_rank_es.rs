//! EGGROLL: an evolution strategy whose perturbation of every weight matrix is of low rank, from keys alone.
//!
//! ```text
//! E_k = A_k B_kᵀ / √r             for every matrix [m, n] of the model;  A_k: [m, r], B_k: [n, r], all N(0, 1)
//! ĝ = 1 / (2 σ pairs) · Σ_k (u(x + σ E_k) − u(x − σ E_k)) E_k
//! x ← descent(x, ĝ)               Adam by default
//! ```
//!
//! with u the z-score of a candidate's loss among all of the step: the loss less the mean, divided by the deviation. Leaves that are no
//! matrices, and matrices too narrow for the rank, have normal noise. The sum ĝ is of rank min(pairs · r, m, n), so that the point moves in
//! all directions although each perturbation is of r.
//!
//! This is the estimator of [`open-es`](crate::open_es) with the sampler `low-rank` and `shaping` z-scores: a preset.
//! Source: Sarkar et al. 2025, arXiv:2511.16652.
//! Differs from the paper: the size of ĝ, by the factor σ / √pairs that a descent like Adam does not see. How a candidate is evaluated is the
//! objective's: networks of `moths-nn` add the low-rank product to the activations, as the paper does; others have its weights written.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round; for a matrix and candidate r (m + n) normal numbers, beside m n that the
//! products overwrite; no state beside the point and the descent's; scratch of r (m + n) numbers for a matrix and pair, and d
//! with `clip-up`.
//!
//! Take it for large networks of `moths-nn` (docs/populations.md), where a candidate takes less time than a plain forward pass, or where perturbations
//! should be of low rank, as EGGROLL has them. The optimizer itself takes as long as `open-es` (docs/step-costs.md), which is the same with
//! normal noise and ranks; take that one otherwise.
//!
//! Tune first: `descent.rate`, falling towards the end; `sigma`, large enough that losses differ by more than their noise; `pairs`, more
//! where ĝ is of too low a rank or too noisy.
//!
//! ```
//! use moths_core::{Function, Key, Leaf, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::new(vec![Leaf::real("weight", [3, 4])])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("low-rank-es").with("rank", 1)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! assert!(optimizer.step(&mut objective)?.loss < 0.1 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/low-rank-es.md")]

use moths_core::{
    Sampler, Schedule,
    optimizer::{DataDraws, Descent, GradientDescent, Meta, NamedEstimator, Preset, PresetEstimator},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{OpenEsConfig, OpenEsEstimator, Shaping};

/// Settings of [`LowRankEs`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LowRankEsConfig {
    /// Pairs of candidates a step: half the population.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// σ, the deviation of the perturbations in search coordinates.
    pub sigma: Schedule,
    /// r, the rank of the perturbation of a matrix.
    #[schemars(range(min = 1, max = 1000))]
    pub rank: usize,
    /// What weighs the perturbations.
    pub shaping: Shaping,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for LowRankEsConfig {
    fn default() -> Self {
        Self { pairs: 16, sigma: 0.1.into(), rank: 1, shaping: Shaping::ZScores, draws: DataDraws::Shared }
    }
}

/// EGGROLL as an optimizer. See the [module documentation](self) for equations.
pub type LowRankEs = GradientDescent<LowRankEsEstimator, Box<dyn Descent>>;

/// The gradient estimate of EGGROLL: that of OpenES from other noise.
pub type LowRankEsEstimator = PresetEstimator<LowRankEsConfig>;

impl Preset for LowRankEsConfig {
    const META: Meta = OpenEsEstimator::META
        .id("low-rank-es")
        .summary("EGGROLL: `open-es` with perturbations of low rank for every matrix, and z-scores instead of ranks. Only seeds are held.")
        .citation("Sarkar et al. 2025, arXiv:2511.16652")
        .capabilities(OpenEsEstimator::META.capabilities.rank_based(false));
    type Of = OpenEsEstimator;

    fn settings(self) -> OpenEsConfig {
        let Self { pairs, sigma, rank, shaping, draws } = self;
        OpenEsConfig { pairs, sigma, shaping, sampler: Sampler::LowRank { rank }, draws }
    }
}

register!(LowRankEs);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Leaf, Optimizer, Space, Spec, optimizer::Estimator, registry};

    /// The estimate of the paper from the same matrices, up to its factor, and that they are of rank 1.
    #[test]
    fn one_estimate_is_that_of_the_paper() {
        let space = Space::with_dtype(vec![Leaf::real("weight", [3, 4])], candle_core::DType::F64).unwrap();
        let (key, sigma, pairs) = (Key::new(5), 0.3, 3);
        let bowl = |x: &[f64]| x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum::<f64>();
        let noise: Vec<Vec<f64>> = (0..pairs)
            .map(|k| {
                let mut e = space.zeros().unwrap();
                Sampler::LowRank { rank: 1 }.over(&space).fill(key.fold(0).member(k), &mut e).unwrap();
                e.to_vec1().unwrap()
            })
            .collect();
        assert!(noise.iter().all(|e| (e[0] * e[5] - e[1] * e[4]).abs() < 1e-12 && (e[2] * e[11] - e[3] * e[10]).abs() < 1e-12));
        let losses: Vec<f64> =
            noise.iter().flat_map(|e| [sigma, -sigma].map(|s| bowl(&e.iter().map(|e| s * e).collect::<Vec<_>>()))).collect();
        let mean = losses.iter().sum::<f64>() / 6.0;
        let deviation = (losses.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / 6.0).sqrt();
        let scores: Vec<f64> = losses.iter().map(|l| (l - mean) / deviation).collect();
        // √N mean(score · noise) over the N candidates, whose noise is σ E and −σ E.
        let paper = |j: usize| {
            let sum: f64 = (0..6).map(|i| scores[i] * if i % 2 == 0 { sigma } else { -sigma } * noise[i / 2][j]).sum();
            6f64.sqrt() * sum / 6.0
        };
        let config = LowRankEsConfig { pairs: pairs as usize, sigma: sigma.into(), ..LowRankEsConfig::default() };
        let mut estimator = LowRankEsEstimator::new(config, &space, key).unwrap();
        let estimate = estimator.estimate(&space.start(), &mut Function::new(space.clone(), bowl)).unwrap();
        let got: Vec<f64> = estimate.gradient.unwrap().dense().unwrap().to_vec1().unwrap();
        let factor = 6f64.sqrt() * sigma * sigma;
        assert!(got.iter().enumerate().all(|(j, g)| (factor * g - paper(j)).abs() < 1e-12), "{got:?}");
    }

    /// Bit for bit, so that nothing needs to be said of it that is not said of `open-es`.
    #[test]
    fn it_is_a_preset() {
        let space = Space::new(vec![Leaf::real("weight", [6, 5]), Leaf::real("bias", [6])]).unwrap();
        let other =
            r#"{"name": "open-es", "sampler": {"low-rank": {"rank": 2}}, "shaping": "z_scores"}"#.parse::<Spec>().unwrap();
        let answer = |spec: &Spec| {
            let mut optimizer = registry::build(spec, &space, Key::new(1)).unwrap();
            let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
            for _ in 0..5 {
                optimizer.step(&mut objective).unwrap();
            }
            optimizer.answer().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(answer(&Spec::new("low-rank-es").with("rank", 2).unwrap()), answer(&other));
    }
}
