//! A random walk whose order rises while it succeeds: it draws steps, then changes of the step that led down, then changes of that change, ...
//!
//! ```text
//! a step of the walk of order k, in steps of length step · finer^{k−1}:   y_b = x + v_0 + … + v_{k−2} + step · finer^{k−1} · z_b
//! if min f(y_b) ≤ f(x):  x ← y_b, v_i ← w_i as in `random-walk`;  k ← k + 1, up to max_order, with v_{k−1} = what was drawn
//! else, after `retries` failures in a row:  k ← max(k − 1, 1), the highest difference is dropped
//! ```
//!
//! x, z, v_i: \[d\]; z ~ D, E‖z‖² = 1; k begins at 1, v at zero. Source: the founding notes of this project ("raise the order while the loss
//! falls, lower it after m retries"), which leave open how a new difference begins: here with what was drawn, since that is what led down.
//!
//! When it helps: where steps are short for the way that is left, since a step that led down is then worth repeating. Against the order-1 walk
//! without opposite moves: digits, 10,000 evaluations, medians of 3 seeds: loss 0.058 against 0.182 (steps of 0.5), 0.19 against 1.66 (steps of
//! 0.1); MNIST with minibatches, 37,500 evaluations, one seed: 75 % against 70 % of validation images. In a narrow bent valley the velocity is wrong
//! as soon as it is known: Rosenbrock in 10 dimensions, 5,000 evaluations, medians of 5 seeds: gap 43 against 37 (steps of 0.5), 9.4 against 8.8
//! (0.1). Orders above 3 gained nothing on any of these; up to 8, MNIST stayed at 10 %: lucky streaks on minibatches raise the order, and steps
//! grow as a power of their number. What this walk does not do is find the length of its steps; `one-plus-one-es` does, and is better where the loss
//! is not noisy.
//! Minima on a wall are not promised: steps are of lengths that a schedule says, and end longer than 1e-6 of a box.
//! Cost per step: best_of evaluations in one round, one more when f(x) is not known; k numbers of state per parameter, at most max_order, 3
//! by default; k + 3 numbers of scratch per parameter at most, when the order rises.
//!
//! Take it when a network, or another noisy loss of many parameters, is searched in steps that are short for the way that is left; without
//! noise `one-plus-one-es` is better, and `random-walk` has no velocity.
//!
//! Tune first: `step`, short for the way that is left; `max_order`, 3 at most, less where it runs away; `best_of`, as many as can be
//! evaluated at once.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("inf-order-walk"), &space, Key::new(1))?;
//! for _ in 0..300 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/inf-order-walk.md")]

use moths_core::{
    Batch, CowTensor, Result, Sampler, Schedule, Space,
    optimizer::{Capabilities, Family, Meta},
    persist,
    persist::{Clock, Persist},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DirectSearch, Rule, Trial, Verdict, direct_search::DOWNHILL, walk::Motion};

/// Settings of [`InfOrderWalk`] and [`ConvexInfOrderWalk`](crate::ConvexInfOrderWalk).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InfOrderWalkConfig {
    /// The length of steps of order 1 in search coordinates.
    pub step: Schedule,
    /// What is drawn is shorter by this factor with every order.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub finer: f64,
    /// m, failures in a row after which the order falls.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub retries: u64,
    /// The highest order: what the memory of differences may grow to.
    #[schemars(range(min = 1, max = 100))]
    pub max_order: usize,
    /// Candidates a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub best_of: usize,
    /// D, the distribution of what is drawn.
    pub sampler: Sampler,
}

impl Default for InfOrderWalkConfig {
    fn default() -> Self {
        Self { step: 0.5.into(), finer: 0.5, retries: 1, max_order: 3, best_of: 1, sampler: Sampler::Normal }
    }
}

/// A random walk of rising order. See the [module documentation](self) for equations.
pub type InfOrderWalk = DirectSearch<RisingWalk<EverySuccess>>;

/// A walk whose order changes after successes as `C` says, and falls after failures.
pub struct RisingWalk<C> {
    config: InfOrderWalkConfig,
    motion: Motion,
    /// In a row.
    failures: u64,
    criterion: C,
}

/// What becomes of the order after a step that led down.
pub trait Criterion: Persist + Default + Send + 'static {
    /// What the walk is.
    const META: Meta;
    /// Does the order rise after a step of this order that changed the loss by `change` ≤ 0? If not, it falls.
    fn rises(&mut self, order: usize, change: f64) -> bool;
    /// The walk goes on somewhere else.
    fn forget(&mut self) {}
}

/// The order rises with every success.
#[derive(Default)]
pub struct EverySuccess {}

impl Criterion for EverySuccess {
    const META: Meta = Meta::new(
        "inf-order-walk",
        Family::Random,
        "A random walk whose order rises with every success and falls after failures.",
        "the founding notes of moths",
    )
    .capabilities(DOWNHILL.state_per_parameter(3.0))
    .size("best_of");

    fn rises(&mut self, _: usize, _: f64) -> bool {
        true
    }
}

impl<C: Criterion> Rule for RisingWalk<C> {
    const META: Meta = C::META;
    type Config = InfOrderWalkConfig;

    fn new(config: Self::Config, space: &Space) -> Result<Self> {
        Ok(Self {
            motion: Motion::new(1, config.sampler, space)?.rising_to(config.max_order),
            failures: 0,
            criterion: C::default(),
            config,
        })
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        C::META.capabilities.rotation(config.sampler.is_isotropic()).state_per_parameter(config.max_order as f64)
    }

    fn candidates(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(config.best_of as u64)
    }

    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch> {
        let finer = libm::pow(self.config.finer, (self.motion.order() - 1) as f64);
        self.motion.candidates(x, clock.key(), self.config.best_of, self.config.step.at(clock.step) * finer)
    }

    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict> {
        let (verdict, order) = (trial.if_not_higher()?, self.motion.order());
        let Verdict::Go(to, loss) = &verdict else {
            self.failures += 1;
            if self.failures >= self.config.retries {
                self.motion.lower()?;
                self.failures = 0;
            }
            return Ok(verdict);
        };
        self.failures = 0;
        let rises = self.criterion.rises(order, loss - trial.before);
        self.motion.advance(trial.x, to, rises && order < self.config.max_order)?;
        if !rises {
            self.motion.lower()?;
        }
        Ok(verdict)
    }

    fn moved(&mut self, _: &CowTensor) -> Result<()> {
        self.failures = 0;
        self.criterion.forget();
        self.motion.rest(1)
    }
}

persist!(EverySuccess {});
persist!([C: Criterion] RisingWalk<C> { motion, failures, criterion });
register!(InfOrderWalk);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Optimizer, optimizer::Algorithm, persist::State};

    fn valley(x: &[f64]) -> f64 {
        (x[0] - 1.0).powi(2) + 3.0 * (x[1] - x[0].powi(2)).powi(2)
    }

    /// The header in plain numbers: the differences are kept as lists of positions, and every candidate is their extrapolation.
    #[test]
    fn the_order_rises_and_falls_as_the_notes_say() {
        let (space, key) = (Space::real(2).unwrap(), Key::new(5));
        let config = InfOrderWalkConfig { step: 0.2.into(), retries: 2, max_order: 4, ..Default::default() };
        let mut walk = <InfOrderWalk as Algorithm>::new(config.clone(), &space, key).unwrap();
        let (mut x, mut v, mut failures, mut orders) = (vec![0.0; 2], Vec::<Vec<f64>>::new(), 0, vec![]);
        for t in 0..60 {
            let order = v.len() + 1;
            orders.push(order);
            let mut z = space.zeros().unwrap();
            Sampler::Normal.fill(key.fold(t).fold(0), &mut z).unwrap();
            let z: Vec<f64> = z.to_vec1().unwrap();
            let length = 0.2 * 0.5f64.powi(order as i32 - 1) / 2f64.sqrt();
            // w_{k-1} = what is drawn, w_i = v_i + w_{i+1}.
            let mut w = vec![z.iter().map(|z| length * z).collect::<Vec<f64>>()];
            for v in v.iter().rev() {
                w.insert(0, v.iter().zip(&w[0]).map(|(v, w)| v + w).collect());
            }
            let y: Vec<f64> = x.iter().zip(&w[0]).map(|(x, w)| x + w).collect();
            if valley(&y) <= valley(&x) {
                (x, failures) = (y, 0);
                v = if order < 4 { w } else { w[..3].to_vec() };
            } else {
                failures += 1;
                if failures == 2 {
                    v.pop();
                    failures = 0;
                }
            }
            walk.step(&mut Function::new(space.clone(), valley)).unwrap();
            let got: Vec<f64> = walk.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-9), "step {t}: {got:?} {x:?}");
        }
        assert!(orders.contains(&4) && orders[10..].contains(&1), "{orders:?}");
    }

    #[test]
    fn a_state_of_another_order_can_be_restored() {
        let space = Space::real(3).unwrap();
        let new = || <InfOrderWalk as Algorithm>::new(Default::default(), &space, Key::new(1)).unwrap();
        let mut walk = new();
        // A slope: the order rises with almost every step.
        for _ in 0..5 {
            walk.step(&mut Function::new(space.clone(), |x| x.iter().sum())).unwrap();
        }
        let (state, mut other) = (State::of(&mut walk).unwrap(), new());
        state.restore(&mut other, moths_core::persist::Keep::Nothing).unwrap();
        assert_eq!(state.digest().unwrap(), State::of(&mut other).unwrap().digest().unwrap());
        other.move_to(&space.start()).unwrap();
        other.step(&mut Function::new(space.clone(), |x| x.iter().sum())).unwrap();
    }
}
