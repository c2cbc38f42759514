//! Eigenvalues and eigenvectors of a symmetric matrix, with the same bits on every machine.
//!
//! Householder's tridiagonal form, then implicit QL steps (Bowdler, Martin, Reinsch & Wilkinson 1968, doi:10.1007/BF02161360; Dubrulle 1970,
//! doi:10.1007/BF02165505), with everything transposed: an eigenvector is a row, so that all loops run along memory. Sums have a fixed order,
//! and multiplications are not fused into additions: a general library's bits depend on the instruction set, and with them whole runs.
//! Cost: about 9 n³ additions and multiplications.
//!
//! ```
//! use moths_core::tensor::eigen::eigen;
//!
//! let (mut vectors, mut values) = ([2.0, 1.0, 1.0, 2.0], [0.0; 2]);
//! eigen(&mut vectors, &mut values)?;
//! for (value, vector) in values.iter().zip(vectors.chunks(2)) {
//!     let stretched = [2.0 * vector[0] + vector[1], vector[0] + 2.0 * vector[1]];
//!     assert!(stretched.iter().zip(vector).all(|(a, v)| (a - value * v).abs() < 1e-15));
//! }
//! # Ok::<(), moths_core::Error>(())
//! ```

use multiversion::multiversion;

use crate::{Error, Result};

/// Numbers that a dot product sums side by side.
const LANES: usize = 8;

/// The eigenvalues of a symmetric matrix `a` \[n, n\], row by row, into `values` \[n\], in no order, and its eigenvectors, of length 1, into
/// the rows of `a`. Of the matrix only the lower triangle is looked at. One that is not finite has no eigenvalues, and what is written then
/// means nothing.
///
/// # Errors
/// [`Error::Shape`] unless `a` has n² numbers.
pub fn eigen(a: &mut [f64], values: &mut [f64]) -> Result<()> {
    let n = values.len();
    if a.len() != n * n {
        return Err(Error::shape("a symmetric matrix", format!("{n} × {n} numbers"), a.len()));
    }
    if n == 0 {
        return Ok(());
    }
    let lower = a.chunks(n).enumerate().flat_map(|(i, row)| &row[..=i]);
    let largest = lower.fold(0.0f64, |most, x| most.max(x.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    a.iter_mut().for_each(|x| *x /= scale);
    let mut beside = vec![0.0; n];
    tridiagonal(a, n, values, &mut beside);
    diagonal(a, n, values, &mut beside);
    values.iter_mut().for_each(|x| *x *= scale);
    Ok(())
}

/// A = Q T Qᵀ: T's diagonal into `d`, what stands beside it into `e[..n - 1]`, Qᵀ into `a`.
#[multiversion(targets("x86_64+avx2"))]
fn tridiagonal(a: &mut [f64], n: usize, d: &mut [f64], e: &mut [f64]) {
    for i in (1..n).rev() {
        let (block, row) = a.split_at_mut(i * n);
        let u = &mut row[..i];
        let size: f64 = u.iter().map(|x| x.abs()).sum();
        let e = &mut e[..i];
        // d[i] is half the square of the reflection's vector until Qᵀ is made; 0: no reflection.
        if i == 1 || size == 0.0 {
            (e[i - 1], d[i]) = (u[i - 1], 0.0);
            continue;
        }
        u.iter_mut().for_each(|x| *x /= size);
        let square = dot(u, u);
        let g = -square.sqrt().copysign(u[i - 1]);
        let h = square - u[i - 1] * g;
        u[i - 1] -= g;
        d[i] = h;
        reflect_both_sides(block, n, u, h, e);
        e[i - 1] = size * g;
    }
    d[0] = 0.0;
    accumulate(a, n, d);
}

/// `block ← P block P` for P = I − u uᵀ/h and a lower block; `p` is overwritten.
#[inline(always)]
fn reflect_both_sides(block: &mut [f64], n: usize, u: &[f64], h: f64, p: &mut [f64]) {
    p.fill(0.0);
    for (j, row) in block.chunks(n).enumerate() {
        let (before, own) = (&row[..j], row[j]);
        p[j] += dot(before, &u[..j]) + own * u[j];
        add_scaled(u[j], before, &mut p[..j]);
    }
    let half = dot(p, u) / (2.0 * h * h);
    p.iter_mut().zip(u).for_each(|(p, u)| *p = *p / h - half * *u);
    for (j, row) in block.chunks_mut(n).enumerate() {
        let (u_j, p_j) = (u[j], p[j]);
        for ((x, u), p) in row[..=j].iter_mut().zip(u).zip(&*p) {
            *x -= u_j * *p + p_j * *u;
        }
    }
}

/// Qᵀ from the reflections that stand in the rows of `a`, and T's diagonal from its diagonal.
#[inline(always)]
fn accumulate(a: &mut [f64], n: usize, d: &mut [f64]) {
    for (i, d) in d.iter_mut().enumerate() {
        let (block, row) = a.split_at_mut(i * n);
        let (h, row) = (*d, &mut row[..=i]);
        *d = row[i];
        for other in block.chunks_mut(n) {
            if h > 0.0 {
                let along = dot(&other[..i], &row[..i]) / h;
                add_scaled(-along, &row[..i], &mut other[..i]);
            }
            other[i] = 0.0;
        }
        row.fill(0.0);
        row[i] = 1.0;
    }
}

/// Steps that an eigenvalue may take: it needs two or three.
const MOST_STEPS: usize = 60;

/// T to its eigenvalues `d`, and the rows of `q` to the eigenvectors.
fn diagonal(q: &mut [f64], n: usize, d: &mut [f64], e: &mut [f64]) {
    let mut turns = Vec::with_capacity(n);
    for l in 0..n {
        for _ in 0..MOST_STEPS {
            let negligible = |m: usize| e[m].abs() <= f64::EPSILON * (d[m].abs() + d[m + 1].abs());
            let m = (l..n - 1).find(|&m| negligible(m)).unwrap_or(n - 1);
            if m == l {
                break;
            }
            turns.clear();
            step(l, m, d, e, &mut turns);
            turn_rows(&mut q[..(m + 1) * n], n, &turns);
        }
    }
}

/// One implicit QL step on the rows l to m of T; `turns` are the cosines and sines of its plane rotations, of the rows m − 1 and m first.
fn step(l: usize, m: usize, d: &mut [f64], e: &mut [f64], turns: &mut Vec<(f64, f64)>) {
    let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
    g = d[m] - d[l] + e[l] / (g + (g * g + 1.0).sqrt().copysign(g));
    let (mut sine, mut cosine, mut p) = (1.0, 1.0, 0.0);
    for i in (l..m).rev() {
        let (f, b) = (sine * e[i], cosine * e[i]);
        let r = (f * f + g * g).sqrt();
        e[i + 1] = r;
        if r == 0.0 {
            d[i + 1] -= p;
            e[m] = 0.0;
            return;
        }
        (sine, cosine) = (f / r, g / r);
        g = d[i + 1] - p;
        let r = (d[i] - g) * sine + 2.0 * cosine * b;
        p = sine * r;
        d[i + 1] = g + p;
        g = cosine * r - b;
        turns.push((cosine, sine));
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0.0;
}

/// The plane rotations of a step, the first of the last two rows.
#[multiversion(targets("x86_64+avx2"))]
fn turn_rows(rows: &mut [f64], n: usize, turns: &[(f64, f64)]) {
    let mut end = rows.len();
    for (cosine, sine) in turns {
        let (lower, upper) = rows[end - 2 * n..end].split_at_mut(n);
        for (a, b) in lower.iter_mut().zip(upper) {
            let (x, y) = (*a, *b);
            *b = sine * x + cosine * y;
            *a = cosine * x - sine * y;
        }
        end -= n;
    }
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            sums[k] += a[k] * b[k];
        }
    }
    let tail: f64 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    sums.iter().fold(tail, |sum, lane| sum + lane)
}

#[inline(always)]
fn add_scaled(scale: f64, x: &[f64], onto: &mut [f64]) {
    for (onto, x) in onto.iter_mut().zip(x) {
        *onto += scale * *x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{noise::Sampler, rng::Key};

    /// A symmetric matrix of given eigenvalues, turned by the reflection of a random vector.
    fn turned(values: &[f64], seed: u64) -> Vec<f64> {
        let n = values.len();
        let mut u = vec![0.0; n];
        Sampler::Normal.fill_slice(Key::new(seed), &mut u);
        let square = dot(&u, &u);
        let reflection = |i: usize, k: usize| f64::from(u8::from(i == k)) - 2.0 * u[i] * u[k] / square;
        (0..n * n).map(|at| (0..n).map(|k| reflection(at / n, k) * values[k] * reflection(k, at % n)).sum()).collect()
    }

    fn check(a: &[f64], n: usize) -> Vec<f64> {
        let (mut vectors, mut values) = (a.to_vec(), vec![0.0; n]);
        eigen(&mut vectors, &mut values).unwrap();
        let largest = values.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        for (i, v) in vectors.chunks(n).enumerate() {
            for (j, w) in vectors.chunks(n).enumerate() {
                assert!((dot(v, w) - f64::from(u8::from(i == j))).abs() < 1e-13, "{i} and {j} of {n}");
            }
            for (row, x) in a.chunks(n).zip(v) {
                assert!((dot(row, v) - values[i] * x).abs() <= 1e-13 * (n as f64).sqrt() * largest, "{i} of {n}");
            }
        }
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn a_matrix_that_is_not_square_or_not_finite_is_no_panic() {
        assert!(matches!(eigen(&mut [0.0; 5], &mut [0.0; 2]), Err(Error::Shape { .. })));
        eigen(&mut [], &mut []).unwrap();
        for bad in [f64::NAN, f64::INFINITY] {
            let mut a = vec![1.0; 16];
            (a[4], a[9]) = (bad, bad);
            eigen(&mut a, &mut [0.0; 4]).unwrap();
        }
    }

    #[test]
    fn eigenvectors_are_orthonormal_and_stretched_by_their_eigenvalues() {
        for n in [1, 2, 3, 4, 5, 8, 13, 40, 65] {
            let apart: Vec<f64> = (0..n).map(|i| 10f64.powf(-12.0 * i as f64 / n as f64)).collect();
            let alike: Vec<f64> = (0..n).map(|i| if i % 3 == 0 { 2.0 } else { 1e-3 }).collect();
            for values in [apart, alike, vec![1.0; n], vec![0.0; n]] {
                let mut sorted = values.clone();
                sorted.sort_by(f64::total_cmp);
                let found = check(&turned(&values, n as u64), n);
                assert!(found.iter().zip(&sorted).all(|(a, b)| (a - b).abs() < 1e-13), "{n}: {found:?}");
            }
        }
    }
}
