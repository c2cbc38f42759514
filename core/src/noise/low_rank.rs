//! Noise of low rank for every matrix.

use std::sync::Arc;

use crate::rng::{BLOCK, Element, Key};

/// The factors of every matrix among the leaves; what is no matrix is normal.
pub(super) struct LowRank<T> {
    key: Key,
    /// In order; together they cover all elements.
    leaves: Vec<Leaf<T>>,
}

struct Leaf<T> {
    from: usize,
    to: usize,
    factors: Option<Factors<T>>,
}

/// E = A Bᵀ, row by row: A \[m, r\] is scaled already, Bᵀ \[r, n\] stands by columns of E.
pub(super) struct Factors<T> {
    pub(super) rank: usize,
    pub(super) columns: usize,
    pub(super) a: Vec<T>,
    pub(super) b: Arc<[T]>,
}

impl<T: Element> LowRank<T> {
    /// A Bᵀ / √rank; B follows from `shared`, where there is one, in place of the key.
    pub(super) fn new(rank: usize, shapes: &[Box<[usize]>], key: Key, shared: Option<Key>) -> Self {
        Self::of(shapes, key, |k, shape| {
            let of_leaf = |key: Key| key.fold(k as u64);
            Factors::new(rank, shape, of_leaf(key), of_leaf(shared.unwrap_or(key)))
        })
    }

    /// The noise of `key` with these factors of leaf k of a shape; none of what is no matrix.
    pub(super) fn of(shapes: &[Box<[usize]>], key: Key, mut factors: impl FnMut(usize, &[usize]) -> Option<Factors<T>>) -> Self {
        let mut from = 0;
        let leaves = shapes.iter().enumerate().map(|(k, shape)| {
            let len: usize = shape.iter().product();
            let leaf = Leaf { from, to: from + len, factors: factors(k, shape) };
            from += len;
            leaf
        });
        Self { key, leaves: leaves.collect() }
    }

    /// Of the k-th leaf.
    pub(super) fn factors(&self, leaf: usize) -> Option<&Factors<T>> {
        self.leaves.get(leaf)?.factors.as_ref()
    }

    pub(super) fn draw(&self, offset: usize, out: &mut [T]) {
        let end = offset + out.len();
        let first = self.leaves.partition_point(|leaf| leaf.to <= offset);
        let here = || self.leaves[first..].iter().take_while(|leaf| leaf.from < end);
        let range = |leaf: &Leaf<T>| leaf.from.max(offset) - offset..leaf.to.min(end) - offset;
        // Blocks that lie within a matrix need no normals; those at its edges are overwritten after.
        let mut drawn = 0;
        for elements in here().filter(|leaf| leaf.factors.is_none()).map(range) {
            let start = (elements.start / BLOCK * BLOCK).max(drawn);
            drawn = elements.end.next_multiple_of(BLOCK).min(out.len()).max(drawn);
            T::normal(self.key, ((offset + start) / BLOCK) as u64, out[start..drawn].as_chunks_mut().0);
        }
        for leaf in here() {
            if let Some(factors) = &leaf.factors {
                factors.draw(leaf.from.max(offset) - leaf.from, &mut out[range(leaf)]);
            }
        }
    }
}

impl<T: Element> Factors<T> {
    fn new(rank: usize, shape: &[usize], of_a: Key, of_b: Key) -> Option<Self> {
        let (rank, rows, columns) = matrix(rank, shape)?;
        let scale = T::of(1.0 / (rank as f64).sqrt());
        let mut a = normals(rows * rank, of_a.fold(0));
        a.iter_mut().for_each(|x| *x *= scale);
        Some(Self { rank, columns, a, b: normals(rank * columns, of_b.fold(1)).into() })
    }

    /// The elements `at ..` of the matrix.
    fn draw(&self, mut at: usize, mut out: &mut [T]) {
        while !out.is_empty() {
            let (row, column) = (at / self.columns, at % self.columns);
            let (this, rest) = out.split_at_mut((self.columns - column).min(out.len()));
            this.fill(T::ZERO);
            for (k, a) in self.a[row * self.rank..][..self.rank].iter().enumerate() {
                T::add_scaled(*a, &self.b[k * self.columns + column..][..this.len()], this);
            }
            (at, out) = (at + this.len(), rest);
        }
    }
}

/// Rank, rows and columns of a leaf; `None` for what is no matrix, or has no more rows or columns than the rank.
pub(super) fn matrix(rank: usize, shape: &[usize]) -> Option<(usize, usize, usize)> {
    let (rows, others) = shape.split_first()?;
    let (rank, columns) = (rank.max(1), others.iter().product::<usize>());
    (!others.is_empty() && (*rows).min(columns) > rank).then_some((rank, *rows, columns))
}

/// The first `len` normals of a key.
pub(super) fn normals<T: Element>(len: usize, key: Key) -> Vec<T> {
    let mut all = vec![T::ZERO; len.next_multiple_of(BLOCK)];
    T::normal(key, 0, all.as_chunks_mut().0);
    all.truncate(len);
    all
}
