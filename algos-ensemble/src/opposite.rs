//! Takes steps that made the loss higher the other way round.
//!
//! ```text
//! x' = x + δ, the wrapped step;   stands where f(x') ≤ f(x)
//! else  y = x − δ, inside the bounds, and then
//! best        the lowest of x, x' and y
//! opposite    y if f(y) is a number, else x
//! ```
//!
//! x: \[d\], the wrapped optimizer's answer. A step that was wrong says where its opposite leads: downhill, wherever the function is nearly linear
//! over δ. It always is evaluated before it becomes the answer, as it may have failed: in a symmetric search it is a candidate of the same
//! step. The wrapped optimizer is moved ([`Optimizer::move_to`]); what the failure taught it, step sizes, covariances, paths and counters, is
//! kept.
//!
//! With `opposite`, the founding idea, y becomes the answer however high its loss is. Where both ways lead up, as in every narrow valley, the
//! loss then rises: it is a walk that turns back. All three losses are known at that time, so that the lowest costs nothing more: hence
//! `best` is the default, with which the loss of the answer never rises. Measured around `random-grad`, 4,000 evaluations, an ellipsoid in ten
//! dimensions, the gap that is left (medians of five seeds): condition 1 and 100 without noise, then with: alone 0.15, 1.3, 0.64, 3.9; `undo`
//! 3e-4, 0.007, 0.31, 0.66; `best` 3e-4, 0.008, 0.15, 0.29; `opposite` 0.003, 0.075, 0.13, 0.32.
//! Source: the founding notes of this project (torchzero's `NegateOnLossIncrease`).
//! Cost per step: as `undo`, and one evaluation more, in a round of its own, where the loss became higher; 1 number of state; scratch of the
//! wrapped step, of a copy of the state it overwrites, and 4 numbers per parameter.
//!
//! Take it when the direction of wrapped steps is as good a guess as its opposite, as with `random-grad` whose ε is too large, or a descent
//! on an estimate of few candidates. Around optimizers whose steps are rarely wrong it only costs evaluations: take `undo`.
//!
//! Tune first: the settings of `inner`: what bounds its steps, such as a rate.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(4)?;
//! let f = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! let mut optimizer = registry::build(&Spec::new("opposite").with("inner", "random-grad")?, &space, Key::new(1))?;
//! let mut before = f64::INFINITY;
//! for _ in 0..100 {
//!     optimizer.step(&mut Function::new(space.clone(), f))?;
//!     let now = f(&optimizer.answer()?.to_vec1::<f64>()?);
//!     assert!(now <= before);
//!     before = now;
//! }
//! assert!(before < 0.01);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/opposite.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::atomically,
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stride::{Line, Stride};

/// What becomes of a step that made the loss higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OppositeKeep {
    /// The lowest of the points before, after and opposite.
    Best,
    /// The opposite point, whatever its loss, unless it failed.
    Opposite,
}

/// Settings of [`Opposite`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OppositeConfig {
    /// The optimizer whose steps are judged.
    pub inner: Spec,
    /// Which point is the answer after a step that made the loss higher.
    pub keep: OppositeKeep,
}

impl Default for OppositeConfig {
    fn default() -> Self {
        Self { inner: Spec::new("spsa"), keep: OppositeKeep::Best }
    }
}

/// Takes steps of another optimizer that made the loss higher backwards. See the [module documentation](self).
pub struct Opposite {
    inner: Box<dyn Optimizer>,
    keep: OppositeKeep,
    /// f(answer); +∞ when it is not known.
    loss: f64,
}

impl Algorithm for Opposite {
    const META: Meta = Meta::new(
        "opposite",
        Family::Ensemble,
        "Takes the wrapped optimizer's step backwards when the loss after it is higher, and keeps the lowest of the three points.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.monotone(true).beats_random(true));
    type Config = OppositeConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let inner = registry::build_part("inner", &config.inner, space, key)?;
        Ok(Self { inner, keep: config.keep, loss: f64::INFINITY })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = registry::capabilities(&config.inner)?;
        // What never goes up is never turned round. A mean among ties is turned round as often as not, and may be turned to the wrong switch.
        // At a wall the opposite is clamped, and a distribution that is moved there loses itself.
        Ok(inner.monotone(inner.monotone || config.keep == OppositeKeep::Best).discrete(false).at_walls(false))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let inner = registry::evaluations_per_step_of_part("inner", &config.inner, space, stochastic)?;
        Ok(inner.map(|inner| inner + if stochastic { 3 } else { 2 }))
    }
}

impl Opposite {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let stride = Stride::of(&mut *self.inner, objective)?;
        if stride.is_nowhere(objective.space())? {
            self.loss = stride.loss_where_it_stays(self.loss, objective.space())?;
            return Ok(stride.report);
        }
        let mut line = Line::of(stride, self.loss);
        line.ask(&[0.0, 1.0], objective)?;
        let (old, new) = (line.losses[0], line.losses[1]);
        let at = if new <= old && new.is_finite() {
            Some(1)
        } else {
            line.ask(&[-1.0], objective)?;
            match self.keep {
                OppositeKeep::Best => line.best(),
                OppositeKeep::Opposite => line.losses[2].is_finite().then_some(2),
            }
        };
        let (loss, report) = line.settle(&mut *self.inner, at)?;
        self.loss = loss;
        Ok(report)
    }
}

impl Optimizer for Opposite {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)?;
        self.loss = f64::INFINITY;
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.inner.suggest(points)
    }
}

persist!(Opposite { inner, loss });
register!(Opposite);
