//! Why a run ended: what outcomes say, and errors.

use std::borrow::Cow;

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The target loss was reached, by the point that is handed out as [`Outcome::best`](crate::run::Outcome::best). (By one of an earlier run, if the tally that this
    /// one began with had reached it already.)
    Target,
    /// The evaluations are used up.
    Evaluations,
    /// The steps are used up.
    Steps,
    /// The time is up.
    Seconds,
    /// No lower loss for too long.
    Stagnation,
    /// The optimizer's own criterion.
    Converged(Cow<'static, str>),
    /// An observer said so.
    Observer,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Target => "target reached",
            Self::Evaluations => "evaluations used up",
            Self::Steps => "steps done",
            Self::Seconds => "time is up",
            Self::Stagnation => "stagnation",
            Self::Converged(why) => why,
            Self::Observer => "stopped",
        })
    }
}
