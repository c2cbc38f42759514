//! The family beside plain loops, and beside a reference implementation.

mod adaptive;
mod convergence;
mod de;
mod discrete;

use moths_core::{CowTensor, Key, kernel};
use rand::RngExt;

kernel! { fn uniforms(u: out, r: uniform) { u = r; } }

/// The exponential numbers of a key, one after another.
struct Exponentials {
    u: std::vec::IntoIter<f32>,
}

impl Exponentials {
    fn new(key: Key) -> Self {
        let device = candle_core::Device::Cpu;
        let mut u = CowTensor::new(candle_core::Tensor::zeros(10_000, candle_core::DType::F32, &device).unwrap());
        uniforms(&mut u, key).unwrap();
        Self { u: u.to_vec1().unwrap().into_iter() }
    }

    /// Which of d coordinates are hit with the probability p.
    fn hits(&mut self, p: f64, d: usize) -> Vec<bool> {
        let mut hit = vec![false; d];
        let mut at = 0.0;
        if p == 0.0 {
            return hit;
        }
        loop {
            let e = -(f64::from(self.u.next().unwrap()) + 0.5f64.powi(25)).ln();
            at += (e / -(1.0 - p).ln()).floor();
            if at >= d as f64 {
                return hit;
            }
            hit[at as usize] = true;
            at += 1.0;
        }
    }

    /// Which of d coordinates come from the donor, each with the probability `rate`, and `certain`.
    fn taken(&mut self, rate: f64, certain: usize, d: usize) -> Vec<bool> {
        let mut taken = match rate > 0.5 {
            true => self.hits(1.0 - rate, d).into_iter().map(|left| !left).collect(),
            false => self.hits(rate, d),
        };
        taken[certain] = true;
        taken
    }
}

/// One of n that is none of `taken`, drawn until it is.
fn other(stream: &mut moths_core::rng::Stream, n: usize, taken: &[usize]) -> usize {
    let mut drawn = stream.random_range(0..n);
    while taken.contains(&drawn) {
        drawn = stream.random_range(0..n);
    }
    drawn
}

fn ridge(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(j, x)| (j + 1) as f64 * (x - 1.0).powi(2)).sum::<f64>() + (x[0] * x[1]).powi(2)
}

/// Outside the bounds: halfway from the parent to the bound.
fn repaired(v: f64, parent: f64, bounds: Option<(f64, f64)>) -> f64 {
    match bounds {
        Some((lower, _)) if v < lower => (lower + parent) / 2.0,
        Some((_, upper)) if v > upper => (upper + parent) / 2.0,
        _ => v,
    }
}
