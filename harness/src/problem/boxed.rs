//! Functions of d variables in a box, whose minimum is known.

use moths::{Batch, CowTensor, Function, Key, Objective, Space, Spec};

use super::{Answer, Examiner, Figure, Measure, Problem};
use crate::Result;

/// A function `f` in the box \[bounds\]ᵈ, searched from a random start.
pub(super) struct Boxed<F> {
    /// Its value at a point; clones are replicas.
    pub(super) f: F,
    /// d.
    pub(super) dim: usize,
    /// The interval of every variable.
    pub(super) bounds: (f64, f64),
    /// The interval the start is drawn from: many functions have their minimum in the middle, so the start is never there.
    pub(super) start: (f64, f64),
    /// The lowest value.
    pub(super) minimum: f64,
}

impl<F: FnMut(&[f64]) -> f64 + Clone + Send + Sync + 'static> Boxed<F> {
    /// The box, with a start that follows from the seed.
    pub(super) fn space(&self, seed: u64) -> Result<Space> {
        let around = Space::bounded(vec![self.start; self.dim])?;
        let somewhere = around.scatter(&around.start(), Key::new(seed), 1)?.flatten_all()?.copy()?;
        Space::bounded(vec![self.bounds; self.dim])?.starting_at(&*around.decode(&somewhere)?)
    }
}

impl<F: FnMut(&[f64]) -> f64 + Clone + Send + Sync + 'static> Problem for Boxed<F> {
    fn objective(&self, seed: u64) -> Result<Box<dyn Objective + Send>> {
        Ok(Box::new(Function::new(self.space(seed)?, self.f.clone())))
    }

    fn examiner(&self, seed: u64) -> Result<Box<dyn Examiner>> {
        Ok(Box::new(Gap { objective: self.objective(seed)?, minimum: self.minimum }))
    }

    fn measures(&self) -> &[Measure] {
        &[Measure::LOSS, Measure { name: "gap", kind: Figure::Loss }]
    }

    fn answer(&self) -> Answer {
        Answer::Best
    }

    fn minimum(&self) -> Option<f64> {
        Some(self.minimum)
    }

    fn default_optimizer(&self) -> Spec {
        Spec::new("auto")
    }

    fn default_evaluations(&self) -> u64 {
        1000 * self.dim as u64
    }
}

/// The value of an answer, and how far above the minimum it is.
pub(super) struct Gap {
    pub(super) objective: Box<dyn Objective + Send>,
    pub(super) minimum: f64,
}

impl Examiner for Gap {
    fn examine(&mut self, answer: &CowTensor) -> Result<Vec<f64>> {
        let loss = self.objective.evaluate(&Batch::one(answer)?)?[0];
        Ok(vec![loss, loss - self.minimum])
    }
}
