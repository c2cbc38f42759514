//! Products of small or thin matrices on plain slices, row by row, with the same bits on every machine.
//!
//! Sums have a fixed order and multiplications are not fused into additions, so that results, unlike those of a general library, do
//! not depend on the instruction set. Matrices are row-major; a vector of rows \[n, d\] is a slice of n d numbers.

use moths_core::fuse::Element;
use multiversion::multiversion;

/// Columns that are worked on at a time: a few rows of them fit into the first-level cache.
const CHUNK: usize = 512;
/// Columns of a dot product that are summed as one.
const DOT_CHUNK: usize = 1024;
/// Numbers that a dot product sums side by side.
const LANES: usize = 32;

/// `f32` or `f64`, with products compiled for each instruction set.
pub(crate) trait Products: Element {
    /// `out_ij = Σ_k left_ik right_jk`: all dot products of the rows of `left` \[n, d\] and `right` \[m, d\], in `out` \[n, m\].
    ///
    /// Summed in the rows' precision over 1024 numbers, and in f64 over those.
    fn dots(left: &[Self], right: &[Self], d: usize, out: &mut [f64]);

    /// `out_i = keep out_i + Σ_k weights_ik rows_k`: `weights` \[n, m\], `rows` \[m, d\], `out` \[n, d\].
    fn combine(keep: Self, weights: &[Self], rows: &[Self], d: usize, out: &mut [Self]);
}

macro_rules! products {
    ($float:ident, $dots:ident, $combine:ident) => {
        impl Products for $float {
            fn dots(left: &[Self], right: &[Self], d: usize, out: &mut [f64]) {
                $dots(left, right, d, out);
            }

            fn combine(keep: Self, weights: &[Self], rows: &[Self], d: usize, out: &mut [Self]) {
                $combine(keep, weights, rows, d, out);
            }
        }

        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        fn $dots(left: &[$float], right: &[$float], d: usize, out: &mut [f64]) {
            let m = right.len() / d;
            out.fill(0.0);
            for from in (0..d).step_by(DOT_CHUNK) {
                let to = (from + DOT_CHUNK).min(d);
                for (left, out) in left.chunks_exact(d).zip(out.chunks_exact_mut(m.max(1))) {
                    let left = &left[from..to];
                    for (right, out) in right.chunks_exact(d).zip(out) {
                        *out += f64::from(dot(left, &right[from..to]));
                    }
                }
            }
        }

        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        fn $combine(keep: $float, weights: &[$float], rows: &[$float], d: usize, out: &mut [$float]) {
            let m = rows.len() / d;
            for from in (0..d).step_by(CHUNK) {
                let to = (from + CHUNK).min(d);
                for (i, out) in out.chunks_exact_mut(d).enumerate() {
                    let out = &mut out[from..to];
                    out.iter_mut().for_each(|x| *x = if keep == 0.0 { 0.0 } else { keep * *x });
                    let (weights, weights_tail) = weights[i * m..(i + 1) * m].as_chunks::<4>();
                    let (rows, rows_tail) = rows.split_at(4 * weights.len() * d);
                    for ([p, q, r, s], rows) in weights.iter().zip(rows.chunks_exact(4 * d)) {
                        let [a, b, c, e] = [0, 1, 2, 3].map(|k| &rows[k * d + from..k * d + to]);
                        for ((((x, a), b), c), e) in out.iter_mut().zip(a).zip(b).zip(c).zip(e) {
                            *x += (p * a + q * b) + (r * c + s * e);
                        }
                    }
                    for (p, row) in weights_tail.iter().zip(rows_tail.chunks_exact(d)) {
                        for (x, a) in out.iter_mut().zip(&row[from..to]) {
                            *x += p * a;
                        }
                    }
                }
            }
        }
    };
}

products!(f32, dots_f32, combine_f32);
products!(f64, dots_f64, combine_f64);

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
pub(crate) fn transpose<T: Copy>(from: &[T], d: usize, to: &mut [T]) {
    let n = from.len() / d;
    for (i, row) in from.chunks_exact(d).enumerate() {
        row.iter().enumerate().for_each(|(j, x)| to[j * n + i] = *x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Key, Sampler};

    fn noise(key: u64, len: usize) -> Vec<f64> {
        let mut out = vec![0.0; len];
        Sampler::Normal.fill_slice(Key::new(key), &mut out);
        out
    }

    #[test]
    fn products_are_those_of_plain_loops() {
        for (n, m, d) in [(1, 1, 1), (2, 0, 3), (3, 5, 7), (4, 9, 600), (5, 4, 1100)] {
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
}
