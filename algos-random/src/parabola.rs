//! A parabola through three points of a random line, and the step to its lowest point.
//!
//! ```text
//! a = (f(x + h z) − 2 f(x) + f(x − h z)) / (2 h²)          b = (f(x + h z) − f(x − h z)) / (2 h)
//! t = −b / (2 a), kept in [−longest, longest]              where the line curves up (a > 0)
//! t = −step · sign(b)                                      where it does not
//! ĝ = −t z;   x ← descent(x, ĝ)                            by default x + t z
//! ```
//!
//! x, z, ĝ: \[d\]; a and b are the curvature and the slope along z. It is Newton's method on one line: no learning rate and no unit
//! of the loss has to be known, and on a quadratic every step goes to the lowest point of its line. In d dimensions the distance to
//! the minimum of a sphere then shrinks by √(1 − 1/d) a step, and slower where curvatures differ, since lines know nothing of each
//! other.
//!
//! Source: an idea of this project.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 3 evaluations in one round; no state of size d beside the point and the descent's; no scratch of size d, but d numbers
//! with `clip-up` or a smoothed sampler.
//!
//! Take it when the loss is nearly free of noise and smooth, and neither its unit nor a learning rate is known. Where curvatures differ
//! much take `spsa2`, which remembers them; with noise take `spsa`.
//!
//! Tune first: `h`, larger where losses are noisier, since the curvature divides their noise by h²; `longest`, how far a parabola is
//! believed; `step`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("parabola"), &space, Key::new(1))?;
//! for _ in 0..100 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 1e-3);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/parabola.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Result, Sampler, Schedule, Space, Spec,
    objective::Probe,
    optimizer::{Capabilities, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator, settings},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::slopes;

/// Settings of [`Parabola`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ParabolaConfig {
    /// h, how far apart the points are in every search coordinate.
    pub h: Schedule,
    /// The longest step to the lowest point of a parabola.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub longest: f64,
    /// The step where there is no lowest point.
    pub step: Schedule,
    /// The distribution of z.
    pub sampler: Sampler,
}

impl Default for ParabolaConfig {
    fn default() -> Self {
        Self { h: 0.1.into(), longest: 1.0, step: 0.1.into(), sampler: Sampler::Normal }
    }
}

/// Parabola as an optimizer. See the [module documentation](self) for equations.
pub type Parabola = GradientDescent<ParabolaEstimator, Box<dyn Descent>>;

/// The step to the lowest point of a line, as a gradient.
pub struct ParabolaEstimator {
    config: ParabolaConfig,
    space: Space,
    clock: Clock,
}

impl NamedEstimator for ParabolaEstimator {
    const META: Meta = Meta::new(
        "parabola",
        Family::Random,
        "A parabola through three points of a random line, and the step to its lowest point.",
        "an idea of this project",
    )
    .capabilities(Capabilities::NONE.seeds_only(true).translation(true).beats_random(true).state_per_parameter(0.0));
    type Config = ParabolaConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key) })
    }

    fn evaluations_per_step(_config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(3)
    }

    fn default_descent() -> Spec {
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), json!(1.0))].into_iter().collect() }
    }
}

impl Estimator for ParabolaEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let (seed, sampler) = (self.clock.key().member(0), self.config.sampler);
        let (h, step) = (self.config.h.at(self.clock.step), self.config.step.at(self.clock.step));
        let probes = [0.0, h, -h].map(|scale| Probe::new(seed, scale));
        let losses = objective.losses(&Batch::seeded(at, sampler.over(&self.space), probes))?;
        let t = lowest([losses[0], losses[1], losses[2]], h, self.config.longest, step);
        let terms: Vec<_> = t.filter(|t| *t != 0.0).map(|t| (seed, -t)).into_iter().collect();
        let gradient = slopes::sum(terms, sampler, &self.space)?;
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient, 3))
    }
}

/// t, from the losses at 0, h and −h; `None` when it is not known which way is down.
fn lowest([middle, right, left]: [f64; 3], h: f64, longest: f64, step: f64) -> Option<f64> {
    // Of a line with an end that failed only the other way is left.
    let down = if right.is_finite() || left.is_finite() { right.partial_cmp(&left)? } else { return None };
    let against = |step: f64| match down {
        std::cmp::Ordering::Less => step,
        std::cmp::Ordering::Equal => 0.0,
        std::cmp::Ordering::Greater => -step,
    };
    // 2 h² a and 2 h b.
    let (curvature, slope) = (right - 2.0 * middle + left, right - left);
    if curvature > 0.0 && curvature.is_finite() && slope.is_finite() {
        return Some((-0.5 * h * (slope / curvature)).clamp(-longest, longest));
    }
    Some(against(step))
}

persist!(ParabolaEstimator { clock });
register!(Parabola);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Optimizer, optimizer::Algorithm};

    #[test]
    fn it_finds_the_lowest_point_of_a_line_or_goes_down() {
        let on = |f: fn(f64) -> f64| lowest([f(0.0), f(0.5), f(-0.5)], 0.5, 2.0, 0.1);
        assert!((on(|t| 3.0 * (t - 1.25).powi(2) + 7.0).unwrap() - 1.25).abs() < 1e-12);
        assert_eq!(on(|t| 3.0 * (t + 100.0).powi(2)), Some(-2.0), "no further than it may");
        assert_eq!(on(|t| -t * t - t), Some(0.1));
        assert_eq!(on(|t| 2.0 * t), Some(-0.1));
        assert_eq!(on(|_| 1.0), Some(0.0));
        assert_eq!(on(|t| if t > 0.0 { f64::INFINITY } else { t }), Some(-0.1));
        assert_eq!(on(|_| f64::INFINITY), None);
    }

    /// Every step goes to the lowest point of its line, worked out from the gradient and the Hessian.
    #[test]
    fn on_a_quadratic_steps_are_exact() {
        let (space, key, weights) = (Space::real(4).unwrap(), Key::new(6), [1.0, 2.0, 3.0, 4.0]);
        let config = moths_core::optimizer::GradientDescentConfig {
            estimator: ParabolaConfig { longest: 100.0, ..Default::default() },
            descent: ParabolaEstimator::default_descent(),
        };
        let mut parabola = <Parabola as Algorithm>::new(config, &space, key).unwrap();
        let mut objective = Function::new(space.clone(), |x| x.iter().zip(weights).map(|(x, w)| w * (x - 1.0) * (x - 1.0)).sum());
        let mut x = [0.0; 4];
        for step in 0..5 {
            let mut z = space.zeros().unwrap();
            Sampler::Normal.fill(key.fold(step).fold(0), &mut z).unwrap();
            let z: Vec<f64> = z.to_vec1().unwrap();
            let slope: f64 = (0..4).map(|i| 2.0 * weights[i] * (x[i] - 1.0) * z[i]).sum();
            let curvature: f64 = (0..4).map(|i| 2.0 * weights[i] * z[i] * z[i]).sum();
            (0..4).for_each(|i| x[i] -= slope / curvature * z[i]);
            parabola.step(&mut objective).unwrap();
            let got: Vec<f64> = parabola.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-10), "{got:?} {x:?}");
        }
    }
}
