//! What is minimised, looked up by name like optimizers are.

pub mod bbob;
mod boxed;
mod catalogue;
mod classic;
mod control;
mod discrete;
mod measure;
mod mixint;
mod net;
mod noisy;
mod options;
mod place;

use std::collections::HashMap;

use candle_core::Tensor;
use moths::{CowTensor, Objective, Spec};

use crate::Result;
pub use catalogue::{Entry, Kind, SUITES, Suite, entries, find, neither_suite_nor_problem, read, resolve, suite};
pub use measure::{Figure, Measure};
pub(crate) use net::below;
pub use net::training_images;
use options::Has;
pub use options::Options;
pub use place::Place;

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

    /// The lowest loss there is, where it is known: then losses are measured by how far above it they are.
    fn minimum(&self) -> Option<f64> {
        None
    }

    /// Does its objective have gradients, so that backprop's figure can stand beside the others'?
    fn differentiable(&self) -> bool {
        false
    }

    /// Does its objective show what a model answers, for methods that need it?
    fn shows_outputs(&self) -> bool {
        false
    }

    /// The best optimizer known; schedules are as long as the run.
    fn default_optimizer(&self) -> Spec;

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

    /// The tensors that a model has at the point \[d\], by name, in their own dtypes and shapes; none of what is no model.
    ///
    /// # Errors
    /// When the point does not fit the problem.
    fn tensors(&mut self, _answer: &CowTensor) -> Result<Option<HashMap<String, Tensor>>> {
        Ok(None)
    }
}

/// What a run hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The optimizer's own answer: of a model, that generalises.
    Optimizers,
    /// The best point ever evaluated: of a function, that is the minimum found.
    Best,
}
