//! What spaces of real numbers do with points on a card: formulas over rows of scales and ends.
//!
//! Logarithms, levels, whole numbers and offsets are computed on the CPU, on copies, as are mirror images.

use candle_core::Tensor;

use super::{Space, segment::Segment};
use crate::{
    Result, kernel,
    tensor::{CowTensor, place},
};

// What is no number stays so.
kernel! { fn stretch(x: inout, scale: row, lo: row, hi: row) {
    let value = x * scale;
    x = select(value < lo, lo, select(value > hi, hi, value));
} }
kernel! { fn keep_inside(x: inout, lower: row, upper: row) {
    x = select(x < lower, lower, select(x > upper, upper, x));
} }

/// One number a coordinate, on the device of the space.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    scale: Tensor,
    /// The ends of the values.
    lo: Tensor,
    hi: Tensor,
    /// The ends of the coordinates.
    lower: Tensor,
    upper: Tensor,
}

impl Space {
    /// Decodes points in place; `false` where they are here, or some leaf is more than scaled and confined.
    pub(super) fn decode_there(&self, points: &mut CowTensor) -> Result<bool> {
        let able = !place::is_near(points) && self.0.gates.is_empty() && self.0.segments.iter().all(Segment::is_plain);
        if able {
            let Rows { scale, lo, hi, .. } = self.rows()?;
            stretch(points, scale, lo, hi)?;
        }
        Ok(able)
    }

    /// Moves coordinates that are outside to the nearest end, in place; `false` where they are here.
    pub(super) fn confine_there(&self, points: &mut CowTensor) -> Result<bool> {
        let able = !place::is_near(points);
        if able {
            let Rows { lower, upper, .. } = self.rows()?;
            keep_inside(points, lower, upper)?;
        }
        Ok(able)
    }

    /// Made when they are first wanted.
    fn rows(&self) -> Result<&Rows> {
        if let Some(rows) = self.0.rows.get() {
            return Ok(rows);
        }
        let row = |of: fn(&Segment) -> f64| {
            self.numbers(self.0.segments.iter().flat_map(|s| std::iter::repeat_n(of(s), s.len)).collect::<Vec<_>>(), self.dim())
        };
        let rows = Rows {
            scale: row(|s| s.scale)?,
            lo: row(|s| s.ends().0)?,
            hi: row(|s| s.ends().1)?,
            lower: row(|s| s.lower)?,
            upper: row(|s| s.upper)?,
        };
        Ok(self.0.rows.get_or_init(|| rows))
    }
}
