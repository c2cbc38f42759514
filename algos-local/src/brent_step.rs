//! Brent-STEP: global line searches along the coordinates, for functions that are separable or nearly so, however many minima each coordinate has.
//!
//! ```text
//! line i      the points evaluated along coordinate i through the best one, from the lower end l_i to the upper u_i; f_b: the lowest loss
//! difficulty  a = (√(f_1 − f_b + ε) + √(f_2 − f_b + ε))² / (x_2 − x_1)²          of two neighbours: the least curvature of a parabola
//!                                                                                 through both that reaches f_b − ε
//! step        bisect the interval of least a                                      (STEP: select the easiest point)
//! parabola    go to the lowest point of the parabola through three neighbours, f_2 ≤ f_1, f_3, that falls furthest below f_b   (Brent)
//! turn        on every line step and parabola take turns; where one has nothing to propose, the other does
//! best        a lower point moves x along its coordinate; of all other lines the rises f − f_b stay what they were
//! ```
//!
//! x, l, u: \[d\]. The ends of a line are its first points. Coordinates without bounds begin with x_i ± 5, and a line that falls towards
//! its last point grows there by twice its width. "round-robin" serves one line after another; "quadratic-interpolation" gives every other turn to the
//! line whose parabola promises most. ε and the gain of a parabola are in units of what losses of the line differ by, where that is less than 1.
//!
//! **What is remembered.** That rises stay what they were when x moves along another coordinate is exact for separable functions, f = Σ f_i(x_i). For
//! others it is an approximation, and lines mislead the more the further x has gone since.
//!
//! **Converged.** A line is resolved when no parabola promises a gain of `tolerance`, and every interval is 20 times as difficult as the largest
//! curvature seen on it, or as short as a level of a discrete coordinate, or as numbers of the dtype can be told apart. `converged` is
//! said when all lines are resolved, or after `patience` rounds without a gain, and the neighbours of x on all lines, evaluated again, are no
//! lower; a line on which one is begins anew.
//!
//! **Failures.** A point that failed, or is so high that most others are nothing beside it, counts as the other end of the interval does: the edge
//! of what does not fail is looked for where losses are low.
//!
//! **Stochastic objectives.** Nothing is remembered: a step is a line search along one coordinate, x and K points on the same data, by the same rules,
//! within a reach that doubles when the best is at its end, and else becomes twice as far as x has moved, but half of what it was at
//! least.
//!
//! Source: Pošík & Baudiš 2015, "Dimension selection in axis-parallel Brent-STEP method for black-box optimization of separable continuous
//! functions", doi:10.1145/2739482.2768468; Swarzberg, Seront & Bersini 1994, "S.T.E.P.: the easiest way to optimize a function",
//! doi:10.1109/ICEC.1994.349896; Brent 1973, "Algorithms for minimization without derivatives".
//! Differs from the papers: parabolas go through neighbours on the line, wherever they promise most, and need no bracket; they alternate with
//! bisections instead of replacing them; what a line has learnt goes on being used when x moves along others; the two criteria of convergence;
//! lines without ends; stochastic objectives.
//! Cost per step: a round of d evaluations, one after another, less for every line that is resolved; K + 1 of a stochastic objective. A line
//! remembers 1,000 points at most, and drops the highest beyond: up to 2,005 numbers (f64) per parameter. O(points of the line)
//! arithmetic an evaluation. More than 10,000 dimensions are refused.
//!
//! Take it when the parameters hardly depend on each other, and as insurance beside methods that adapt to rotations: on the separable functions of BBOB it
//! reaches 1e-8 within 600 d evaluations in 2 to 20 dimensions, Rastrigin's and Büche's included, where `cma-es` stays in a local minimum. On
//! others it goes no faster than one coordinate at a time: take `restart` around `cma-es`. Put `restart` around it as well.
//!
//! Tune first: nothing for a separable function; `patience`, less where restarts should come sooner.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_local as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let rastrigin = |x: &[f64]| x.iter().map(|x| (x - 1.2).powi(2) + 10.0 - 10.0 * (2.0 * std::f64::consts::PI * (x - 1.2)).cos()).sum();
//! let mut optimizer = registry::build(&Spec::new("brent-step"), &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut Function::new(space, rastrigin), &Stop::evaluations(4000).or_target(1e-8))?;
//! assert!(end.tally.lowest < 1e-8);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/brent-step.md")]

mod afresh;
mod line;
#[cfg(test)]
mod tests;
mod turns;

use moths_core::{
    Result, Space,
    optimizer::{Capabilities, Family, Meta},
    persist, register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LocalSearch, Method, Oracle, Room, sweep::refuse_more_coordinates};
use line::{Lines, OPEN, Track};

/// An interval that is more curved than anything seen by this factor hides nothing.
const BEND: f64 = 20.0;

/// Which coordinate is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// One after another.
    RoundRobin,
    /// In turn one after another, and the one whose parabola promises most.
    QuadraticInterpolation,
}

/// Settings of [`BrentStep`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BrentStepConfig {
    /// Which coordinate is next.
    pub selection: Selection,
    /// ε, the gain that intervals are searched for; where losses on a line differ by less than 1, in units of what they differ by.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub epsilon: f64,
    /// The gain for which a parabola is followed, in the units of `epsilon`.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub tolerance: f64,
    /// Rounds without a gain of `tolerance` after which the search has converged.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub patience: u64,
    /// K, points of a line beside the best one in a step on a stochastic objective.
    #[schemars(range(min = 2, max = 999))]
    pub points: usize,
}

impl Default for BrentStepConfig {
    fn default() -> Self {
        Self { selection: Selection::RoundRobin, epsilon: 1e-7, tolerance: 1e-10, patience: 100, points: 6 }
    }
}

/// Brent-STEP. See the [module documentation](self) for equations.
pub type BrentStep = LocalSearch<BrentStepMethod>;

/// The state of [`BrentStep`].
#[derive(Clone)]
pub struct BrentStepMethod {
    config: BrentStepConfig,
    x: Vec<f64>,
    /// f_b: +∞ until x has been evaluated, and where it failed.
    loss: f64,
    begun: bool,
    /// Rounds since the last gain.
    idle: u64,
    /// Has x moved since its neighbours on all lines were last evaluated together?
    moved: bool,
    /// Is it the turn of what promises most?
    favour: bool,
    /// The coordinate whose turn it is otherwise.
    next: usize,
    /// How far from x a line is searched on a stochastic objective.
    reach: Vec<f64>,
    lines: Lines,
}

impl Method for BrentStepMethod {
    const META: Meta = Meta::new(
        "brent-step",
        Family::Local,
        "Global line searches along the coordinates, for what is nearly separable.",
        "Pošík & Baudiš 2015, doi:10.1145/2739482.2768468",
    )
    .capabilities(
        Capabilities::NONE
            .deterministic(true)
            .monotone(true)
            .beats_random(true)
            .at_walls(true)
            .converges(true)
            .discrete(true)
            // f64, where the space may be f32.
            .state_per_parameter(4.0 * line::MOST as f64 + 10.0),
    );
    type Config = BrentStepConfig;

    fn new(config: &Self::Config, room: &Room, at: &[f64]) -> Result<Self> {
        refuse_more_coordinates("brent-step", at.len())?;
        Ok(Self {
            config: config.clone(),
            x: at.to_vec(),
            loss: f64::INFINITY,
            begun: false,
            idle: 0,
            moved: false,
            favour: false,
            next: 0,
            reach: (0..at.len()).map(|i| afresh::widest(room, i).min(OPEN)).collect(),
            lines: Lines::through(at),
        })
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Option<u64> {
        let searched = space.fixed().filter(|fixed| !fixed).count();
        Some(if stochastic { config.points as u64 + 1 } else { searched.max(1) as u64 })
    }

    fn advance(&mut self, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
        if oracle.stochastic() {
            return self.line_afresh(oracle).map(|()| None);
        }
        if !self.begun {
            self.loss = oracle.loss(&mut self.x)?;
            (self.begun, self.lines) = (true, Lines::through(&self.x));
        }
        let searched = (0..self.x.len()).filter(|i| !self.is_done(oracle.room(), *i)).count();
        let (mut gained, mut looked) = (false, false);
        for _ in 0..searched {
            let Some((i, at)) = self.proposal(oracle.room()) else { break };
            gained |= self.look(oracle, i, at)?;
            looked = true;
        }
        self.idle = if gained { 0 } else { self.idle.saturating_add(1) };
        let reason = match looked {
            false => "resolved: no interval of any line hides a gain",
            true if self.idle >= self.config.patience => "patience: rounds without a gain",
            true => return Ok(None),
        };
        if self.reopens(oracle)? {
            self.idle = 0;
            return Ok(None);
        }
        Ok(Some(reason))
    }

    fn point(&self) -> &[f64] {
        &self.x
    }

    fn moved(&mut self, to: &[f64]) {
        self.x.copy_from_slice(to);
        (self.loss, self.begun, self.idle, self.moved) = (f64::INFINITY, false, 0, false);
        self.lines = Lines::through(to);
    }
}

impl BrentStepMethod {
    fn track(&self, room: &Room, i: usize) -> Track {
        let (lower, upper) = room.interval(i);
        let resolution = 4.0 * room.epsilon() * self.x[i].abs().max(1.0);
        Track {
            lower,
            upper,
            resolution,
            // A level of a discrete coordinate, whose least deviation is a tenth.
            shortest: (2.0 * resolution).max(10.0 * room.least_deviation(i)),
            epsilon: self.config.epsilon,
            tolerance: self.config.tolerance,
            rounding: if self.loss.is_finite() { 4.0 * f64::EPSILON * self.loss.abs() } else { 0.0 },
            bend: BEND,
        }
    }

    fn is_done(&self, room: &Room, i: usize) -> bool {
        room.is_fixed(i) || self.lines.line(i).is_resolved()
    }

    /// Evaluates a point of line `i`; was it a gain?
    fn look(&mut self, oracle: &mut Oracle<'_>, i: usize, at: f64) -> Result<bool> {
        let mut candidate = self.x.clone();
        candidate[i] = at;
        let loss = oracle.loss(&mut candidate)?;
        let rise = if loss.is_finite() { loss - self.loss } else { f64::INFINITY };
        let track = self.track(oracle.room(), i);
        let line = self.lines.line_mut(i);
        let gained = rise < -line.least_gain(&track);
        line.learn(candidate[i], rise);
        if self.config.selection == Selection::QuadraticInterpolation {
            line.foresee(&track);
        }
        if loss < self.loss {
            (self.x, self.loss, self.moved) = (candidate, loss, true);
        }
        Ok(gained)
    }
}

persist!(BrentStepMethod { x, loss, begun, idle, moved, favour, next in |method| 0..method.x.len().max(1), reach, lines });
register!(BrentStep);
