//! Tries every step of another optimizer in several lengths, and keeps the best.
//!
//! ```text
//! x' = x + δ, the wrapped step
//! x ← the lowest of x + r s δ, s ∈ S, inside the bounds      all in one round; s* is the s of the lowest
//! r ← r |s*|^μ, kept in [2⁻¹⁰, 2¹⁰]                          where s* = 0, or all failed: |s*| is the least of S that is not 0, 1 at most
//! ```
//!
//! x: \[d\], the wrapped optimizer's answer. S: `factors`, and 0, where the step began, so that the loss of the answer never rises. Of equals
//! the step as it was taken wins, then the others in their order, and 0 comes last. r, the running rate, is 1 at first; μ: `memory`. With
//! μ = 0 it stays 1, and every step has the whole grid before it; with μ > 0 lengths that win become those around which the next are tried, and
//! where none wins all become shorter. The wrapped optimizer is moved ([`Optimizer::move_to`]); what it learned is kept, and it is not told
//! the rate. How often each factor has won is part of the state.
//!
//! The default is μ = 0. On minibatches the lowest of many lengths is the luckiest, and mostly a long one: a rate that follows it grows. Measured
//! as in `opposite`, around `random-grad`: alone 0.15, 1.3, 0.64, 3.9; μ = 0 3e-4, 0.022, 1.1, 2.4; μ = ½ 2e-4, 0.016, 2.4, 1.3; around `spsa` with
//! steps of one length (`sign`, 0.1): alone 5.5, 10, 1.2, 11; μ = 0 0.13, 1.2, 2.1, 1.0; μ = ½ 2e-9, 0.02, 2.6, 1.2.
//! Source: the founding notes of this project ("try multiple learning rates for each update").
//! Cost per step: the wrapped step, and an evaluation for each of S; none for what is known, on a deterministic objective: the point before,
//! and that after if it is the best candidate of the step. None at all where the answer stays. A number of state for each of S, and 2 more;
//! scratch of the wrapped step, of a copy of the state it overwrites, and of a point for each of S.
//!
//! Take it when candidates can be evaluated at once, and the direction of wrapped steps is better than their length: a descent whose rate is not known,
//! a gradient of which only the sign is right. With much noise take `undo`. Where one more evaluation counts, take `parabola-step`, which asks
//! for two or three.
//!
//! Tune first: `memory`, above 0 where losses have no noise; `factors`, as many as are evaluated at once, and wider apart where the rate is off by more; then the rate of `inner`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(4)?;
//! let f = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! // Steps that are a hundred times too short.
//! let spec = Spec::new("many-rates").with("inner.name", "spsa")?.with("inner.descent.name", "sign")?.with("inner.descent.rate", 1e-3)?;
//! let mut optimizer = registry::build(&spec.with("memory", 0.5)?, &space, Key::new(1))?;
//! for _ in 0..100 {
//!     optimizer.step(&mut Function::new(space.clone(), f))?;
//! }
//! assert!(f(&optimizer.answer()?.to_vec1::<f64>()?) < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/many-rates.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::atomically,
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stride::{Line, Stride};

/// Settings of [`ManyRates`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ManyRatesConfig {
    /// The optimizer whose steps are scaled.
    pub inner: Spec,
    /// S, what every step is multiplied by; negative: backwards. 0 is tried whether it stands there or not.
    #[schemars(length(min = 1, max = 64), inner(range(min = -1000.0, max = 1000.0)), extend("x-valid" = "1 to 64 numbers from -1000 to 1000, beside 0"))]
    pub factors: Vec<f64>,
    /// μ, how much of the factor that won stays in all that are tried later; 0: nothing.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub memory: f64,
}

impl Default for ManyRatesConfig {
    fn default() -> Self {
        Self { inner: Spec::new("random-grad"), factors: vec![0.0, 0.25, 0.5, 1.0, 2.0, 4.0], memory: 0.0 }
    }
}

/// The running rate neither vanishes nor explodes.
const RATES: std::ops::RangeInclusive<f64> = 1.0 / 1024.0..=1024.0;
/// Factors at most.
const MOST: usize = 64;

/// Tries every step of another optimizer in several lengths. See the [module documentation](self).
pub struct ManyRates {
    inner: Box<dyn Optimizer>,
    /// S in the order in which equals win: 1 if it is there, the others, 0.
    grid: Vec<f64>,
    memory: f64,
    /// How often each of S has won.
    wins: Vec<u64>,
    /// r.
    rate: f64,
    /// f(answer); +∞ when it is not known.
    loss: f64,
}

impl Algorithm for ManyRates {
    const META: Meta = Meta::new(
        "many-rates",
        Family::Ensemble,
        "Tries every step of the wrapped optimizer in several lengths at once, and keeps the best.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.monotone(true).beats_random(true));
    type Config = ManyRatesConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let grid = grid(&config.factors)?;
        let inner = registry::build_part("inner", &config.inner, space, key)?;
        Ok(Self { inner, wins: vec![0; grid.len()], grid, memory: config.memory, rate: 1.0, loss: f64::INFINITY })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        grid(&config.factors)?;
        // Losses are compared only. Among ties a mean is taken along as it comes, and may be taken to the wrong switch; it is clamped at walls; and who
        // is moved at every step forgets how long nothing has happened.
        Ok(registry::capabilities(&config.inner)?.monotone(true).discrete(false).at_walls(false).converges(false))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let inner = registry::evaluations_per_step_of_part("inner", &config.inner, space, stochastic)?;
        let asked = grid(&config.factors)?.len() as u64 - u64::from(!stochastic);
        Ok(inner.map(|inner| inner + asked))
    }
}

/// S, each once, in the order in which equals win.
fn grid(factors: &[f64]) -> Result<Vec<f64>> {
    let refused = |value: String, valid: &str| Err(Error::invalid("factors", value, valid));
    if let Some(factor) = factors.iter().find(|factor| !factor.is_finite()) {
        return refused(factor.to_string(), "finite numbers");
    }
    let mut grid: Vec<f64> = factors.iter().copied().filter(|factor| *factor == 1.0).take(1).collect();
    for factor in factors {
        if *factor != 0.0 && !grid.contains(factor) {
            grid.push(*factor);
        }
    }
    if grid.is_empty() || grid.len() > MOST {
        return refused(format!("{factors:?}"), "1 to 64 different numbers beside 0");
    }
    grid.push(0.0);
    Ok(grid)
}

impl ManyRates {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let stride = Stride::of(&mut *self.inner, objective)?;
        if stride.is_nowhere(objective.space())? {
            self.loss = stride.loss_where_it_stays(self.loss, objective.space())?;
            return Ok(stride.report);
        }
        let times: Vec<f64> = self.grid.iter().map(|factor| self.rate * factor).collect();
        let mut line = Line::of(stride, self.loss);
        line.ask(&times, objective)?;
        let best = line.best();
        let (loss, report) = line.settle(&mut *self.inner, best)?;
        self.loss = loss;
        // Where all failed the step is not taken.
        self.remember(best.unwrap_or(self.grid.len() - 1));
        Ok(report)
    }

    /// This one of the factors has won.
    fn remember(&mut self, winner: usize) {
        self.wins[winner] = self.wins[winner].saturating_add(1);
        let lengths = || self.grid.iter().map(|factor| factor.abs());
        let least = || lengths().filter(|length| *length > 0.0).fold(1.0, f64::min);
        let length = lengths().nth(winner).filter(|length| *length > 0.0).unwrap_or_else(least);
        self.rate = (self.rate * libm::pow(length, self.memory)).clamp(*RATES.start(), *RATES.end());
    }
}

impl Optimizer for ManyRates {
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

persist!(ManyRates { inner, wins, rate in |_| RATES, loss });
register!(ManyRates);
