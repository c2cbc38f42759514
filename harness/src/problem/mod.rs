//! What is minimised, looked up by name like optimizers are.

mod digits;
mod functions;

use moths::{CowTensor, Objective, Spec};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, output};
pub use digits::{Digits, Network, Path};

/// Something to minimise, and to judge answers by.
pub trait Problem: Send + Sync {
    /// A replica of the objective. Equal seeds give equal replicas: the same start, the same losses.
    ///
    /// # Errors
    /// When it cannot be built.
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>>;

    /// Who finds out how good an answer is.
    ///
    /// # Errors
    /// When it cannot be built.
    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>>;

    /// The figures an examiner gives: first the loss of the answer, last the one that answers are ranked by.
    fn measures(&self) -> &[Measure];

    /// What is deployed in the end.
    fn answer(&self) -> Answer;

    /// The best optimizer known for such a budget.
    fn default_optimizer(&self, evaluations: u64) -> Spec;

    /// The budget of a run that names none.
    fn default_evaluations(&self) -> u64;

    /// How many replicas evaluate side by side where nobody says.
    fn default_threads(&self) -> usize {
        1
    }
}

/// Judges answers. What it sees never reaches the optimizer.
pub trait Examiner: Send {
    /// One figure a [measure](Problem::measures) of the point \[d\], in search coordinates.
    ///
    /// # Errors
    /// When the point does not fit the problem.
    fn examine(&mut self, answer: &CowTensor) -> Result<Vec<f64>>;
}

/// What a run hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The optimizer's own answer: of a model, that generalises.
    Optimizers,
    /// The best point ever evaluated: of a function, that is the minimum found.
    Best,
}

/// A figure of merit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its name in CSV and JSON.
    pub name: &'static str,
    /// What kind of figure it is.
    pub kind: Figure,
}

/// How a figure reads, and which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Lower is better; on a logarithmic scale.
    Loss,
    /// A share from 0 to 1; higher is better.
    Share,
}

impl Measure {
    /// The loss of the answer.
    pub const LOSS: Self = Self { name: "loss", kind: Figure::Loss };

    /// Its name for people.
    pub fn label(&self) -> String {
        self.name.replace('_', " ")
    }

    /// A figure for people.
    pub fn text(&self, figure: f64) -> String {
        match self.kind {
            Figure::Share if figure.is_finite() => format!("{:.2} %", 100.0 * figure),
            _ => output::number(figure),
        }
    }

    /// The better of two figures comes first; what is no number comes last.
    pub fn compare(&self, a: f64, b: f64) -> std::cmp::Ordering {
        match self.kind {
            Figure::Share => b.total_cmp(&a),
            Figure::Loss => a.abs().is_nan().cmp(&b.is_nan()).then(a.total_cmp(&b)),
        }
    }
}

/// The commands a problem belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A model to train.
    Model,
    /// A function to minimise.
    Function,
}

/// What a problem is built with. A problem refuses the options it does not have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The number of variables of a function [default: 10]
    #[arg(long, value_name = "D")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dim: Option<usize>,
    /// Hold out part of the training data and measure accuracy on it, not on the test data: for choosing settings
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub validate: bool,
}

impl Options {
    fn refuse_dim(&self, problem: &str) -> Result<()> {
        match self.dim {
            Some(dim) => Err(Error::invalid("--dim", dim, format!("`{problem}` has a fixed number of parameters"))),
            None => Ok(()),
        }
    }

    fn refuse_validate(&self, problem: &str) -> Result<()> {
        if self.validate {
            return Err(Error::invalid("--validate", true, format!("`{problem}` has no data to hold out")));
        }
        Ok(())
    }
}

/// One problem that can be looked up.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// The command it belongs to.
    pub kind: Kind,
    /// One sentence.
    pub summary: &'static str,
    /// Where it comes from.
    pub citation: &'static str,
    /// For tests of the harness itself: found by name, but not listed.
    pub hidden: bool,
    build: Build,
}

type Build = Box<dyn Fn(&Options) -> Result<Box<dyn Problem>>>;

impl Entry {
    /// The problem with these options.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an option it does not have.
    pub fn build(&self, options: &Options) -> Result<Box<dyn Problem>> {
        (self.build)(options)
    }
}

/// All problems, models first.
pub fn entries() -> Vec<Entry> {
    std::iter::once(digits::entry()).chain(functions::entries()).collect()
}

/// The problem of this name.
///
/// # Errors
/// [`Error::Unknown`], with the nearest name.
pub fn find(name: &str) -> Result<Entry> {
    let mut entries = entries();
    match entries.iter().position(|e| e.name == name) {
        Some(i) => Ok(entries.swap_remove(i)),
        None => Err(Error::unknown("problem", name, entries.iter().filter(|e| !e.hidden).map(|e| e.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() -> Result<()> {
        let names: Vec<_> = entries().iter().map(|e| e.name).collect();
        for name in &names {
            assert_eq!(find(name)?.name, *name);
            assert_eq!(names.iter().filter(|n| *n == name).count(), 1);
        }
        let refusal = find("rosenbrok").err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(refusal, "unknown problem `rosenbrok`; did you mean `rosenbrock`?");
        Ok(())
    }

    #[test]
    fn figures_are_ranked() {
        let accuracy = Measure { name: "test_accuracy", kind: Figure::Share };
        assert!(accuracy.compare(0.9, 0.8).is_lt() && Measure::LOSS.compare(0.1, 0.2).is_lt());
        assert!(Measure::LOSS.compare(f64::NAN, f64::INFINITY).is_gt());
        assert_eq!([accuracy.text(0.97), accuracy.label()], ["97.00 %", "test accuracy"]);
    }
}
