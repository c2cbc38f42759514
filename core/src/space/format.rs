//! Which numbers a dtype can hold.
//!
//! ```text
//! ±k · 2^(e − p + 1)      0 ≤ k < 2^p,  e_min ≤ e ≤ 1 − e_min        (k < 2^(p−1) only where e = e_min)
//! ```
//!
//! with p the digits, one of them unwritten, and e_min the exponent of the smallest number with all digits. All of them are f64s, and
//! so is everything computed here: it is exact.

use candle_core::DType;

/// A binary floating-point format with infinities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// p.
    digits: i32,
    /// e_min.
    least: i32,
    dtype: DType,
}

impl Format {
    const F32: Self = Self { digits: 24, least: -126, dtype: DType::F32 };
    const F64: Self = Self { digits: 53, least: -1022, dtype: DType::F64 };

    /// That of a float dtype; `None` for any other.
    pub(super) fn of(dtype: DType) -> Option<Self> {
        match dtype {
            DType::F64 => Some(Self::F64),
            DType::F32 => Some(Self::F32),
            DType::F16 => Some(Self { digits: 11, least: -14, dtype }),
            DType::BF16 => Some(Self { digits: 8, least: -126, dtype }),
            _ => None,
        }
    }

    /// What a value of a leaf of dtype `leaf` goes through in a search in `search` (f32 or f64): the numbers of both, as one has all that
    /// the other has. Integer dtypes hold whatever their domain allows.
    pub(super) fn narrower(search: DType, leaf: DType) -> Self {
        let search = if search == DType::F64 { Self::F64 } else { Self::F32 };
        Self::of(leaf).filter(|leaf| leaf.digits < search.digits).unwrap_or(search)
    }

    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// The largest finite number.
    pub(super) fn largest(&self) -> f64 {
        libm::ldexp(2.0 - libm::ldexp(1.0, 1 - self.digits), 1 - self.least)
    }

    /// How far apart numbers of the size of x are.
    fn spacing(&self, x: f64) -> f64 {
        libm::ldexp(1.0, self.exponent(x) - self.digits + 1)
    }

    fn exponent(&self, x: f64) -> i32 {
        if x == 0.0 { self.least } else { libm::ilogb(x).max(self.least) }
    }

    /// The largest number not above x; −∞ where there is none.
    pub(super) fn floor(&self, x: f64) -> f64 {
        let largest = self.largest();
        if x >= largest {
            return largest;
        }
        if x < -largest {
            return f64::NEG_INFINITY;
        }
        let spacing = self.spacing(x);
        (x / spacing).floor() * spacing
    }

    /// The smallest number not below x; ∞ where there is none.
    pub(super) fn ceil(&self, x: f64) -> f64 {
        -self.floor(-x)
    }

    /// The nearest number, what a cast gives: of two, the one whose k is even. `None` where a cast overflows.
    pub(super) fn nearest(&self, x: f64) -> Option<f64> {
        if !x.is_finite() {
            return None;
        }
        let spacing = self.spacing(x);
        let nearest = (x / spacing).round_ties_even() * spacing;
        (nearest.abs() <= self.largest()).then_some(nearest)
    }

    /// How many numbers lie in [lo, hi], both of which are numbers of this format.
    pub(super) fn count(&self, lo: f64, hi: f64) -> u64 {
        self.rank(lo).abs_diff(self.rank(hi)).saturating_add(1)
    }

    /// How many numbers lie between 0 and a number of this format, negative for a negative one.
    fn rank(&self, x: f64) -> i64 {
        let above = i64::from(self.exponent(x) - self.least) << (self.digits - 1);
        let rank = above + (x.abs() / self.spacing(x)) as i64;
        if x < 0.0 { -rank } else { rank }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType::*, Device, Tensor};

    use super::*;

    fn format(dtype: DType) -> Format {
        Format::of(dtype).unwrap()
    }

    /// What candle's own cast makes of x.
    fn cast(x: f64, dtype: DType) -> f64 {
        Tensor::new(x, &Device::Cpu).unwrap().to_dtype(dtype).unwrap().to_dtype(F64).unwrap().to_scalar().unwrap()
    }

    /// Numbers of all sizes, ends of formats among them.
    fn numbers() -> Vec<f64> {
        let sizes = (-160..=130).map(|e| libm::ldexp(1.0, e));
        let ends = [F16, BF16, F32, F64].map(|dtype| format(dtype).largest());
        let all =
            sizes.flat_map(|s| [s, 1.1 * s, 1.337 * s, 1.999_999 * s, s.next_down()]).chain(ends).chain([0.0, 1e-310, 1e300]);
        all.flat_map(|x| [x, -x]).collect()
    }

    #[test]
    fn the_largest_numbers_are_those_of_the_dtypes() {
        assert_eq!([F64, F32, F16].map(|dtype| format(dtype).largest()), [f64::MAX, f64::from(f32::MAX), 65504.0]);
        assert_eq!(format(BF16).largest(), 3.389_531_389_251_535_5e38);
        assert!(Format::of(U8).is_none());
    }

    #[test]
    fn the_nearest_number_is_what_a_cast_gives() {
        for dtype in [F16, BF16, F32, F64] {
            for x in numbers() {
                let there = cast(x, dtype);
                assert_eq!(format(dtype).nearest(x).unwrap_or(f64::INFINITY.copysign(x)), there, "{x:e} in {dtype:?}");
            }
        }
    }

    #[test]
    fn floor_and_ceil_are_the_numbers_on_both_sides() {
        for dtype in [F16, BF16, F32, F64] {
            let format = format(dtype);
            for x in numbers() {
                let (below, above) = (format.floor(x), format.ceil(x));
                assert!(below <= x && x <= above, "{below:e} <= {x:e} <= {above:e} in {dtype:?}");
                for end in [below, above].into_iter().filter(|x| x.is_finite()) {
                    assert_eq!(cast(end, dtype), end, "{end:e} is no {dtype:?}");
                }
                if below.is_finite() && above.is_finite() {
                    assert_eq!(format.count(below, above), if below == above { 1 } else { 2 }, "{x:e} in {dtype:?}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_counted() {
        assert_eq!(format(F32).count(1e6, 1e6 + 1.0), 17);
        assert_eq!(format(F16).count(-65504.0, 65504.0), (1 << 16) - (1 << 11) - 1, "one zero, no infinity, no NaN");
        assert_eq!(format(BF16).count(0.0, 1.0), 127 * 128 + 1);
        assert_eq!(format(F64).count(-f64::MAX, f64::MAX), 2 * f64::MAX.to_bits() + 1);
        assert_eq!(format(F64).count(1.0, 1.0), 1);
    }
}
