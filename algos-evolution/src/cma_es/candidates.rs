//! Where the candidates of a step lie.

use moths_core::{CowTensor, Key, Result, Sampler, Space, tensor::host, with_scalar};

use super::{CmaEsDistribution, matrix::Matrix};

/// How often a candidate that is outside is drawn again: one inside is worth more than any repair.
const REDRAWS: u64 = 10;

/// Memory that is overwritten within every step and means nothing between two.
pub(super) struct Scratch {
    pub(super) x: CowTensor,
    pub(super) z: Vec<f64>,
    /// y_1 to y_λ, and then p_c.
    pub(super) rows: Vec<f64>,
    /// √c_ii \[d\].
    pub(super) deviations: Vec<f64>,
    /// Those of the space; none without bounds.
    walls: Vec<(f64, f64)>,
}

impl Scratch {
    pub(super) fn new(space: &Space, lambda: usize) -> Result<Self> {
        let d = space.dim();
        Ok(Self {
            x: space.zeros_for(lambda)?,
            z: vec![0.0; lambda * d],
            rows: vec![0.0; (lambda + 1) * d],
            deviations: vec![1.0; d],
            walls: if space.is_bounded() { space.walls().collect() } else { vec![] },
        })
    }
}

impl CmaEsDistribution {
    /// y_k and x_k from z_k, those that are outside drawn again.
    pub(super) fn place(&mut self, m: &[f64], key: Key) -> Result<()> {
        let Self { sigma, a, matrix, scratch: Scratch { x, z, rows, walls, .. }, .. } = self;
        let d = m.len();
        let (y, _) = rows.split_at_mut(z.len());
        matrix.stretch(z, y)?;
        if !walls.is_empty() {
            let outside = |y: &[f64]| (0..d).any(|j| !inside(m[j] + *sigma * a[j] * y[j], walls[j]));
            redraw(key, matrix, outside, z, y, d)?;
        }
        with_scalar!(x.dtype(), T => host::edit::<T, _>(x, |x| {
            for (x, y) in x.chunks_exact_mut(d).zip(y.chunks_exact(d)) {
                x.iter_mut().zip(y).zip(m).zip(&*a).for_each(|(((x, y), m), a)| *x = (m + *sigma * a * y) as T);
            }
        }))
    }
}

impl CmaEsDistribution {
    /// Candidate `k` becomes this point; what is learnt from it is no longer than what might have been drawn.
    pub(super) fn inject(&mut self, m: &[f64], k: usize, point: &[f64]) -> Result<()> {
        let Self { sigma, a, matrix, scratch: Scratch { x, z, rows, walls, .. }, .. } = self;
        let d = m.len();
        let (z, y) = (&mut z[k * d..(k + 1) * d], &mut rows[k * d..(k + 1) * d]);
        for j in 0..d {
            let image = walls.get(j).map_or(point[j], |walls| nearest_image(point[j], m[j], *walls));
            y[j] = (image - m[j]) / (*sigma * a[j]);
        }
        matrix.whiten(y, z)?;
        let length = z.iter().map(|z| z * z).sum::<f64>().sqrt();
        let longest = (d as f64).sqrt() + 2.0 * d as f64 / (d as f64 + 2.0);
        if length > longest {
            z.iter_mut().chain(y).for_each(|x| *x *= longest / length);
        }
        with_scalar!(x.dtype(), T => host::edit::<T, _>(x, |x| {
            x[k * d..(k + 1) * d].iter_mut().zip(point).for_each(|(x, p)| *x = *p as T);
        }))
    }
}

/// Of all points whose mirror image inside is `x`, the one nearest to `m`.
fn nearest_image(x: f64, m: f64, (lower, upper): (f64, f64)) -> f64 {
    let period = 2.0 * (upper - lower);
    if !period.is_finite() || period <= 0.0 || inside(m, (lower, upper)) {
        return x;
    }
    let nearest = |x: f64| x + period * ((m - x) / period).round();
    let (same, mirrored) = (nearest(x), nearest(2.0 * lower - x));
    if (same - m).abs() <= (mirrored - m).abs() { same } else { mirrored }
}

fn inside(x: f64, (lower, upper): (f64, f64)) -> bool {
    (lower..=upper).contains(&x)
}

/// Draws candidates that are outside again, up to [`REDRAWS`] times.
fn redraw(key: Key, matrix: &Matrix, outside: impl Fn(&[f64]) -> bool, z: &mut [f64], y: &mut [f64], d: usize) -> Result<()> {
    for attempt in 0..REDRAWS {
        let again: Vec<usize> = (0..y.len() / d).filter(|&k| outside(&y[k * d..(k + 1) * d])).collect();
        if again.is_empty() {
            break;
        }
        let key = key.fold(attempt);
        let (mut new_z, mut new_y) = (vec![0.0; again.len() * d], vec![0.0; again.len() * d]);
        again.iter().zip(new_z.chunks_exact_mut(d)).for_each(|(&k, z)| Sampler::Normal.fill_slice(key.fold(k as u64), z));
        matrix.stretch(&new_z, &mut new_y)?;
        for ((k, new_z), new_y) in again.into_iter().zip(new_z.chunks_exact(d)).zip(new_y.chunks_exact(d)) {
            z[k * d..(k + 1) * d].copy_from_slice(new_z);
            y[k * d..(k + 1) * d].copy_from_slice(new_y);
        }
    }
    Ok(())
}
