//! What is known before anything is evaluated.

use std::fmt;

use moths_core::Space;

/// What a choice is made by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Situation {
    /// d.
    pub(super) dim: usize,
    /// Of them integers and flags.
    pub(super) discrete: usize,
    /// Has every one of them so few values that each can have a probability of its own?
    pub(super) tables: bool,
    pub(super) bounded: bool,
    /// Are losses those of other data in every step?
    pub(super) stochastic: bool,
    /// Does it show what a model answers?
    pub(super) outputs: bool,
    /// Those of the run, where they are known.
    pub(super) evaluations: Option<u64>,
}

impl Situation {
    pub(super) fn of(space: &Space, stochastic: bool, outputs: bool, evaluations: Option<u64>) -> Self {
        Self {
            dim: space.dim(),
            discrete: space.least_deviations().filter(|least| *least > 0.0).count(),
            tables: space.steps().all(|steps| (1..=TABLE).contains(&steps)),
            bounded: space.is_bounded(),
            stochastic,
            outputs,
            evaluations,
        }
    }

    /// Evaluations a parameter; where nobody knows the length of the run, as many as a run usually has.
    pub(super) fn budget(&self) -> f64 {
        self.evaluations.map_or(USUAL, |evaluations| evaluations as f64 / self.dim as f64)
    }
}

/// Values of a coordinate that can have a table.
const TABLE: u64 = 32;

/// Evaluations a parameter.
const USUAL: f64 = 1000.0;

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} parameters", self.dim)?;
        match self.discrete {
            0 => {}
            all if all == self.dim => write!(f, ", all discrete")?,
            some => write!(f, ", {some} of them discrete")?,
        }
        write!(f, ", {} bounds", if self.bounded { "with" } else { "without" })?;
        write!(f, ", losses {}", if self.stochastic { "on data that change" } else { "that stay" })?;
        if self.outputs {
            write!(f, ", a model that shows its outputs")?;
        }
        match self.evaluations {
            Some(evaluations) => write!(f, ", {evaluations} evaluations"),
            None => write!(f, ", a run of a length that nobody knows"),
        }
    }
}
