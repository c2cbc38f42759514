//! The inner loops of samplers and reductions over plain slices, compiled for each instruction set.

use multiversion::multiversion;

/// Elements that a dot product sums side by side before their sums are added up, in this order on every machine.
const LANES: usize = 16;

macro_rules! loops {
    ($float:ident, $add_scaled:ident, $set_scaled:ident, $spread:ident, $add_moments:ident, $dot:ident) => {
        /// `onto += scale x`.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(super) fn $add_scaled(scale: $float, x: &[$float], onto: &mut [$float]) {
            for (onto, x) in onto.iter_mut().zip(x) {
                *onto += scale * *x;
            }
        }

        /// `out = base + scale x`.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(super) fn $set_scaled(base: &[$float], scale: $float, x: &[$float], out: &mut [$float]) {
            for ((out, base), x) in out.iter_mut().zip(base).zip(x) {
                *out = *base + scale * *x;
            }
        }

        /// `x = width (x - 1/2)`: from [0, 1) to an interval around zero.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(super) fn $spread(width: $float, x: &mut [$float]) {
            for x in x {
                *x = width * (*x - 0.5);
            }
        }

        /// `first += weight (x - centre)`, `second += weight (x - centre)^2`.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(super) fn $add_moments(weight: $float, x: &[$float], centre: &[$float], first: &mut [$float], second: &mut [$float]) {
            for (((x, centre), first), second) in x.iter().zip(centre).zip(first).zip(second) {
                let apart = *x - *centre;
                let weighted = weight * apart;
                *first += weighted;
                *second += weighted * apart;
            }
        }

        /// `sum a_i b_i` in f64.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(super) fn $dot(a: &[$float], b: &[$float]) -> f64 {
            let mut sums = [0.0; LANES];
            let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            for (a, b) in a.iter().zip(b) {
                for k in 0..LANES {
                    sums[k] += a[k] as f64 * b[k] as f64;
                }
            }
            let mut sum = 0.0;
            for (a, b) in a_tail.iter().zip(b_tail) {
                sum += *a as f64 * *b as f64;
            }
            for lane in sums {
                sum += lane;
            }
            sum
        }
    };
}

loops!(f32, add_scaled_f32, set_scaled_f32, spread_f32, add_moments_f32, dot_f32);
loops!(f64, add_scaled_f64, set_scaled_f64, spread_f64, add_moments_f64, dot_f64);
