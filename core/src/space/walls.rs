//! How points of ℝᵈ become points inside the bounds.
//!
//! ```text
//! t          = (x − lo) mod 2w,   w = up − lo
//! clamp(x)   = min(max(x, lo), up)
//! fold(x)    = lo + min(t, 2w − t)                                          the identity inside, mirror images outside
//! smooth(x)  = lo + (y − lo + a)²/4a  where y < lo + a,   y = fold(x) over [lo − a, up + a],   a = 0.03 w
//!            = up − (up + a − y)²/4a  where y > up − a
//!            = y                      else
//! ```
//!
//! A distribution that learns from clamped points loses itself at a wall: whatever lies outside is evaluated at the wall, looks as good as the
//! wall, and pulls on. A fold is continuous, loses nothing, and its right inverse is the clamp; but a slope becomes |x|, which no covariance
//! can learn. Where there is one end, w = ∞, and a = 0.12: that of an interval of four units, which a search coordinate has by default. The smooth transform (pycma's `BoundTransform`; a is narrower here) makes it x², and an optimum on a wall a quartic one. Discrete
//! and fixed coordinates are clamped whatever the walls: decoding rounds them.

use serde::Serialize;

use super::Space;
use crate::{
    Result,
    rng::Element,
    tensor::{CowTensor, host},
    with_scalar,
};

/// How a search meets bounds, declared in its [`Capabilities`](crate::optimizer::Capabilities).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Walls {
    /// Points outside are moved to the nearest point inside, and count as proposed there.
    Clamp,
    /// Points outside are evaluated at their mirror images; a distribution goes on in ℝᵈ and learns them from where they were drawn.
    Fold,
    /// The search goes on in ℝᵈ, and a smooth fold of it is evaluated.
    Smooth,
    /// Points outside are moved to the nearest point inside, and their velocity turns back.
    Reflect,
    /// A child's coordinate outside is moved halfway between the bound and its parent's.
    Halfway,
}

/// The part of an interval over which the smooth transform bends, at both ends.
const BEND: f64 = 0.03;

/// a: that part of an interval, which of those with one end is as wide as those with two are by default, four units of the search.
fn bend((lo, up): (f64, f64)) -> f64 {
    let width = up - lo;
    BEND * if width.is_finite() { width } else { 4.0 }
}

/// fold(x); infinities stay, and so does everything inside, to the bit.
pub(crate) fn fold(x: f64, (lo, up): (f64, f64)) -> f64 {
    let width = up - lo;
    if (lo..=up).contains(&x) || x.is_infinite() || width <= 0.0 {
        return x;
    }
    if width.is_infinite() && !x.is_nan() {
        return if x < lo { lo + (lo - x) } else { up - (x - up) };
    }
    let t = (x - lo).rem_euclid(2.0 * width);
    lo + t.min(2.0 * width - t)
}

/// smooth(x); infinities stay.
pub(super) fn smooth(x: f64, (lo, up): (f64, f64)) -> f64 {
    if x.is_infinite() {
        return x;
    }
    let a = bend((lo, up));
    let y = fold(x, (lo - a, up + a));
    if y < lo + a {
        lo + (y - lo + a).powi(2) / (4.0 * a)
    } else if y > up - a {
        up - (up + a - y).powi(2) / (4.0 * a)
    } else {
        y
    }
}

/// The x in \[lo − a, up + a\] with smooth(x) = y, for a y in \[lo, up\].
pub(super) fn unsmooth(y: f64, (lo, up): (f64, f64)) -> f64 {
    let a = bend((lo, up));
    if y < lo + a {
        lo - a + 2.0 * (a * (y - lo)).max(0.0).sqrt()
    } else if y > up - a {
        up + a - 2.0 * (a * (up - y)).max(0.0).sqrt()
    } else {
        y
    }
}

impl Space {
    /// The walls of every search coordinate: its interval where it is real, infinite where there are no bounds, and also where the
    /// coordinate is discrete or fixed, as decoding keeps it inside.
    pub fn walls(&self) -> impl Iterator<Item = (f64, f64)> {
        self.0.segments.iter().flat_map(|s| std::iter::repeat_n(s.walls(), s.len))
    }

    /// Moves search coordinates \[.., d\] that lie outside the bounds to their mirror images inside, in place: the way into
    /// [`Walls::Fold`]. Its right inverse is [`Space::point`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for points of another length or dtype, which are then as they were.
    pub fn fold(&self, points: &mut CowTensor) -> Result<()> {
        self.check_points(points)?;
        if !self.is_bounded() {
            return Ok(());
        }
        with_scalar!(self.dtype(), T => host::edit::<T, _>(points, |values| {
            values.chunks_mut(self.dim()).for_each(|row| self.fold_slice(row));
        }))
    }

    /// Search coordinates \[.., d\] of ℝᵈ to points inside the bounds, in place: the way into [`Walls::Smooth`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for points of another length or dtype, which are then as they were.
    pub fn smooth(&self, points: &mut CowTensor) -> Result<()> {
        self.map_bounded(points, smooth)?;
        self.confine(points)
    }

    /// The inverse of [`Space::smooth`], in place; of points \[.., d\] outside the bounds, that of the nearest inside.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for points of another length or dtype, which are then as they were.
    pub fn unsmooth(&self, points: &mut CowTensor) -> Result<()> {
        self.confine(points)?;
        self.map_bounded(points, unsmooth)
    }

    /// [`Space::fold`] of one point, in place.
    pub(crate) fn fold_slice<T: Element>(&self, point: &mut [T]) {
        self.each_segment(point, |_, segment, values| {
            segment.map_real(values, fold);
            segment.confine(values);
        });
    }

    /// Real coordinates with bounds through a map that knows their interval, in place.
    fn map_bounded(&self, points: &mut CowTensor, map: fn(f64, (f64, f64)) -> f64) -> Result<()> {
        self.check_points(points)?;
        if !self.is_bounded() {
            return Ok(());
        }
        with_scalar!(self.dtype(), T => host::edit::<T, _>(points, |values| {
            values.chunks_mut(self.dim()).for_each(|row| self.each_segment(row, |_, segment, v| segment.map_real(v, map)));
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: (f64, f64) = (-1.0, 3.0);

    #[test]
    fn a_fold_is_the_identity_inside_and_a_mirror_outside() {
        for (x, y) in [(-1.0, -1.0), (0.5, 0.5), (3.0, 3.0), (3.5, 2.5), (7.0, -1.0), (7.5, -0.5), (-1.25, -0.75), (-5.5, 2.5)] {
            assert_eq!(fold(x, BOX), y, "{x}");
        }
        assert!(fold(f64::NAN, BOX).is_nan() && fold(f64::INFINITY, BOX).is_infinite());
        assert_eq!(fold(5.0, (2.0, 2.0)), 5.0, "an interval without width has no mirror");
    }

    #[test]
    fn the_smooth_transform_is_a_smooth_way_through_the_whole_interval() {
        let mut before = (-1.24, smooth(-1.24, BOX));
        let mut slope = f64::NAN;
        for i in -1239..=3240 {
            let x = f64::from(i) / 1000.0;
            let y = smooth(x, BOX);
            assert!((-1.0..=3.0).contains(&y), "{x}: {y}");
            let bend = (y - before.1) / (x - before.0) - slope;
            assert!(bend.is_nan() || bend.abs() <= 0.06, "{x}: the slope changes by {bend}");
            (slope, before) = ((y - before.1) / (x - before.0), (x, y));
        }
        assert!(smooth(-1.12, BOX) < -0.96 && smooth(1.0, BOX) == 1.0 && smooth(f64::INFINITY, BOX) == f64::INFINITY);
    }

    #[test]
    fn the_inverse_of_the_smooth_transform_undoes_it() {
        for i in 0..=400 {
            let y = -1.0 + f64::from(i) / 100.0;
            assert!((smooth(unsmooth(y, BOX), BOX) - y).abs() < 1e-12, "{y}");
        }
    }
}
