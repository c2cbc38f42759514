//! What fixes the path of a run.

use std::path::Path;

use moths::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::stop::Rule;
use crate::{Error, Result, files};

/// Two runs of one plan, of a program that prints the same for the same settings, have the same trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The command, with its placeholders.
    pub command: Vec<String>,
    /// The optimizer.
    pub optimizer: Spec,
    /// Where all noise comes from.
    pub seed: u64,
    /// Points of somebody's own.
    pub r#try: Vec<String>,
    /// Where the loss stands in what is printed, unless it is the last number.
    pub loss_from: Option<String>,
    /// Is a higher number a better one?
    pub maximize: bool,
    /// By what rule trials are stopped before they end.
    #[serde(default)]
    pub stop: Option<Rule>,
    /// The length of the run that the optimizer was told, in evaluations.
    pub horizon: u64,
}

impl Plan {
    /// The plan of a file.
    ///
    /// # Errors
    /// [`Error::File`] for one that holds none; [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let why =
            |e: serde_json::Error| Error::File { path: path.into(), why: format!("is not the plan of a `moths tune` ({e})") };
        serde_json::from_slice(&text).map_err(why)
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// As [`files::replace_file`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::File { path: path.into(), why: e.to_string() })?;
        files::replace_file(path, text + "\n")
    }

    /// This plan as one that goes on from a noted one, whose length stays what the optimizer was told.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the first thing in which they differ otherwise.
    pub fn going_on(self, noted: &Self) -> Result<Self> {
        let plan = Self { horizon: noted.horizon, ..self };
        let (ours, theirs) = (json!(plan), json!(noted));
        let differs = |(name, value): &(&String, &serde_json::Value)| theirs[name.as_str()] != **value;
        match ours.as_object().and_then(|ours| ours.iter().find(differs)) {
            None => Ok(plan),
            Some((name, value)) => {
                let was = format!("the run that is to go on was started with {}", theirs[name.as_str()]);
                let flag = if name == "command" { "COMMAND".into() } else { format!("--{}", name.replace('_', "-")) };
                Err(Error::invalid(flag, value, was))
            }
        }
    }
}
