//! Random optimisation with a drift that learns and steps that grow and shrink: Solis and Wets' algorithm.
//!
//! ```text
//! ξ = b + ρ z                                             z ~ D, E‖z‖² = 1
//! x + ξ better:  x ← x + ξ,  b ← 0.2 b + 0.4 ξ
//! x − ξ better:  x ← x − ξ,  b ← b − 0.4 ξ
//! neither:                   b ← 0.5 b
//! ρ ← 2 ρ after 5 successes in a row, ρ/2 after 3 failures in a row; ρ = its first value where it would become 1e-12 of that
//! ```
//!
//! x, b, ξ, z: \[d\]. b is a momentum of the moves that led down. Source: Solis & Wets 1981, "Minimization by random search techniques",
//! doi:10.1287/moor.6.1.19, algorithm 1 (constants 5, 3, 2, 1/2 are theirs); without b and with a fixed ρ it is Matyas 1965.
//! Differs from the paper: both ways are evaluated at once and the better is taken; several draws may be tried in a step; on a
//! stochastic objective ρ never exceeds its first value, since steps of any length suit one minibatch now and then.
//! Minima on a wall are not promised: in a corner of many dimensions nearly all steps lead along a wall that is folded, and one length serves all coordinates.
//! Cost per step: 2 · draws evaluations in one round, one more when f(x) is not known; 2 numbers of state per parameter; 3 d numbers of
//! scratch: two centres, and the point that is taken.
//!
//! Take it when a deterministic loss keeps falling along one direction for a while, which the bias b learns; `one-plus-one-es` has none,
//! takes half the evaluations a step, and reaches more of BBOB from 5 dimensions on.
//!
//! Tune first: `length`, about the way to the minimum; `draws`, half as many as can be evaluated at once.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("random-optimizer"), &space, Key::new(1))?;
//! for _ in 0..300 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 1e-4);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/random-optimizer.md")]

use moths_core::{
    Batch, CowTensor, Result, Sampler, Space, kernel,
    optimizer::{Capabilities, Family, Meta},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DirectSearch, Directions, Rule, Trial, Verdict, direct_search::DOWNHILL};

/// Successes in a row after which steps grow.
const SUCCESSES: u64 = 5;
/// Failures in a row after which they shrink.
const FAILURES: u64 = 3;

/// Settings of [`RandomOptimizer`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RandomOptimizerConfig {
    /// ρ, the length of the first steps in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub length: f64,
    /// Draws of ξ a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub draws: usize,
    /// D, the distribution of z.
    pub sampler: Sampler,
}

impl Default for RandomOptimizerConfig {
    fn default() -> Self {
        Self { length: 1.0, draws: 1, sampler: Sampler::Normal }
    }
}

/// Random optimisation. See the [module documentation](self) for equations.
pub type RandomOptimizer = DirectSearch<RandomOptimizerRule>;

/// The rule of [`RandomOptimizer`].
pub struct RandomOptimizerRule {
    config: RandomOptimizerConfig,
    directions: Directions,
    b: CowTensor,
    /// ρ.
    length: f64,
    successes: u64,
    failures: u64,
}

kernel! { fn scale(b: inout, factor: num) {
    b = factor * b;
} }
kernel! { fn learn(b: inout, x: mat, to: mat, keep: num) {
    b = keep * b + 0.4 * (to - x);
} }

impl Rule for RandomOptimizerRule {
    const META: Meta = Meta::new(
        "random-optimizer",
        Family::Random,
        "Random steps and their opposites around a drift that learns; steps grow with successes, shrink with failures.",
        "Solis & Wets 1981, doi:10.1287/moor.6.1.19",
    )
    .capabilities(DOWNHILL.state_per_parameter(2.0));
    type Config = RandomOptimizerConfig;

    fn new(config: Self::Config, space: &Space) -> Result<Self> {
        let directions = Directions::new(config.sampler, space);
        Ok(Self { directions, b: space.zeros()?, length: config.length, successes: 0, failures: 0, config })
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        Self::META.capabilities.rotation(config.sampler.is_isotropic())
    }

    fn candidates(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.draws as u64)
    }

    /// All x + ξ, then all x − ξ.
    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch> {
        let way = |sign: f64| -> Result<Batch> {
            let centre = if sign > 0.0 { &**x + &*self.b } else { &**x - &*self.b };
            let steps: Vec<_> = (0..self.config.draws).map(|i| (clock.key().member(i as u64), sign * self.length)).collect();
            Ok(self.directions.batch(&centre?.into(), &steps))
        };
        Ok(Batch::Joined([way(1.0)?, way(-1.0)?].into()))
    }

    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict> {
        let verdict = trial.if_lower()?;
        match (&verdict, trial.best()) {
            (Verdict::Go(to, _), Some((i, _))) => {
                // Back, to − x is −ξ.
                learn(&mut self.b, trial.x, to, if i < self.config.draws { 0.2 } else { 1.0 })?;
                (self.successes, self.failures) = (self.successes + 1, 0);
            }
            _ => {
                scale(&mut self.b, 0.5)?;
                (self.successes, self.failures) = (0, self.failures + 1);
            }
        }
        self.adapt(trial.stochastic);
        Ok(verdict)
    }

    fn moved(&mut self, _: &CowTensor) -> Result<()> {
        self.b = CowTensor::new(self.b.zeros_like()?);
        (self.successes, self.failures) = (0, 0);
        Ok(())
    }
}

impl RandomOptimizerRule {
    fn adapt(&mut self, stochastic: bool) {
        if self.successes == SUCCESSES {
            let most = if stochastic { 1.0 } else { 1e6 };
            (self.length, self.successes) = ((2.0 * self.length).min(most * self.config.length), 0);
        }
        if self.failures == FAILURES {
            let half = 0.5 * self.length;
            let least = 1e-12 * self.config.length;
            (self.length, self.failures) = (if half < least { self.config.length } else { half }, 0);
        }
    }
}

persist!(RandomOptimizerRule { b, length, successes, failures });
register!(RandomOptimizer);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Optimizer, optimizer::Algorithm};

    fn valley(x: &[f64]) -> f64 {
        (x[0] - 1.0).powi(2) + 10.0 * (x[1] - x[0].powi(2)).powi(2)
    }

    /// The algorithm of the paper in plain numbers, on the same draws.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key) = (Space::real(2).unwrap(), Key::new(3));
        let mut search = <RandomOptimizer as Algorithm>::new(Default::default(), &space, key).unwrap();
        let (mut x, mut b, mut rho, mut good, mut bad) = (vec![0.0; 2], vec![0.0; 2], 1.0, 0, 0);
        for t in 0..60 {
            let mut z = space.zeros().unwrap();
            Sampler::Normal.fill(key.fold(t).fold(0), &mut z).unwrap();
            let xi: Vec<f64> = z.to_vec1::<f64>().unwrap().iter().zip(&b).map(|(z, b)| b + rho / 2f64.sqrt() * z).collect();
            let moved = |sign: f64| -> Vec<f64> { x.iter().zip(&xi).map(|(x, xi)| x + sign * xi).collect() };
            let (there, back) = (moved(1.0), moved(-1.0));
            let drift = |keep: f64, gain: f64| -> Vec<f64> { b.iter().zip(&xi).map(|(b, xi)| keep * b + gain * xi).collect() };
            let lowest = valley(&there).min(valley(&back));
            if lowest < valley(&x) {
                (x, b) = if lowest == valley(&there) { (there, drift(0.2, 0.4)) } else { (back, drift(1.0, -0.4)) };
                (good, bad) = (good + 1, 0);
            } else {
                b = drift(0.5, 0.0);
                (good, bad) = (0, bad + 1);
            }
            if good == 5 {
                (rho, good) = (2.0 * rho, 0);
            }
            if bad == 3 {
                (rho, bad) = (rho / 2.0, 0);
            }
            search.step(&mut Function::new(space.clone(), valley)).unwrap();
            let got: Vec<f64> = search.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-9), "step {t}: {got:?} {x:?}");
        }
    }
}
