//! HiZOO: gradient descent from three evaluations, scaled by a diagonal of curvatures that the same evaluations teach.
//!
//! ```text
//! ℓ = f(x),  ℓ± = f(x ± c S z)                 z ~ N(0, I),  S = H^(−1/2) element by element, H = 1 at first
//! p = (ℓ+ − ℓ−) / (2 c)
//! h = |ℓ+ + ℓ− − 2 ℓ| / (2 c²) · H z²
//! H ← (1 − a) H + a h                          a: `smoothing`; that is S ← S / √(1 − a + a |ℓ+ + ℓ− − 2 ℓ| / (2 c²) z²)
//! ĝ = p̂ S z                                    with the new S;  x ← descent(x, ĝ), x − η ĝ by default
//! ```
//!
//! x, z, H, S, h, ĝ: \[d\]. p̂ is p in units of the first slopes, and clipped; the second difference is in that unit too, so that the unit of
//! the loss does not matter. With several `pairs`, ĝ is the mean over them, and H learns from one after another, each with a / pairs. On
//! a quadratic with curvatures A_i, H comes to (d/2 + 1) A_i / U on average: in proportion to them, so that narrow directions are
//! searched in short steps and wide ones in long ones. S is what is held.
//!
//! Source: Zhao et al. 2024, arXiv:2402.15173.
//! Differs from the paper: p and the second difference are divided by the unit of `calibration`, p is limited to `clip` of it and c falls with
//! the step (see [`mezo`](crate::mezo)); any descent takes the place of plain gradient descent; S is kept in \[1e-6, 10\] and in one step grows or
//! shrinks to a third at most, so that one loss that blew up does not stop the search; a pair that failed teaches nothing, and where f(x)
//! failed H stays. The paper has a = 1e-8, with which H stays 1 in as many steps as anybody takes here, but where second differences
//! are enormous; 0.03 follows the curvature in a hundred steps. With it and a rate of 0.5, 20,000 evaluations bring an ellipsoid of 10
//! dimensions, curvatures from 1 to 100, to 1e-31 (`mezo`: 0.15), and Rosenbrock in 10 to 5.3 (8.9); a sphere in 50 to 2e-7 (2e-24), and a
//! matrix of 20 × 20, curvatures from 1 to 7, to 29 (0.03): in many dimensions H is mostly noise. Its ε = 1e-3 and η = 1e-6 are c = 1e-3 / 0.02 = 0.05 and η = 1e-6 / 0.02²
//! = 0.0025 here, where one unit of a search coordinate is the deviation of 0.02 that parameters of language models have, with `calibration:
//! "paper"`, which is neither unit nor limit.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs + 1 evaluations in one round, 2 · max(pairs, calibration) + 1 in the first; 1 number of state per parameter beside the
//! point and the descent's; scratch of 2 d numbers: the next S and ĝ.
//!
//! Take it when curvatures differ from coordinate to coordinate by factors, and one number a parameter can be held. Otherwise take `mezo` or
//! `spsa`; `spsa2` learns scales as well, and more of them.
//!
//! Tune first: `descent.rate`, lower where the loss rises; `smoothing`, lower where losses are noisy; `c`, large enough that losses differ by
//! more than their noise: second differences need more of it than slopes.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| (1..).zip(x).map(|(i, x)| (i * i) as f64 * (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("hizoo"), &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! assert!(optimizer.step(&mut objective)?.loss < 0.1 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/hizoo.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Result, Sampler, Schedule, Space, Spec, kernel,
    noise::{Gradient, Perturbation},
    objective::Probe,
    optimizer::{Capabilities, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator, settings},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::slopes::{self, Calibration, Unit};

/// Settings of [`Hizoo`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HizooConfig {
    /// c, the length of the perturbation in units of S (the paper's ε or μ).
    pub c: Schedule,
    /// Pairs of candidates a step, averaged; the point itself is one more.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// a, how much of H a step replaces (the paper's α).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub smoothing: f64,
    /// Pairs of the first step, from which the unit of slopes is taken; 0: they stay in that of the loss; `"paper"`: also no clipping.
    pub calibration: Calibration,
    /// The steepest slope a pair may have, in that unit; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub clip: f64,
}

impl Default for HizooConfig {
    fn default() -> Self {
        Self { c: Schedule::power(0.05, 100.0, 0.5), pairs: 1, smoothing: 0.03, calibration: 10.into(), clip: 1.0 }
    }
}

/// HiZOO as an optimizer. See the [module documentation](self) for equations.
pub type Hizoo = GradientDescent<HizooEstimator, Box<dyn Descent>>;

/// The gradient estimate of HiZOO.
pub struct HizooEstimator {
    config: HizooConfig,
    space: Space,
    clock: Clock,
    unit: Unit,
    s: CowTensor,
}

// Within these limits S stays, and one step multiplies H by these at most. `keep` = 1 − a, `h` = a |ℓ+ + ℓ− − 2 ℓ| / (2 c²).
kernel! { fn learn(s: inout, z: normal, keep: num, h: num) {
    s = clamp(s / sqrt(clamp(keep + h * z * z, 0.1, 10.0)), 1e-6, 10.0);
} }

impl NamedEstimator for HizooEstimator {
    const META: Meta = Meta::new(
        "hizoo",
        Family::Random,
        "A gradient from three evaluations, scaled by a diagonal of curvatures learnt from the same ones.",
        "Zhao et al. 2024, arXiv:2402.15173",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).in_place(true).translation(true).beats_random(true).state_per_parameter(1.0),
    )
    .size("pairs");
    type Config = HizooConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let unit = config.calibration.unit(config.clip);
        let s = CowTensor::new(space.zeros()?.affine(1.0, 1.0)?);
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), unit, s })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.pairs as u64 + 1)
    }

    fn default_descent() -> Spec {
        let rate = json!({ "power": { "from": 0.5, "offset": 1000.0, "exponent": 0.602 } });
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), rate)].into_iter().collect() }
    }
}

impl Estimator for HizooEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let (key, c, pairs) = (self.clock.key(), self.config.c.at(self.clock.step), self.unit.pairs(self.config.pairs));
        let probe = |k: usize, scale: f64| Probe::new(key.member(k as u64), scale);
        let probes: Vec<Probe> =
            std::iter::once(probe(0, 0.0)).chain((0..pairs).flat_map(|k| [probe(k, c), probe(k, -c)])).collect();
        let losses = objective.losses(&Batch::seeded(at, self.noise(&self.s), probes))?;
        let (here, around) = (losses[0], &losses[1..]);
        let slopes = slopes::of_pairs(around, c);
        let unit = self.unit.after(&slopes);
        let mut s = self.s.clone();
        for (k, bend) in bends(here, around, c).enumerate().filter(|_| unit.is_known()) {
            let a = self.config.smoothing / pairs as f64;
            let bend = bend / unit.value();
            if bend.is_finite() {
                learn(&mut s, key.fold(k as u64), 1.0 - a, a * bend)?;
            }
        }
        let terms = slopes::terms(&slopes, &unit, key, 1.0);
        let gradient = if terms.is_empty() { None } else { Some(Gradient::drawn(self.noise(&s), terms, &self.space)?) };
        let estimate = Estimate::new(losses.lowest(), gradient, losses.len() as u64);
        (self.unit, self.s) = (unit, s);
        self.clock.tick();
        Ok(estimate)
    }
}

impl HizooEstimator {
    /// S z.
    fn noise(&self, s: &CowTensor) -> Perturbation {
        Sampler::Normal.over(&self.space).scaled_by(s)
    }
}

/// |ℓ+ + ℓ− − 2 ℓ| / (2 c²) of each pair; not finite where one of the three failed.
fn bends(here: f64, around: &[f64], c: f64) -> impl Iterator<Item = f64> + '_ {
    around.chunks_exact(2).map(move |pair| ((pair[0] - here) + (pair[1] - here)).abs() / (2.0 * c * c))
}

persist!(HizooEstimator { clock, unit, s });
register!(Hizoo);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Optimizer, optimizer::Algorithm};

    fn cubic(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * x * x + x * x * x - x).sum()
    }

    fn normal(space: &Space, key: Key) -> Vec<f64> {
        let mut z = space.zeros().unwrap();
        Sampler::Normal.fill(key, &mut z).unwrap();
        z.to_vec1().unwrap()
    }

    /// Algorithm 1 of the paper with its diagonal H, on the same noise.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key, c, a, rate) = (Space::real(5).unwrap(), Key::new(4), 0.2, 0.02, 0.02);
        let estimator = HizooConfig { c: c.into(), smoothing: a, calibration: Calibration::PAPER, ..HizooConfig::default() };
        let descent = Spec::new("sgd").with("rate", rate).unwrap();
        let settings = moths_core::optimizer::GradientDescentConfig { estimator, descent };
        let mut hizoo = <Hizoo as Algorithm>::new(settings, &space, key).unwrap();
        let (mut x, mut h) = (vec![0.0; 5], vec![1.0; 5]);
        for step in 0..4 {
            let z = normal(&space, key.fold(step).fold(0));
            let at = |c: f64| cubic(&(0..5).map(|i| x[i] + c * z[i] / f64::sqrt(h[i])).collect::<Vec<_>>());
            let (up, down, here) = (at(c), at(-c), at(0.0));
            for i in 0..5 {
                let estimate = (up + down - 2.0 * here).abs() / (2.0 * c * c) * h[i] * z[i] * z[i];
                h[i] = (1.0 - a) * h[i] + a * estimate;
            }
            let p = (up - down) / (2.0 * c);
            (0..5).for_each(|i| x[i] -= rate * p * z[i] / h[i].sqrt());
            assert_eq!(hizoo.step(&mut Function::new(space.clone(), cubic)).unwrap().evaluations, 3);
            let got: Vec<f64> = hizoo.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{step}: {got:?} {x:?}");
        }
    }

    #[test]
    fn what_failed_teaches_nothing() {
        let space = Space::real(3).unwrap();
        let mut hizoo = HizooEstimator::new(HizooConfig::default(), &space, Key::new(1)).unwrap();
        let at = space.start();
        let mut look = |loss: fn(&[f64]) -> f64| {
            let estimate = hizoo.estimate(&at, &mut Function::new(space.clone(), loss)).unwrap();
            (estimate.gradient.is_some(), hizoo.s.to_vec1::<f64>().unwrap())
        };
        assert_eq!(look(|_| f64::NAN), (false, vec![1.0; 3]));
        // The point itself fails, and all around it does not: a slope, and no curvature.
        assert_eq!(look(|x| if x[0] == 0.0 { f64::NAN } else { x[0] }), (true, vec![1.0; 3]));
        assert_eq!(look(|x| if x[0] > 0.0 { f64::NAN } else { x[0] }), (false, vec![1.0; 3]));
        let (gradient, s) = look(|x| 1e30 * x[0] * x[0]);
        assert!(gradient && s.iter().all(|s| (0.3..=1.1).contains(s)) && s != [1.0; 3], "{s:?}");
    }

    /// Along a quadratic H comes to be in proportion to its curvatures.
    #[test]
    fn the_scales_of_a_quadratic_are_learnt() {
        let space = Space::real(4).unwrap();
        let curved = |x: &[f64]| x.iter().zip([1.0, 1.0, 100.0, 100.0]).map(|(x, a)| a * x * x + x).sum::<f64>();
        let mut hizoo = HizooEstimator::new(HizooConfig::default(), &space, Key::new(2)).unwrap();
        let (at, mut objective, mut logs) = (space.start(), Function::new(space.clone(), curved), [0.0; 4]);
        for step in 0..2000 {
            hizoo.estimate(&at, &mut objective).unwrap();
            if step >= 500 {
                let s = hizoo.s.to_vec1::<f64>().unwrap();
                (0..4).for_each(|i| logs[i] -= 2.0 * s[i].log10() / 1500.0);
            }
        }
        let apart = (logs[2] + logs[3] - logs[0] - logs[1]) / 2.0;
        assert!((apart - 2.0).abs() < 0.4, "H is 100 times as large, or its logarithm by 2: {apart} of {logs:?}");
    }
}
