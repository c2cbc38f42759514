//! Runs of search coordinates that decode alike.

use candle_core::{DType, WithDType};

use super::leaf::{Domain, Leaf};

/// The least deviation of discrete coordinates, in widths of a level: of .05 to .5, .1 and .2 lost neither a flag nor the answer.
const LEAST_LEVELS: f64 = 0.1;

/// A run of neighbouring search coordinates with one scale, one interval and one domain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) len: usize,
    pub(crate) scale: f64,
    /// The interval in search coordinates; infinite where there is none.
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    /// The interval of the decoded values.
    lo: f64,
    hi: f64,
    integer: bool,
}

impl Segment {
    /// The segments of one leaf, searched in `dtype`: one, unless its elements have bounds of their own.
    pub(crate) fn of(leaf: &Leaf, dtype: DType) -> Vec<Self> {
        let mut segments: Vec<Self> = vec![];
        let uniform = !matches!(leaf.bounds, super::leaf::Bounds::Each(_));
        let (elements, len) = if uniform { (1, leaf.len()) } else { (leaf.len(), 1) };
        for segment in (0..elements).map(|i| Self::new(leaf, dtype, leaf.interval(i), len)) {
            match segments.last_mut() {
                Some(last) if last.decodes_like(&segment) => last.len += segment.len,
                _ => segments.push(segment),
            }
        }
        segments
    }

    fn new(leaf: &Leaf, dtype: DType, (lo, hi): (f64, f64), len: usize) -> Self {
        let integer = leaf.domain != Domain::Real;
        let natural = if hi.is_finite() { (hi - lo) / 4.0 } else { 1.0 };
        let scale = leaf.scale.unwrap_or(natural);
        let (lower, upper) = (lo / scale, hi / scale);
        // Rounding happens before the clamp: the extreme integers are the bounds of the values.
        let (lo, hi) = if integer { (lo + 0.5, hi - 0.5) } else { (lo, hi) };
        let (lo, hi) = if [dtype, leaf.dtype].contains(&DType::F32) { inside_in_f32(lo, hi) } else { (lo, hi) };
        Self { len, scale, lower, upper, lo, hi, integer }
    }

    fn decodes_like(&self, other: &Self) -> bool {
        Self { len: other.len, ..self.clone() } == *other
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.lower.is_finite()
    }

    /// The interval where the coordinates are real, and infinite where they are not: decoding keeps those inside.
    pub(crate) fn walls(&self) -> (f64, f64) {
        if self.integer { (f64::NEG_INFINITY, f64::INFINITY) } else { (self.lower, self.upper) }
    }

    /// Is there no number of the search's dtype between its bounds?
    pub(crate) fn is_empty(&self) -> bool {
        self.lo > self.hi
    }

    /// The least useful deviation: 0, but where there are several levels.
    pub(crate) fn least_deviation(&self) -> f64 {
        if self.integer && self.lo < self.hi { LEAST_LEVELS / self.scale } else { 0.0 }
    }

    /// Does decoding change nothing?
    pub(crate) fn is_identity(&self) -> bool {
        self.scale == 1.0 && !self.integer && !self.is_bounded()
    }

    /// Search coordinates to parameter values, in place: clamp(round(scale · x), lo, hi), rounding only integers.
    pub(crate) fn decode<T: WithDType>(&self, values: &mut [T]) {
        let scale = T::from_f64(self.scale);
        if !self.is_bounded() {
            values.iter_mut().for_each(|v| *v *= scale);
            return;
        }
        let (lo, hi) = (T::from_f64(self.lo), T::from_f64(self.hi));
        if self.integer {
            values.iter_mut().for_each(|v| *v = T::from_f64((*v * scale).to_f64().round()));
        } else {
            values.iter_mut().for_each(|v| *v *= scale);
        }
        clamp(values, lo, hi);
    }

    /// Parameter values to search coordinates, in place: confined to the interval, divided by the scale.
    pub(crate) fn encode<T: WithDType>(&self, values: &mut [T]) {
        let scale = T::from_f64(self.scale);
        values.iter_mut().for_each(|v| *v /= scale);
        self.confine(values);
    }

    /// [`confine`](Self::confine) of discrete coordinates.
    pub(crate) fn confine_discrete<T: WithDType>(&self, values: &mut [T]) {
        if self.integer {
            self.confine(values);
        }
    }

    /// Real coordinates with bounds through `map`, which is given the interval as its ends are in T: a clamped point is not outside.
    pub(crate) fn map_real<T: WithDType>(&self, values: &mut [T], map: fn(f64, (f64, f64)) -> f64) {
        if self.is_bounded() && !self.integer {
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

/// The smallest and the largest f32 in [lo, hi]: the nearest to 0.3 lies above 0.3, and would be outside.
fn inside_in_f32(lo: f64, hi: f64) -> (f64, f64) {
    let (least, most) = (lo as f32, hi as f32);
    let least = if f64::from(least) < lo { least.next_up() } else { least };
    let most = if f64::from(most) > hi { most.next_down() } else { most };
    (least.into(), most.into())
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
