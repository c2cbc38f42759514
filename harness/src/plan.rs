//! What fixes the path of a run: two runs of one plan see the same losses, bit for bit.

use moths::{Checkpoint, Spec};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Error, Result, problem};

/// A problem, an optimizer, a seed and a budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The name of the problem.
    pub problem: String,
    /// What the problem is built with.
    pub options: problem::Options,
    /// The optimizer.
    pub optimizer: Spec,
    /// Where the initial point and all noise come from.
    pub seed: u64,
    /// The budget of loss evaluations.
    pub evaluations: u64,
    /// The length that the optimizer is built for: the budget, unless the run was given more later. `None`: it is told
    /// nothing.
    #[serde(default)]
    pub horizon: Option<u64>,
    /// End at a loss this low.
    pub target: Option<f64>,
}

impl Plan {
    /// The problem with its options: `bbob/f08/d10/i3`.
    pub fn address(&self) -> String {
        self.options.address(&self.problem)
    }

    /// The plan that is noted in a checkpoint.
    ///
    /// # Errors
    /// [`Error::Invalid`] when none is: the checkpoint was written by another program than this one.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self> {
        serde_json::from_value(checkpoint.note()["plan"].clone())
            .map_err(|e| Error::invalid("checkpoint", "its note", format!("must hold the plan of a run of `moths` ({e})")))
    }

    /// What is noted in a checkpoint: this plan, and whatever the caller wants to find again.
    pub fn note(&self, caller: &serde_json::Value) -> serde_json::Value {
        json!({ "plan": self, "caller": caller })
    }
}
