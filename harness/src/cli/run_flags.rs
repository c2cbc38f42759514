//! The flags of a single run, and how they become a plan.

use std::{
    fmt::Display,
    fs,
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use moths::{
    Checkpoint, Spec,
    optimizer::descent::{self, DescentEntry},
    registry,
};
use serde_json::{Map, Value, json};

use super::places::{Places, believed_data, usual_folder};
use crate::{
    Error, Result, files, names,
    plan::Plan,
    problem::{self, Entry, Options},
    session::Saving,
    whole::whole,
};

/// A checkpoint is written after this share of the evaluations where nobody says.
const CHECKPOINTS: u64 = 20;

#[derive(clap::Args)]
pub(super) struct RunFlags {
    /// A name, or JSON with settings: '{"name":"pso","particles":80}' [default: the best known for the problem]
    #[arg(long, value_name = "NAME|JSON", value_parser = str::parse::<Spec>)]
    pub(super) optimizer: Option<Spec>,
    /// A setting of the optimizer, by its dotted path: --set descent.rate=0.1
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(super) settings: Vec<String>,
    /// The budget of loss evaluations [default: what the problem says]
    #[arg(long, value_name = "N", value_parser = whole::<u64, 1, { u64::MAX }>)]
    pub(super) evaluations: Option<u64>,
    /// The length that schedules are for, where settings do not say [default: the budget]
    #[arg(long, value_name = "N", value_parser = whole::<u64, 1, { u64::MAX }>)]
    pub(super) horizon: Option<u64>,
    /// Where the initial point and all noise come from [default: 1]
    #[arg(long, value_name = "S", value_parser = whole::<u64, 0, { u64::MAX }>)]
    pub(super) seed: Option<u64>,
    /// End after so many seconds in steps
    #[arg(long, value_name = "SECONDS", value_parser = positive, allow_negative_numbers = true)]
    pub(super) seconds: Option<f64>,
    /// End when a candidate has a loss this low: the best seen, which need not be the answer
    #[arg(long, value_name = "LOSS", value_parser = finite, allow_negative_numbers = true)]
    pub(super) target: Option<f64>,
    /// How many candidates are evaluated side by side; changes no result [default: all cores for models, 1 for functions]
    #[arg(long, value_name = "T", value_parser = whole::<u16, 1, 1024>)]
    pub(super) threads: Option<u16>,
    /// Write checkpoints to this file
    #[arg(long, value_name = "PATH")]
    pub(super) checkpoint: Option<PathBuf>,
    /// Let --checkpoint replace the checkpoint of another run, or of an earlier start of this one; and --save of `train` any file
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Evaluations between checkpoints [default: a twentieth of the budget]
    #[arg(long, value_name = "N", value_parser = whole::<NonZeroU64, 1, { u64::MAX }>)]
    pub(super) every: Option<NonZeroU64>,
    /// Go on from this checkpoint, as if the run had never ended; with --evaluations to another budget, schedules held at their ends
    #[arg(long, value_name = "PATH")]
    pub(super) resume: Option<PathBuf>,
    /// Stretch schedules over the new budget of a run that goes on
    #[arg(long, requires_all = ["resume", "evaluations"], conflicts_with = "horizon")]
    pub(super) extend: bool,
    /// The folder for the curve [default: moths-out/PROBLEM-OPTIMIZER-SEED, with a tag behind it where more is said of the run]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

pub(super) fn finite(text: &str) -> std::result::Result<f64, String> {
    text.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| "write a finite number".into())
}

pub(super) fn positive(text: &str) -> std::result::Result<f64, String> {
    finite(text).ok().filter(|x| *x > 0.0).ok_or_else(|| "write a number > 0".into())
}

impl RunFlags {
    /// The plan of a new run.
    pub(super) fn plan(&self, (entry, options): (Entry, Options)) -> Result<Plan> {
        let problem = entry.build(&options)?;
        let evaluations = self.evaluations.unwrap_or_else(|| problem.default_evaluations());
        let named = self.optimizer.clone().unwrap_or_else(|| problem.default_optimizer());
        Ok(Plan {
            problem: entry.name,
            options,
            optimizer: self.set(named)?,
            seed: self.seed.unwrap_or(1),
            evaluations,
            horizon: Some(self.horizon.unwrap_or(evaluations)),
            target: self.target,
        })
    }

    /// The plan of a run that goes on. Flags may repeat it and change its end, nothing else.
    pub(super) fn plan_of(&self, checkpoint: &Checkpoint, problem: Option<&str>, options: Options) -> Result<Plan> {
        let plan = Plan::of(checkpoint)?;
        let named = self.optimizer.clone().unwrap_or_else(|| plan.optimizer.clone());
        let (entry, options) = problem::read(problem.unwrap_or(&plan.problem), &options)?;
        agree("problem", Some(entry.name), plan.problem.clone())?;
        agree_on_options(&options, &plan.options)?;
        agree("--optimizer and --set", Some(self.set(named)?), plan.optimizer.clone())?;
        agree("--seed", self.seed, plan.seed)?;
        let evaluations = self.evaluations.unwrap_or(plan.evaluations);
        let horizon = if self.extend { Some(evaluations) } else { plan.horizon };
        agree_on_horizon(self.horizon, plan.horizon)?;
        let data = options.data.map_or_else(|| believed_data(&plan.options), |data| Ok(Some(data)))?;
        let options = Options { data, device: options.device.or(plan.options.device), ..plan.options.clone() };
        Ok(Plan { options, evaluations, horizon, target: self.target.or(plan.target), ..plan })
    }

    /// Where files go: what the flags say, else what the checkpoint says, else the default.
    pub(super) fn places(&self, plan: &Plan, entry: &Entry, checkpoint: Option<&Checkpoint>) -> Result<Places> {
        let noted = checkpoint.map(Places::of).transpose()?.flatten();
        let out = match (&self.out, &noted) {
            (Some(out), _) => out.clone(),
            (None, Some(noted)) => noted.believed()?,
            (None, None) => usual_folder(plan, entry)?,
        };
        let usually = || NonZeroU64::new(plan.evaluations.div_ceil(CHECKPOINTS)).unwrap_or(NonZeroU64::MIN);
        Ok(Places { out, every: self.every.or(noted.map(|n| n.every)).unwrap_or_else(usually) })
    }

    /// Checkpoints go on to the file that a run was resumed from, unless another is named.
    pub(super) fn saves_to(&self) -> Option<&Path> {
        self.checkpoint.as_deref().or(self.resume.as_deref())
    }

    /// What is saved, where any of it is.
    pub(super) fn saving(&self, places: &Places) -> Result<Option<Saving>> {
        let Some(path) = self.saves_to() else { return Ok(None) };
        let caller =
            serde_json::to_value(places).map_err(|e| Error::invalid("--out", files::words(&places.out), e.to_string()))?;
        Ok(Some(Saving { path: path.into(), every: places.every.get(), caller }))
    }

    /// `--overwrite` says something about other flags only.
    pub(super) fn check_overwrite(&self, saves: bool) -> Result<()> {
        if self.overwrite && self.checkpoint.is_none() && !saves {
            return Err(Error::invalid("--overwrite", true, "only beside --checkpoint, or --save of `moths train`"));
        }
        Ok(())
    }

    /// Makes sure that no file is lost: what checkpoints replace is the one that was resumed from, or was not there.
    pub(super) fn check_checkpoint(&self, path: &Path, plan: &Plan) -> Result<()> {
        let resumed = self.resume.as_deref().is_some_and(|resumed| is_same(resumed, path));
        if resumed || fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        let refused = |why: String| Err(Error::File { path: path.into(), why });
        match Checkpoint::open(path) {
            Ok(_) if self.overwrite => Ok(()),
            Ok(there) => {
                let which = if Plan::of(&there).is_ok_and(|there| there == *plan) { "this run" } else { "another run" };
                let go_on = format!("go on with --resume {}{}", files::words(path), folder(&there));
                refused(format!("is a checkpoint of {which}: {go_on}, name another file, or replace it with --overwrite"))
            }
            Err(Error::File { why, .. }) if self.overwrite => {
                refused(format!("{why}; --overwrite replaces what is a whole checkpoint only: delete it, or name another file"))
            }
            Err(Error::File { why, .. }) => refused(format!("{why}; it will not be replaced: delete it, or name another file")),
            Err(error) => Err(error),
        }
    }

    /// Why checkpoints cannot go where they go, for somebody who may not have said that they do: a run that goes on saves to the file it
    /// came from.
    pub(super) fn unsaved(&self, error: Error) -> Error {
        // What is not there, or is no file, is wrong in itself.
        let Some(path) = self.resume.as_deref().filter(|path| self.checkpoint.is_none() && path.is_file()) else { return error };
        let elsewhere = "--checkpoint for where the run goes on";
        let why = match error {
            Error::File { why, .. } => format!("{why}: name the file itself, or {elsewhere}"),
            Error::Io { source, .. } => format!("checkpoints cannot go there ({source}): name {elsewhere}, or make it writable"),
            other => return other,
        };
        Error::File { path: path.into(), why }
    }

    fn set(&self, spec: Spec) -> Result<Spec> {
        with_settings(spec, &self.settings)
    }
}

/// An optimizer with settings as `--set` says them.
pub(super) fn with_settings(spec: Spec, settings: &[String]) -> Result<Spec> {
    let set = settings.iter().try_fold(names::settled(spec), |mut spec, assignment| {
        let path = assignment.split('=').next().unwrap_or_default();
        name_parts(&spec.name, &mut spec.settings, path);
        spec.with_text(assignment)
    });
    set.map(names::settled)
}

/// `descent.rate=1` is about the descent that is used by default where none is named: gives the parts on a path their names.
fn name_parts(owner: &str, settings: &mut Map<String, Value>, path: &str) {
    let Some((head, rest)) = path.split_once('.').filter(|(_, rest)| *rest != "name") else { return };
    let schema =
        || registry::find(owner).map(registry::Entry::schema).or_else(|_| descent::find(owner).map(DescentEntry::schema));
    let default = || schema().map_or(Value::Null, |schema| schema["properties"][head]["default"].clone());
    let part = settings.get(head).cloned().unwrap_or_else(default);
    if let Ok(mut part) = serde_json::from_value::<Spec>(part) {
        name_parts(&part.name, &mut part.settings, rest);
        settings.insert(head.to_owned(), json!(part));
    }
}

/// The flags by which a run of this program goes on: `--resume run.ckpt`, and the folder where a checkpoint may not say it.
pub(super) fn go_on(checkpoint: &Path, places: &Places) -> String {
    let folder = places.believed().err().map(|_| format!(" --out {}", files::words(&places.out)));
    format!("--resume {}{}", files::words(checkpoint), folder.unwrap_or_default())
}

/// What somebody who goes on from a checkpoint must say beside it. The folder it names is not repeated: it may come from anybody.
fn folder(there: &Checkpoint) -> &'static str {
    // A note that is damaged is told of by who goes on.
    let refused = Places::of(there).ok().flatten().is_some_and(|places| places.believed().is_err());
    if refused { " --out DIR" } else { "" }
}

/// Do two paths name one file?
fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Every option that is given must be the saved one, but for where data lie and losses are computed: a run may go on elsewhere.
fn agree_on_options(given: &Options, saved: &Options) -> Result<()> {
    let given = given.of_the_run();
    let (given, saved) = (json!(given), json!(saved));
    let mut given = given.as_object().into_iter().flatten();
    given.try_for_each(|(name, value)| agree(&format!("--{name}"), Some(value), &saved[name]))
}

fn agree_on_horizon(given: Option<u64>, saved: Option<u64>) -> Result<()> {
    let refused = given.filter(|_| given != saved);
    let saved = saved.map_or_else(|| "none".to_owned(), |saved| saved.to_string());
    refused.map_or(Ok(()), |given| {
        let valid =
            format!("the checkpoint was taken with {saved}; --evaluations with --extend gives another to a run that goes on");
        Err(Error::invalid("--horizon", given, valid))
    })
}

fn agree<T: PartialEq + Display>(flag: &str, given: Option<T>, saved: T) -> Result<()> {
    match given.filter(|given| *given != saved) {
        Some(given) => Err(Error::invalid(flag, given, format!("the checkpoint was taken with {saved}; leave it out to go on"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(spec: &str, path: &str) -> Value {
        let mut spec: Spec = spec.parse().expect("a spec");
        name_parts(&spec.name, &mut spec.settings, path);
        json!(spec)
    }

    #[test]
    fn parts_that_are_not_named_are_the_default_ones() {
        let descent = json!({ "name": "open-es", "descent": "adamw" });
        assert_eq!(named("open-es", "descent.rate"), descent);
        assert_eq!(named(r#"{"name":"undo","inner":"open-es"}"#, "inner.descent.rate")["inner"], descent);
        assert_eq!(named(r#"{"name":"open-es","descent":"sgd"}"#, "descent.rate")["descent"], "sgd");
        for path in ["pairs", "descent.name", "sigma.x", "unknown.x"] {
            assert!(["open-es".into(), json!({ "name": "open-es" })].contains(&named("open-es", path)), "{path}");
        }
    }

    #[test]
    fn data_may_have_moved() {
        let options =
            |data: &str, minibatch| Options { data: Some(data.into()), minibatch: Some(minibatch), ..Options::default() };
        assert!(agree_on_options(&options("there", 8), &options("here", 8)).is_ok());
        assert!(agree_on_options(&options("here", 16), &options("here", 8)).is_err());
    }
}
