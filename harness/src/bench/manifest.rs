//! What a results folder is about.

use moths::Spec;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    problem::{Figure, Measure, Options},
};

/// The format of results folders. A folder of another format is refused.
pub const FORMAT: u32 = 1;

/// What was run on what, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] when it was written.
    pub format: u32,
    /// The program and its version: `moths 0.1.0`.
    pub program: String,
    /// The suite, or what else was asked for.
    pub suite: String,
    /// Who ran.
    pub optimizers: Vec<Contestant>,
    /// On what.
    pub problems: Vec<Subject>,
    /// For how long.
    pub budget: Budget,
    /// Every optimizer runs on every problem with the seeds 1 to this.
    pub seeds: u64,
    /// What problems were built with beyond what their names say.
    #[serde(default)]
    pub options: Options,
}

/// An optimizer with its settings, ours or somebody else's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contestant {
    /// Unique within a folder: `open-es (pairs = 32)`.
    pub label: String,
    /// How it is built; `None` of what is not in the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Spec>,
    /// What it is, with its source.
    #[serde(default)]
    pub about: String,
}

/// A problem as reports need to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// `bbob/f08/d10/i3`
    pub address: String,
    /// Without dimension and instance: `bbob/f08`.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Problems of a group belong together; empty where there are no groups.
    #[serde(default)]
    pub group: String,
    /// The number of parameters.
    pub dim: usize,
    /// Is its minimum known, so that traces hold gaps? Otherwise they hold losses.
    pub gaps: bool,
    /// What answers are judged by; the last ranks.
    pub measures: Vec<Judged>,
}

/// A [`Measure`] in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// What kind of figure it is.
    pub kind: Figure,
}

impl From<&Measure> for Judged {
    fn from(measure: &Measure) -> Self {
        Self { name: measure.name.into(), kind: measure.kind }
    }
}

/// How many evaluations a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// So many times the number of parameters.
    PerDimension(u64),
    /// So many.
    Evaluations(u64),
    /// What every problem says.
    Usual,
}

impl Budget {
    /// The evaluations for a problem of so many parameters that usually takes so many.
    pub fn evaluations(self, dim: usize, usual: u64) -> u64 {
        match self {
            Self::PerDimension(factor) => factor.saturating_mul(dim as u64),
            Self::Evaluations(evaluations) => evaluations,
            Self::Usual => usual,
        }
    }
}

impl Budget {
    /// The evaluations for a problem of so many parameters, where they do not depend on what it usually takes.
    pub fn fixed(self, dim: usize) -> Option<u64> {
        (self != Self::Usual).then(|| self.evaluations(dim, 0))
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PerDimension(factor) => write!(f, "{factor} x D evaluations"),
            Self::Evaluations(evaluations) => write!(f, "{evaluations} evaluations"),
            Self::Usual => f.write_str("every problem's usual number of evaluations"),
        }
    }
}

impl Manifest {
    /// The program that writes manifests here.
    pub fn this_program() -> String {
        format!("moths {}", env!("CARGO_PKG_VERSION"))
    }

    /// This manifest with what another adds: optimizers, problems, seeds.
    ///
    /// # Errors
    /// [`Error::Invalid`] when runs of the two could not stand side by side: another program, budget, or other options.
    pub fn joined(mut self, other: &Self) -> Result<Self> {
        same("the program", &self.program, &other.program)?;
        same("--budget", &self.budget, &other.budget)?;
        same("the options", &serde_json::json!(self.options), &serde_json::json!(other.options))?;
        for contestant in &other.optimizers {
            match self.optimizers.iter().find(|there| there.label == contestant.label) {
                None => self.optimizers.push(contestant.clone()),
                Some(there) if there == contestant => {}
                Some(_) => return Err(another("optimizer", &contestant.label)),
            }
        }
        for subject in &other.problems {
            match self.problems.iter().find(|there| there.address == subject.address) {
                None => self.problems.push(subject.clone()),
                Some(there) if there == subject => {}
                Some(_) => return Err(another("problem", &subject.address)),
            }
        }
        if self.suite != other.suite && !self.suite.split(" + ").any(|suite| suite == other.suite) {
            self.suite = format!("{} + {}", self.suite, other.suite);
        }
        self.seeds = self.seeds.max(other.seeds);
        Ok(self)
    }
}

fn another(kind: &str, name: &str) -> Error {
    Error::invalid(kind, name, "what the folder's manifest says of it; name another folder to keep them apart")
}

/// What must be equal in a folder and in what is to be added to it.
pub(crate) fn same<T: PartialEq + std::fmt::Display>(what: &str, there: &T, wanted: &T) -> Result<()> {
    if there == wanted {
        return Ok(());
    }
    Err(Error::invalid(what, wanted, format!("the folder holds runs of {there}; name another folder to keep them apart")))
}
