//! One evaluation a step: the difference of two steps' losses takes the place of the second evaluation.
//!
//! ```text
//! ĝ_t = r̂_t u_t,   r_t = (f(x_t + δ u_t) − f(x_{t−1} + δ u_{t−1})) / δ          u_t ~ N(0, I)
//! x_{t+1} = descent(x_t, ĝ_t)
//! ```
//!
//! x, u, ĝ: \[d\]. The other loss is as good as a constant as far as u_t is concerned, so that ĝ is the gradient of the blurred
//! function on average (see [`gaussian_smoothing`](crate::gaussian_smoothing)), and it is near enough to f(x_t) that r stays small.
//! The change of f(x) in a step enters r, and with it the last ĝ: steps must be short compared with δ, or noise feeds on itself. r̂
//! is r in units of its median over the first `calibration` residuals, in which x stays where it is, and is clipped, as in
//! [`spsa`](crate::spsa).
//!
//! Source: Zhang, Zhou, Ji & Zavlanos 2020, arXiv:2006.10820.
//! Differs from the paper: residuals are calibrated and clipped, and any descent takes the place of plain gradient descent. On a
//! stochastic objective the two losses are of different data, and their difference is noise; the same is true of the first residual
//! after the point was moved from outside.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 1 evaluation; no state of size d beside the point and the descent's; no scratch of size d, but d numbers with `clip-up`
//! or a smoothed sampler.
//!
//! Take it when no two losses of one step can be had, as of a system that moves on with every evaluation. Wherever two can, take `spsa` or
//! `gaussian-smoothing`: that this one beats random search is not promised.
//!
//! Tune first: `descent.rate`, lower until steps are short compared with δ; `delta`, larger where losses are noisier; `clip`, lower where a
//! residual throws it out.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("residual-feedback"), &space, Key::new(1))?;
//! for _ in 0..2000 {
//!     assert_eq!(optimizer.step(&mut objective)?.evaluations, 1);
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * 4.0);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/residual-feedback.md")]

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

use crate::slopes::{self, Unit};

/// Settings of [`ResidualFeedback`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ResidualFeedbackConfig {
    /// δ, the length of the perturbation in every search coordinate.
    pub delta: Schedule,
    /// Residuals from which their unit is taken, before the first move; 0: they stay in that of the loss.
    #[schemars(range(min = 0, max = 100))]
    pub calibration: usize,
    /// The largest residual in that unit; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub clip: f64,
    /// The distribution of u.
    pub sampler: Sampler,
}

impl Default for ResidualFeedbackConfig {
    fn default() -> Self {
        Self { delta: 0.1.into(), calibration: 10, clip: 3.0, sampler: Sampler::Normal }
    }
}

/// Residual feedback as an optimizer. See the [module documentation](self) for equations.
pub type ResidualFeedback = GradientDescent<ResidualFeedbackEstimator, Box<dyn Descent>>;

/// A gradient from one evaluation, and that of the step before.
pub struct ResidualFeedbackEstimator {
    config: ResidualFeedbackConfig,
    space: Space,
    clock: Clock,
    unit: Unit,
    /// The loss of the last step; +∞ when there is none.
    last: f64,
    /// Residuals while there is no unit.
    residuals: Vec<f64>,
}

impl NamedEstimator for ResidualFeedbackEstimator {
    const META: Meta = Meta::new(
        "residual-feedback",
        Family::Random,
        "A gradient from one evaluation a step and the loss of the step before.",
        "Zhang, Zhou, Ji & Zavlanos 2020, arXiv:2006.10820",
    )
    .capabilities(
        Capabilities::NONE.compares_steps(true).seeds_only(true).in_place(true).translation(true).state_per_parameter(0.0),
    );
    type Config = ResidualFeedbackConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let unit = Unit::new(config.calibration, config.clip);
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), unit, last: f64::INFINITY, residuals: vec![] })
    }

    fn evaluations_per_step(_config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(1)
    }

    fn default_descent() -> Spec {
        let rate = json!({ "power": { "from": 0.01, "offset": 1000.0, "exponent": 0.602 } });
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), rate)].into_iter().collect() }
    }
}

impl Estimator for ResidualFeedbackEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let (key, delta) = (self.clock.key(), self.config.delta.at(self.clock.step));
        let probe = Probe::new(key.member(0), delta);
        let loss = objective.losses(&Batch::seeded(at, self.config.sampler.over(&self.space), [probe]))?[0];
        let residual = if loss.is_finite() && self.last.is_finite() { (loss - self.last) / delta } else { f64::NAN };
        let terms = slopes::terms(&[residual], &self.unit, key, 1.0);
        let gradient = slopes::sum(terms, self.config.sampler, &self.space)?;
        self.calibrate(residual);
        self.last = loss;
        self.clock.tick();
        Ok(Estimate::new(loss, gradient, 1))
    }
}

impl ResidualFeedbackEstimator {
    fn calibrate(&mut self, residual: f64) {
        if self.unit.is_known() {
            self.unit = self.unit.after(&[residual]);
            return;
        }
        self.residuals.extend(residual.is_finite().then_some(residual));
        if self.residuals.len() >= self.config.calibration {
            self.unit = self.unit.after(&self.residuals);
            self.residuals.clear();
        }
    }
}

persist!(ResidualFeedbackEstimator { clock, unit, last, residuals in |estimator| 0..estimator.config.calibration.max(1) });
register!(ResidualFeedback);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Optimizer, optimizer::Algorithm};

    /// Three steps of the paper's formula with plain gradient descent.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key, delta, rate) = (Space::real(3).unwrap(), Key::new(3), 0.2, 0.01);
        let f = |x: &[f64]| x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * (x - 1.0).powi(2)).sum::<f64>();
        let estimator =
            ResidualFeedbackConfig { delta: delta.into(), calibration: 0, clip: 0.0, ..ResidualFeedbackConfig::default() };
        let descent = Spec::new("sgd").with("rate", rate).unwrap();
        let settings = moths_core::optimizer::GradientDescentConfig { estimator, descent };
        let mut optimizer = <ResidualFeedback as Algorithm>::new(settings, &space, key).unwrap();
        let (mut x, mut last) = (vec![0.0; 3], f64::NAN);
        for step in 0..4 {
            let mut u = space.zeros().unwrap();
            Sampler::Normal.fill(key.fold(step).fold(0), &mut u).unwrap();
            let u: Vec<f64> = u.to_vec1().unwrap();
            let loss = f(&x.iter().zip(&u).map(|(x, u)| x + delta * u).collect::<Vec<_>>());
            if step > 0 {
                x.iter_mut().zip(&u).for_each(|(x, u)| *x -= rate * u / delta * (loss - last));
            }
            last = loss;
            assert_eq!(optimizer.step(&mut Function::new(space.clone(), f)).unwrap().evaluations, 1);
            let got: Vec<f64> = optimizer.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?} {x:?}");
        }
    }
}
