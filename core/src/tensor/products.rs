//! Products of small or thin matrices on plain slices, row by row, with the same bits on every machine.
//!
//! Sums have a fixed order and multiplications are not fused into additions, so that results, unlike those of a general library, do
//! not depend on the instruction set. Matrices are row-major; a vector of rows \[n, d\] is a slice of n d numbers.

use crate::rng::Element;
use multiversion::multiversion;

/// Columns, and rows of them, that are worked on at a time: so many fit into the second-level cache.
const CHUNK: usize = 512;
const DEPTH: usize = 64;
/// Columns of a dot product that are summed as one.
const DOT_CHUNK: usize = 1024;
/// Numbers that a dot product sums side by side.
const LANES: usize = 32;

/// `f32` or `f64`, with products compiled for each instruction set.
pub trait Products: Element {
    /// `out_ij = Σ_k left_ik right_jk`: all dot products of the rows of `left` \[n, d\] and `right` \[m, d\], in `out` \[n, m\].
    ///
    /// Summed in the rows' precision over 1024 numbers, and in f64 over those.
    fn dots(left: &[Self], right: &[Self], d: usize, out: &mut [f64]);

    /// [`dots`](Self::dots) of the rows with themselves, in half the time.
    fn gram(rows: &[Self], d: usize, out: &mut [f64]);

    /// `out_i = keep out_i + Σ_k weights_ik rows_k`: `weights` \[n, m\], `rows` \[m, d\], `out` \[n, d\].
    fn combine(keep: Self, weights: &[Self], rows: &[Self], d: usize, out: &mut [Self]);

    /// [`combine`](Self::combine) on and below the diagonal of `out` \[d, d\]; what stands above means nothing.
    fn combine_lower(keep: Self, weights: &[Self], rows: &[Self], d: usize, out: &mut [Self]);
}

macro_rules! products {
    ($float:ident, $dots:ident, $combine:ident) => {
        impl Products for $float {
            fn dots(left: &[Self], right: &[Self], d: usize, out: &mut [f64]) {
                $dots(left, right, d, out, false);
            }

            fn gram(rows: &[Self], d: usize, out: &mut [f64]) {
                $dots(rows, rows, d, out, true);
                let n = rows.len() / d;
                (0..n).for_each(|i| (i + 1..n).for_each(|j| out[i * n + j] = out[j * n + i]));
            }

            fn combine(keep: Self, weights: &[Self], rows: &[Self], d: usize, out: &mut [Self]) {
                $combine(keep, weights, rows, d, out, false);
            }

            fn combine_lower(keep: Self, weights: &[Self], rows: &[Self], d: usize, out: &mut [Self]) {
                $combine(keep, weights, rows, d, out, true);
            }
        }

        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        fn $dots(left: &[$float], right: &[$float], d: usize, out: &mut [f64], lower: bool) {
            dot_tiles(left, right, d, out, lower);
        }

        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        fn $combine(keep: $float, weights: &[$float], rows: &[$float], d: usize, out: &mut [$float], lower: bool) {
            combine_blocks(keep, weights, rows, d, out, |i| if lower { i + 1 } else { d });
        }
    };
}

products!(f32, dots_f32, combine_f32);
products!(f64, dots_f64, combine_f64);

/// Two rows by two at a time, so that every number that is read serves twice. With `lower`, what stands above the diagonal means nothing.
#[inline(always)]
fn dot_tiles<T: Element>(left: &[T], right: &[T], d: usize, out: &mut [f64], lower: bool) {
    let (n, m) = (left.len() / d, right.len() / d);
    out.fill(0.0);
    for from in (0..d).step_by(DOT_CHUNK) {
        let len = DOT_CHUNK.min(d - from);
        let (left, right) = (Rows { of: left, d, from }, Rows { of: right, d, from });
        // The fewer rows are those that stay in a cache.
        for p in (0..n.max(m)).step_by(2) {
            for q in (0..n.min(m)).step_by(2) {
                let (i, j) = if n < m { (q, p) } else { (p, q) };
                if lower && j > i {
                    continue;
                }
                let (two_left, two_right) = (i + 1 < n, j + 1 < m);
                if two_left && two_right {
                    let sums = four_dots([i, i + 1].map(|i| left.row(i, len)), [j, j + 1].map(|j| right.row(j, len)));
                    let places = [i * m + j, i * m + j + 1, (i + 1) * m + j, (i + 1) * m + j + 1];
                    places.iter().zip(sums).for_each(|(place, sum)| out[*place] += sum.to_f64());
                    continue;
                }
                out[i * m + j] += dot(left.row(i, len), right.row(j, len)).to_f64();
                if two_left {
                    out[(i + 1) * m + j] += dot(left.row(i + 1, len), right.row(j, len)).to_f64();
                }
                if two_right {
                    out[i * m + j + 1] += dot(left.row(i, len), right.row(j + 1, len)).to_f64();
                }
            }
        }
    }
}

/// `columns` says how many of a row are wanted.
#[inline(always)]
fn combine_blocks<T: Element>(keep: T, weights: &[T], rows: &[T], d: usize, out: &mut [T], columns: impl Fn(usize) -> usize) {
    let m = rows.len() / d;
    for from in (0..d).step_by(CHUNK) {
        for top in (0..m.max(1)).step_by(DEPTH) {
            let (keep, bottom) = (if top == 0 { keep } else { T::ONE }, (top + DEPTH).min(m));
            let rows = Rows { of: &rows[top * d..bottom * d], d, from };
            for (i, out) in out.chunks_mut(2 * d).enumerate() {
                let to = (from + CHUNK).min(columns(2 * i + 1).min(d));
                if to <= from {
                    continue;
                }
                let weights = &weights[2 * i * m..];
                let (x, y) = out.split_at_mut(d);
                let x = &mut x[from..to];
                match y.get_mut(from..to) {
                    Some(y) => two_rows(keep, [&weights[top..bottom], &weights[m + top..m + bottom]], &rows, [x, y]),
                    None => one_row(keep, &weights[top..bottom], &rows, x),
                }
            }
        }
    }
}

/// Rows of length d, from a column on.
struct Rows<'a, T> {
    of: &'a [T],
    d: usize,
    from: usize,
}

impl<'a, T> Rows<'a, T> {
    #[inline(always)]
    fn four(&self, k: usize, n: usize) -> [&'a [T]; 4] {
        [k, k + 1, k + 2, k + 3].map(|k| self.row(k, n))
    }

    #[inline(always)]
    fn row(&self, k: usize, n: usize) -> &'a [T] {
        &self.of[k * self.d + self.from..][..n]
    }
}

#[inline(always)]
fn one_row<T: Element>(keep: T, p: &[T], rows: &Rows<'_, T>, x: &mut [T]) {
    scale(keep, x);
    let n = x.len();
    let (groups, tail) = p.as_chunks::<4>();
    for (g, p) in groups.iter().enumerate() {
        let [a, b, c, e] = rows.four(4 * g, n);
        for ((((x, a), b), c), e) in x.iter_mut().zip(a).zip(b).zip(c).zip(e) {
            *x += (p[0] * *a + p[1] * *b) + (p[2] * *c + p[3] * *e);
        }
    }
    for (k, p) in tail.iter().enumerate() {
        x.iter_mut().zip(rows.row(4 * groups.len() + k, n)).for_each(|(x, a)| *x += *p * *a);
    }
}

/// [`one_row`] twice, the same bits, with every row read once.
#[inline(always)]
fn two_rows<T: Element>(keep: T, [p, q]: [&[T]; 2], rows: &Rows<'_, T>, [x, y]: [&mut [T]; 2]) {
    scale(keep, x);
    scale(keep, y);
    let n = x.len();
    let ((groups, p_tail), (q, q_tail)) = (p.as_chunks::<4>(), q.as_chunks::<4>());
    for (g, (p, q)) in groups.iter().zip(q).enumerate() {
        let [a, b, c, e] = rows.four(4 * g, n);
        for (((((x, y), a), b), c), e) in x.iter_mut().zip(y.iter_mut()).zip(a).zip(b).zip(c).zip(e) {
            *x += (p[0] * *a + p[1] * *b) + (p[2] * *c + p[3] * *e);
            *y += (q[0] * *a + q[1] * *b) + (q[2] * *c + q[3] * *e);
        }
    }
    for (k, (p, q)) in p_tail.iter().zip(q_tail).enumerate() {
        for ((x, y), a) in x.iter_mut().zip(y.iter_mut()).zip(rows.row(4 * groups.len() + k, n)) {
            *x += *p * *a;
            *y += *q * *a;
        }
    }
}

/// What x was when `keep` is 0 does not matter, not even NaN.
#[inline(always)]
fn scale<T: Element>(keep: T, x: &mut [T]) {
    if keep == T::ZERO {
        x.fill(T::ZERO);
    } else if keep != T::ONE {
        x.iter_mut().for_each(|x| *x *= keep);
    }
}

/// Sums of numbers a fixed distance apart, and halves of them added to halves.
#[inline(always)]
fn dot<T: Element>(left: &[T], right: &[T]) -> T {
    let ((left, left_tail), (right, right_tail)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    let mut sums = [T::ZERO; LANES];
    for (a, b) in left.iter().zip(right) {
        for k in 0..LANES {
            sums[k] += a[k] * b[k];
        }
    }
    left_tail.iter().zip(right_tail).fold(total(&sums), |sum, (a, b)| sum + *a * *b)
}

/// [`dot`] of a and c, a and e, b and c, b and e: the same bits.
#[inline(always)]
fn four_dots<T: Element>([a, b]: [&[T]; 2], [c, e]: [&[T]; 2]) -> [T; 4] {
    let [(a, a_tail), (b, b_tail), (c, c_tail), (e, e_tail)] = [a, b, c, e].map(|row| row.as_chunks::<LANES>());
    let (mut ac, mut ae, mut bc, mut be) = ([T::ZERO; LANES], [T::ZERO; LANES], [T::ZERO; LANES], [T::ZERO; LANES]);
    for (((a, b), c), e) in a.iter().zip(b).zip(c).zip(e) {
        for k in 0..LANES {
            ac[k] += a[k] * c[k];
            ae[k] += a[k] * e[k];
            bc[k] += b[k] * c[k];
            be[k] += b[k] * e[k];
        }
    }
    let whole =
        |sums: &[T; LANES], left: &[T], right: &[T]| left.iter().zip(right).fold(total(sums), |sum, (a, b)| sum + *a * *b);
    [whole(&ac, a_tail, c_tail), whole(&ae, a_tail, e_tail), whole(&bc, b_tail, c_tail), whole(&be, b_tail, e_tail)]
}

/// Halves are added to halves. Not inlined, for the compiler would cut the far longer loop before it to the width of the last sum.
#[inline(never)]
fn total<T: Element>(sums: &[T; LANES]) -> T {
    let mut sums = *sums;
    for half in [16, 8, 4, 2, 1] {
        for k in 0..half {
            sums[k] += sums[k + half];
        }
    }
    sums[0]
}

/// Rows become columns: `from` \[n, d\], `to` \[d, n\].
pub fn transpose<T: Copy>(from: &[T], d: usize, to: &mut [T]) {
    let n = from.len() / d;
    for (i, row) in from.chunks_exact(d).enumerate() {
        row.iter().enumerate().for_each(|(j, x)| to[j * n + i] = *x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{noise::Sampler, rng::Key};

    fn noise(key: u64, len: usize) -> Vec<f64> {
        let mut out = vec![0.0; len];
        Sampler::Normal.fill_slice(Key::new(key), &mut out);
        out
    }

    #[test]
    fn products_are_those_of_plain_loops() {
        for (n, m, d) in [(1, 1, 1), (2, 0, 3), (3, 5, 7), (4, 9, 600), (5, 4, 1100), (3, 131, 70)] {
            let (left, right, weights, before) = (noise(1, n * d), noise(2, m * d), noise(3, n * m), noise(4, n * d));
            let mut dots = vec![f64::NAN; n * m];
            f64::dots(&left, &right, d, &mut dots);
            let mut sums = before.clone();
            f64::combine(0.5, &weights, &right, d, &mut sums);
            for i in 0..n {
                for j in 0..m {
                    let dot: f64 = (0..d).map(|k| left[i * d + k] * right[j * d + k]).sum();
                    assert!((dots[i * m + j] - dot).abs() < 1e-11);
                }
                for k in 0..d {
                    let sum = 0.5 * before[i * d + k] + (0..m).map(|j| weights[i * m + j] * right[j * d + k]).sum::<f64>();
                    assert!((sums[i * d + k] - sum).abs() < 1e-12);
                }
            }
        }
    }

    /// Tiles and single rows, chunks and tails: every sum has the bits of [`dot`].
    #[test]
    fn dot_products_do_not_depend_on_what_else_is_asked() {
        for (n, m, d) in [(1, 1, 5), (2, 2, 31), (5, 4, 1100), (4, 7, 2100)] {
            let (left, right) = (noise(1, n * d), noise(2, m * d));
            let mut dots = vec![f64::NAN; n * m];
            f64::dots(&left, &right, d, &mut dots);
            for (i, left) in left.chunks_exact(d).enumerate() {
                for (j, right) in right.chunks_exact(d).enumerate() {
                    let mut one = [f64::NAN];
                    f64::dots(left, right, d, &mut one);
                    assert_eq!(one[0], dots[i * m + j], "{i} {j} of {n} {m} {d}");
                }
            }
            let (mut gram, mut all) = (vec![f64::NAN; n * n], vec![f64::NAN; n * n]);
            f64::gram(&left, d, &mut gram);
            f64::dots(&left, &left, d, &mut all);
            assert_eq!(gram, all);
        }
    }

    #[test]
    fn the_lower_half_is_that_of_the_whole() {
        for (m, d) in [(1, 1), (3, 2), (7, 5), (130, 9), (5, 1030)] {
            let (weights, rows, before) = (noise(1, d * m), noise(2, m * d), noise(3, d * d));
            let [mut whole, mut lower] = [before.clone(), before];
            f64::combine(0.5, &weights, &rows, d, &mut whole);
            f64::combine_lower(0.5, &weights, &rows, d, &mut lower);
            for i in 0..d {
                assert_eq!(whole[i * d..=i * d + i], lower[i * d..=i * d + i], "row {i} of {d}");
            }
        }
    }
}
