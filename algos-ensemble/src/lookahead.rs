//! Slow weights that follow the fast ones of another optimizer: k steps forward, one step back.
//!
//! ```text
//! θ ← the wrapped step, k times from φ
//! φ ← φ + α (θ − φ), inside the bounds;   θ ← φ          unless that point failed: then θ ← φ as it was
//! ```
//!
//! θ, φ: \[d\], the fast weights, which are the wrapped optimizer's answer, and the slow ones. α: `rate`; k: `every`. **The answer** is φ, which the
//! paper deploys; it changes every k steps. Interpolation takes out what the fast weights swing about their way, as an average does, and
//! the search goes on from there. The wrapped optimizer is moved ([`Optimizer::move_to`]); what it learned is kept, momenta included, as in the
//! paper. When it says `converged`, φ follows it the whole way, and so says the truth.
//!
//! Source: Zhang, Lucas, Hinton & Ba 2019, "Lookahead optimizer: k steps forward, 1 step back", arXiv:1907.08610; its defaults.
//! Differs from the paper: φ is evaluated before it becomes the answer, as the point between two good ones may fail; nothing is compared.
//! Cost per step: the wrapped step; one evaluation more every k steps; 1 number of state per parameter more; scratch of the wrapped step,
//! of a copy of the state it overwrites, and every k steps 2 numbers per parameter.
//!
//! Measured as in `opposite`, around `random-grad`: alone 0.15, 1.3, 0.64, 3.9; so 0.017, 0.35, 0.3, 0.76.
//!
//! Take it when steps swing about their way, by noise or by a high rate. Around what adapts the lengths of its steps it only makes them shorter.
//! Where the search should not be disturbed, take `average-iterate`.
//!
//! Tune first: the rate of `inner`, which may be higher than it bears alone; then `every`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(4)?;
//! let f = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! let inner = serde_json::json!({ "name": "spsa", "descent": { "name": "adamw", "rate": 0.03 } });
//! let mut optimizer = registry::build(&Spec::new("lookahead").with("inner", inner)?, &space, Key::new(1))?;
//! for _ in 0..400 {
//!     optimizer.step(&mut Function::new(space.clone(), f))?;
//! }
//! assert!(f(&optimizer.answer()?.to_vec1::<f64>()?) < 1e-3);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/lookahead.md")]

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

use crate::{
    contest::Seen,
    stride::{Line, Stride},
};

/// Settings of [`Lookahead`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LookaheadConfig {
    /// The optimizer of the fast weights.
    pub inner: Spec,
    /// k, steps of the fast weights to one of the slow ones.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub every: u64,
    /// α, how much of the way the slow weights follow.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub rate: f64,
}

impl Default for LookaheadConfig {
    fn default() -> Self {
        Self { inner: Spec::new("spsa"), every: 5, rate: 0.5 }
    }
}

/// Slow weights that follow those of another optimizer. See the [module documentation](self).
pub struct Lookahead {
    inner: Box<dyn Optimizer>,
    every: u64,
    rate: f64,
    /// φ.
    slow: CowTensor,
    /// Steps of θ from φ.
    taken: u64,
}

impl Algorithm for Lookahead {
    const META: Meta = Meta::new(
        "lookahead",
        Family::Ensemble,
        "Slow weights that follow the wrapped optimizer every few steps, and from which it goes on.",
        "Zhang, Lucas, Hinton & Ba 2019, arXiv:1907.08610",
    )
    .capabilities(Capabilities::NONE.state_per_parameter(2.0));
    type Config = LookaheadConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Self::around(registry::build_part("inner", &config.inner, space, key)?, config.every, config.rate)
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = registry::capabilities(&config.inner)?;
        // What lies between two answers may be worse than both, is not on the wall, may be a third level, and belongs to no new beginning. Steps are
        // shorter by α, and who is moved again and again forgets how long nothing has happened.
        let slow = inner.monotone(false).at_walls(false).discrete(false).escapes(false).converges(false).beats_random(false);
        Ok(slow.state_per_parameter(inner.state_per_parameter + 1.0))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let inner = registry::evaluations_per_step_of_part("inner", &config.inner, space, stochastic)?;
        Ok(inner.map(|inner| inner + u64::from(config.every == 1)))
    }
}

impl Lookahead {
    fn around(inner: Box<dyn Optimizer>, every: u64, rate: f64) -> Result<Self> {
        Ok(Self { slow: inner.answer()?, inner, every, rate, taken: 0 })
    }

    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let (report, seen) = Seen::step(&mut *self.inner, objective)?;
        self.taken += 1;
        let rate = if report.converged.is_some() { 1.0 } else { self.rate };
        if self.taken < self.every && report.converged.is_none() {
            return Ok(report);
        }
        self.taken = 0;
        let stride = Stride { before: self.slow.clone(), after: self.inner.answer()?, report, seen };
        if stride.is_nowhere(objective.space())? {
            return Ok(stride.report);
        }
        let mut line = Line::of(stride, f64::INFINITY);
        line.ask(&[rate], objective)?;
        let at = line.best();
        if let Some(at) = at {
            self.slow = line.points[at].clone();
        }
        let (_, report) = line.settle(&mut *self.inner, at)?;
        let converged = report.converged.filter(|_| at.is_some());
        Ok(report.converged(converged))
    }
}

impl Optimizer for Lookahead {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.slow.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)?;
        // Steps go on counting: who is moved more often than every k steps would never follow otherwise.
        self.slow = self.inner.answer()?;
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.inner.suggest(points)
    }
}

persist!(Lookahead { inner, slow, taken });
register!(Lookahead);
