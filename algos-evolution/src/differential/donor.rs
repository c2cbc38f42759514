//! The inner loops: donors, and what becomes of them at bounds.

use std::ops::Range;

use moths_core::rng::Element;
use multiversion::multiversion;

/// v = base + K (goal − base) + F (a − b) + F (c − d), the second term only with K ≠ 0, the last only where there is a second pair.
///
/// Outside the bounds, a coordinate is moved halfway between the bound and the parent's.
#[derive(Clone, Copy)]
pub(crate) struct Donor<'a, T> {
    pub(crate) parent: &'a [T],
    pub(crate) base: &'a [T],
    pub(crate) goal: &'a [T],
    /// K.
    pub(crate) pull: T,
    /// F.
    pub(crate) weight: T,
    pub(crate) first: [&'a [T]; 2],
    pub(crate) second: Option<[&'a [T]; 2]>,
    /// Empty where there are none.
    pub(crate) lower: &'a [T],
    pub(crate) upper: &'a [T],
}

impl<'a, T: Lanes> Donor<'a, T> {
    /// The coordinates of a range into `out`, which is that long.
    pub(crate) fn write(&self, range: Range<usize>, out: &mut [T]) {
        let part = |row: &'a [T]| &row[range.clone()];
        let (base, first, second) = (part(self.base), self.first.map(part), self.second.map(|pair| pair.map(part)));
        T::differences(base, part(self.goal), self.pull, self.weight, first, second, out);
        if !self.lower.is_empty() {
            T::repair(part(self.parent), part(self.lower), part(self.upper), out);
        }
    }

    /// One coordinate, of points that `seen` looks at first.
    pub(crate) fn at(&self, j: usize, seen: impl Fn(T) -> T) -> T {
        let [base, goal, a, b] = [self.base, self.goal, self.first[0], self.first[1]].map(|row| seen(row[j]));
        let v = if self.pull == T::ZERO { base } else { base + self.pull * (goal - base) };
        let v = v + self.weight * (a - b);
        let v = self.second.map_or(v, |[c, d]| v + self.weight * (seen(c[j]) - seen(d[j])));
        if self.lower.is_empty() { v } else { inside(v, self.parent[j], self.lower[j], self.upper[j]) }
    }
}

#[inline(always)]
fn inside<T: Element>(v: T, parent: T, lower: T, upper: T) -> T {
    let half = T::of(0.5);
    if v < lower {
        half * (lower + parent)
    } else if v > upper {
        half * (upper + parent)
    } else {
        v
    }
}

/// The loops for one type of number.
pub(crate) trait Lanes: Element {
    #[allow(clippy::too_many_arguments, reason = "they are separate so that the compiler knows that they do not overlap")]
    fn differences(
        base: &[Self],
        goal: &[Self],
        pull: Self,
        weight: Self,
        first: [&[Self]; 2],
        second: Option<[&[Self]; 2]>,
        out: &mut [Self],
    );
    fn repair(parent: &[Self], lower: &[Self], upper: &[Self], out: &mut [Self]);
}

macro_rules! lanes {
    ($float:ident, $one:ident, $pulled:ident, $two:ident, $repair:ident) => {
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        fn $one(base: &[$float], weight: $float, a: &[$float], b: &[$float], out: &mut [$float]) {
            for (((out, base), a), b) in out.iter_mut().zip(base).zip(a).zip(b) {
                *out = *base + weight * (*a - *b);
            }
        }

        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        fn $pulled(base: &[$float], goal: &[$float], ws: [$float; 2], a: &[$float], b: &[$float], out: &mut [$float]) {
            let [pull, weight] = ws;
            for ((((out, base), goal), a), b) in out.iter_mut().zip(base).zip(goal).zip(a).zip(b) {
                *out = *base + pull * (*goal - *base) + weight * (*a - *b);
            }
        }

        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        fn $two(weight: $float, a: &[$float], b: &[$float], out: &mut [$float]) {
            for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                *out += weight * (*a - *b);
            }
        }

        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        fn $repair(parent: &[$float], lower: &[$float], upper: &[$float], out: &mut [$float]) {
            for (((out, parent), lower), upper) in out.iter_mut().zip(parent).zip(lower).zip(upper) {
                *out = inside(*out, *parent, *lower, *upper);
            }
        }

        impl Lanes for $float {
            fn differences(
                base: &[Self],
                goal: &[Self],
                pull: Self,
                weight: Self,
                [a, b]: [&[Self]; 2],
                second: Option<[&[Self]; 2]>,
                out: &mut [Self],
            ) {
                if pull == 0.0 {
                    $one(base, weight, a, b, out);
                } else {
                    $pulled(base, goal, [pull, weight], a, b, out);
                }
                if let Some([c, d]) = second {
                    $two(weight, c, d, out);
                }
            }

            fn repair(parent: &[Self], lower: &[Self], upper: &[Self], out: &mut [Self]) {
                $repair(parent, lower, upper, out);
            }
        }
    };
}

lanes!(f32, one_f32, pulled_f32, two_f32, repair_f32);
lanes!(f64, one_f64, pulled_f64, two_f64, repair_f64);
