//! The noise of some seeds, in the precision that is wanted, on a piece of a tensor.

use std::sync::OnceLock;

use super::Perturbation;
use crate::{
    fuse::Piece,
    noise::shaped::{CHUNK, Noise, Shape},
    rng::{Element, Seed},
};

/// The noise of some seeds, in the precision that turns out to be wanted.
pub(super) struct Prepared<'a> {
    pub(super) of: &'a Perturbation,
    seeds: Vec<Seed>,
    pub(super) len: usize,
    single: OnceLock<Vec<Noise<f32>>>,
    double: OnceLock<Vec<Noise<f64>>>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(of: &'a Perturbation, seeds: Vec<Seed>, len: usize) -> Self {
        Self { of, seeds, len, single: OnceLock::new(), double: OnceLock::new() }
    }

    pub(super) fn single(&self) -> &[Noise<f32>] {
        self.single.get_or_init(|| self.all())
    }

    pub(super) fn double(&self) -> &[Noise<f64>] {
        self.double.get_or_init(|| self.all())
    }

    fn all<T: Element>(&self) -> Vec<Noise<T>> {
        self.seeds.iter().map(|seed| self.of.noise(*seed, self.len)).collect()
    }

    /// Deviation and basis among what a call reads, behind its first tensors.
    pub(super) fn shape<'t, T>(&self, behind: &[&'t [T]]) -> Shape<'t, T> {
        let mut read = behind.iter().copied();
        let mut next = |there: bool| if there { read.next().unwrap_or_default() } else { &[] };
        Shape { deviation: next(self.of.deviation.is_some()), basis: next(self.of.subspace.is_some()) }
    }
}

pub(super) fn fill<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], piece: Piece<'_, T>) {
    let Piece { written: [out, ..], read, span } = piece;
    noise[0].fill(of.shape(read), span.at, out);
}

pub(super) fn perturb<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], scale: f64, piece: Piece<'_, T>) {
    let Piece { written: [out, ..], read: [centre, behind @ ..], span } = piece;
    noise[0].perturb(&centre[span.at..span.at + out.len()], scale, of.shape(behind), span.at, out);
}

pub(super) fn add<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], terms: &[(Seed, f64)], piece: Piece<'_, T>) {
    let Piece { written: [onto, ..], read, span } = piece;
    accumulate(noise, terms, of.shape(read), span.at, onto);
}

/// `onto += sum_k weight_k noise_k` for the elements `offset ..`.
pub(super) fn accumulate<T: Element>(
    noise: &[Noise<T>],
    terms: &[(Seed, f64)],
    shape: Shape<'_, T>,
    offset: usize,
    onto: &mut [T],
) {
    let mut buffer = [T::ZERO; CHUNK];
    // Terms inside: a chunk stays in the first-level cache until it is finished.
    for (k, onto) in onto.chunks_mut(CHUNK).enumerate() {
        for (noise, (_, weight)) in noise.iter().zip(terms) {
            noise.chunks(shape, offset + k * CHUNK, onto.len(), &mut buffer, |at, drawn| {
                T::add_scaled(T::of(*weight), drawn, &mut onto[at]);
            });
        }
    }
}

pub(super) fn moments<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], terms: &[(Seed, f64, f64)], piece: Piece<'_, T>) {
    let Piece { written: [first, second, ..], read, span } = piece;
    let (shape, mut buffer) = (of.shape(read), [T::ZERO; CHUNK]);
    for (k, (first, second)) in first.chunks_mut(CHUNK).zip(second.chunks_mut(CHUNK)).enumerate() {
        for (noise, (_, a, b)) in noise.iter().zip(terms) {
            noise.chunks(shape, span.at + k * CHUNK, first.len(), &mut buffer, |at, drawn| {
                T::add_scaled(T::of(*a), drawn, &mut first[at.clone()]);
                drawn.iter_mut().for_each(|z| *z *= *z);
                T::add_scaled(T::of(*b), drawn, &mut second[at]);
            });
        }
    }
}

pub(super) fn perturb_rows<T: Element>(of: &Prepared<'_>, noise: &[Noise<T>], rows: &[(Seed, f64)], piece: Piece<'_, T>) {
    let Piece { written: [mut out, ..], read: [centre, behind @ ..], span } = piece;
    let shape = of.shape(behind);
    let (mut row, mut column) = (span.at / span.columns, span.at % span.columns);
    while !out.is_empty() {
        let (this, rest) = out.split_at_mut((span.columns - column).min(out.len()));
        noise[row].perturb(&centre[column..column + this.len()], rows[row].1, shape, column, this);
        (out, row, column) = (rest, row + 1, 0);
    }
}
