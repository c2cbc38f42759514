//! Losses of different data are never compared: what is remembered of earlier steps, beside the candidates of this one.

use crate::{
    Result,
    objective::{Batch, Losses, Objective},
    optimizer::Report,
};

/// Losses that may be compared with each other: all of the same data.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Of the points that were evaluated before: what is remembered from now on.
    pub before: Vec<f64>,
    /// Of the candidates.
    pub losses: Losses,
    /// The lowest loss that was evaluated, and how many were.
    pub report: Report,
}

impl dyn Objective + '_ {
    /// Evaluates candidates beside points whose losses are remembered from earlier steps.
    ///
    /// Of a deterministic objective the remembered losses last, and cost nothing. Of a [stochastic](Objective::stochastic) one they are
    /// losses of other data: the points are evaluated again, in one batch with the candidates and on the same data, so that one number added
    /// to all losses of a step changes nothing. Points none of which has ever succeeded are not evaluated again. `None`: the losses of the
    /// points are not known, and they are evaluated in any case.
    ///
    /// ```
    /// use moths_core::{Batch, CowTensor, Function, Objective, Space};
    ///
    /// let space = Space::real(1)?;
    /// let mut objective = Function::new(space.clone(), |x| x[0] * x[0]);
    /// let (best, candidate) = (space.start(), CowTensor::new((&*space.start() + 2.0)?));
    /// let (best, candidate) = (Batch::one(&best)?, Batch::one(&candidate)?);
    /// let seen = (&mut objective as &mut dyn Objective).losses_beside(&candidate, &best, Some(&[0.0]))?;
    /// assert_eq!((seen.before, seen.losses[0], seen.report.evaluations), (vec![0.0], 4.0, 1));
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// What [`Objective::evaluate`] fails with, or another number of losses than candidates.
    pub fn losses_beside(&mut self, candidates: &Batch, points: &Batch, remembered: Option<&[f64]>) -> Result<Comparison> {
        if let Some(remembered) = remembered
            && (!self.stochastic() || remembered.iter().all(|loss| loss.is_infinite()))
        {
            let losses = self.losses(candidates)?;
            return Ok(Comparison { before: remembered.to_vec(), report: Report::of(&losses), losses });
        }
        let mut losses = self.losses(&Batch::Joined([points.clone(), candidates.clone()].into()))?;
        let report = Report::of(&losses);
        let before = losses.split_off(candidates.len());
        Ok(Comparison { before, losses, report })
    }
}
