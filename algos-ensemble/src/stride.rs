//! The step of a wrapped optimizer as a move of its answer: what is undone, turned round, scaled, averaged and handed on.

use moths_core::{CowTensor, Objective, Optimizer, Report, Result, Space, fuse, kernel};

use crate::contest::{Seen, is_same};

/// What a step did: δ = after − before.
pub(crate) struct Stride {
    /// The answer before the step.
    pub(crate) before: CowTensor,
    /// The answer after it.
    pub(crate) after: CowTensor,
    pub(crate) report: Report,
    pub(crate) seen: Seen,
}

kernel! { fn along(out: out, before: mat, after: mat, times: num) {
    out = before + times * (after - before);
} }
kernel! { fn difference(out: out, a: mat, b: mat) {
    out = a - b;
} }

impl Stride {
    /// A step of `inner`.
    pub(crate) fn of(inner: &mut dyn Optimizer, objective: &mut dyn Objective) -> Result<Self> {
        let before = inner.answer()?;
        let (report, seen) = Seen::step(inner, objective)?;
        Ok(Self { before, after: inner.answer()?, report, seen })
    }

    /// Has the answer the parameter values that it had?
    pub(crate) fn is_nowhere(&self, space: &Space) -> Result<bool> {
        is_same(&self.before, &self.after, space)
    }

    /// before + times · δ, inside the bounds: 0 is where the step began and 1 where it ended, to the bit.
    pub(crate) fn point(&self, times: f64, space: &Space) -> Result<CowTensor> {
        if times == 0.0 || times == 1.0 {
            return Ok(if times == 0.0 { self.before.clone() } else { self.after.clone() });
        }
        let mut point = space.zeros()?;
        along(&mut point, &self.before, &self.after, times)?;
        space.confine(&mut point)?;
        Ok(point)
    }

    /// −δ: what stands for the gradient that this step descended.
    pub(crate) fn as_gradient(&self, space: &Space) -> Result<CowTensor> {
        let mut gradient = space.zeros()?;
        difference(&mut gradient, &self.before, &self.after)?;
        Ok(gradient)
    }

    /// [`as_gradient`](Self::as_gradient), unless it is zero or not finite: then nothing can be followed.
    pub(crate) fn descended(&self, space: &Space) -> Result<Option<CowTensor>> {
        let gradient = self.as_gradient(space)?;
        let length = fuse::norm(&gradient)?;
        Ok((length > 0.0 && length.is_finite()).then_some(gradient))
    }
}
