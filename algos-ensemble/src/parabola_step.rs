//! Puts a parabola through three points along every step of another optimizer, and goes to its lowest point.
//!
//! ```text
//! x' = x + δ, the wrapped step;   c, w: the better and the worse of x and x';   h = c − w,  c₊ = c + h,  c₋ = w
//! a = (f(c₊) − 2 f(c) + f(c₋)) / 2      b = (f(c₊) − f(c₋)) / 2                     in units of h
//! y = c + min(−b / 2a, reach) h                                                     where a > 0
//! x ← the lowest of c₊, c, c₋ and y                                                 inside the bounds
//! ```
//!
//! x: \[d\], the wrapped optimizer's answer. The third point lies beyond the better end, so that the three have the minimum between them,
//! or the line falls on: of (0, h, 2h) and (−h, 0, h) of the founding notes it is the first where the step went down, and the second where it went
//! up. −b / 2a is −½ at least, as f(c) ≤ f(c₋), and needs a limit forwards only. Where a ≤ 0, or one of the three failed, there is no y.
//! The wrapped optimizer is moved ([`Optimizer::move_to`]); what it learned is kept. At bounds the three are not on one line, nor y on it.
//!
//! `check`: is y evaluated? Without, it becomes the answer as it is, and the lowest of the three is kept instead: there the search goes back to
//! if y, evaluated in the next step, and the step after it fail both. The loss of the answer may then rise.
//! Source: the founding notes of this project ("3 steps along a line give the curvature"); successive parabolic interpolation
//! (Brent 1973, "Algorithms for minimization without derivatives", chapter 5) is a relative.
//! Cost per step: the wrapped step; an evaluation of x, of x', of c₊ and of y, in three rounds: not of x and x' where they are known, as in
//! `undo`, nor of y without `check`; none where the answer stays. 1 number of state, and without `check` 1 per parameter; scratch of the wrapped
//! step, of a copy of the state it overwrites, and 4 numbers per parameter.
//!
//! Measured as in `opposite`, around `random-grad`: alone 0.15, 1.3, 0.64, 3.9; with `check` 3e-8, 0.003, 1.0, 1.3; without 2e-10, 0.0015, 0.64, 1.9.
//!
//! Take it when the loss is smooth, and the direction of wrapped steps is better than their length. Where losses jump, take
//! `many-rates`, which only compares; with much noise `opposite` or `undo`. `parabola` does the same along random lines.
//!
//! Tune first: `reach`, how far a parabola is believed; then the rate of `inner`, which is the distance over which it is measured.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(4)?;
//! let f = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! let spec = Spec::new("parabola-step").with("inner.name", "spsa")?.with("inner.descent.name", "sign")?.with("inner.descent.rate", 0.01)?;
//! let mut optimizer = registry::build(&spec.with("reach", 100.0)?, &space, Key::new(1))?;
//! for _ in 0..100 {
//!     optimizer.step(&mut Function::new(space.clone(), f))?;
//! }
//! assert!(f(&optimizer.answer()?.to_vec1::<f64>()?) < 1e-6);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/parabola-step.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist::{Fields, Persist, atomically},
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stride::{Line, Stride};

/// Settings of [`ParabolaStep`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ParabolaStepConfig {
    /// The optimizer whose steps are measured.
    pub inner: Spec,
    /// How many steps beyond the better end the lowest point of a parabola may lie.
    #[schemars(range(max = 1000.0), extend("exclusiveMinimum" = 0.0))]
    pub reach: f64,
    /// Must the lowest point of the parabola be lower than the three it is drawn through? Else it is not evaluated.
    pub check: bool,
}

impl Default for ParabolaStepConfig {
    fn default() -> Self {
        Self { inner: Spec::new("spsa"), reach: 4.0, check: true }
    }
}

/// Goes to the lowest point of a parabola along every step of another optimizer. See the [module documentation](self).
pub struct ParabolaStep {
    inner: Box<dyn Optimizer>,
    reach: f64,
    check: bool,
    /// f(answer); +∞ when it is not known.
    loss: f64,
    /// Is the answer a y that nobody has evaluated?
    unchecked: bool,
    /// The lowest of the three points through which it was drawn.
    sure: CowTensor,
}

impl Algorithm for ParabolaStep {
    const META: Meta = Meta::new(
        "parabola-step",
        Family::Ensemble,
        "Goes to the lowest point of a parabola through three points along the wrapped optimizer's step.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.monotone(true).beats_random(true));
    type Config = ParabolaStepConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let inner = registry::build_part("inner", &config.inner, space, key)?;
        Ok(Self::around(inner, config.reach, config.check, space))
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = registry::capabilities(&config.inner)?;
        let kept = if config.check { 0.0 } else { 1.0 };
        // Differences of losses are what a parabola is made of. Between two levels of an integer it means nothing, nor where points are clamped;
        // and who is moved at every step forgets how long nothing has happened.
        Ok(inner
            .rank_based(false)
            .monotone(config.check)
            .discrete(false)
            .at_walls(false)
            .converges(false)
            .state_per_parameter(inner.state_per_parameter + kept))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let inner = registry::evaluations_per_step_of_part("inner", &config.inner, space, stochastic)?;
        Ok(inner.map(|inner| inner + if stochastic && config.check { 4 } else { 3 }))
    }
}

impl ParabolaStep {
    fn around(inner: Box<dyn Optimizer>, reach: f64, check: bool, space: &Space) -> Self {
        Self { inner, reach, check, loss: f64::INFINITY, unchecked: false, sure: space.start() }
    }

    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let stride = Stride::of(&mut *self.inner, objective)?;
        let nowhere = stride.is_nowhere(objective.space())?;
        if nowhere && !self.unchecked {
            self.loss = stride.loss_where_it_stays(self.loss, objective.space())?;
            return Ok(stride.report);
        }
        let mut line = Line::of(stride, self.loss);
        line.ask(if nowhere { &[0.0] } else { &[0.0, 1.0] }, objective)?;
        if self.unchecked && line.best().is_none() {
            // Nobody knew that it fails.
            self.inner.move_to(&self.sure)?;
            (self.loss, self.unchecked) = (f64::INFINITY, false);
            return Ok(line.stride.report);
        }
        self.unchecked = false;
        let y = if nowhere { None } else { self.vertex(&mut line, objective)? };
        match y.filter(|_| !self.check) {
            Some(times) => self.trust(times, line, objective),
            None => {
                y.map_or(Ok(()), |times| line.ask(&[times], objective))?;
                if nowhere {
                    self.loss = line.losses[0];
                    return Ok(line.stride.report);
                }
                let best = line.best();
                let (loss, report) = line.settle(&mut *self.inner, best)?;
                self.loss = loss;
                Ok(report)
            }
        }
    }

    /// Asks for the third point: where on the line the lowest point of the parabola lies, if there is one.
    fn vertex(&self, line: &mut Line, objective: &mut dyn Objective) -> Result<Option<f64>> {
        let &[before, after, ..] = &line.losses[..] else { return Ok(None) };
        let (at, onwards) = if after < before { (1.0, 1.0) } else { (0.0, -1.0) };
        line.ask(&[at + onwards], objective)?;
        let (here, behind, ahead) = (before.min(after), before.max(after), line.losses[2]);
        Ok(lowest_of_parabola(behind, here, ahead).map(|t| at + onwards * t.min(self.reach)).filter(|times| *times != at))
    }

    /// Goes to a point that is not evaluated.
    fn trust(&mut self, times: f64, line: Line, objective: &dyn Objective) -> Result<Report> {
        self.inner.move_to(&line.stride.point(times, objective.space())?)?;
        self.sure = line.best().map_or(&line.stride.before, |best| &line.points[best]).clone();
        (self.loss, self.unchecked) = (f64::INFINITY, true);
        Ok(line.stride.report)
    }
}

/// Where the parabola through f(−1), f(0) and f(1) is lowest, if it curves up.
fn lowest_of_parabola(behind: f64, here: f64, ahead: f64) -> Option<f64> {
    // Differences first: losses that are large and close together keep what they differ by.
    let (back, forth) = (behind - here, ahead - here);
    let curvature = back + forth;
    (curvature > 0.0 && curvature.is_finite()).then(|| (back - forth) / (2.0 * curvature)).filter(|t| t.is_finite())
}

impl Optimizer for ParabolaStep {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)?;
        (self.loss, self.unchecked) = (f64::INFINITY, false);
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.inner.suggest(points)
    }
}

/// What is kept without `check` is no part of the state with it.
impl Persist for ParabolaStep {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("inner", &mut self.inner)?;
        fields.field("loss", &mut self.loss)?;
        if self.check {
            return Ok(());
        }
        fields.field("unchecked", &mut self.unchecked)?;
        fields.field("sure", &mut self.sure)
    }
}

register!(ParabolaStep);
