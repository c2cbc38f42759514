//! Formulas that run as one pass over memory.
//!
//! An update of plain tensor operations reads and writes memory once for each of them; [`kernel!`](crate::kernel!) turns the
//! whole formula, in the words of the paper, into one loop. What does not fit one loop are the few named reductions here.
//! Formulas and reductions are deterministic: equal arguments give equal bits whatever the number of threads.
//!
//! | file | what it answers |
//! |---|---|
//! | `kernel` | the macro: parameters, blocks, loop |
//! | `check` | what a formula may say, at compile time |
//! | `words` | the functions a formula may call |
//! | `formula` | the text of all kernels, with what they take |
//! | `cuda`, `words.cuh`, `reduce.cu` | that text, and the reductions, as CUDA C |
//! | `call` | which tensors a call takes, checked before anything is written; what is not on the CPU |
//! | `card` | launching kernels on a card |
//! | `cpu` | tensors as slices: locks, order, pieces |
//! | `drawn` | a read vector that is computed chunk by chunk and never stored |
//! | `cursor` | slices, numbers and noise as blocks of 128 elements |
//! | `threads` | when and how work is shared, and why it cannot dead-lock |
//! | `gather` | rows of a matrix as another |
//! | `matrix` | products of all rows with all, rows that are sums of rows |
//! | `lanes` | products and distances on a card |
//! | `same` | equality to the bit |
//! | `reduce` | weighted sums, moments, dot products, distances, row copies |

mod call;
pub mod card;
#[doc(hidden)]
pub mod check;
mod cpu;
pub mod cuda;
#[doc(hidden)]
pub mod cursor;
mod drawn;
mod formula;
mod gather;
mod kernel;
mod lanes;
mod matrix;
mod reduce;
mod same;
#[cfg(test)]
mod tests;
pub(crate) mod threads;
pub mod words;

#[doc(hidden)]
pub use formula::Argument;
pub use formula::{Formula, Kind, formulas};
pub use gather::gather;
pub use matrix::{products, weighted_sums};
pub use reduce::{WeightedMoments, copy_rows, distances, dot, norm, weighted_moments, weighted_sum};
pub use same::same_bits;

use crate::rng::Element;
pub(crate) use call::{Call, Given, OnCard};
use check::{MOST_READ, MOST_WRITTEN};
use cursor::Span;
#[doc(hidden)]
pub use drawn::{Drawn, Sum, Summed};

/// What the expansion of [`kernel!`](crate::kernel!) needs, and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use candle_core::Tensor;
    pub use inventory;
    pub use multiversion;

    pub use super::{
        call::Call,
        check, cursor,
        formula::{Argument, Formula, Kind, Listed},
    };
}

/// A part of a call's work: plain slices, free of locks.
#[doc(hidden)]
pub struct Piece<'a, T> {
    /// The elements of the span, of each written tensor in order.
    pub written: [&'a mut [T]; MOST_WRITTEN],
    /// The whole of each read tensor in order.
    pub read: &'a [&'a [T]; MOST_READ],
    /// Where in the grid the piece is.
    pub span: Span,
}

/// What a call does with a piece of either type.
#[doc(hidden)]
pub trait Body: Sync {
    fn f32(&self, piece: Piece<'_, f32>);
    fn f64(&self, piece: Piece<'_, f64>);
}

/// A type that bodies run on.
trait Runs: Element {
    fn run<B: Body>(body: &B, piece: Piece<'_, Self>);
}

impl Runs for f32 {
    fn run<B: Body>(body: &B, piece: Piece<'_, Self>) {
        body.f32(piece)
    }
}

impl Runs for f64 {
    fn run<B: Body>(body: &B, piece: Piece<'_, Self>) {
        body.f64(piece)
    }
}

/// A [`Body`] of one closure for each type.
#[doc(hidden)]
pub struct ByType<F, G> {
    f32: F,
    f64: G,
}

impl<F, G> ByType<F, G>
where
    F: Fn(Piece<'_, f32>) + Sync,
    G: Fn(Piece<'_, f64>) + Sync,
{
    pub fn new(f32: F, f64: G) -> Self {
        Self { f32, f64 }
    }
}

impl<F, G> Body for ByType<F, G>
where
    F: Fn(Piece<'_, f32>) + Sync,
    G: Fn(Piece<'_, f64>) + Sync,
{
    fn f32(&self, piece: Piece<'_, f32>) {
        (self.f32)(piece)
    }

    fn f64(&self, piece: Piece<'_, f64>) {
        (self.f64)(piece)
    }
}
