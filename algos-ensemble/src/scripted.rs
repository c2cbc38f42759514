//! What the tests of wrappers wrap: an optimizer whose every step is known.

use moths_core::{CowTensor, Objective, Optimizer, Report, Result, Space, candle_core::Tensor, persist};

/// Moves its point by one stride after another, begins again after the last, and asks for nothing.
pub(crate) struct Scripted {
    at: CowTensor,
    strides: Vec<Vec<f64>>,
    /// How many steps it has taken: what must survive whatever is done to its point.
    pub(crate) taken: usize,
    /// After so many steps it says that it has converged.
    converged_after: usize,
}

persist!(Scripted { at, taken });

impl Scripted {
    pub(crate) fn new(space: &Space, strides: &[&[f64]]) -> Self {
        let strides = strides.iter().map(|stride| stride.to_vec()).collect();
        Self { at: space.start(), strides, taken: 0, converged_after: usize::MAX }
    }

    pub(crate) fn converged_after(self, converged_after: usize) -> Self {
        Self { converged_after, ..self }
    }
}

impl Optimizer for Scripted {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let stride = Tensor::new(&self.strides[self.taken % self.strides.len()][..], self.at.device())?;
        let mut at = CowTensor::new((&*self.at + stride)?);
        objective.space().confine(&mut at)?;
        self.at = at;
        self.taken += 1;
        let converged = (self.taken >= self.converged_after).then_some("as the script says");
        Ok(Report::new(f64::INFINITY, 0).converged(converged))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.at.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.at = at.clone();
        Ok(())
    }
}

/// The numbers of an answer.
pub(crate) fn answer(optimizer: &dyn Optimizer) -> Vec<f64> {
    optimizer.answer().unwrap().to_vec1().unwrap()
}
