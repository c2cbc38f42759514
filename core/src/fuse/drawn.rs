//! A vector that is read without ever being stored: its elements are computed a chunk at a time, just before a formula reads them.

use std::array;

use candle_core::{DType, Tensor};

use super::{
    Body, Piece,
    check::{MOST_READ, MOST_WRITTEN},
    cursor::Span,
};
use crate::Result;

/// Elements that are computed at a time: whole blocks, in the first-level cache beside those of the tensors.
const CHUNK: usize = 2048;

/// A vector whose elements are computed when they are read.
#[doc(hidden)]
#[allow(clippy::len_without_is_empty)]
pub trait Drawn: Sync {
    /// How many elements there are.
    fn len(&self) -> usize;
    /// What it is drawn in.
    fn dtype(&self) -> DType;
    /// How many element updates it costs to compute one.
    fn weight(&self) -> usize;
    /// All elements, where it is read on a card.
    ///
    /// # Errors
    /// Those of drawing it.
    fn stored(&self) -> Result<Tensor>;
    /// Elements `at ..`; a multiple of the block size.
    fn f32(&self, at: usize, out: &mut [f32]);
    /// The same in double precision.
    fn f64(&self, at: usize, out: &mut [f64]);
}

/// What a parameter of kind `sum` is.
#[doc(hidden)]
pub enum Sum<'a> {
    Stored(&'a Tensor),
    Drawn(Box<dyn Drawn + 'a>),
}

/// What a parameter of kind `sum` is given: numbers, or what adds up to them as they are read.
#[doc(hidden)]
pub trait Summed {
    fn open(&self) -> Sum<'_>;
}

/// A body that finds in read slot `slot` the elements of its span of something drawn.
pub(super) struct Drawing<'a, B> {
    pub(super) slot: usize,
    pub(super) drawn: &'a dyn Drawn,
    pub(super) body: &'a B,
}

impl<B: Body> Body for Drawing<'_, B> {
    fn f32(&self, piece: Piece<'_, f32>) {
        in_chunks(piece, self.slot, [0.0; CHUNK], |at, out| self.drawn.f32(at, out), |piece| self.body.f32(piece));
    }

    fn f64(&self, piece: Piece<'_, f64>) {
        in_chunks(piece, self.slot, [0.0; CHUNK], |at, out| self.drawn.f64(at, out), |piece| self.body.f64(piece));
    }
}

fn in_chunks<T>(
    piece: Piece<'_, T>,
    slot: usize,
    mut chunk: [T; CHUNK],
    draw: impl Fn(usize, &mut [T]),
    run: impl Fn(Piece<'_, T>),
) {
    let Piece { mut written, read, span } = piece;
    let mut done = 0;
    while done < span.len {
        let here = Span { at: span.at + done, len: CHUNK.min(span.len - done), columns: span.columns };
        let drawn = &mut chunk[..here.len];
        draw(here.at, drawn);
        let mut read: [&[T]; MOST_READ] = *read;
        read[slot] = drawn;
        let mut now: [&mut [T]; MOST_WRITTEN] = array::from_fn(|_| &mut [][..]);
        for (now, all) in now.iter_mut().zip(&mut written) {
            let taken = std::mem::take(all);
            (*now, *all) = taken.split_at_mut(here.len.min(taken.len()));
        }
        run(Piece { written: now, read: &read, span: here });
        done += here.len;
    }
}
