//! FZOO: a gradient from one-sided differences, divided by the deviation of their losses.
//!
//! ```text
//! l_0 = f(x),  l_i = f(x + c u_i)                      i = 1..N; u_i ∈ {−1, +1}ᵈ follows from a seed
//! s² = Σ_i (l_i − mean l)² / (N − 1)
//! ĝ  = 1/N Σ_i r_i u_i,  r_i = (l_i − l_0) / s         kept in [−clip, clip]
//! x ← descent(x, ĝ)                                    x − η ĝ by default
//! ```
//!
//! x, u_i, ĝ: \[d\]; N is `candidates`. s is c times the length of the gradient where the function is nearly linear, so that ĝ is a direction
//! and η alone says how long a step is: steep places are left in short steps and flat ones in long ones, whatever the unit of the loss.
//!
//! Source: Dang et al. 2025, arXiv:2506.09034.
//! Differs from the paper: c and η fall with the step, r_i is limited, a candidate that failed counts for nothing (N is then the number of
//! the others), and any descent takes the place of plain gradient descent. With s = 0, or where f(x) failed, there is no step. The
//! limit matters near a minimum, where all l_i are higher than l_0 by the same curvature, and s says nothing of it: without, the point is
//! thrown out of where it has come to. The paper's ε = 1e-4 and η = 5e-5 are in units of the parameters of language models, which
//! deviate by about 0.02; one unit of a search coordinate is such a deviation, so that c = 1e-4 / 0.02 = 0.005 and η = 5e-5 / 0.02 =
//! 0.0025 here (ĝ has no unit: η is divided once, where that of `mezo` is divided twice), with `clip` = 0. They are not the defaults,
//! because problems of a few parameters want longer steps: c and η fall together, from 0.02 and 0.2 to a tenth of that over a run. On
//! spheres of 5 and 50 dimensions, ellipsoids and Rosenbrock, 20,000 evaluations, that ended lower than a constant c = 0.005 by a factor of
//! 1.5 to 5.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: N + 1 evaluations in one round; no state of size d beside the point and the descent's; no scratch of size d, but d numbers
//! with `clip-up` or a smoothed sampler.
//!
//! Take it when a model is tuned in the memory that evaluating it takes, candidates of a step can be evaluated together, and no rate is
//! known: no unit of slopes has to be found. Where two evaluations a step are wanted take `mezo`; where a step may be long `open-es`.
//!
//! Tune first: `descent.rate`, lower where the loss rises; `candidates`, more where losses are noisy; `c`, large enough that losses differ
//! by more than their noise.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("fzoo"), &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..200 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/fzoo.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Result, Sampler, Schedule, Space, Spec,
    objective::Probe,
    optimizer::{Capabilities, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator, settings},
    persist,
    persist::Clock,
    register,
    rng::Seed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::slopes;

/// Settings of [`Fzoo`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FzooConfig {
    /// c, the length of the perturbation in every search coordinate (the paper's ε).
    pub c: Schedule,
    /// N, candidates a step beside the point itself.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub candidates: usize,
    /// The largest difference to the loss of the point, in deviations of the candidates' losses; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub clip: f64,
    /// The distribution of u.
    pub sampler: Sampler,
}

impl Default for FzooConfig {
    fn default() -> Self {
        Self { c: Schedule::power(0.02, None, 1.0), candidates: 8, clip: 3.0, sampler: Sampler::Rademacher }
    }
}

/// FZOO as an optimizer. See the [module documentation](self) for equations.
pub type Fzoo = GradientDescent<FzooEstimator, Box<dyn Descent>>;

/// A gradient from one-sided differences in deviations of their losses.
pub struct FzooEstimator {
    config: FzooConfig,
    space: Space,
    clock: Clock,
}

impl NamedEstimator for FzooEstimator {
    const META: Meta = Meta::new(
        "fzoo",
        Family::Random,
        "One-sided differences along random signs, divided by the deviation of their losses. Only seeds are held.",
        "Dang et al. 2025, arXiv:2506.09034",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).in_place(true).translation(true).beats_random(true).state_per_parameter(0.0),
    )
    .size("candidates");
    type Config = FzooConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key) })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(config.candidates as u64 + 1)
    }

    fn default_descent() -> Spec {
        let rate = json!({ "power": { "from": 0.2, "offset": null, "exponent": 1.0 } });
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), rate)].into_iter().collect() }
    }
}

impl Estimator for FzooEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let (key, c) = (self.clock.key(), self.config.c.at(self.clock.step));
        // At no distance the noise is not looked at: the first probe is the point itself.
        let probe = |k: usize| Probe::new(key.member(k as u64), if k == 0 { 0.0 } else { c });
        let probes: Vec<Probe> = (0..=self.config.candidates).map(probe).collect();
        let losses = objective.losses(&Batch::seeded(at, self.config.sampler.over(&self.space), probes))?;
        let gradient = slopes::sum(terms(&losses, key, self.config.clip), self.config.sampler, &self.space)?;
        self.clock.tick();
        Ok(Estimate::new(losses.lowest(), gradient, losses.len() as u64))
    }
}

/// r_i / N as the weights of u_i, the members 1.. of `key`, of the losses l_0, l_1, ..; empty where they say nothing.
fn terms(losses: &[f64], key: Key, clip: f64) -> Vec<(Seed, f64)> {
    let valid: Vec<(u64, f64)> = (1..).zip(losses.iter().skip(1).copied()).filter(|(_, loss)| loss.is_finite()).collect();
    let (n, s) = (valid.len() as f64, deviation(&valid));
    let Some(before) = losses.first().copied().filter(|before| before.is_finite() && s.is_finite() && s > 0.0) else {
        return vec![];
    };
    let limit = if clip > 0.0 { clip } else { f64::INFINITY };
    valid.iter().map(|(k, loss)| (key.member(*k), ((loss - before) / s).clamp(-limit, limit) / n)).collect()
}

/// s, unbiased; NaN of fewer than two.
fn deviation(losses: &[(u64, f64)]) -> f64 {
    let n = losses.len() as f64;
    let mean = losses.iter().map(|(_, loss)| loss / n).sum::<f64>();
    (losses.iter().map(|(_, loss)| (loss - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

persist!(FzooEstimator { clock });
register!(Fzoo);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Optimizer, optimizer::Algorithm};

    fn cubic(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * x * x + x * x * x - x).sum()
    }

    fn signs(space: &Space, key: Key) -> Vec<f64> {
        let mut u = space.zeros().unwrap();
        Sampler::Rademacher.fill(key, &mut u).unwrap();
        u.to_vec1().unwrap()
    }

    /// Algorithm 1 of the paper, written out, on the same signs.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key, c, rate) = (Space::real(5).unwrap(), Key::new(3), 0.2, 0.01);
        let estimator = FzooConfig { c: c.into(), candidates: 4, clip: 0.0, ..FzooConfig::default() };
        let descent = Spec::new("sgd").with("rate", rate).unwrap();
        let settings = moths_core::optimizer::GradientDescentConfig { estimator, descent };
        let mut fzoo = <Fzoo as Algorithm>::new(settings, &space, key).unwrap();
        let mut x = vec![0.0; 5];
        for step in 0..3 {
            let us: Vec<Vec<f64>> = (1..=4).map(|i| signs(&space, key.fold(step).fold(i))).collect();
            let at = |u: &[f64]| cubic(&x.iter().zip(u).map(|(x, u)| x + c * u).collect::<Vec<_>>());
            let (l0, l): (f64, Vec<f64>) = (cubic(&x), us.iter().map(|u| at(u)).collect());
            let mean = l.iter().sum::<f64>() / 4.0;
            let sigma = (l.iter().map(|l| (l - mean) * (l - mean)).sum::<f64>() / 3.0).sqrt();
            for (l, u) in l.iter().zip(&us) {
                x.iter_mut().zip(u).for_each(|(x, u)| *x -= rate * (l - l0) / (4.0 * sigma) * u);
            }
            let report = fzoo.step(&mut Function::new(space.clone(), cubic)).unwrap();
            assert!(report.evaluations == 5 && (report.loss - l.into_iter().fold(l0, f64::min)).abs() < 1e-12);
            let got: Vec<f64> = fzoo.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?} {x:?}");
        }
    }

    #[test]
    fn candidates_that_failed_count_for_nothing() {
        let (key, failed) = (Key::new(1), f64::INFINITY);
        // Of 1, 2 and 6: mean 3, s² = (4 + 1 + 9) / 2.
        let s = 7f64.sqrt();
        let got = terms(&[2.0, 1.0, failed, 2.0, 6.0], key, 0.0);
        let expected = [(key.member(1), -1.0 / s / 3.0), (key.member(3), 0.0), (key.member(4), 4.0 / s / 3.0)];
        assert!(got.iter().zip(expected).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-15) && got.len() == 3, "{got:?}");
        assert_eq!(terms(&[2.0, 1.0, failed, 2.0, 6.0], key, 1.0)[2].1, 1.0 / 3.0);
        for nothing in [[failed, 1.0, 2.0, 3.0], [1.0, 2.0, failed, failed], [1.0, 2.0, 2.0, 2.0], [failed; 4]] {
            assert_eq!(terms(&nothing, key, 0.0), []);
        }
    }

    /// The unit of the loss, and a number added to it, are taken away by s. Powers of two change no mantissa.
    #[test]
    fn the_unit_of_the_loss_does_not_matter() {
        let space = Space::real(5).unwrap();
        let run = |unit: f64| -> Vec<f64> {
            let mut fzoo = <Fzoo as Algorithm>::new(Default::default(), &space, Key::new(2)).unwrap();
            let mut objective = Function::new(space.clone(), |x| unit * cubic(x));
            (0..5).for_each(|_| assert!(fzoo.step(&mut objective).is_ok()));
            fzoo.answer().unwrap().to_vec1().unwrap()
        };
        assert_eq!(run(1.0), run(1024.0));
    }

    /// Where curvature is all that is left, every l_i − l_0 is many s.
    #[test]
    fn a_minimum_that_was_reached_is_not_left() {
        let space = Space::real(20).unwrap();
        let bowl = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        let mut fzoo = <Fzoo as Algorithm>::new(Default::default(), &space, Key::new(4)).unwrap();
        let start: Vec<f64> = (0..20).map(|i| 1e-9 * f64::from(i)).collect();
        fzoo.move_to(&candle_core::Tensor::new(start, space.device()).unwrap().into()).unwrap();
        fzoo.step(&mut Function::new(space.clone(), bowl)).unwrap();
        let after: Vec<f64> = fzoo.answer().unwrap().to_vec1().unwrap();
        assert!(after.iter().all(|x| x.abs() <= 0.2 * 3.0 + 1e-6), "{after:?}");
    }
}
