//! Runs of search coordinates that decode alike.

use candle_core::{DType, WithDType};

use super::leaf::{Domain, Leaf};
use crate::Result;

/// The least deviation of discrete coordinates, in widths of a level: of .05 to .5, .1 and .2 lost neither a flag nor the answer.
const LEAST_LEVELS: f64 = 0.1;

/// An interval narrower than this, in units of its larger end, is searched from its middle: numbers are coarse so far from 0.
const NARROW: f64 = 1.0 / 1024.0;

/// A run of neighbouring search coordinates with one scale, one interval and one domain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) len: usize,
    pub(crate) scale: f64,
    /// The value at x = 0: 0, but in narrow intervals far from there.
    offset: f64,
    /// The interval in search coordinates; infinite where there is none.
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    /// The least and the most of the decoded values: numbers of the leaf's dtype and of the search's.
    lo: f64,
    hi: f64,
    integer: bool,
    /// Must decoded values be kept within lo and hi?
    confined: bool,
}

impl Segment {
    /// The segments of one leaf, searched in `dtype`: one, unless its elements have bounds of their own.
    ///
    /// # Errors
    /// As [`Leaf::check_numbers`].
    pub(crate) fn of(leaf: &Leaf, dtype: DType) -> Result<Vec<Self>> {
        leaf.check_numbers(dtype)?;
        let mut segments: Vec<Self> = vec![];
        let uniform = !matches!(leaf.bounds, super::leaf::Bounds::Each(_));
        let len = if uniform { leaf.len() } else { 1 };
        for interval in leaf.intervals() {
            let Some(values) = leaf.representable(dtype, interval) else { continue };
            let segment = Self { len, confined: leaf.may_overflow(dtype), ..Self::new(leaf, interval, values) };
            match segments.last_mut() {
                Some(last) if last.decodes_like(&segment) => last.len += segment.len,
                _ => segments.push(segment),
            }
        }
        Ok(segments)
    }

    /// Of one element in [lo, hi], of which `values` are the ends that numbers can be.
    fn new(leaf: &Leaf, (lo, hi): (f64, f64), values: (f64, f64)) -> Self {
        let integer = leaf.domain != Domain::Real;
        // Every integer has as much room as any other.
        let margin = if integer { 0.5 } else { 0.0 };
        let width = hi - lo + 2.0 * margin;
        let is_point = width == 0.0;
        let natural = if width.is_finite() && !is_point { width / 4.0 } else { 1.0 };
        let scale = leaf.scale.unwrap_or(natural);
        let far = is_point || width < NARROW * lo.abs().max(hi.abs());
        let offset = if far { lo + 0.5 * (hi - lo) } else { 0.0 };
        // A coordinate of a fixed element has room too: nothing needs to divide by a width of 0.
        let room = if is_point { 0.5 * scale } else { margin };
        let (lower, upper) = ((lo - offset - room) / scale, (hi - offset + room) / scale);
        Self { len: 1, scale, offset, lower, upper, lo: values.0, hi: values.1, integer, confined: false }
    }

    fn decodes_like(&self, other: &Self) -> bool {
        Self { len: other.len, ..self.clone() } == *other
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.lower.is_finite()
    }

    /// Is there only one value?
    pub(crate) fn is_fixed(&self) -> bool {
        self.lo == self.hi
    }

    /// Are coordinates rounded, or of no effect at all? Then decoding keeps values inside, and walls mean nothing.
    pub(crate) fn is_stepped(&self) -> bool {
        self.integer || self.is_fixed()
    }

    /// The interval where the coordinates are real, and infinite where they are not: decoding keeps those inside.
    pub(crate) fn walls(&self) -> (f64, f64) {
        if self.is_stepped() { (f64::NEG_INFINITY, f64::INFINITY) } else { (self.lower, self.upper) }
    }

    /// The least useful deviation: 0, but where there are several levels.
    pub(crate) fn least_deviation(&self) -> f64 {
        if self.integer && !self.is_fixed() { LEAST_LEVELS / self.scale } else { 0.0 }
    }

    /// Does decoding change nothing?
    pub(crate) fn is_identity(&self) -> bool {
        self.scale == 1.0 && !self.integer && !self.is_bounded() && !self.confined
    }

    /// Search coordinates to parameter values, in place: clamp(round(offset + scale · x), lo, hi), rounding only integers.
    pub(crate) fn decode<T: WithDType>(&self, values: &mut [T]) {
        if self.is_fixed() {
            return values.fill(T::from_f64(self.lo));
        }
        self.stretch(values);
        if self.integer {
            values.iter_mut().for_each(|v| *v = T::from_f64(v.to_f64().round()));
        }
        if self.is_bounded() || self.confined {
            clamp(values, T::from_f64(self.lo), T::from_f64(self.hi));
        }
    }

    /// Have two runs of neighbouring coordinates the same values, to the bit?
    pub(crate) fn decodes_to_the_same<T: WithDType>(&self, a: &[T], b: &[T]) -> bool {
        let [a, b] = [a, b].map(|coordinates| {
            let mut values = coordinates.to_vec();
            self.decode(&mut values);
            values
        });
        same_bits(&a, &b)
    }

    /// offset + scale · x.
    fn stretch<T: WithDType>(&self, values: &mut [T]) {
        if self.offset == 0.0 {
            let scale = T::from_f64(self.scale);
            values.iter_mut().for_each(|v| *v *= scale);
        } else if self.integer {
            // Rounded here: the search's dtype need not hold the fraction.
            values.iter_mut().for_each(|v| *v = T::from_f64((self.offset + self.scale * v.to_f64()).round()));
        } else {
            values.iter_mut().for_each(|v| *v = T::from_f64(self.offset + self.scale * v.to_f64()));
        }
    }

    /// Parameter values to search coordinates, in place: confined to the interval, without the offset and divided by the scale. Of a fixed
    /// element it is the middle, whatever the value.
    pub(crate) fn encode<T: WithDType>(&self, values: &mut [T]) {
        if self.is_fixed() {
            values.fill(T::from_f64(0.5 * (self.lower + self.upper)));
        } else if self.offset == 0.0 {
            let scale = T::from_f64(self.scale);
            values.iter_mut().for_each(|v| *v /= scale);
        } else {
            values.iter_mut().for_each(|v| *v = T::from_f64((v.to_f64() - self.offset) / self.scale));
        }
        self.confine(values);
    }

    /// ∂θ/∂x times a slope by parameter values, in place.
    pub(crate) fn pull_back<T: WithDType>(&self, slopes: &mut [T]) {
        let rise = T::from_f64(if self.is_fixed() { 0.0 } else { self.scale });
        slopes.iter_mut().for_each(|v| *v *= rise);
    }

    /// [`confine`](Self::confine) of discrete and fixed coordinates.
    pub(crate) fn confine_stepped<T: WithDType>(&self, values: &mut [T]) {
        if self.is_stepped() {
            self.confine(values);
        }
    }

    /// Real coordinates with bounds through `map`, which is given the interval as its ends are in T: a clamped point is not outside.
    pub(crate) fn map_real<T: WithDType>(&self, values: &mut [T], map: fn(f64, (f64, f64)) -> f64) {
        if self.is_bounded() && !self.is_stepped() {
            let interval = (T::from_f64(self.lower).to_f64(), T::from_f64(self.upper).to_f64());
            values.iter_mut().for_each(|v| *v = T::from_f64(map(v.to_f64(), interval)));
        }
    }

    /// Moves search coordinates outside the interval to its nearest end, in place.
    pub(crate) fn confine<T: WithDType>(&self, values: &mut [T]) {
        if self.is_bounded() {
            clamp(values, T::from_f64(self.lower), T::from_f64(self.upper));
        }
    }
}

/// Are these the same numbers, to the bit?
pub(super) fn same_bits<T: WithDType>(a: &[T], b: &[T]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits())
}

/// NaN stays NaN: a failed number must not turn into a good-looking one.
fn clamp<T: WithDType>(values: &mut [T], lo: T, hi: T) {
    for v in values {
        if *v < lo {
            *v = lo;
        } else if *v > hi {
            *v = hi;
        }
    }
}
