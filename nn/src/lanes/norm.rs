//! Normalisations of the values of an example.

use moths_core::fuse::words::sqrt;
use multiversion::multiversion;

use super::{LANES, Lanes};

/// x ← (x − mean) / √(variance + ε), over all these values of an example. Source: Ba et al. 2016, arXiv:1607.06450.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn normalise(x: &mut [Lanes], epsilon: f32) {
    let share = 1.0 / x.len() as f32;
    let (mut mean, mut factor) = ([0.0; LANES], [0.0; LANES]);
    for Lanes(x) in &*x {
        for lane in 0..LANES {
            mean[lane] += share * x[lane];
        }
    }
    for Lanes(x) in &*x {
        for lane in 0..LANES {
            let apart = x[lane] - mean[lane];
            factor[lane] += share * (apart * apart);
        }
    }
    for factor in &mut factor {
        *factor = 1.0 / sqrt(*factor + epsilon);
    }
    for Lanes(x) in x {
        for lane in 0..LANES {
            x[lane] = (x[lane] - mean[lane]) * factor[lane];
        }
    }
}

/// x ← x / √(mean of x² + ε), over all these values of an example. Source: Zhang & Sennrich 2019, arXiv:1910.07467.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn rms_normalise(x: &mut [Lanes], epsilon: f32) {
    let share = 1.0 / x.len() as f32;
    let mut factor = [0.0; LANES];
    for Lanes(x) in &*x {
        for lane in 0..LANES {
            factor[lane] += share * (x[lane] * x[lane]);
        }
    }
    for factor in &mut factor {
        *factor = 1.0 / sqrt(*factor + epsilon);
    }
    for Lanes(x) in x {
        for lane in 0..LANES {
            x[lane] *= factor[lane];
        }
    }
}
