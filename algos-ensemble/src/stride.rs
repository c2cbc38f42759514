//! The step of a wrapped optimizer as a move of its answer: what is undone, turned round, scaled, averaged and handed on.

use moths_core::{CowTensor, Objective, Optimizer, Report, Result, Space, fuse, kernel};

use crate::contest::{Contest, Seen, lowest};

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
        space.same_values(&self.before, &self.after)
    }

    /// The loss of the answer of a step that [leads nowhere](Self::is_nowhere), where `remembered` is what was known of it before.
    pub(crate) fn loss_where_it_stays(&self, remembered: f64, space: &Space) -> Result<f64> {
        Ok(self.seen.loss_of(&self.after, space)?.unwrap_or(remembered))
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

/// Points on the line through a stride, and their losses on the data of the step.
pub(crate) struct Line {
    pub(crate) stride: Stride,
    /// f(before); +∞ when it is not known. It counts where losses last.
    remembered: f64,
    times: Vec<f64>,
    pub(crate) points: Vec<CowTensor>,
    /// One a point, in the order in which they were asked for; +∞ for one that failed.
    pub(crate) losses: Vec<f64>,
}

impl Line {
    pub(crate) fn of(stride: Stride, remembered: f64) -> Self {
        Self { stride, remembered, times: vec![], points: vec![], losses: vec![] }
    }

    /// The losses of before + times · δ, in one round; those that are known are not asked for.
    pub(crate) fn ask(&mut self, times: &[f64], objective: &mut dyn Objective) -> Result<()> {
        let points = times.iter().map(|times| self.stride.point(*times, objective.space())).collect::<Result<Vec<_>>>()?;
        let remembered: Vec<f64> =
            times.iter().map(|times| if *times == 0.0 { self.remembered } else { f64::INFINITY }).collect();
        let contest = Contest::of(&points.iter().collect::<Vec<_>>(), &remembered, &self.stride.seen, objective)?;
        self.stride.report = contest.added_to(self.stride.report.clone());
        self.times.extend(times);
        self.points.extend(points);
        self.losses.extend(contest.losses);
        Ok(())
    }

    /// The first point of lowest loss; `None` where all failed.
    pub(crate) fn best(&self) -> Option<usize> {
        lowest(&self.losses)
    }

    /// Moves who took the stride to this point, or where there is none back where it was: the loss there, and the report of the step.
    pub(crate) fn settle(self, inner: &mut dyn Optimizer, at: Option<usize>) -> Result<(f64, Report)> {
        let Some((times, at)) = at.map(|at| (self.times[at], at)) else {
            inner.move_to(&self.stride.before)?;
            return Ok((self.loss_before(), self.stride.report));
        };
        // After the whole stride it stands there.
        if times != 1.0 {
            inner.move_to(&self.points[at])?;
        }
        Ok((self.losses[at], self.stride.report))
    }

    /// f(before), where it was asked for or is remembered.
    fn loss_before(&self) -> f64 {
        self.times.iter().position(|times| *times == 0.0).map_or(f64::INFINITY, |before| self.losses[before])
    }
}
