//! The inner loops of samplers and reductions over plain slices, compiled for each instruction set.

use multiversion::multiversion;

use super::math;

/// Elements that a dot product sums side by side before their sums are added up, in this order on every machine.
const LANES: usize = 16;

macro_rules! loops {
    (
        $float:ident, $ln:ident, $exp:ident,
        $add_scaled:ident, $set_scaled:ident, $spread:ident, $laplace:ident, $student:ident, $add_moments:ident, $dot:ident,
        $square_apart:ident
    ) => {
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

        /// `x = -sign ln(1 - x) / sqrt 2`: from [0, 1) to Laplace's law of variance 1.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(super) fn $laplace(x: &mut [$float], sign: &[$float]) {
            for (x, sign) in x.iter_mut().zip(sign) {
                *x = math::$ln(1.0 - *x) * (*sign * -std::$float::consts::FRAC_1_SQRT_2);
            }
        }

        /// `z = z sqrt(dof (e^(r^2 / dof) - 1) / r^2)` with `r^2 = z^2 + w^2`.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(super) fn $student(dof: $float, z: &mut [$float], w: &[$float]) {
            for (z, w) in z.iter_mut().zip(w) {
                let x = (*z * *z + *w * *w) / dof;
                let direct = (math::$exp(x) - 1.0) / x;
                // (e^x - 1) / x loses its digits near zero.
                let near = 1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0)));
                *z *= (if x < 0.03 { near } else { direct }).sqrt();
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

        /// `sum (a_i - b_i)^2` in f64.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(super) fn $square_apart(a: &[$float], b: &[$float]) -> f64 {
            let mut sums = [0.0; LANES];
            let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            for (a, b) in a.iter().zip(b) {
                for k in 0..LANES {
                    let apart = a[k] as f64 - b[k] as f64;
                    sums[k] += apart * apart;
                }
            }
            let mut sum = 0.0;
            for (a, b) in a_tail.iter().zip(b_tail) {
                let apart = *a as f64 - *b as f64;
                sum += apart * apart;
            }
            for lane in sums {
                sum += lane;
            }
            sum
        }
    };
}

loops!(
    f32,
    ln_f32,
    exp_f32,
    add_scaled_f32,
    set_scaled_f32,
    spread_f32,
    laplace_f32,
    student_f32,
    add_moments_f32,
    dot_f32,
    square_apart_f32
);
loops!(
    f64,
    ln_f64,
    exp_f64,
    add_scaled_f64,
    set_scaled_f64,
    spread_f64,
    laplace_f64,
    student_f64,
    add_moments_f64,
    dot_f64,
    square_apart_f64
);
