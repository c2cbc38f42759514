//! Where the files of a run go.

use std::{
    num::NonZeroU64,
    path::{Component, Path, PathBuf},
};

use moths::{Checkpoint, Key};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Error, Result, files,
    output::harmless,
    plan::Plan,
    problem::{Entry, Options},
};

/// What this program notes in a checkpoint beside the plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Places {
    /// Where the curve goes.
    #[serde(with = "files::exact")]
    pub(super) out: PathBuf,
    /// How often a checkpoint is written.
    pub(super) every: NonZeroU64,
}

impl Places {
    /// What is noted in a checkpoint; `None` where no command of this program wrote it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the note is damaged.
    pub(super) fn of(checkpoint: &Checkpoint) -> Result<Option<Self>> {
        match &checkpoint.note()["caller"] {
            Value::Null => Ok(None),
            note => serde_json::from_value(note.clone()).map(Some).map_err(|e| {
                let valid = format!("the `out` and `every` of a run, `every` at least 1 ({e})");
                Error::invalid("checkpoint.note.caller", harmless(&note.to_string(), false), valid)
            }),
        }
    }

    /// The folder, if a checkpoint may say so. Whoever made the checkpoint may be anybody: files are written below the current folder,
    /// or where the user says.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that leads out of the current folder.
    pub(super) fn believed(&self) -> Result<PathBuf> {
        believed(&self.out, "caller.out", "--out")
    }
}

/// Where a checkpoint says that data lie, if it may say so.
///
/// # Errors
/// As [`Places::believed`].
pub(super) fn believed_data(noted: &Options) -> Result<Option<PathBuf>> {
    noted.data.as_deref().map(|data| believed(data, "plan.options.data", "--data")).transpose()
}

fn believed(path: &Path, field: &str, flag: &str) -> Result<PathBuf> {
    if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Ok(path.into());
    }
    let valid = "a folder below the current one, as the checkpoint says it and not you";
    let valid = format!("{valid}; give {flag} to have it there, or elsewhere");
    Err(Error::invalid(format!("checkpoint.note.{field}"), files::words(path), valid))
}

/// `moths-out/PROBLEM-OPTIMIZER-SEED`, and behind it a tag of what else was said of the run, so that runs that differ lie apart.
pub(super) fn usual_folder(plan: &Plan, entry: &Entry) -> Result<PathBuf> {
    let usual = entry.build(&plan.options)?.default_evaluations();
    let name = format!("{}-{}-{}", files::file_name(&plan.address()), plan.optimizer.name, plan.seed);
    let said = beyond_the_name(plan, usual);
    let tag = if said.is_empty() { String::new() } else { format!("-{}", tag(&Value::from_iter(said).to_string())) };
    Ok(Path::new("moths-out").join(name + &tag))
}

/// What was said of a run that its name does not tell, and that changes its curve.
fn beyond_the_name(plan: &Plan, usual: u64) -> Vec<(&'static str, Value)> {
    let settings = (!plan.optimizer.settings.is_empty()).then(|| json!(plan.optimizer.settings));
    // The address says the rest.
    let options = Options { dim: None, instance: None, noise: None, ..plan.options.of_the_run() };
    let options = (options != Options::default()).then(|| json!(options));
    let evaluations = (plan.evaluations != usual).then(|| json!(plan.evaluations));
    let horizon = (plan.horizon != Some(plan.evaluations)).then(|| json!(plan.horizon));
    let said = [
        ("settings", settings),
        ("options", options),
        ("evaluations", evaluations),
        ("horizon", horizon),
        ("target", plan.target.map(|target| json!(target))),
    ];
    said.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Six hexadecimal digits that are the same on every machine.
fn tag(text: &str) -> String {
    let key = text.bytes().fold(Key::new(1), |key, byte| key.fold(u64::from(byte)));
    format!("{:06x}", key.to_bits() & 0xff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem;

    fn folder(optimizer: &str, evaluations: u64, target: Option<f64>, options: Options) -> Result<String> {
        let (entry, options) = problem::resolve("digits", &options)?;
        let optimizer = optimizer.parse()?;
        let (name, horizon) = (entry.name.clone(), Some(evaluations));
        let plan = Plan { problem: name, options, optimizer, seed: 3, evaluations, horizon, target };
        Ok(usual_folder(&plan, &entry)?.to_string_lossy().into_owned())
    }

    #[test]
    fn runs_that_differ_lie_apart() -> Result<()> {
        let (entry, options) = problem::resolve("digits", &Options::default())?;
        let usual = entry.build(&options)?.default_evaluations();
        assert_eq!(folder("pso", usual, None, Options::default())?, "moths-out/net-digits-pso-3");
        let data = Options { data: Some("elsewhere".into()), ..Options::default() };
        let all = [
            folder("pso", usual, None, Options::default())?,
            folder(r#"{"name":"pso","particles":20}"#, usual, None, Options::default())?,
            folder(r#"{"name":"pso","particles":21}"#, usual, None, Options::default())?,
            folder("pso", usual + 1, None, Options::default())?,
            folder("pso", usual, Some(0.5), Options::default())?,
            folder("pso", usual, None, Options { validate: true, ..Options::default() })?,
        ];
        assert!(all.iter().all(|name| name.starts_with("moths-out/net-digits-pso-3") && name.len() <= 33), "{all:?}");
        assert!((1..all.len()).all(|i| !all[..i].contains(&all[i])), "{all:?}");
        assert!(beyond_the_name(&plan_with(data), 9).is_empty());
        Ok(())
    }

    fn plan_with(options: Options) -> Plan {
        let optimizer = moths::Spec::new("pso");
        Plan { problem: "p".into(), options, optimizer, seed: 1, evaluations: 9, horizon: Some(9), target: None }
    }

    #[test]
    fn checkpoints_say_nothing_about_folders_elsewhere() {
        let believed = |out: &str| Places { out: out.into(), every: NonZeroU64::MIN }.believed();
        assert!(["moths-out/a", "./a", "a/./b"].iter().all(|out| believed(out).is_ok()));
        assert!(["/etc", "..", "a/../../b", "/"].iter().all(|out| believed(out).is_err()));
        let data = |folder: &str| believed_data(&Options { data: Some(folder.into()), ..Options::default() });
        assert!(data("mnist").is_ok() && data("/dev").is_err() && believed_data(&Options::default()).is_ok());
    }
}
