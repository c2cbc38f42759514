//! Settings that change with the step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A positive setting as a function of the step t = 0, 1, 2, ...: a number, or one of the named curves.
///
/// ```
/// use moths_core::Schedule;
/// let cosine: Schedule = serde_json::from_str(r#"{"cosine": {"from": 0.1, "to": 0.0, "steps": 100}}"#)?;
/// assert_eq!(cosine.at(0), 0.1);
/// assert!((cosine.at(50) - 0.05).abs() < 1e-12);
/// assert_eq!(cosine.at(1000), 0.0);
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
    /// How many steps it takes.
    #[schemars(range(min = 1))]
    pub steps: u64,
}

/// A power law.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// The first value.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub from: f64,
    /// A: how many steps the sequence is stable before it falls.
    #[schemars(range(min = 0.0))]
    pub offset: f64,
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

impl Ramp {
    /// How much of the way is done, from 0 to 1.
    fn progress(&self, step: u64) -> f64 {
        step.min(self.steps) as f64 / self.steps.max(1) as f64
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
            Self::Curve(Curve::Power(p)) => p.from * libm::pow((p.offset + 1.0) / (p.offset + 1.0 + t as f64), p.exponent),
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
    /// A cosine from `from` to `to` in `steps` steps.
    pub fn cosine(from: f64, to: f64, steps: u64) -> Self {
        Self::Curve(Curve::Cosine(Ramp { from, to, steps }))
    }

    /// from · ((offset + 1) / (offset + 1 + t))^exponent.
    pub fn power(from: f64, offset: f64, exponent: f64) -> Self {
        Self::Curve(Curve::Power(Power { from, offset, exponent }))
    }
}
