//! MeZO: zeroth-order gradient descent of which nothing but seeds and a few numbers are ever held beside the parameters.
//!
//! ```text
//! p_k = (f(x + c z_k) − f(x − c z_k)) / (2 c)          k = 1..pairs; z_k follows from a seed
//! x ← (1 − η λ) x − η · mean of p̂_k z_k                 p̂_k = p_k in units of the first slopes, clipped; z_k is drawn again
//! ```
//!
//! x, z_k: \[d\]. The update is added to x in place, in one pass however many pairs there are, and every z_k is drawn anew as it is
//! needed: no noise, no gradient and no moment of size d exists at any time. A run follows from its seeds and p_k alone, two numbers
//! a pair: that is what a journal of it holds. λ is a decoupled weight decay in search coordinates.
//!
//! Source: Malladi et al. 2023, arXiv:2305.17333.
//! Differs from the paper: p is divided by the unit of `calibration` and limited to `clip` of it (see [`spsa`](crate::spsa)), and c falls with
//! the step: candidates are c away from x, so that a constant c is a floor under every loss that is seen. With
//! `calibration: "paper"` it is the paper's: no unit, no limit, and c and η constant where they are not given. It is not the default, because
//! one η does not suit two losses. The paper's c = 1e-3 and η = 1e-6 are in units of the parameters of language models, which deviate by
//! about 0.02 at initialisation; one unit of a search coordinate is such a deviation, so that c = 1e-3 / 0.02 = 0.05 here, and
//! η = 1e-6 / 0.02² = 0.0025. By default no step is longer than η · clip in units of z, 0.1 at first. Candidates are copies of x, or, in
//! place, x is walked there and brought back to the bit, as walking back alone would leave rounding errors in it.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round, 2 · max(pairs, calibration) in the first; no state of size d beside the point; no
//! scratch of that size either, but with a smoothed sampler.
//!
//! Take it when memory is short: a model in place is tuned in the memory that running it takes and some percent more, one whose point is held
//! here in 2.08 models, where `spsa` with `adamw` takes 4.08. Otherwise take `spsa`, which takes any descent.
//!
//! Tune first: `rate`, lower where the loss rises; `c`, large enough that losses differ by more than their noise; `pairs`, more for steps
//! that are less noisy.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("mezo").with("pairs", 2)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/mezo.md")]

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Sampler, Schedule, Space,
    objective::Advance,
    optimizer::{Algorithm, Antithetic, Capabilities, DataDraws, Family, Meta, Point, settings},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::slopes::{self, Calibration, NamedCalibration, Unit};

/// Settings of [`Mezo`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MezoConfig {
    /// η, the learning rate; null: 0.1 (1001/(t + 1001))^0.602, or the paper's 0.0025.
    pub rate: Option<Schedule>,
    /// c, the length of the perturbation in every search coordinate (the paper's ε); null: 0.05 √(101/(t + 101)), or
    /// the paper's 0.05.
    pub c: Option<Schedule>,
    /// Pairs of candidates a step, averaged (the paper's n).
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// λ, the decoupled weight decay.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub weight_decay: f64,
    /// Pairs of the first step, from which the unit of slopes is taken; 0: they stay in that of the loss; `"paper"`: also no clipping.
    pub calibration: Calibration,
    /// The steepest slope a pair may have, in that unit; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub clip: f64,
    /// The distribution of z.
    pub sampler: Sampler,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for MezoConfig {
    fn default() -> Self {
        Self {
            rate: None,
            c: None,
            pairs: 1,
            weight_decay: 0.0,
            calibration: 10.into(),
            clip: 1.0,
            sampler: Sampler::Normal,
            draws: DataDraws::Shared,
        }
    }
}

impl MezoConfig {
    /// η and c.
    fn gains(&self) -> (Schedule, Schedule) {
        let (rate, c) = match self.calibration {
            Calibration::Named(NamedCalibration::Paper) => (0.0025.into(), 0.05.into()),
            Calibration::Pairs(_) => (Schedule::power(0.1, 1000.0, 0.602), Schedule::power(0.05, 100.0, 0.5)),
        };
        (self.rate.clone().unwrap_or(rate), self.c.clone().unwrap_or(c))
    }
}

/// MeZO. See the [module documentation](self) for equations.
pub struct Mezo {
    config: MezoConfig,
    rate: Schedule,
    c: Schedule,
    space: Space,
    clock: Clock,
    at: Point,
    unit: Unit,
}

impl Algorithm for Mezo {
    const META: Meta = Meta::new(
        "mezo",
        Family::Random,
        "Gradient descent from two evaluations, in place: nothing but seeds beside the parameters.",
        "Malladi et al. 2023, arXiv:2305.17333",
    )
    .capabilities(Capabilities::NONE.seeds_only(true).in_place(true).translation(true).beats_random(true))
    .size("pairs");
    type Config = MezoConfig;

    fn new(config: MezoConfig, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let unit = config.calibration.unit(config.clip);
        let (rate, c) = config.gains();
        Ok(Self { config, rate, c, space: space.clone(), clock: Clock::new(key), at: Point::new(space), unit })
    }

    fn capabilities(config: &MezoConfig) -> Result<Capabilities> {
        // Weights decay to zero, which is a special point then.
        Ok(Self::META.capabilities.translation(config.weight_decay == 0.0))
    }

    fn evaluations_per_step(config: &MezoConfig, _space: &Space, _stochastic: bool) -> Result<Option<u64>> {
        Ok(Some(2 * config.pairs as u64))
    }
}

impl Optimizer for Mezo {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let MezoConfig { sampler, draws, weight_decay, .. } = self.config;
        let (rate, scale) = (self.rate.at(self.clock.step), self.c.at(self.clock.step));
        self.at.check(objective)?;
        let pairs = Antithetic { key: self.clock.key(), pairs: self.unit.pairs(self.config.pairs), scale, sampler, draws };
        // The batch is gone when the point is written, which is then its only holder: no copy is made.
        let losses = objective.losses(&pairs.batch(self.at.at(), &self.space))?;
        let slopes = slopes::of_pairs(&losses, scale);
        let unit = self.unit.after(&slopes);
        let terms = slopes::terms(&slopes, &unit, pairs.key, 1.0);
        if !terms.is_empty() {
            let noise = sampler.over(&self.space);
            let step = Advance::new(&noise, &terms, rate).shrinking((rate * weight_decay).min(1.0));
            self.at.advance(objective, &step)?;
        }
        self.unit = unit;
        self.clock.tick();
        Ok(Report::of(&losses))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.at.at().clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.at.move_to(at)
    }
}

persist!(Mezo { clock, at, unit });
register!(Mezo);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::Function;

    fn cubic(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * x * x + x * x * x).sum()
    }

    /// The formula of the paper, with its weight decay, one pair at a time on the same noise.
    #[test]
    fn uncalibrated_steps_are_those_of_the_paper() {
        let (space, key, c, rate, decay) = (Space::real(5).unwrap(), Key::new(4), 0.2, 0.01, 0.3);
        let start: CowTensor = candle_core::Tensor::new(&[0.3, -0.2, 1.0, 0.0, 2.0], space.device()).unwrap().into();
        let config = MezoConfig {
            rate: Some(rate.into()),
            c: Some(c.into()),
            pairs: 2,
            weight_decay: decay,
            calibration: 0.into(),
            clip: 0.0,
            ..MezoConfig::default()
        };
        let mut mezo = Mezo::new(config, &space, key).unwrap();
        mezo.move_to(&start).unwrap();
        let mut x: Vec<f64> = start.to_vec1().unwrap();
        for step in 0..3 {
            let report = mezo.step(&mut Function::new(space.clone(), cubic)).unwrap();
            assert_eq!(report.evaluations, 4);
            let mut next: Vec<f64> = x.iter().map(|x| x - rate * decay * x).collect();
            for pair in 0..2 {
                let mut z = space.zeros().unwrap();
                Sampler::Normal.fill(key.fold(step).fold(pair), &mut z).unwrap();
                let z: Vec<f64> = z.to_vec1().unwrap();
                let loss = |c: f64| cubic(&x.iter().zip(&z).map(|(x, z)| x + c * z).collect::<Vec<_>>());
                let p = (loss(c) - loss(-c)) / (2.0 * c);
                next.iter_mut().zip(&z).for_each(|(x, z)| *x -= rate * p * z / 2.0);
            }
            x = next;
            let got: Vec<f64> = mezo.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?} {x:?}");
        }
    }

    /// What is seen near the best point, and not only the point itself, goes on getting better.
    #[test]
    fn the_distance_of_candidates_is_no_floor_under_the_loss() {
        let space = Space::real(10).unwrap();
        let mut mezo = Mezo::new(MezoConfig::default(), &space, Key::new(3)).unwrap();
        let mut sphere = Function::new(space, |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
        let lowest = |mezo: &mut Mezo, sphere: &mut dyn Objective, steps| {
            (0..steps).map(|_| mezo.step(sphere).unwrap().loss).fold(f64::INFINITY, f64::min)
        };
        let (early, late) = (lowest(&mut mezo, &mut sphere, 500), lowest(&mut mezo, &mut sphere, 9500));
        assert!(late < 0.1 * early && late < 1e-3, "{early} {late}");
    }

    /// In place: the storage of the point is the same after the step as before.
    #[test]
    fn the_point_is_written_where_it_is() {
        let space = Space::real(300).unwrap();
        let mut mezo = Mezo::new(MezoConfig::default(), &space, Key::new(1)).unwrap();
        let mut objective = Function::new(space, |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
        mezo.step(&mut objective).unwrap();
        let before = mezo.at.at().id();
        mezo.step(&mut objective).unwrap();
        assert!(mezo.at.at().id() == before && !mezo.at.at().is_shared());
    }
}
