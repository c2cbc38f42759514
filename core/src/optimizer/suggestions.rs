//! Points of somebody else's that wait for the next step.

use crate::{
    Result,
    objective::Batch,
    persist::{Fields, Persist},
    space::Space,
    tensor::{CowTensor, host},
};

/// How many numbers wait at the most.
const MOST_NUMBERS: usize = 1 << 23;

/// What [`suggest`](crate::optimizer::Optimizer::suggest) was told and no step has evaluated yet: part of the state, so that a run that is resumed looks at it too.
///
/// ```
/// use moths_core::{Batch, Space, optimizer::Suggestions};
///
/// let space = Space::bounded([(0.0, 1.0); 2])?;
/// let mut waiting = Suggestions::at_most(1, &space);
/// waiting.add(&Batch::one(&space.start())?, &space)?;
/// waiting.add(&Batch::one(&space.start())?, &space)?;
/// assert_eq!(waiting.rows().len(), 1, "the last that fit");
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Suggestions {
    most: usize,
    dim: usize,
    /// d numbers each.
    points: Vec<f64>,
}

impl Suggestions {
    /// None yet, and never more than this, nor than 64 MiB hold: of more the last ones stay.
    pub fn at_most(most: usize, space: &Space) -> Self {
        Self { most: most.min(MOST_NUMBERS / space.dim()).max(1), dim: space.dim(), points: vec![] }
    }

    /// These too, moved inside the bounds.
    ///
    /// # Errors
    /// As [`Space::point`], for any of them; nothing has then changed.
    pub fn add(&mut self, points: &Batch, space: &Space) -> Result<()> {
        let mut added = self.points.clone();
        for i in 0..points.len() {
            added.extend(host::to_f64s(&*space.point(&points.row(i, space)?)?)?);
        }
        let surplus = added.len().saturating_sub(self.most * self.dim);
        added.drain(..surplus);
        self.points = added;
        Ok(())
    }

    /// The points \[d\].
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.points.chunks_exact(self.dim)
    }

    /// Over these rows of a tensor \[n, d\], the last point over the first of them; of more points than rows the first are dropped.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where candle refuses.
    pub fn write(&self, candidates: &mut CowTensor, rows: &[usize], space: &Space) -> Result<()> {
        rows.iter().zip(self.rows().rev()).try_for_each(|(i, point)| self.write_row(point, candidates, *i, space))
    }

    /// The point that has waited longest over this row of a tensor \[n, d\].
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where candle refuses.
    pub fn write_first(&self, candidates: &mut CowTensor, row: usize, space: &Space) -> Result<()> {
        match self.rows().next() {
            Some(point) => self.write_row(point, candidates, row, space),
            None => Ok(()),
        }
    }

    /// The point that has waited longest has been looked at.
    pub fn drop_first(&mut self) {
        self.points.drain(..self.dim.min(self.points.len()));
    }

    fn write_row(&self, point: &[f64], candidates: &mut CowTensor, row: usize, space: &Space) -> Result<()> {
        // What was restored may lie outside.
        let mut point = CowTensor::new(space.numbers(point, point.len())?);
        space.confine(&mut point)?;
        candidates.set_row(row, &point)
    }

    /// Is none waiting?
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// They have been looked at.
    pub fn clear(&mut self) {
        self.points.clear();
    }
}

impl Persist for Suggestions {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let mut points = self.points.clone();
        fields.within("points", &mut points, ..=self.most * self.dim)?;
        if !points.len().is_multiple_of(self.dim) || points.iter().any(|x| !x.is_finite()) {
            return Err(fields.refusal("suggests what is no point".into()));
        }
        self.points = points;
        Ok(())
    }
}
