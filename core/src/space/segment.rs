//! Runs of search coordinates that decode alike.

use std::sync::Arc;

use candle_core::{DType, WithDType};

use super::{
    domain::{Bounds, Domain},
    leaf::Leaf,
    walls::fold,
};
use crate::{
    Result,
    rng::math::{exp_f64, ln_f64},
};

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
    /// Is the coordinate of the logarithm?
    logarithmic: bool,
    /// What whole numbers are indices of; `None` where they are values.
    levels: Option<Arc<[f64]>>,
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
        let levels: Option<Arc<[f64]>> = leaf.levels_in(dtype).filter(|levels| !levels.is_empty()).map(Into::into);
        let uniform = !matches!(leaf.bounds, Bounds::Each(_));
        let len = if uniform { leaf.len() } else { 1 };
        for interval in leaf.intervals() {
            let Some(values) = leaf.representable(dtype, interval) else { continue };
            let segment =
                Self { len, confined: leaf.may_overflow(dtype), ..Self::new(leaf, interval, values) }.with(levels.clone());
            match segments.last_mut() {
                Some(last) if last.decodes_like(&segment) => last.len += segment.len,
                _ => segments.push(segment),
            }
        }
        Ok(segments)
    }

    /// Of one element in [lo, hi], of which `values` are the ends that numbers can be.
    fn new(leaf: &Leaf, (lo, hi): (f64, f64), values: (f64, f64)) -> Self {
        let (integer, logarithmic) = (leaf.domain != Domain::Real, leaf.logarithmic);
        // Every integer has as much room as any other.
        let margin = if integer { 0.5 } else { 0.0 };
        // What is searched, without offset and scale.
        let (lo, hi, margin) = if logarithmic { (ln_f64(lo - margin), ln_f64(hi + margin), 0.0) } else { (lo, hi, margin) };
        let width = hi - lo + 2.0 * margin;
        let is_point = width == 0.0;
        let natural = if width.is_finite() && !is_point { width / 4.0 } else { 1.0 };
        let scale = leaf.scale.unwrap_or(natural);
        let far = is_point || width < NARROW * lo.abs().max(hi.abs());
        let offset = if far { lo + 0.5 * (hi - lo) } else { 0.0 };
        // A coordinate of a fixed element has room too: nothing needs to divide by a width of 0.
        let room = if is_point { 0.5 * scale } else { margin };
        let (lower, upper) = ((lo - offset - room) / scale, (hi - offset + room) / scale);
        let (lo, hi) = values;
        Self { len: 1, scale, offset, lower, upper, lo, hi, integer, logarithmic, levels: None, confined: false }
    }

    /// The same with these levels. A single one is a fixed value.
    fn with(self, levels: Option<Arc<[f64]>>) -> Self {
        match levels.as_deref() {
            Some([only]) => Self { lo: *only, hi: *only, ..self },
            _ => Self { levels, ..self },
        }
    }

    fn decodes_like(&self, other: &Self) -> bool {
        Self { len: other.len, ..self.clone() } == *other
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.lower.is_finite() || self.upper.is_finite()
    }

    /// Has the interval two ends?
    pub(crate) fn is_closed(&self) -> bool {
        self.lower.is_finite() && self.upper.is_finite()
    }

    /// Where a search begins of which nothing else is said: the middle of the interval, zero where there is none; from a single end a unit away,
    /// if zero is not farther inside.
    pub(crate) fn middle(&self) -> f64 {
        match (self.lower.is_finite(), self.upper.is_finite()) {
            (true, true) => 0.5 * (self.lower + self.upper),
            (true, false) => (self.lower + 1.0).max(0.0),
            (false, true) => (self.upper - 1.0).min(0.0),
            (false, false) => 0.0,
        }
    }

    /// How many values of equal room there are; 0 where values are real, or the higher the closer.
    pub(crate) fn steps(&self) -> u64 {
        match &self.levels {
            Some(levels) => levels.len() as u64,
            None if !self.integer || self.logarithmic => 0,
            None => (self.hi - self.lo) as u64 + 1,
        }
    }

    /// The `i`-th level, as a number of leaf and search.
    pub(crate) fn level(&self, i: usize) -> f64 {
        self.levels.as_deref().and_then(|levels| levels.get(i)).copied().unwrap_or(self.lo)
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

    /// The least useful deviation: 0, but where there are several levels. On a logarithmic scale it is that of the widest, the lowest.
    pub(crate) fn least_deviation(&self) -> f64 {
        if !self.integer || self.is_fixed() {
            return 0.0;
        }
        let level = if self.logarithmic { ln_f64((self.lo + 0.5) / (self.lo - 0.5)) } else { 1.0 };
        LEAST_LEVELS * level / self.scale
    }

    /// Does decoding change nothing?
    pub(crate) fn is_identity(&self) -> bool {
        self.scale == 1.0 && !self.integer && !self.logarithmic && !self.is_bounded() && !self.confined
    }

    /// Is decoding clamp(scale · x, lo, hi), and nothing else?
    pub(super) fn is_plain(&self) -> bool {
        let steps = self.is_stepped() || self.levels.is_some();
        self.offset == 0.0 && !steps && !self.logarithmic
    }

    /// What decoded values are kept within.
    pub(super) fn ends(&self) -> (f64, f64) {
        let kept = self.is_bounded() || self.confined;
        if kept { (self.lo, self.hi) } else { (f64::NEG_INFINITY, f64::INFINITY) }
    }

    /// Search coordinates to parameter values, in place: clamp(round(offset + scale · x), lo, hi), rounding only integers; the exponential is
    /// taken before, and levels are looked up afterwards.
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
        if let Some(levels) = &self.levels {
            // What is no number is no index, and stays what it is.
            let level = |i: f64| if i.is_nan() { i } else { levels[i as usize] };
            values.iter_mut().for_each(|v| *v = T::from_f64(level(v.to_f64())));
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

    /// offset + scale · x, or its exponential.
    fn stretch<T: WithDType>(&self, values: &mut [T]) {
        if self.logarithmic {
            values.iter_mut().for_each(|v| *v = T::from_f64(exp_f64(self.offset + self.scale * v.to_f64())));
        } else if self.offset == 0.0 {
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
        if let Some(levels) = &self.levels {
            values.iter_mut().for_each(|v| *v = T::from_f64(nearest(levels, v.to_f64()) as f64));
        }
        if self.is_fixed() {
            values.fill(T::from_f64(0.5 * (self.lower + self.upper)));
        } else if self.logarithmic {
            // What is not positive has no logarithm, and is below all that is.
            let ln = |v: f64| ln_f64(v.max(self.lo));
            values.iter_mut().for_each(|v| *v = T::from_f64((ln(v.to_f64()) - self.offset) / self.scale));
        } else if self.offset == 0.0 {
            let scale = T::from_f64(self.scale);
            values.iter_mut().for_each(|v| *v /= scale);
        } else {
            values.iter_mut().for_each(|v| *v = T::from_f64((v.to_f64() - self.offset) / self.scale));
        }
        self.confine(values);
    }

    /// ∂θ/∂x at `x` times a slope by parameter values, in place: the scale, and on a logarithmic one also θ; of levels their mean distance.
    pub(crate) fn pull_back<T: WithDType>(&self, x: &[T], slopes: &mut [T]) {
        if self.logarithmic && !self.is_fixed() {
            let mut rises = x.to_vec();
            self.decode(&mut rises);
            return slopes.iter_mut().zip(rises).for_each(|(v, value)| *v *= T::from_f64(self.scale * value.to_f64()));
        }
        let apart = match self.levels.as_deref() {
            Some([first, between @ .., last]) => (last - first) / (between.len() + 1) as f64,
            _ => 1.0,
        };
        let rise = T::from_f64(if self.is_fixed() { 0.0 } else { self.scale * apart });
        slopes.iter_mut().for_each(|v| *v *= rise);
    }

    /// The scale, where decoding is a multiplication by it and nothing else.
    pub(crate) fn multiplies(&self) -> Option<f64> {
        let more = self.integer || self.logarithmic || self.confined || self.is_bounded() || self.levels.is_some();
        (!more && self.offset == 0.0).then_some(self.scale)
    }

    /// Is a slope by coordinates one by parameter values?
    pub(crate) fn is_straight(&self) -> bool {
        self.scale == 1.0 && !self.is_fixed() && !self.logarithmic && self.levels.is_none()
    }

    /// [`confine`](Self::confine) of discrete and fixed coordinates.
    pub(crate) fn confine_stepped<T: WithDType>(&self, values: &mut [T]) {
        if self.is_stepped() {
            self.confine(values);
        }
    }

    /// Real coordinates with a bound on one side alone, moved to their mirror images inside.
    pub(crate) fn fold_half_open<T: WithDType>(&self, values: &mut [T]) {
        if self.is_bounded() && !self.is_closed() {
            self.map_real(values, fold);
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

/// The index of the level that is nearest to a value, the lower one of two.
fn nearest(levels: &[f64], value: f64) -> usize {
    let above = levels.partition_point(|level| *level < value);
    match (above.checked_sub(1), levels.get(above)) {
        (Some(below), Some(up)) if value - levels[below] <= up - value => below,
        (Some(below), None) => below,
        _ => above,
    }
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
