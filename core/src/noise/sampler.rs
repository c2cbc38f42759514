//! Noise on tensors: the perturbations that estimators and seeded batches are made of.

use std::ops::Range;

use candle_core::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Key, law::BLOCK};
use crate::{
    CowTensor, Error, Result,
    fuse::{ByType, Call, Element, Piece},
};

/// Elements that are drawn at a time where noise passes through a buffer.
const CHUNK: usize = 4 * BLOCK;

/// The law of a perturbation: independent elements of mean 0 and variance 1.
///
/// Element `i` of the noise of a [`Key`] is a pure function of the law, the key, `i` and the tensor's precision: it does
/// not depend on the number of elements, threads, or the machine. Everything here works in place on f32 and f64 tensors, in
/// parallel where they are big.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use moths_core::{CowTensor, Key, Sampler};
///
/// let mut x = CowTensor::new(Tensor::zeros(4, DType::F32, &Device::Cpu)?);
/// Sampler::Rademacher.add(Key::new(1), 0.5, &mut x)?;
/// assert!(x.to_vec1::<f32>()?.iter().all(|x| x.abs() == 0.5));
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Sampler {
    /// Standard normal: density `exp(-z^2 / 2) / sqrt(2 pi)`, mean 0, variance 1. Values end at 6.6 in f32, 8.6 in f64.
    #[default]
    Normal,
    /// Uniform on `[-sqrt 3, sqrt 3]`: density `1 / (2 sqrt 3)`, mean 0, variance 1.
    ///
    /// (A kernel parameter of kind `uniform` is on `[0, 1)`; as a perturbation it is centred and scaled like the others.)
    Uniform,
    /// -1 or +1, each with probability 1/2: mean 0, variance 1, every moment finite. By far the cheapest to draw.
    Rademacher,
}

impl Sampler {
    /// `out_i = noise(key)_i`; `out` is `[d]` or `[n, d]`, its old values are not looked at.
    pub fn fill(self, key: Key, out: &mut CowTensor) -> Result<()> {
        let mut call = Call::new("Sampler::fill");
        call.out("out", out);
        call.run(&ByType::new(
            |Piece { written: [out, ..], span, .. }| self.fill_slice(key, span.at, out),
            |Piece { written: [out, ..], span, .. }| self.fill_slice(key, span.at, out),
        ))
    }

    /// `out = centre + scale noise(key)`, in one pass; `centre` has `out`'s shape, `out`'s old values are not looked at.
    pub fn perturb(self, centre: &Tensor, scale: f64, key: Key, out: &mut CowTensor) -> Result<()> {
        let mut call = Call::new("Sampler::perturb");
        call.mat("centre", centre);
        call.out("out", out);
        call.run(&ByType::new(|piece| self.perturb_piece(piece, scale, key), |piece| self.perturb_piece(piece, scale, key)))
    }

    /// `onto += scale noise(key)`.
    pub fn add(self, key: Key, scale: f64, onto: &mut CowTensor) -> Result<()> {
        self.add_weighted(&[(key, scale)], onto)
    }

    /// `onto += sum_k weight_k noise(key_k)`, the terms `(key_k, weight_k)` in order.
    ///
    /// Bit for bit what [`Sampler::add`] gives term by term, but `onto` is read and written once whatever their number.
    pub fn add_weighted(self, terms: &[(Key, f64)], onto: &mut CowTensor) -> Result<()> {
        let mut call = Call::new("Sampler::add");
        call.inout("onto", onto);
        call.run_heavy(
            terms.len().max(1),
            &ByType::new(
                |Piece { written: [onto, ..], span, .. }| self.add_slice(terms, span.at, onto),
                |Piece { written: [onto, ..], span, .. }| self.add_slice(terms, span.at, onto),
            ),
        )
    }

    /// Row `i` of `out` `= centre + scale_i noise(key_i)`: `centre` is `[d]`, `out` `[n, d]`, `rows` the `n` `(key_i, scale_i)`.
    ///
    /// Each row is what [`Sampler::perturb`] gives for it alone.
    pub fn perturb_rows(self, centre: &Tensor, rows: &[(Key, f64)], out: &mut CowTensor) -> Result<()> {
        match *out.dims() {
            [n, _] if n == rows.len() => {}
            ref other => {
                return Err(Error::shape("Sampler::perturb_rows.out", format!("[{}, d]", rows.len()), format!("{other:?}")));
            }
        }
        let mut call = Call::new("Sampler::perturb_rows");
        call.row("centre", centre);
        call.out("out", out);
        call.run(&ByType::new(|piece| self.perturb_rows_piece(piece, rows), |piece| self.perturb_rows_piece(piece, rows)))
    }

    /// Elements `offset ..` of the noise of `key` into `out`, on this thread: for objectives with buffers of their own.
    pub fn fill_slice<T: Element>(self, key: Key, offset: usize, out: &mut [T]) {
        let ahead = (offset.next_multiple_of(BLOCK) - offset).min(out.len());
        let (ahead, rest) = out.split_at_mut(ahead);
        let whole = rest.len() / BLOCK * BLOCK;
        let (blocks, behind) = rest.split_at_mut(whole);
        let start = offset + ahead.len();
        let mut buffer = [T::ZERO; CHUNK];
        self.chunks(key, offset, ahead.len(), &mut buffer, |at, drawn| ahead[at].copy_from_slice(drawn));
        self.draw(key, start, blocks);
        self.chunks(key, start + whole, behind.len(), &mut buffer, |at, drawn| behind[at].copy_from_slice(drawn));
    }

    /// Adds elements `offset ..` of `sum_k weight_k noise(key_k)` to `onto`, on this thread.
    pub fn add_slice<T: Element>(self, terms: &[(Key, f64)], offset: usize, onto: &mut [T]) {
        let mut buffer = [T::ZERO; CHUNK];
        // Terms inside: a chunk stays in the first-level cache until it is finished.
        for (k, onto) in onto.chunks_mut(CHUNK).enumerate() {
            for (key, weight) in terms {
                self.chunks(*key, offset + k * CHUNK, onto.len(), &mut buffer, |at, drawn| {
                    T::add_scaled(T::of(*weight), drawn, &mut onto[at]);
                });
            }
        }
    }

    fn perturb_piece<T: Element>(self, piece: Piece<'_, T>, scale: f64, key: Key) {
        let Piece { written: [out, ..], read: [centre, ..], span } = piece;
        self.perturb_slice(&centre[span.at..span.at + out.len()], scale, key, span.at, out);
    }

    fn perturb_rows_piece<T: Element>(self, piece: Piece<'_, T>, rows: &[(Key, f64)]) {
        let Piece { written: [mut out, ..], read: [centre, ..], span } = piece;
        let (mut row, mut column) = (span.at / span.columns, span.at % span.columns);
        while !out.is_empty() {
            let (this, rest) = out.split_at_mut((span.columns - column).min(out.len()));
            let (key, scale) = rows[row];
            self.perturb_slice(&centre[column..column + this.len()], scale, key, column, this);
            (out, row, column) = (rest, row + 1, 0);
        }
    }

    /// `out = centre + scale noise(key)` for the elements `offset ..`.
    pub(crate) fn perturb_slice<T: Element>(self, centre: &[T], scale: f64, key: Key, offset: usize, out: &mut [T]) {
        self.chunks(key, offset, out.len(), &mut [T::ZERO; CHUNK], |at, drawn| {
            T::set_scaled(&centre[at.clone()], T::of(scale), drawn, &mut out[at]);
        });
    }

    /// Draws elements `offset .. offset + len` chunk by chunk; `then` is told which (counted from `offset`) and gets them.
    fn chunks<T: Element>(
        self,
        key: Key,
        offset: usize,
        len: usize,
        drawn: &mut [T; CHUNK],
        mut then: impl FnMut(Range<usize>, &[T]),
    ) {
        let mut at = 0;
        while at < len {
            let skipped = (offset + at) % BLOCK;
            let end = (skipped + len - at).min(CHUNK);
            self.draw(key, offset + at - skipped, &mut drawn[..end.next_multiple_of(BLOCK)]);
            let next = at + end - skipped;
            then(at..next, &drawn[skipped..end]);
            at = next;
        }
    }

    /// The noise from `offset` on, both of whole blocks.
    fn draw<T: Element>(self, key: Key, offset: usize, out: &mut [T]) {
        let first = (offset / BLOCK) as u64;
        let blocks = out.as_chunks_mut().0;
        match self {
            Self::Normal => T::normal(key, first, blocks),
            Self::Uniform => T::uniform(key, first, blocks),
            Self::Rademacher => T::sign(key, first, blocks),
        }
        if self == Self::Uniform {
            T::spread(T::of(12f64.sqrt()), out);
        }
    }
}
