//! Brent-STEP: global line searches along the coordinates.

mod line;

use moths_core::{
    Result,
    optimizer::{Capabilities, Family, Meta},
    persist, register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LocalSearch, Method, Oracle, Room};
use line::{Line, Lines, Track};

/// Settings of [`BrentStep`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BrentStepConfig {
    /// ε, a gain that is not worth looking for; where losses on a line differ by less than 1, in units of what they differ by.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub tolerance: f64,
    /// Points of a line in a step on a stochastic objective, beside the one where the search is.
    #[schemars(range(min = 2, max = 1000))]
    pub points: usize,
}

impl Default for BrentStepConfig {
    fn default() -> Self {
        Self { tolerance: 1e-10, points: 6 }
    }
}

/// Brent-STEP. See the [module documentation](self) for equations.
pub type BrentStep = LocalSearch<BrentStepMethod>;

/// The state of [`BrentStep`].
#[derive(Clone)]
pub struct BrentStepMethod {
    tolerance: f64,
    points: usize,
    x: Vec<f64>,
    /// +∞ until x has been evaluated, and where it failed.
    loss: f64,
    begun: bool,
    /// The coordinate whose turn it is.
    next: usize,
    /// On a stochastic objective, how far from x its line reaches.
    reach: Vec<f64>,
    lines: Lines,
}
persist!(BrentStepMethod { x, loss, begun, next in |method| 0..method.x.len().max(1), reach, lines });

impl Method for BrentStepMethod {
    const META: Meta = Meta::new(
        "brent-step",
        Family::Local,
        "Global line searches along the coordinates, in rotation, for what is nearly separable.",
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
            .state_per_parameter(4.0 * line::MOST as f64 + 8.0),
    );
    type Config = BrentStepConfig;

    fn new(config: &Self::Config, room: &Room, at: &[f64]) -> Result<Self> {
        let reach = |i| {
            let (lower, upper) = room.interval(i);
            if (upper - lower).is_finite() { 0.5 * (upper - lower) } else { UNBOUNDED }
        };
        Ok(Self {
            tolerance: config.tolerance,
            points: config.points,
            x: at.to_vec(),
            loss: f64::INFINITY,
            begun: false,
            next: 0,
            reach: (0..at.len()).map(reach).collect(),
            lines: Lines::through(at),
        })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &moths_core::Space, stochastic: bool) -> Option<u64> {
        Some(if stochastic { config.points as u64 + 1 } else { 1 })
    }

    fn advance(&mut self, oracle: &mut Oracle<'_>) -> Result<Option<&'static str>> {
        if oracle.stochastic() {
            return self.line_afresh(oracle).map(|()| None);
        }
        if !self.begun {
            self.loss = oracle.loss(&mut self.x)?;
            (self.begun, self.lines) = (true, Lines::through(&self.x));
            return Ok(None);
        }
        let Some((i, at)) = self.proposal(oracle.room()) else {
            self.loss = oracle.loss(&mut self.x)?;
            return Ok(Some(RESOLVED));
        };
        let mut candidate = self.x.clone();
        candidate[i] = at;
        let loss = oracle.loss(&mut candidate)?;
        let rise = if loss.is_finite() { loss - self.loss } else { f64::INFINITY };
        self.lines.get_mut(i).learn(candidate[i], rise);
        if loss < self.loss {
            (self.x, self.loss) = (candidate, loss);
        }
        self.next = (i + 1) % self.x.len();
        Ok(self.proposal(oracle.room()).is_none().then_some(RESOLVED))
    }

    fn point(&self) -> &[f64] {
        &self.x
    }

    fn moved(&mut self, to: &[f64]) {
        self.x.copy_from_slice(to);
        (self.loss, self.begun, self.lines) = (f64::INFINITY, false, Lines::through(to));
    }
}

const RESOLVED: &str = "lines: no coordinate promises a gain";

/// How far the line of a coordinate without bounds reaches at first.
const UNBOUNDED: f64 = 5.0;

impl BrentStepMethod {
    fn track(&self, room: &Room, i: usize) -> Track {
        let (lower, upper) = room.interval(i);
        let level = 10.0 * room.least_deviation(i);
        let scale = [self.x[i].abs(), 1.0].into_iter().fold(0.0, f64::max);
        Track {
            lower,
            upper,
            resolution: (4.0 * room.epsilon() * scale).max(0.5 * level),
            epsilon: self.tolerance,
            rounding: 4.0 * f64::EPSILON * if self.loss.is_finite() { self.loss.abs() } else { 0.0 },
        }
    }

    /// The next coordinate whose line promises a gain, and where.
    fn proposal(&mut self, room: &Room) -> Option<(usize, f64)> {
        let d = self.x.len();
        for i in (self.next..d).chain(0..self.next) {
            if room.is_fixed(i) || self.lines.get(i).is_resolved() {
                continue;
            }
            if let Some(at) = self.lines.get(i).propose(&self.track(room, i)) {
                return Some((i, at));
            }
            self.lines.get_mut(i).resolve();
        }
        None
    }

    /// A line search on the data of this step: nothing that is remembered can be compared with it.
    fn line_afresh(&mut self, oracle: &mut Oracle<'_>) -> Result<()> {
        let d = self.x.len();
        let i = (self.next..d).chain(0..self.next).find(|i| !oracle.room().is_fixed(*i)).unwrap_or(0);
        let base = oracle.loss(&mut self.x)?;
        let (x, reach) = (self.x[i], self.reach[i]);
        let whole = self.track(oracle.room(), i);
        let track = Track { lower: whole.lower.max(x - reach), upper: whole.upper.min(x + reach), ..whole };
        let (mut line, mut lowest) = (Line::at(x), base);
        for _ in 0..self.points {
            let Some(at) = line.propose(&track) else { break };
            let mut candidate = self.x.clone();
            candidate[i] = at;
            let loss = oracle.loss(&mut candidate)?;
            line.learn(candidate[i], if loss.is_finite() { loss - lowest } else { f64::INFINITY });
            lowest = lowest.min(loss);
        }
        let best = line.best();
        let widest = if (whole.upper - whole.lower).is_finite() { whole.upper - whole.lower } else { f64::MAX.sqrt() };
        let moved = (best - x).abs();
        self.reach[i] =
            if moved > 0.9 * reach { 2.0 * reach } else { (0.5 * reach).max(2.0 * moved) }.clamp(2.0 * whole.resolution, widest);
        self.x[i] = best;
        self.next = (i + 1) % d;
        Ok(())
    }
}

register!(BrentStep);
