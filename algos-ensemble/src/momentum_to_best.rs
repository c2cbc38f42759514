//! Draws another optimizer back to the best answer that it has given.
//!
//! ```text
//! x' = the wrapped step from x;   x* ← x' where f(x') < f(x*)
//! v ← β v + (1 − β) (x* − x')
//! y = x' + κ v, inside the bounds;   x ← y, or x' where y failed, or x where both did;   x* ← y where f(y) < f(x*)
//! ```
//!
//! x, v, x*: \[d\]. x is the wrapped optimizer's answer, x* the lowest of all that it has given, the first included. β: `memory`; κ: `pull`. The
//! momentum always points to the best parameters, wherever the steps came from: a leash, which undoes steps that led away and slows
//! those that lead on as long as x* lags behind. While every answer is a new best, v is 0 and the wrapped optimizer is left alone. It is moved
//! ([`Optimizer::move_to`]) to y whatever the loss there is, but not before y was evaluated; the loss of the answer may rise. After `move_to`
//! v is 0, and what was best is forgotten.
//!
//! On a stochastic objective x*, x' and y are evaluated on the same data in every step. The update rule of the same name
//! ([`moths_core::optimizer::descent::MomentumToBest`]) does this to points whose losses an estimator has seen by chance, and so costs less.
//! Source: the founding notes of this project.
//! Cost per step: the wrapped step; an evaluation of x' unless it is the best candidate of the step, and one of y where v is not 0, in two
//! rounds; one more for x*, in the first step, and on a stochastic objective in all; 2 numbers of state per parameter more; scratch of the
//! wrapped step, of a copy of the state it overwrites, and 4 numbers per parameter.
//!
//! Measured around `random-grad` with `adamw`, rate 0.03, 4,000 evaluations, an ellipsoid in ten dimensions, the gap that is left (medians of five
//! seeds): condition 1 and 100 without noise, then with: alone 0.013, 0.67, 0.52, 1.7; κ = 0.1 0.011, 0.17, 0.32, 1.0; κ = 0.3, the default,
//! 0.007, 0.12, 0.28, 0.36.
//!
//! Take it when a search wanders off from good points it had found, and should not be forbidden to: `undo` forbids it, and asks for less.
//!
//! Tune first: `pull`, towards 0 where the answer should go where the wrapped optimizer leads, and towards 1 where it should stay near the
//! best; then the settings of `inner`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(4)?;
//! let f = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! let inner = serde_json::json!({ "name": "spsa", "descent": { "name": "adamw", "rate": 0.03 } });
//! let mut optimizer = registry::build(&Spec::new("momentum-to-best").with("inner", inner)?, &space, Key::new(1))?;
//! for _ in 0..200 {
//!     optimizer.step(&mut Function::new(space.clone(), f))?;
//! }
//! assert!(f(&optimizer.answer()?.to_vec1::<f64>()?) < 1e-3);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/momentum-to-best.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec, kernel,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::atomically,
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{contest::Contest, stride::Stride};

/// Settings of [`MomentumToBest`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MomentumToBestConfig {
    /// The optimizer that is drawn back.
    pub inner: Spec,
    /// β, the memory of the momentum.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub memory: f64,
    /// κ, the share of the momentum that is moved in a step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pull: f64,
}

impl Default for MomentumToBestConfig {
    fn default() -> Self {
        Self { inner: Spec::new("spsa"), memory: 0.9, pull: 0.3 }
    }
}

/// Draws another optimizer back to the best answer that it has given. See the [module documentation](self).
pub struct MomentumToBest {
    inner: Box<dyn Optimizer>,
    memory: f64,
    pull: f64,
    v: CowTensor,
    /// x*.
    best: CowTensor,
    /// f(x*); +∞ when it is not known.
    best_loss: f64,
    /// f(answer); +∞ when it is not known.
    loss: f64,
}

kernel! { fn draw(w: out, y: out, v: mat, best: mat, x: mat, memory: num, pull: num) {
    let nv = memory * v + (1.0 - memory) * (best - x);
    w = nv;
    y = x + pull * nv;
} }

impl Algorithm for MomentumToBest {
    const META: Meta = Meta::new(
        "momentum-to-best",
        Family::Ensemble,
        "A momentum that always points to the best answer so far, around any optimizer.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.beats_random(true).state_per_parameter(3.0));
    type Config = MomentumToBestConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Self::around(registry::build_part("inner", &config.inner, space, key)?, config.memory, config.pull, space)
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = registry::capabilities(&config.inner)?;
        // It is drawn to where it was, off the walls, across integers and flags, and out of the place where it began anew; and who is moved at every
        // step forgets how long nothing has happened.
        let drawn = inner.monotone(false).at_walls(false).discrete(false).escapes(false).converges(false);
        Ok(drawn.state_per_parameter(inner.state_per_parameter + 2.0))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let inner = registry::evaluations_per_step_of_part("inner", &config.inner, space, stochastic)?;
        Ok(inner.map(|inner| inner + if stochastic { 3 } else { 2 }))
    }
}

impl MomentumToBest {
    fn around(inner: Box<dyn Optimizer>, memory: f64, pull: f64, space: &Space) -> Result<Self> {
        let (v, best) = (space.zeros()?, inner.answer()?);
        Ok(Self { inner, memory, pull, v, best, best_loss: f64::INFINITY, loss: f64::INFINITY })
    }

    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut stride = Stride::of(&mut *self.inner, objective)?;
        stride.report = self.compare(&stride, objective)?.added_to(stride.report);
        let mut at = if self.loss.is_finite() { &stride.after } else { &stride.before };
        let y = if self.best_loss.is_finite() { Some(self.drawn(&stride.after, objective.space())?) } else { None };
        if let Some(y) = y.as_ref().filter(|_| self.pull > 0.0)
            && !objective.space().same_values(y, &stride.after)?
        {
            let contest = Contest::of(&[y], &[f64::INFINITY], &stride.seen, objective)?;
            stride.report = contest.added_to(stride.report);
            if contest.losses[0].is_finite() {
                (at, self.loss) = (y, contest.losses[0]);
                self.witness(y);
            }
        }
        // Where it stands it need not be moved to.
        if !std::ptr::eq(at, &stride.after) {
            self.inner.move_to(at)?;
        }
        Ok(stride.report)
    }

    /// Evaluates x* and x' on the same data.
    fn compare(&mut self, stride: &Stride, objective: &mut dyn Objective) -> Result<Contest> {
        let known = if stride.is_nowhere(objective.space())? { self.loss } else { f64::INFINITY };
        let contest = Contest::of(&[&self.best, &stride.after], &[self.best_loss, known], &stride.seen, objective)?;
        (self.best_loss, self.loss) = (contest.losses[0], contest.losses[1]);
        self.witness(&stride.after);
        Ok(contest)
    }

    /// The answer is at this point: is it the best?
    fn witness(&mut self, at: &CowTensor) {
        if self.loss < self.best_loss {
            (self.best, self.best_loss) = (at.clone(), self.loss);
        }
    }

    /// y, and the momentum that leads there.
    fn drawn(&mut self, x: &CowTensor, space: &Space) -> Result<CowTensor> {
        let (mut w, mut y) = (space.zeros()?, space.zeros()?);
        draw(&mut w, &mut y, &self.v, &self.best, x, self.memory, self.pull)?;
        self.v = w;
        space.confine(&mut y)?;
        Ok(y)
    }
}

impl Optimizer for MomentumToBest {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let v = CowTensor::new(self.v.zeros_like()?);
        self.inner.move_to(at)?;
        (self.v, self.best) = (v, self.inner.answer()?);
        (self.best_loss, self.loss) = (f64::INFINITY, f64::INFINITY);
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.inner.suggest(points)
    }
}

persist!(MomentumToBest { inner, v, best, best_loss, loss });
register!(MomentumToBest);
