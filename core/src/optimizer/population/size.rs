//! How many members there are.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    optimizer::schedule::{Curve, Schedule},
};

/// No population has more members.
const MOST: usize = 1_000_000;

/// The size of a population: a whole number, or a curve of the step, whose values are rounded.
///
/// A ramp says in `steps` how long it is: what an ordinary step of a growing population takes nobody can say, so that it cannot follow from the
/// length of the run. Where that is known, a ramp without `steps` is refused; elsewhere it takes
/// [`NOMINAL_STEPS`](crate::optimizer::schedule::NOMINAL_STEPS).
///
/// ```
/// use moths_core::optimizer::population::Size;
///
/// let growing: Size = serde_json::from_str(r#"{"linear": {"from": 10, "to": 40, "steps": 100}}"#)?;
/// assert_eq!((growing.at(0), growing.at(50), growing.at(1000)), (10, 25, 40));
/// assert_eq!(serde_json::from_str::<Size>("20")?, Size::from(20));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-valid" = "an integer >= 1 and <= 1000000, or a curve of the step"))]
pub enum Size {
    /// The same in every step.
    Constant(#[schemars(range(min = 1, max = 1_000_000))] usize),
    /// A curve.
    Curve(Curve),
}

impl From<usize> for Size {
    fn from(size: usize) -> Self {
        Self::Constant(size)
    }
}

impl Size {
    /// The size at step `t`.
    pub fn at(&self, t: u64) -> usize {
        match self {
            Self::Constant(size) => *size,
            Self::Curve(curve) => {
                let (fewest, most) = self.range().into_inner();
                whole(Schedule::Curve(curve.clone()).at(t)).clamp(fewest, most)
            }
        }
    }

    /// The size, if it never changes.
    pub fn constant(&self) -> Option<usize> {
        match self {
            Self::Constant(size) => Some(*size),
            Self::Curve(_) => None,
        }
    }

    /// All sizes it may ever have.
    pub fn range(&self) -> RangeInclusive<usize> {
        let between = |a: f64, b: f64| whole(a.min(b))..=whole(a.max(b));
        match self {
            Self::Constant(size) => *size..=*size,
            Self::Curve(Curve::Linear(r) | Curve::Cosine(r) | Curve::Exponential(r)) => between(r.from, r.to),
            Self::Curve(Curve::Power(p)) => between(p.from, 0.0),
            Self::Curve(Curve::Steps(s)) => between(s.from, if s.factor > 1.0 { MOST as f64 } else { 0.0 }),
        }
    }

    /// For methods that need so many at least, at every step.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the setting.
    pub fn least(&self, setting: &str, least: usize) -> Result<()> {
        match *self.range().start() {
            fewest if fewest < least => Err(Error::invalid(setting, fewest, format!("at least {least} at every step"))),
            _ => Ok(()),
        }
    }

    /// This size where it is given, the other one where not.
    pub fn or(size: &Option<Self>, other: usize) -> Self {
        size.clone().unwrap_or(Self::Constant(other))
    }
}

fn whole(size: f64) -> usize {
    (size.round() as usize).clamp(1, MOST)
}
