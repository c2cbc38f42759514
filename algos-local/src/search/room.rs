//! The room a local search has, in plain numbers.

use candle_core::DType;
use moths_core::Space;

/// A space as a list of intervals, one a search coordinate.
pub struct Room {
    space: Space,
    intervals: Vec<(f64, f64)>,
    fixed: Vec<bool>,
    least: Vec<f64>,
}

impl Room {
    /// That of a space.
    pub fn of(space: &Space) -> Self {
        Self {
            intervals: space.intervals().collect(),
            fixed: space.fixed().collect(),
            least: space.least_deviations().collect(),
            space: space.clone(),
        }
    }

    /// The space itself.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// d.
    pub fn dim(&self) -> usize {
        self.intervals.len()
    }

    /// The interval of coordinate `i`; infinite where it has no bounds.
    pub fn interval(&self, i: usize) -> (f64, f64) {
        self.intervals[i]
    }

    /// Has coordinate `i` one value only?
    pub fn is_fixed(&self, i: usize) -> bool {
        self.fixed[i]
    }

    /// The least useful deviation of coordinate `i`: 0 where it is real.
    pub fn least_deviation(&self, i: usize) -> f64 {
        self.least[i]
    }

    /// The distance from 1 to the next number that the search coordinates hold.
    pub fn epsilon(&self) -> f64 {
        if self.space.dtype() == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON }
    }

    /// The nearest point inside, in place.
    pub fn confine(&self, point: &mut [f64]) {
        point.iter_mut().zip(&self.intervals).for_each(|(x, (lower, upper))| *x = x.clamp(*lower, *upper));
    }
}
