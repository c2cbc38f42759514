//! What fixes the path of a run.

use moths::{Checkpoint, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{gguf::Coordinates, head::Start, tuner::Precision};
use crate::{Error, Result};

/// Two runs of one plan see the same losses, bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The digest of the weights that it begins with.
    pub base: String,
    /// The digest of the training data.
    pub data: String,
    /// Those of what it is judged by.
    pub held_out: Vec<String>,
    /// The labels, in the order of the head's outputs.
    pub classes: Vec<String>,
    /// The leaves that are trained.
    pub train: Vec<String>,
    /// Sentences a minibatch.
    pub batch: usize,
    /// The most tokens of a sentence.
    pub tokens: usize,
    /// How the new head begins, where the model has one.
    #[serde(default)]
    pub head: Option<Start>,
    /// What the model is held in, where it is not quantised.
    pub dtype: Precision,
    /// What of a quantised model is trained.
    #[serde(default)]
    pub quantised: Option<Coordinates>,
    /// What a language model is asked, with `{}` for the sentence.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The most sentences of a set by which the model is judged; `None`: all.
    #[serde(default)]
    pub judge: Option<usize>,
    /// The optimizer.
    pub optimizer: Spec,
    /// Where the new head, the minibatches and all noise come from.
    pub seed: u64,
    /// The budget of loss evaluations.
    pub evaluations: u64,
    /// The length that schedules are for.
    pub horizon: u64,
    /// Evaluations between two rows of the curve, each with a checkpoint.
    pub every: u64,
}

/// Under this name a checkpoint notes it.
const NOTED: &str = "finetune";

impl Plan {
    /// The plan that is noted in a checkpoint.
    ///
    /// # Errors
    /// [`Error::Invalid`] when none is.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self> {
        serde_json::from_value(checkpoint.note()[NOTED].clone())
            .map_err(|e| Error::invalid("checkpoint", "its note", format!("must hold the plan of a `moths finetune` ({e})")))
    }

    /// Of so many sentences of a set a row of the curve says how the model does: all that a quantised model is asked are asked one by one.
    pub fn glanced_at(&self) -> usize {
        if self.quantised.is_some() { 16 } else { 512 }
    }

    /// What is noted.
    pub fn note(&self, before: &Value) -> Value {
        json!({ NOTED: self, "before": before })
    }

    /// This plan as one that goes on from a noted one: with a budget of its own, over which the noted schedules are not stretched.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the first thing in which they differ otherwise.
    pub fn going_on(self, noted: &Self) -> Result<Self> {
        let plan = Self { horizon: noted.horizon, every: noted.every, ..self };
        let (ours, theirs) = (json!(plan), json!(Self { evaluations: plan.evaluations, ..noted.clone() }));
        let differs = |(name, value): &(&String, &Value)| theirs[name.as_str()] != **value;
        match ours.as_object().and_then(|ours| ours.iter().find(differs)) {
            None => Ok(plan),
            Some((name, value)) => {
                let was = format!("the run that is to go on was started with {}", theirs[name.as_str()]);
                Err(Error::invalid(format!("--{}", name.replace('_', "-")), value, was))
            }
        }
    }
}
