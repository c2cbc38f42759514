//! What a local search asks, and what it is told.

use moths_core::{Batch, CowTensor, Error, Objective, Report, Result, objective::Losses, tensor::host};

use super::Room;

/// The objective, to a method that is in the middle of a step.
pub struct Oracle<'a> {
    objective: &'a mut dyn Objective,
    room: &'a Room,
    report: Report,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(objective: &'a mut dyn Objective, room: &'a Room) -> Self {
        Self { objective, room, report: Report::new(f64::INFINITY, 0) }
    }

    /// The losses of points, d numbers each, in one batch. The points are first moved inside the bounds and to the nearest that the space's
    /// dtype holds, in place: they are what was evaluated.
    ///
    /// # Errors
    /// What the objective fails with.
    pub fn losses(&mut self, points: &mut [f64]) -> Result<Losses> {
        let (space, d) = (self.room.space(), self.room.dim());
        if let Some(i) = points.iter().position(|x| !x.is_finite()) {
            return Err(Error::invalid(format!("candidate {}", i / d), points[i], "finite coordinates"));
        }
        let rows = space.numbers(&*points, (points.len() / d, d))?;
        let mut rows = CowTensor::new(rows);
        space.confine(&mut rows)?;
        points.copy_from_slice(&host::to_f64s(&rows.flatten_all()?)?);
        let losses = self.objective.losses(&Batch::Dense(rows))?;
        self.report = self.report.clone().and(losses.lowest(), losses.len() as u64);
        Ok(losses)
    }

    /// The loss of one point \[d\], which is first moved as [`losses`](Self::losses) does; +∞ where it failed.
    ///
    /// # Errors
    /// What the objective fails with.
    pub fn loss(&mut self, point: &mut [f64]) -> Result<f64> {
        Ok(self.losses(point)?[0])
    }

    /// Will the same point have another loss in the next step? Then losses of earlier steps are not to be compared with those of this one.
    pub fn stochastic(&self) -> bool {
        self.objective.stochastic()
    }

    /// Where is searched.
    pub fn room(&self) -> &'a Room {
        self.room
    }

    pub(super) fn into_report(self) -> Report {
        self.report
    }
}
