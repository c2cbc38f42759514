//! Simultaneous perturbation stochastic approximation: a gradient from two evaluations, whatever the dimension.
//!
//! ```text
//! ĝ = mean over `pairs` of ŝ Δ,   s = (f(x + c Δ) − f(x − c Δ)) / (2 c)          Δ ∈ {−1, +1}ᵈ, so that Δ⁻¹ = Δ
//! x ← descent(x, ĝ)
//! c_k = c / (k + 1)^γ,  a_k = a ((A + 1) / (A + k + 1))^α,  γ = 0.101, α = 0.602,  A = a tenth of the steps, 100 where nobody knows them
//! ```
//!
//! Calibration (Spall 1998, section III.B: choose a so that the first steps have a wanted size): ŝ is s divided by the median of |s| over
//! the pairs of the first step, at least `calibration` of them, so that gains mean the same whatever the unit of the loss. Should
//! slopes after it be 1e-12 of that, the first step was no measure (a simulator that blew up), and the unit is taken anew.
//! Clipping: ŝ is kept in \[−clip, clip\], so that no step of plain descent is longer than a · clip in any search coordinate, 0.05 by
//! default, as long as slopes are steep: without, a function whose slopes grow with the distance throws the point further and further
//! out. A small clip and a large a go fast also where slopes are a hundredth of what they were at the start.
//! Blocking (Spall 1998, section III.B; off by default): with b > 0 the point x' that the step leads to is evaluated too, and the step is
//! refused, with the descent's state put back, when f(x') > f̄ + b σ, or x' failed. f̄ is the mean loss of the step's candidates, which
//! stands for f(x) on the same data, and σ the deviation of its last ten values.
//!
//! With `calibration: "paper"` there is neither calibration nor clipping: ŝ = s, and a and c are as given, which then have to suit the
//! loss (Spall: a so that the first steps have the wanted length, c about the deviation of the loss's noise). It is not the default,
//! because no a suits two losses: in 20,000 evaluations the digits come to a loss of 0.58 with a = 0.2 as it stands, to 2.1 with 0.02, and to
//! 0.13 calibrated; Rosenbrock in 10 dimensions to 562,000, where it is thrown into a corner of its box, and to 140 calibrated.
//!
//! x, Δ, ĝ: \[d\]. Source: Spall 1992, doi:10.1109/9.119632; gain sequences of Spall 1998, doi:10.1109/7.705889.
//! Differs from the paper: several pairs may be averaged, slopes are clipped, any descent takes the place of plain gradient descent,
//! Δ may have another law (then it is ĝ = ŝ Δ as for random directions), and a pair with a candidate that failed counts for nothing.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round, 2 · max(pairs, calibration) in the first, one more in a round of its own with
//! blocking; no state of size d beside the point and the descent's; no scratch of size d, but d numbers with `clip-up` or a smoothed
//! sampler, and with blocking a point and a copy of what the descent overwrites.
//!
//! Take it when there are many parameters, losses are noisy, and a step should cost little. `gaussian-smoothing` gets nearly twice the
//! directions out of as many evaluations, `mezo` needs no memory, and `spsa2` learns scales where there is little noise.
//!
//! Tune first: `descent.rate`, lower where the loss rises; `c`, about the deviation of the noise of the loss (Spall 1998); `pairs`, more
//! where differences are mostly noise.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("spsa").with("pairs", 2)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/spsa.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Report, Result, Sampler, Schedule, Space, Spec,
    objective::Losses,
    optimizer::{
        Antithetic, Capabilities, DataDraws, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator,
        settings,
    },
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    blocking::Blocking,
    rehearsal::rehearse,
    slopes::{self, Calibration, Unit},
};

/// Settings of [`Spsa`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SpsaConfig {
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
    /// b: a step that raises the loss by more than so many of its recent deviations is refused; 0: none is.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub blocking: f64,
    /// The distribution of Δ.
    pub sampler: Sampler,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for SpsaConfig {
    fn default() -> Self {
        Self {
            c: Schedule::power(0.1, 0.0, 0.101),
            pairs: 1,
            calibration: 10.into(),
            clip: 0.25,
            blocking: 0.0,
            sampler: Sampler::Rademacher,
            draws: DataDraws::Shared,
        }
    }
}

/// SPSA as an optimizer. See the [module documentation](self) for equations.
pub type Spsa = GradientDescent<SpsaEstimator, Box<dyn Descent>>;

/// The two-point gradient estimate of SPSA. As an [`Estimator`] alone, which knows no descent, it cannot refuse a step.
pub struct SpsaEstimator {
    config: SpsaConfig,
    space: Space,
    clock: Clock,
    unit: Unit,
    blocking: Blocking,
}

impl NamedEstimator for SpsaEstimator {
    const META: Meta = Meta::new(
        "spsa",
        Family::Random,
        "A gradient from two evaluations along one random direction of signs, whatever the dimension.",
        "Spall 1992, doi:10.1109/9.119632",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).in_place(true).translation(true).beats_random(true).state_per_parameter(0.0),
    )
    .size("pairs");
    type Config = SpsaConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let unit = config.calibration.unit(config.clip);
        let blocking = Blocking::new(config.blocking);
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), unit, blocking })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.pairs as u64 + u64::from(config.blocking > 0.0))
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        // Where a step would lead is a point to be looked at, which in place there is not.
        Self::META.capabilities.in_place(config.blocking == 0.0)
    }

    fn default_descent() -> Spec {
        let rate = json!({ "power": { "from": 0.2, "offset": null, "exponent": 0.602 } });
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), rate)].into_iter().collect() }
    }
}

impl Estimator for SpsaEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let found = self.look(at, objective)?;
        self.commit(found.unit, &found.losses);
        Ok(found.estimate)
    }

    fn advance(
        &mut self,
        at: &mut CowTensor,
        descent: &mut dyn Descent,
        space: &Space,
        objective: &mut dyn Objective,
    ) -> Result<Report> {
        let Found { mut estimate, unit, losses } = self.look(at, objective)?;
        let mut report = Report::new(estimate.loss, estimate.evaluations);
        if self.blocking.is_on() && estimate.gradient.is_some() {
            let next = rehearse(&estimate, at, &mut *descent, space)?;
            let after = objective.losses(&Batch::one(&next)?)?[0];
            report.evaluations += 1;
            report.loss = report.loss.min(after);
            if self.blocking.refuses(after, &losses) {
                estimate.gradient = None;
            }
        }
        estimate.follow(at, descent, space)?;
        self.commit(unit, &losses);
        Ok(report)
    }
}

/// What a look around the point found.
struct Found {
    estimate: Estimate,
    unit: Unit,
    losses: Losses,
}

impl SpsaEstimator {
    /// The gradient, and what the estimator will then know: nothing has changed yet.
    fn look(&self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Found> {
        let SpsaConfig { sampler, draws, .. } = self.config;
        let scale = self.config.c.at(self.clock.step);
        let pairs = Antithetic { key: self.clock.key(), pairs: self.unit.pairs(self.config.pairs), scale, sampler, draws };
        let losses = objective.losses(&pairs.batch(at, &self.space))?;
        let slopes = slopes::of_pairs(&losses, scale);
        let unit = self.unit.after(&slopes);
        let gradient = slopes::sum(slopes::terms(&slopes, &unit, pairs.key, 1.0), sampler, &self.space)?;
        let estimate = Estimate::new(losses.lowest(), gradient, losses.len() as u64);
        Ok(Found { estimate, unit, losses })
    }

    fn commit(&mut self, unit: Unit, losses: &[f64]) {
        self.blocking.remember(losses);
        self.unit = unit;
        self.clock.tick();
    }
}

persist!(SpsaEstimator { clock, unit, blocking });
register!(Spsa);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{CowTensor, Function, Optimizer, kernel, optimizer::Algorithm, persist::State};

    kernel! { fn signs(x: out, z: sign) { x = z; } }

    fn estimator(config: SpsaConfig, space: &Space) -> SpsaEstimator {
        SpsaEstimator::new(config, space, Key::new(7)).unwrap()
    }

    fn cubic(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * x * x + x * x * x).sum()
    }

    /// The formula of the paper, one pair at a time, on the same signs.
    #[test]
    fn one_estimate_is_that_of_the_paper() {
        let space = Space::real(5).unwrap();
        let at: CowTensor = candle_core::Tensor::new(&[0.3, -0.2, 1.0, 0.0, 2.0], space.device()).unwrap().into();
        let config = SpsaConfig { c: 0.25.into(), pairs: 3, calibration: 0.into(), clip: 0.0, ..SpsaConfig::default() };
        let mut objective = Function::new(space.clone(), cubic);
        let estimate = estimator(config, &space).estimate(&at, &mut objective).unwrap();
        let x: Vec<f64> = at.to_vec1().unwrap();
        let mut expected = vec![0.0; 5];
        for pair in 0..3 {
            let mut delta = space.zeros().unwrap();
            signs(&mut delta, Key::new(7).fold(0).fold(pair)).unwrap();
            let delta: Vec<f64> = delta.to_vec1().unwrap();
            let moved = |c: f64| -> Vec<f64> { x.iter().zip(&delta).map(|(x, d)| x + c * d).collect() };
            let slope = (cubic(&moved(0.25)) - cubic(&moved(-0.25))) / 0.5;
            expected.iter_mut().zip(&delta).for_each(|(g, d)| *g += slope / d / 3.0);
        }
        let got: Vec<f64> = estimate.gradient.unwrap().dense().unwrap().to_vec1().unwrap();
        assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12 * b.abs().max(1.0)), "{got:?} {expected:?}");
        assert_eq!(estimate.evaluations, 6);
    }

    /// The paper's form needs no knowledge of other settings: nothing is rescaled or clipped, and no step calibrates.
    #[test]
    fn the_form_of_the_paper_is_one_setting() {
        let space = Space::real(5).unwrap();
        let at: CowTensor = candle_core::Tensor::new(&[0.3, -0.2, 1.0, 0.0, 2.0], space.device()).unwrap().into();
        let look = |config: SpsaConfig| {
            let estimate = estimator(config, &space).estimate(&at, &mut Function::new(space.clone(), cubic)).unwrap();
            (estimate.evaluations, estimate.gradient.unwrap().dense().unwrap().to_vec1::<f64>().unwrap())
        };
        let paper: SpsaConfig = serde_json::from_str(r#"{"calibration": "paper"}"#).unwrap();
        let by_hand = SpsaConfig { calibration: 0.into(), clip: 0.0, ..SpsaConfig::default() };
        assert_eq!(look(paper.clone()), look(by_hand));
        assert_eq!((paper.calibration, look(paper).0), (Calibration::PAPER, 2));
    }

    #[test]
    fn calibration_takes_the_unit_of_the_loss_away() {
        let space = Space::real(5).unwrap();
        let at: CowTensor = candle_core::Tensor::new(&[0.3, -0.2, 1.0, 0.0, 2.0], space.device()).unwrap().into();
        let run = |unit: f64| -> Vec<Vec<f64>> {
            let mut objective = Function::new(space.clone(), |x| unit * cubic(x));
            let mut spsa = estimator(SpsaConfig::default(), &space);
            (0..3)
                .map(|_| spsa.estimate(&at, &mut objective).unwrap().gradient.unwrap().dense().unwrap().to_vec1().unwrap())
                .collect()
        };
        // A power of two changes no mantissa.
        assert_eq!(run(1.0), run(1024.0));
    }

    #[test]
    fn a_pair_with_a_failed_candidate_counts_for_nothing_and_a_flat_start_is_no_step() {
        let space = Space::real(2).unwrap();
        let at = space.zeros().unwrap();
        let mut failing = Function::new(space.clone(), |x| if x[0] > 0.0 { f64::NAN } else { x[1] });
        assert!(estimator(SpsaConfig::default(), &space).estimate(&at, &mut failing).unwrap().gradient.is_none());
        let mut flat = Function::new(space.clone(), |_| 1.0);
        assert!(estimator(SpsaConfig::default(), &space).estimate(&at, &mut flat).unwrap().gradient.is_none());
    }

    /// Slopes grow with the cube of the distance: without a limit the first long step is the last one.
    #[test]
    fn a_valley_with_steep_walls_is_not_left() {
        let space = Space::real(5).unwrap();
        let rosenbrock =
            |x: &[f64]| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum::<f64>();
        for seed in 0..5 {
            let mut spsa = <Spsa as Algorithm>::new(Default::default(), &space, Key::new(seed)).unwrap();
            let mut objective = Function::new(space.clone(), rosenbrock);
            for _ in 0..3000 {
                spsa.step(&mut objective).unwrap();
            }
            let loss = rosenbrock(&spsa.answer().unwrap().to_vec1::<f64>().unwrap());
            assert!(loss < 4.0, "seed {seed}: {loss}, and it began at 4");
        }
    }

    #[test]
    fn a_step_that_raises_the_loss_too_much_is_refused_with_the_state_it_made() {
        let space = Space::real(3).unwrap();
        let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| x * x + x).sum());
        for (rate, moves) in [(0.1, true), (100.0, false)] {
            let config = SpsaConfig { blocking: 1.0, clip: 0.0, ..SpsaConfig::default() };
            let descent = Spec::new("heavy-ball").with("rate", rate).unwrap();
            let settings = moths_core::optimizer::GradientDescentConfig { estimator: config, descent };
            let mut spsa = <Spsa as Algorithm>::new(settings, &space, Key::new(2)).unwrap();
            assert_eq!(spsa.step(&mut objective).unwrap().evaluations, 21);
            assert_eq!(spsa.step(&mut objective).unwrap().evaluations, 3);
            let moved = spsa.answer().unwrap().to_vec1::<f64>().unwrap() != [0.0; 3];
            let velocity = State::of(&mut spsa).unwrap().digest().unwrap().into_iter().find(|(name, _)| name == "descent.v");
            assert_eq!(velocity.unwrap().1.iter().any(|bits| *bits != 0), moves);
            assert_eq!(moved, moves);
        }
    }
}
