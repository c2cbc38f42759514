//! What is kept of one run.

use serde::{Deserialize, Serialize};

use super::trace::Trace;

/// One run: a line of `runs.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The label of its [optimizer](super::Contestant).
    pub optimizer: String,
    /// The address of its [problem](super::Subject).
    pub problem: String,
    /// Where the initial point and all noise came from.
    pub seed: u64,
    /// The evaluations it was allowed.
    pub budget: u64,
    /// The evaluations it took.
    pub evaluations: u64,
    /// The steps it took.
    pub steps: u64,
    /// Why it ended, in words: `evaluations used up`, `target reached`, or an error if [`failed`](Record::failed).
    pub ending: String,
    /// Did it end by an error?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// Seconds spent in the optimizer.
    pub optimizer_seconds: f64,
    /// Seconds spent in the objective.
    pub objective_seconds: f64,
    /// The largest state the optimizer was seen to have, in bytes.
    pub state_bytes: u64,
    /// How the lowest gap (or loss, where the minimum is unknown) fell.
    pub trace: Trace,
    /// What the answer was worth on the way and at the end: evaluations, and a figure for each of the problem's measures
    /// (`null` where there is no number). Empty for functions, whose trace says all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<(u64, Vec<Option<f64>>)>,
}

impl Record {
    /// Microseconds the optimizer itself took for each candidate.
    pub fn microseconds_a_candidate(&self) -> f64 {
        1e6 * self.optimizer_seconds / self.evaluations.max(1) as f64
    }

    /// The lowest gap (or loss); +∞ if no candidate had one.
    pub fn lowest(&self) -> f64 {
        self.trace.lowest()
    }

    /// What tells it from other runs.
    pub fn key(&self) -> (&str, &str, u64) {
        (&self.optimizer, &self.problem, self.seed)
    }
}
