//! Undoes steps that made the loss higher.
//!
//! ```text
//! s' = step(s);   s ← s' if f(answer(s')) ≤ f(answer(s)) and did not fail, else s' moved back to answer(s)
//! ```
//!
//! What is undone is the point, and what of the wrapped optimizer's state follows from it ([`Optimizer::move_to`]). What the failure taught
//! is kept, step sizes, covariances, paths and counters: an optimizer that finds its steps too long must be allowed to learn it, or it would
//! repeat the same failure for ever. Random numbers go on for the same reason. Source: the founding notes of this project (torchzero's
//! `NegateOnLossIncrease` with backtracking is a relative).
//! Cost per step: the wrapped step's evaluations, and one more if the answer has changed to a point that is not the best candidate of the
//! step, whose loss is known; one more still when the loss before it is not known (once at the start and after `move_to`). On a stochastic
//! objective both points are evaluated on the same data whenever the answer has changed; 1 number of state; scratch of the wrapped step, of
//! a copy of the state it overwrites, and 3 numbers per parameter.
//!
//! Take it when steps of the wrapped optimizer overshoot and its answer must never become worse, as with gradient estimates at a high rate.
//! Around what promises *monotone* already it only costs evaluations; the promise *discrete* is lost.
//!
//! Tune first: the settings of `inner`: what bounds its steps, such as a rate, may be higher than it bears alone.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(4)?;
//! let f = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! // Far too long steps: left alone they would leave the valley.
//! let spec = Spec::new("undo").with("inner.name", "spsa")?.with("inner.descent.name", "sign")?.with("inner.descent.rate", 0.4)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let mut before = f64::INFINITY;
//! for _ in 0..100 {
//!     optimizer.step(&mut Function::new(space.clone(), f))?;
//!     let now = f(&optimizer.answer()?.to_vec1::<f64>()?);
//!     assert!(now <= before);
//!     before = now;
//! }
//! assert!(before < 0.3);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/undo.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta},
    persist,
    persist::atomically,
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stride::{Line, Stride};

/// Settings of [`Undo`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UndoConfig {
    /// The optimizer whose steps are judged.
    pub inner: Spec,
}

impl Default for UndoConfig {
    fn default() -> Self {
        Self { inner: Spec::new("spsa") }
    }
}

/// Undoes steps of another optimizer that made the loss higher. See the [module documentation](self).
pub struct Undo {
    inner: Box<dyn Optimizer>,
    /// f(answer); +∞ when it is not known.
    loss: f64,
}

impl Algorithm for Undo {
    const META: Meta = Meta::new(
        "undo",
        Family::Ensemble,
        "Moves the wrapped optimizer back when the loss after its step is higher; what it learned stays.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.monotone(true).beats_random(true));
    type Config = UndoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        Ok(Self { inner: registry::build_part("inner", &config.inner, space, key)?, loss: f64::INFINITY })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        // The answer's loss is looked at beside the wrapped optimizer's candidates, and compared only.
        // A mean among ties, once the reals are exact, is taken back as often as not, and may be taken back to the wrong switch.
        Ok(registry::capabilities(&config.inner)?.monotone(true).discrete(false))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let inner = registry::evaluations_per_step_of_part("inner", &config.inner, space, stochastic)?;
        Ok(inner.map(|inner| inner + if stochastic { 2 } else { 1 }))
    }
}

impl Undo {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let stride = Stride::of(&mut *self.inner, objective)?;
        if stride.is_nowhere(objective.space())? {
            self.loss = stride.loss_where_it_stays(self.loss, objective.space())?;
            return Ok(stride.report);
        }
        let mut line = Line::of(stride, self.loss);
        line.ask(&[0.0, 1.0], objective)?;
        // Of equals the step stands, but one that failed is not better than another that did.
        let stands = line.losses[1] <= line.losses[0] && line.losses[1].is_finite();
        let (loss, report) = line.settle(&mut *self.inner, Some(usize::from(stands)))?;
        self.loss = loss;
        Ok(report)
    }
}

impl Optimizer for Undo {
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

persist!(Undo { inner, loss });
register!(Undo);
