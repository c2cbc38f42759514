//! Noise in a random subspace of every matrix.
//!
//! ```text
//! E = √(m n) / r · U Z Vᵀ          U [m, r] and V [n, r] with orthonormal columns, Z [r, r] ~ N(0, 1)
//! ```
//!
//! U and V are the bases, which noise of several seeds may share; Z follows from the seed alone. An element of a random orthonormal column of
//! m has the variance 1/m, and one of E that of 1.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

use super::low_rank::{Factors, LowRank, matrix, normals};
use crate::rng::{Element, Key};

/// A column that is shorter than this, of a random one's length, has lost all its digits to those before it.
const LOST: f64 = 1e-8;

/// The bases of every matrix among the leaves.
pub(super) struct Bases<T>(Box<[Option<Basis<T>>]>);

/// U \[m, r\] by rows and Vᵀ \[r, n\] by rows.
struct Basis<T> {
    rank: usize,
    columns: usize,
    /// √(m n) / r.
    scale: T,
    u: Box<[T]>,
    v: Arc<[T]>,
}

impl<T: Element> Bases<T> {
    pub(super) fn new(rank: usize, shapes: &[Box<[usize]>], key: Key) -> Self {
        Self(shapes.iter().enumerate().map(|(k, shape)| Basis::new(rank, shape, key.fold(k as u64))).collect())
    }

    /// The noise of `key` in these subspaces; it need not be the key of the bases.
    pub(super) fn noise(&self, shapes: &[Box<[usize]>], key: Key) -> LowRank<T> {
        LowRank::of(shapes, key, |k, _| self.0.get(k)?.as_ref().map(|basis| basis.factors(key.fold(k as u64))))
    }
}

impl<T: Element> Basis<T> {
    fn new(rank: usize, shape: &[usize], key: Key) -> Option<Self> {
        let (rank, rows, columns) = matrix(rank, shape)?;
        let (u, v) = (orthonormal(rank, rows, key.fold(0)), orthonormal(rank, columns, key.fold(1)));
        let by_rows = (0..rows * rank).map(|at| T::of(u[at % rank * rows + at / rank])).collect();
        let scale = T::of((rows as f64 * columns as f64).sqrt() / rank as f64);
        Some(Self { rank, columns, scale, u: by_rows, v: v.into_iter().map(T::of).collect() })
    }

    /// A = √(m n) / r · U Z, and V.
    fn factors(&self, key: Key) -> Factors<T> {
        let rank = self.rank;
        // A key beside those of the bases: without sharing they follow from the same one.
        let mut z = normals::<T>(rank * rank, key.fold(2));
        z.iter_mut().for_each(|z| *z *= self.scale);
        let mut a = vec![T::ZERO; self.u.len()];
        for (u, a) in self.u.chunks_exact(rank).zip(a.chunks_exact_mut(rank)) {
            u.iter().zip(z.chunks_exact(rank)).for_each(|(u, z)| T::add_scaled(*u, z, a));
        }
        Factors { rank, columns: self.columns, a, b: self.v.clone() }
    }
}

/// `rank` orthonormal vectors of `len` numbers, one after another: the columns of Q of a normal matrix (Gram-Schmidt, twice over, which
/// leaves them orthogonal to rounding: Giraud, Langou & Rozložník 2005, doi:10.1016/j.camwa.2005.08.009).
fn orthonormal(rank: usize, len: usize, key: Key) -> Vec<f64> {
    let mut all = normals::<f64>(rank * len, key);
    for k in 0..rank {
        let (before, rest) = all.split_at_mut(k * len);
        let this = &mut rest[..len];
        let wanted = f64::dot(this, this).sqrt();
        for _ in 0..2 {
            before.chunks_exact(len).for_each(|other| f64::add_scaled(-f64::dot(other, this), other, this));
        }
        let length = f64::dot(this, this).sqrt();
        // Normal vectors fewer than their elements are never so near to a plane; 0 keeps what is drawn finite.
        let factor = if length > LOST * wanted { 1.0 / length } else { 0.0 };
        this.iter_mut().for_each(|x| *x *= factor);
    }
    all
}

/// Bases that are made once and then shared by all copies of a perturbation, in either precision.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<[OnceLock<Arc<dyn Any + Send + Sync>>; 2]>);

impl Shared {
    pub(super) fn get<T: Element>(&self, make: impl Fn() -> Bases<T>) -> Arc<Bases<T>> {
        let made = self.0[usize::from(size_of::<T>() > 4)].get_or_init(|| Arc::new(make()));
        made.clone().downcast().unwrap_or_else(|_| Arc::new(make()))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_orthonormal() {
        for (rank, len) in [(1, 2), (5, 6), (24, 25), (24, 1000)] {
            let q = orthonormal(rank, len, Key::new(1));
            for (i, a) in q.chunks_exact(len).enumerate() {
                for (j, b) in q.chunks_exact(len).enumerate() {
                    let expected = f64::from(u8::from(i == j));
                    assert!((f64::dot(a, b) - expected).abs() < 1e-14, "{rank} of {len}: {i} {j}");
                }
            }
        }
    }

    #[test]
    fn bases_are_made_once_for_each_precision() {
        let (shared, shapes) = (Shared::default(), [Box::from([7, 5])]);
        let single = || shared.get(|| Bases::<f32>::new(2, &shapes, Key::new(1)));
        let double = || shared.clone().get(|| Bases::<f64>::new(2, &shapes, Key::new(1)));
        assert!(Arc::ptr_eq(&single(), &single()) && Arc::ptr_eq(&double(), &double()));
        let (single, double) = (single(), double());
        let (Some(single), Some(double)) = (&single.0[0], &double.0[0]) else { panic!("a matrix has bases") };
        assert!(single.u.iter().zip(&double.u).all(|(a, b)| *a == *b as f32));
    }
}
