//! Noise of low rank for every matrix.

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

/// E = A Bᵀ, row by row: A \[m, r\] is divided by √r already, B \[r, n\] stands by columns of E.
struct Factors<T> {
    rank: usize,
    columns: usize,
    a: Vec<T>,
    b: Vec<T>,
}

impl<T: Element> LowRank<T> {
    pub(super) fn new(rank: usize, shapes: &[Box<[usize]>], key: Key) -> Self {
        let mut from = 0;
        let leaves = shapes.iter().enumerate().map(|(k, shape)| {
            let len: usize = shape.iter().product();
            let leaf = Leaf { from, to: from + len, factors: Factors::new(rank, shape, key.fold(k as u64)) };
            from += len;
            leaf
        });
        Self { key, leaves: leaves.collect() }
    }

    pub(super) fn draw(&self, offset: usize, out: &mut [T]) {
        T::normal(self.key, (offset / BLOCK) as u64, out.as_chunks_mut().0);
        let end = offset + out.len();
        let first = self.leaves.partition_point(|leaf| leaf.to <= offset);
        for leaf in self.leaves[first..].iter().take_while(|leaf| leaf.from < end) {
            let (from, to) = (leaf.from.max(offset), leaf.to.min(end));
            if let Some(factors) = &leaf.factors {
                factors.draw(from - leaf.from, &mut out[from - offset..to - offset]);
            }
        }
    }
}

impl<T: Element> Factors<T> {
    /// `None` for what is no matrix, or has no more rows or columns than the rank.
    fn new(rank: usize, shape: &[usize], key: Key) -> Option<Self> {
        let (rows, others) = shape.split_first()?;
        let (rank, columns) = (rank.max(1), others.iter().product::<usize>());
        if others.is_empty() || (*rows).min(columns) <= rank {
            return None;
        }
        let scale = T::of(1.0 / (rank as f64).sqrt());
        let mut a = normals(rows * rank, key.fold(0));
        a.iter_mut().for_each(|x| *x *= scale);
        Some(Self { rank, columns, a, b: normals(rank * columns, key.fold(1)) })
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

/// The first `len` normals of a key.
pub(super) fn normals<T: Element>(len: usize, key: Key) -> Vec<T> {
    let mut all = vec![T::ZERO; len.next_multiple_of(BLOCK)];
    T::normal(key, 0, all.as_chunks_mut().0);
    all.truncate(len);
    all
}
