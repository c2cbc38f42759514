//! QZO: zeroth-order fine-tuning of a quantised model by the scales of its blocks.
//!
//! ```text
//! s_k = (f(x + c z_k) − f(x − c z_k)) / (2 c)          k = 1..pairs; z_k ~ N(0, I) follows from a seed
//! x ← x − η · mean of ŝ_k z_k                          ŝ_k = s_k in units of the first slopes, clipped
//! ```
//!
//! x, z_k: \[d\]. Over the scales of a file ([`GgufOptions::scales`](moths_core::objective::model::gguf::GgufOptions::scales)) x are displacements of
//! the blocks' factors relative to themselves: a candidate has d (1 ± c z), and a step leaves d (1 − η ŝ z), rounded to f16 by chance. c = 0.02 is
//! two percent of every scale; a step is never longer than η · clip in units of z, two percent at first. Over any other space it is what the
//! equations say, in search coordinates.
//!
//! This is the estimator of [`spsa`](crate::spsa) with normal directions, plain gradient descent, and gains for scales: a preset. With those of
//! [`mezo`](crate::mezo) it takes the same path.
//! Source: Shang et al. 2025, arXiv:2505.13430.
//! Differs from the paper: factors move in proportion to themselves; the limit on a slope, the paper's clipping of the directional derivative, is in
//! units of the first ones (`calibration`), as no constant suits two losses; several pairs may be averaged.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round, 2 · max(pairs, calibration) in the first; no state of size d beside the point, and in place
//! no point either.
//!
//! Take it when a quantised model in a GGUF file is to be tuned in the memory that running it takes. Where its integer codes should move, take `qes`; for
//! parameters that are floats, `mezo`.
//!
//! Tune first: `descent.rate`, lower where the loss rises; `c`, large enough that losses differ by more than their noise, and 0.001 at least, as an f16 shows
//! no less; `pairs`, more for steps that are less noisy.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("qzo").with("pairs", 2)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/qzo.md")]

use moths_core::{
    Sampler, Schedule, Spec,
    optimizer::{Capabilities, DataDraws, Descent, GradientDescent, Meta, NamedEstimator, Preset, PresetEstimator},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Calibration, SpsaConfig, SpsaEstimator};

/// Settings of [`Qzo`], beside its `descent`: some of those of [`SpsaConfig`], with other values.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct QzoConfig {
    /// c, the length of the perturbation in every search coordinate: of scales, a share of themselves.
    pub c: Schedule,
    /// Pairs of candidates a step, averaged.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// Pairs of the first step, from which the unit of slopes is taken; 0: they stay in that of the loss; `"paper"`: also no clipping.
    pub calibration: Calibration,
    /// The steepest slope a pair may have, in that unit; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub clip: f64,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for QzoConfig {
    fn default() -> Self {
        Self { c: 0.02.into(), pairs: 1, calibration: 10.into(), clip: 1.0, draws: DataDraws::Shared }
    }
}

/// QZO as an optimizer. See the [module documentation](self) for equations.
pub type Qzo = GradientDescent<QzoEstimator, Box<dyn Descent>>;

/// The gradient estimate of QZO: that of [`SpsaEstimator`] along normal directions.
pub type QzoEstimator = PresetEstimator<QzoConfig>;

impl Preset for QzoConfig {
    const META: Meta = SpsaEstimator::META
        .id("qzo")
        .summary("A clipped slope along one normal direction, for the scales of a quantised model: nothing but seeds is held.")
        .citation("Shang et al. 2025, arXiv:2505.13430")
        .capabilities(SpsaEstimator::META.capabilities.beats_random(false));
    type Of = SpsaEstimator;

    fn capabilities(of: Capabilities) -> Capabilities {
        // Its steps are made for scales, of a few percent.
        of.beats_random(false)
    }

    fn settings(self) -> SpsaConfig {
        let Self { c, pairs, calibration, clip, draws } = self;
        SpsaConfig { c, pairs, calibration, clip, draws, blocking: 0.0, sampler: Sampler::Normal }
    }

    fn default_descent() -> Spec {
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), json!(0.02))].into_iter().collect() }
    }
}

register!(Qzo);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Space, registry};

    fn bowl(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum()
    }

    /// x − η clip(s) z on the same noise, in the unit of the loss.
    #[test]
    fn a_step_is_that_of_the_paper() {
        let (space, key, c, rate, clip) = (Space::real(4).unwrap(), Key::new(3), 0.1, 0.05, 2.0);
        let spec = Spec::new("qzo").with("c", c).unwrap().with("calibration", 0).unwrap().with("clip", clip).unwrap();
        let mut qzo =
            registry::build(&spec.with("descent.name", "sgd").unwrap().with("descent.rate", rate).unwrap(), &space, key).unwrap();
        let (mut x, mut clipped) = (vec![0.0; 4], 0);
        for step in 0..20 {
            let mut z = space.zeros().unwrap();
            Sampler::Normal.fill(key.fold(step).member(0), &mut z).unwrap();
            let z: Vec<f64> = z.to_vec1().unwrap();
            let loss = |c: f64| bowl(&x.iter().zip(&z).map(|(x, z)| x + c * z).collect::<Vec<_>>());
            let slope = (loss(c) - loss(-c)) / (2.0 * c);
            clipped += usize::from(slope.abs() > clip);
            x.iter_mut().zip(&z).for_each(|(x, z)| *x -= rate * slope.clamp(-clip, clip) * z);
            qzo.step(&mut Function::new(space.clone(), bowl)).unwrap();
            let got: Vec<f64> = qzo.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?} {x:?}");
        }
        assert!(clipped > 0 && clipped < 20, "{clipped}");
    }

    /// The gains of `mezo` are its path.
    #[test]
    fn with_the_gains_of_mezo_it_is_mezo() {
        let space = Space::real(6).unwrap();
        let gains = Spec::new("mezo").with("c", 0.02).unwrap().with("rate", 0.02).unwrap();
        let [qzo, mezo] = [Spec::new("qzo"), gains].map(|spec| {
            let mut optimizer = registry::build(&spec, &space, Key::new(4)).unwrap();
            (0..10).for_each(|_| drop(optimizer.step(&mut Function::new(space.clone(), bowl)).unwrap()));
            optimizer.answer().unwrap().to_vec1::<f64>().unwrap()
        });
        assert!(qzo.iter().zip(&mezo).all(|(a, b)| (a - b).abs() < 1e-14), "{qzo:?} {mezo:?}");
    }
}
