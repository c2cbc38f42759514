//! What an optimizer is, and what is remarkable about its runs.

use moths::{Spec, registry};
use serde::Serialize;
use serde_json::Value;

use super::number::Short;
use crate::bench::{Contestant, Record, Results};

/// Runs that are listed, of each kind.
const LISTED: usize = 8;

/// An optimizer.
#[derive(Debug, Serialize)]
pub(super) struct Who<'a> {
    label: &'a str,
    about: &'a str,
    /// As JSON; `None` of what is not in the registry.
    spec: Option<String>,
    settings: Vec<Setting>,
    runs: usize,
    failed: usize,
    /// Runs that are not there, although it could run.
    missing: usize,
    /// Problems it cannot run on: it needs a gradient, and there is none.
    pub barred: usize,
    /// 1 for the best of all.
    pub place: usize,
    /// What placed it: the mean share over dimensions, or its mean place over models.
    pub score: Option<Short>,
    failures: Vec<Incident<'a>>,
    slowest: Vec<Incident<'a>>,
}

/// A setting with its value.
#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    value: String,
    /// Is it the default?
    default: bool,
    about: String,
}

/// A run that is listed.
#[derive(Debug, Serialize)]
struct Incident<'a> {
    problem: &'a str,
    seed: u64,
    evaluations: u64,
    seconds: Short,
    ending: &'a str,
}

impl<'a> Who<'a> {
    pub(super) fn new(results: &'a Results, contestant: &'a Contestant) -> Self {
        let on = |address: &str| results.runs(&contestant.label, address);
        let runs: Vec<&Record> = results.problems.iter().flat_map(|subject| on(&subject.address)).collect();
        let needs_more = contestant.spec.as_ref().is_some_and(needs_more);
        let empty = results.problems.iter().filter(|subject| on(&subject.address).is_empty()).count();
        let barred = if needs_more { empty } else { 0 };
        let wanted = (results.problems.len() - barred) * results.seeds as usize;
        let failures: Vec<&Record> = runs.iter().filter(|run| run.failed).copied().collect();
        let mut slowest: Vec<&Record> = runs.iter().filter(|run| !run.failed).copied().collect();
        slowest.sort_by(|a, b| seconds(b).total_cmp(&seconds(a)));
        Self {
            label: &contestant.label,
            about: &contestant.about,
            spec: contestant.spec.as_ref().map(Spec::to_string),
            settings: contestant.spec.as_ref().map(settings).unwrap_or_default(),
            runs: runs.len(),
            failed: failures.len(),
            missing: wanted.saturating_sub(runs.len()),
            barred,
            place: 0,
            score: None,
            failures: failures.into_iter().take(LISTED).map(Incident::new).collect(),
            slowest: slowest.into_iter().take(LISTED).map(Incident::new).collect(),
        }
    }

    /// Runs that came to an end, failed, and are not there.
    pub(super) fn counts(&self) -> [usize; 3] {
        [self.runs, self.failed, self.missing]
    }
}

/// Does it need more than losses, which not every problem has?
fn needs_more(spec: &Spec) -> bool {
    registry::capabilities(spec).is_ok_and(|capabilities| !capabilities.needs_only_losses())
}

impl<'a> Incident<'a> {
    fn new(run: &'a Record) -> Self {
        let Record { problem, seed, evaluations, ending, .. } = run;
        Self { problem, seed: *seed, evaluations: *evaluations, seconds: Short(seconds(run)), ending }
    }
}

fn seconds(run: &Record) -> f64 {
    run.optimizer_seconds + run.objective_seconds
}

/// All settings, those that are not named with their defaults; none of an optimizer that this program does not know.
fn settings(spec: &Spec) -> Vec<Setting> {
    let Ok(entry) = registry::find(&spec.name) else { return vec![] };
    let schema = entry.schema();
    let setting = |(name, property): (&String, &Value)| {
        let given = spec.settings.get(name);
        let value = given.or_else(|| property.get("default")).map_or_else(String::new, plain);
        let about = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        Setting { name: name.clone(), value, default: given.is_none(), about }
    };
    schema["properties"].as_object().map_or(vec![], |properties| properties.iter().map(setting).collect())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
