//! Settings that change with the step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A positive setting as a function of the step t = 0, 1, 2, ...: a number, or one of the named curves.
///
/// A curve whose length is null, or left out, runs over the length of the run ([`Horizon`](crate::optimizer::Horizon)); where nobody knows that, over
/// [`NOMINAL_STEPS`]. Past its length it stays at its end.
///
/// ```
/// use moths_core::Schedule;
/// let cosine: Schedule = serde_json::from_str(r#"{"cosine": {"from": 0.1, "to": 0.0, "steps": 100}}"#)?;
/// assert_eq!(cosine.at(0), 0.1);
/// assert!((cosine.at(50) - 0.05).abs() < 1e-12);
/// assert_eq!(cosine.at(1000), 0.0);
///
/// // As long as the run:
/// let cosine: Schedule = serde_json::from_str(r#"{"cosine": {"from": 0.1, "to": 0.0}}"#)?;
/// assert_eq!(cosine, Schedule::cosine(0.1, 0.0, None));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Schedule {
    /// The same at every step.
    Constant(#[schemars(extend("exclusiveMinimum" = 0.0))] f64),
    /// A curve.
    Curve(Curve),
}

/// The curves a [`Schedule`] can follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Curve {
    /// from + (to − from) · t / steps, then `to`.
    Linear(Ramp),
    /// to + (from − to) · (1 + cos(π t / steps)) / 2, then `to`.
    Cosine(Ramp),
    /// from · (to / from)^(t / steps), then `to`. With `to` = 0 it is 0 from the second step on.
    Exponential(Ramp),
    /// from · ((offset + 1) / (offset + 1 + t))^exponent: the gain sequences of stochastic approximation.
    Power(Power),
    /// from · factor^⌊t / every⌋.
    Steps(Steps),
}

/// A way from one value to another in a number of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// The first value.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub from: f64,
    /// The last value.
    #[schemars(range(min = 0.0))]
    pub to: f64,
    /// How many steps it takes; null: as many as the run has.
    #[schemars(range(min = 1), extend("x-horizon" = 1.0))]
    pub steps: Option<u64>,
}

/// A power law.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// The first value.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub from: f64,
    /// A: how many steps the sequence is stable before it falls; null: a tenth of the steps of the run (Spall 1998, doi:10.1109/7.705889).
    #[schemars(range(min = 0.0), extend("x-horizon" = 0.1))]
    pub offset: Option<f64>,
    /// The exponent.
    #[schemars(range(min = 0.0))]
    pub exponent: f64,
}

/// A staircase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// The first value.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub from: f64,
    /// What it is multiplied by.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub factor: f64,
    /// After how many steps each time.
    #[schemars(range(min = 1))]
    pub every: u64,
}

/// The steps of a ramp whose length is null, where nobody knows the length of the run.
pub const NOMINAL_STEPS: u64 = 10_000;
/// The A of a power law where it is null and nobody knows the length of the run.
pub const NOMINAL_OFFSET: f64 = 100.0;

impl Ramp {
    /// How much of the way is done, from 0 to 1.
    fn progress(&self, step: u64) -> f64 {
        let steps = self.steps.unwrap_or(NOMINAL_STEPS).max(1);
        step.min(steps) as f64 / steps as f64
    }
}

impl Power {
    fn at(&self, t: u64) -> f64 {
        let first = self.offset.unwrap_or(NOMINAL_OFFSET) + 1.0;
        self.from * libm::pow(first / (first + t as f64), self.exponent)
    }
}

impl Schedule {
    /// The value at step `t`.
    pub fn at(&self, t: u64) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Curve(Curve::Linear(r)) => r.from + (r.to - r.from) * r.progress(t),
            Self::Curve(Curve::Cosine(r)) => {
                r.to + (r.from - r.to) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * r.progress(t)))
            }
            Self::Curve(Curve::Exponential(r)) => r.from * libm::pow(r.to / r.from, r.progress(t)),
            Self::Curve(Curve::Power(p)) => p.at(t),
            Self::Curve(Curve::Steps(s)) => s.from * libm::pow(s.factor, (t / s.every.max(1)) as f64),
        }
    }
}

impl From<f64> for Schedule {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl Schedule {
    /// A cosine from `from` to `to` in `steps` steps; `None`: in as many as the run has.
    pub fn cosine(from: f64, to: f64, steps: impl Into<Option<u64>>) -> Self {
        Self::Curve(Curve::Cosine(Ramp { from, to, steps: steps.into() }))
    }

    /// From `from` to `to` by the same factor in each of `steps` steps; `None`: in as many as the run has.
    pub fn exponential(from: f64, to: f64, steps: impl Into<Option<u64>>) -> Self {
        Self::Curve(Curve::Exponential(Ramp { from, to, steps: steps.into() }))
    }

    /// from · ((offset + 1) / (offset + 1 + t))^exponent; `None`: an offset of a tenth of the run's steps.
    pub fn power(from: f64, offset: impl Into<Option<f64>>, exponent: f64) -> Self {
        Self::Curve(Curve::Power(Power { from, offset: offset.into(), exponent }))
    }
}
