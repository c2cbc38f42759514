//! How much of a velocity stays.

use moths_core::{
    Error, Result, Schedule,
    optimizer::schedule::{Curve, Ramp},
};

/// A velocity that grows by itself never ends: w is 1 at most, at every step.
pub(crate) fn check(setting: &str, w: &Schedule) -> Result<()> {
    let most = match w {
        Schedule::Constant(w) => *w,
        Schedule::Curve(Curve::Steps(s)) if s.factor > 1.0 => f64::INFINITY,
        Schedule::Curve(Curve::Linear(r) | Curve::Cosine(r) | Curve::Exponential(r)) => r.from.max(r.to),
        Schedule::Curve(_) => w.at(0),
    };
    if most <= 1.0 { Ok(()) } else { Err(Error::invalid(setting, most, "at most 1 at every step")) }
}

/// From `from` to `to` over the run.
pub(crate) fn falling(from: f64, to: f64) -> Schedule {
    Schedule::Curve(Curve::Linear(Ramp { from, to, steps: None }))
}
