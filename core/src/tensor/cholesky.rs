//! Linear equations with a symmetric, positive definite matrix, with the same bits on every machine.
//!
//! A = L Lᵀ, then L y = b and Lᵀ x = y (Golub & Van Loan 2013, Matrix Computations, algorithm 4.2.1). Sums have a fixed order, and
//! multiplications are not fused into additions. Cost: n³/3 additions and multiplications, and 2 n² a right-hand side.
//!
//! ```
//! use moths_core::tensor::cholesky::Cholesky;
//!
//! let factor = Cholesky::of(vec![4.0, 2.0, 2.0, 3.0], 2)?.expect("positive definite");
//! let mut x = [2.0, -1.0];
//! factor.solve(&mut x)?;
//! assert!((x[0] - 1.0).abs() < 1e-15 && (x[1] + 1.0).abs() < 1e-15);
//! assert!(Cholesky::of(vec![1.0, 2.0, 2.0, 1.0], 2)?.is_none());
//! # Ok::<(), moths_core::Error>(())
//! ```

use multiversion::multiversion;

use crate::{Error, Result};

/// The factor L of a matrix, by rows.
#[derive(Clone, Debug)]
pub struct Cholesky {
    factor: Vec<f64>,
    n: usize,
}

impl Cholesky {
    /// The factor of a matrix \[n, n\], row by row, of which only the lower triangle is looked at; `None` where it is not positive definite, as
    /// far as rounding lets that be seen, or not finite.
    ///
    /// # Errors
    /// [`Error::Shape`] unless it has n² numbers.
    pub fn of(mut matrix: Vec<f64>, n: usize) -> Result<Option<Self>> {
        if matrix.len() != n * n {
            return Err(Error::shape("a symmetric matrix", format!("{n} × {n} numbers"), matrix.len()));
        }
        Ok(factorise(&mut matrix, n).then_some(Self { factor: matrix, n }))
    }

    /// L \[n, n\], row by row; what stands above its diagonal means nothing.
    pub fn into_factor(self) -> Vec<f64> {
        self.factor
    }

    /// x = A⁻¹ b, in place of b \[n\].
    ///
    /// # Errors
    /// [`Error::Shape`] for a b of another length.
    pub fn solve(&self, b: &mut [f64]) -> Result<()> {
        let Self { factor, n } = self;
        if b.len() != *n {
            return Err(Error::shape("right-hand side", n, b.len()));
        }
        for i in 0..*n {
            let row = &factor[i * n..];
            b[i] = (b[i] - sum(&row[..i], &b[..i])) / row[i];
        }
        for i in (0..*n).rev() {
            let row = &factor[i * n..];
            b[i] /= row[i];
            let (before, x) = b.split_at_mut(i);
            before.iter_mut().zip(row).for_each(|(b, l)| *b -= l * x[0]);
        }
        Ok(())
    }
}

/// Row by row; false where a pivot is not positive.
#[multiversion(targets("x86_64+avx2"))]
fn factorise(a: &mut [f64], n: usize) -> bool {
    for i in 0..n {
        let (above, row) = a.split_at_mut(i * n);
        for j in 0..i {
            let other = &above[j * n..];
            row[j] = (row[j] - sum(&row[..j], &other[..j])) / other[j];
        }
        let pivot = row[i] - sum(&row[..i], &row[..i]);
        // Not a comparison with `<=`: a NaN is no pivot either.
        if !(pivot > 0.0 && pivot.is_finite()) {
            return false;
        }
        row[i] = pivot.sqrt();
    }
    true
}

/// Numbers that a dot product sums side by side.
const LANES: usize = 8;

#[inline(always)]
fn sum(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            lanes[k] += a[k] * b[k];
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved() -> Result<()> {
        for n in [1, 2, 9, 40] {
            // B Bᵀ + I with B of small whole numbers.
            let b = |i: usize, j: usize| ((7 * i + 3 * j + i * j) % 5) as f64 - 2.0;
            let entry = |i, j| (0..n).map(|k| b(i, k) * b(j, k)).sum::<f64>() + f64::from(u8::from(i == j));
            let matrix: Vec<f64> = (0..n * n).map(|k| entry(k / n, k % n)).collect();
            let x: Vec<f64> = (0..n).map(|i| i as f64 - 3.5).collect();
            let mut solved: Vec<f64> = matrix.chunks(n).map(|row| row.iter().zip(&x).map(|(a, x)| a * x).sum()).collect();
            Cholesky::of(matrix, n)?.expect("positive definite").solve(&mut solved)?;
            assert!(solved.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-9), "{n}: {solved:?}");
        }
        Ok(())
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() -> Result<()> {
        for matrix in [vec![0.0; 4], vec![1.0, 0.0, 0.0, -1.0], vec![f64::NAN, 0.0, 0.0, 1.0], vec![1.0, 0.0, 0.0, f64::INFINITY]]
        {
            assert!(Cholesky::of(matrix, 2)?.is_none());
        }
        assert!(Cholesky::of(vec![1.0; 3], 2).is_err());
        Ok(())
    }
}
