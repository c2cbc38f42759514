//! Simulated annealing: steps that lead up are taken too, the less often the higher they lead and the colder it is.
//!
//! ```text
//! y = the best of n candidates x + length_k z_i          z_i ~ D, E‖z‖² = 1
//! x ← y with probability min(1, exp(−(f(y) − f(x)) / T_k))
//! T_k = temperature_k · unit
//! ```
//!
//! x, y, z: \[d\]. unit: the median of |f(y_i) − f(x)| over the candidates of the first step, at least `calibration` of them, so that
//! temperature 1 takes a typical step up with probability 1/e whatever the unit of the loss. The answer is the best point evaluated; on a
//! stochastic objective, where losses of different steps cannot be compared, it is x. Source: Kirkpatrick, Gelatt & Vecchi 1983,
//! doi:10.1126/science.220.4598.671; acceptance of Metropolis et al. 1953, doi:10.1063/1.1699114.
//! Differs from the sources: temperature and length of steps are any schedules. By default the length goes with the root of the temperature, as in
//! the Boltzmann machine, whose visiting distribution has variance T. Where the length of the run is known T falls by the same factor in every
//! step, as in Kirkpatrick's, from 0.01 to 1e-6: of 30 ways the lowest ends that serve BBOB in 5 and 10 dimensions and a network of 2,410 parameters
//! alike. Where it is not, T falls as 1/k after the first 100 steps.
//! Integers and flags begin a step in the middle of their value and leave it, whatever the length, with the probability 1/n, ¼ at most, n being how many of
//! them there are, or a quarter of that beside reals; of flags that is all.
//! Minima on a wall are not promised: steps are of lengths that a schedule says, and end longer than 1e-6 of a box.
//! Cost per step: n evaluations in one round, max(n, calibration) in the first, one more when f(x) is not known; 2 numbers of state per
//! parameter; d numbers of scratch, the point that is taken.
//!
//! Take it when a loss has many local minima near each other and is evaluated one point at a time, so that steps up must be possible.
//! `dual-annealing` also leaves wide basins and refines what it finds; `random-walk`, as it is by default, never goes up.
//!
//! Tune first: `temperature`, higher at first where it stays in the basin it began in; `length`, about the distance of neighbouring minima
//! at first; both end low only where they fall over the run, whose length every command tells.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 2])?;
//! let rastrigin = |x: &[f64]| x.iter().map(|x| x * x + 10.0 - 10.0 * (std::f64::consts::TAU * x).cos()).sum::<f64>();
//! let mut objective = Function::new(space.clone(), |x| rastrigin(&[x[0] - 1.5, x[1] + 2.0]));
//! let mut optimizer = registry::build(&Spec::new("simulated-annealing"), &space, Key::new(1))?;
//! for _ in 0..3000 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(rastrigin(&[answer[0] - 1.5, answer[1] + 2.0]) < 1.5, "{answer:?}");
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/simulated-annealing.md")]

use std::marker::PhantomData;

use moths_core::{
    Batch, CowTensor, Key, Result, Sampler, Schedule, Space,
    optimizer::{Capabilities, Family, Meta},
    persist,
    persist::Clock,
    register,
    space::Walls,
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DirectSearch, Directions, Rule, Trial, Verdict, direct_search::Flips};

/// Settings of [`SimulatedAnnealing`] and [`ThresholdAccepting`](crate::ThresholdAccepting).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AnnealingConfig {
    /// T_k, in units of the first differences of the loss; null: falls over the run, and as 1/k where nobody knows how long that is.
    #[schemars(extend("x-horizon" = Schedule::exponential(1e-2, 1e-6, None)))]
    pub temperature: Option<Schedule>,
    /// The length of a step in search coordinates; null: falls with the root of the temperature.
    #[schemars(extend("x-horizon" = Schedule::exponential(2.0, 0.02, None)))]
    pub length: Option<Schedule>,
    /// n, candidates a step, of which the best is judged.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub candidates: usize,
    /// Candidates of the first step, from which the unit of the temperature is taken; 0: it is that of the loss.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub calibration: usize,
    /// D, the distribution of steps.
    pub sampler: Sampler,
}

impl Default for AnnealingConfig {
    fn default() -> Self {
        Self { temperature: None, length: None, candidates: 1, calibration: 10, sampler: Sampler::Normal }
    }
}

/// Simulated annealing. See the [module documentation](self) for equations.
pub type SimulatedAnnealing = DirectSearch<Annealing<Metropolis>>;

/// A search that takes steps up as `A` says, while it cools.
pub struct Annealing<A> {
    config: AnnealingConfig,
    temperature: Schedule,
    length: Schedule,
    directions: Directions,
    /// `None` where all coordinates are real.
    flips: Option<Flips>,
    /// What temperatures are multiplied by; 0 until it is calibrated.
    unit: f64,
    best: CowTensor,
    best_loss: f64,
    acceptance: PhantomData<fn() -> A>,
}

/// Which steps up are taken.
pub trait Acceptance: 'static {
    /// What the method is.
    const META: Meta;
    /// Is a step taken that leads up by `rise` > 0 at this temperature ≥ 0? Chance comes from the key.
    fn accepts(rise: f64, temperature: f64, key: Key) -> bool;
}

/// With probability exp(−rise/T).
pub struct Metropolis;

impl Acceptance for Metropolis {
    const META: Meta = Meta::new(
        "simulated-annealing",
        Family::Random,
        "Random steps; those that lead up are taken too, with a probability that falls with the temperature.",
        "Kirkpatrick, Gelatt & Vecchi 1983, doi:10.1126/science.220.4598.671",
    )
    .capabilities(
        Capabilities::NONE
            .seeds_only(true)
            .translation(true)
            .rotation(true)
            .monotone(true)
            .beats_random(true)
            .walls(Walls::Fold)
            .state_per_parameter(2.0),
    )
    .size("candidates");

    fn accepts(rise: f64, temperature: f64, key: Key) -> bool {
        key.stream().random::<f64>() < libm::exp(-rise / temperature)
    }
}

impl<A: Acceptance> Rule for Annealing<A> {
    const META: Meta = A::META;
    type Config = AnnealingConfig;

    fn new(config: Self::Config, space: &Space) -> Result<Self> {
        Ok(Self {
            temperature: config.temperature.clone().unwrap_or_else(|| Schedule::power(0.1, 100.0, 1.0)),
            length: config.length.clone().unwrap_or_else(|| Schedule::power(2.0, 100.0, 0.5)),
            directions: Directions::new(config.sampler, space),
            flips: Flips::of(space, config.sampler)?,
            unit: if config.calibration == 0 { 1.0 } else { 0.0 },
            best: space.start(),
            best_loss: f64::INFINITY,
            acceptance: PhantomData,
            config,
        })
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        A::META.capabilities.rotation(config.sampler.is_isotropic())
    }

    fn candidates(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(config.candidates as u64)
    }

    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch> {
        let calibrated = self.unit > 0.0;
        let n = if calibrated { self.config.candidates } else { self.config.candidates.max(self.config.calibration) };
        // Deviations of flags are told in units of the length.
        let least = if self.flips.is_some() { 1e-12 } else { 0.0 };
        let length = self.length.at(clock.step).max(least);
        let steps: Vec<_> = (0..n).map(|i| (clock.key().member(i as u64), length)).collect();
        match &self.flips {
            None => Ok(self.directions.batch(x, &steps)),
            Some(flips) => flips.batch(&self.directions, x, &steps, length),
        }
    }

    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict> {
        let unit = if self.unit == 0.0 { median_change(trial) } else { self.unit };
        let temperature = self.temperature.at(trial.clock.step) * unit;
        let verdict = match trial.best() {
            Some((i, loss)) if self.accepts(loss - trial.before, temperature, trial.clock.key().fold(u64::MAX)) => trial.go(i)?,
            _ => Verdict::Stay,
        };
        let (x, loss) = match &verdict {
            Verdict::Go(to, loss) => (to, *loss),
            Verdict::Stay => (trial.x, trial.before),
        };
        self.unit = unit;
        if trial.stochastic || loss < self.best_loss {
            (self.best, self.best_loss) = (x.clone(), loss);
        }
        Ok(verdict)
    }

    fn moved(&mut self, to: &CowTensor) -> Result<()> {
        (self.best, self.best_loss) = (to.clone(), f64::INFINITY);
        Ok(())
    }

    fn answer<'a>(&'a self, _: &'a CowTensor) -> &'a CowTensor {
        &self.best
    }
}

impl<A: Acceptance> Annealing<A> {
    fn accepts(&self, rise: f64, temperature: f64, key: Key) -> bool {
        rise <= 0.0 || (temperature > 0.0 && A::accepts(rise, temperature, key))
    }
}

/// The median of |f(y_i) − f(x)| over the candidates that did not fail; 0 when all did.
fn median_change(trial: &Trial<'_>) -> f64 {
    let changes = trial.losses.iter().map(|loss| (loss - trial.before).abs());
    let mut changes: Vec<f64> = changes.filter(|change| change.is_finite()).collect();
    changes.sort_unstable_by(f64::total_cmp);
    changes.get(changes.len() / 2).copied().unwrap_or(0.0)
}

persist!([A: Acceptance] Annealing<A> { unit, best, best_loss });
register!(SimulatedAnnealing);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Optimizer, optimizer::Algorithm};

    fn slope(x: &[f64]) -> f64 {
        x.iter().sum()
    }

    /// Metropolis: over many keys, the share of steps taken is exp(−rise/T).
    #[test]
    fn steps_up_are_taken_as_often_as_metropolis_says() {
        for (rise, temperature) in [(0.1, 1.0), (1.0, 1.0), (3.0, 2.0)] {
            let taken = (0..20_000).filter(|i| Metropolis::accepts(rise, temperature, Key::new(*i))).count() as f64 / 20_000.0;
            assert!((taken - f64::exp(-rise / temperature)).abs() < 0.015, "{taken}");
        }
    }

    #[test]
    fn at_a_constant_temperature_it_samples_from_the_boltzmann_distribution() {
        // The density of f = x² at temperature T is normal with variance T/2.
        let space = Space::real(1).unwrap();
        let (temperature, length) = (Some(0.5.into()), Some(1.0.into()));
        let config = AnnealingConfig { temperature, length, calibration: 0, ..Default::default() };
        let mut search = <SimulatedAnnealing as Algorithm>::new(config, &space, Key::new(2)).unwrap();
        let (mut at, mut squares, n) = (0.0, 0.0, 20_000);
        for _ in 0..n {
            let mut seen = vec![];
            search
                .step(&mut Function::new(space.clone(), |x| {
                    seen.push(x[0]);
                    x[0] * x[0]
                }))
                .unwrap();
            let state = moths_core::persist::State::of(&mut search).unwrap().digest().unwrap();
            at = state.iter().find(|(name, _)| name == "incumbent.x").map_or(at, |(_, bits)| f64::from_bits(bits[0]));
            squares += at * at / f64::from(n);
        }
        assert!((squares - 0.25).abs() < 0.03, "{squares}");
    }

    #[test]
    fn the_unit_is_that_of_the_loss_and_the_answer_is_the_best_seen() {
        let space = Space::real(3).unwrap();
        let run = |unit: f64| {
            let mut lowest = f64::INFINITY;
            let mut search = <SimulatedAnnealing as Algorithm>::new(Default::default(), &space, Key::new(2)).unwrap();
            for _ in 0..200 {
                search.step(&mut Function::new(space.clone(), |x| unit * slope(x).abs())).unwrap();
                let loss = slope(&search.answer().unwrap().to_vec1::<f64>().unwrap()).abs();
                assert!(loss <= lowest);
                lowest = loss;
            }
            lowest
        };
        assert_eq!(run(1.0), run(1024.0));
    }
}
