//! Operands, handed to the loop one block of 128 elements at a time.
//!
//! Every kind of parameter has a cursor: `open` over its source, `block(k)` for the elements `k .. k + BLOCK` of the span, and
//! for those that are written `close`. Past the end of a span blocks are padded, so that one loop of fixed length serves
//! every length: it has no bounds checks and is compiled once.

use crate::rng::{BLOCK, Element, Key};

/// Which elements of the grid a loop runs over.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Place of the first element in the flattened grid, a multiple of [`BLOCK`].
    pub at: usize,
    /// How many elements.
    pub len: usize,
    /// Elements in a row of the grid.
    pub columns: usize,
}

/// A tensor that is read and written.
#[derive(Debug)]
pub struct InOut<'a, T> {
    data: &'a mut [T],
    spill: [T; BLOCK],
}

impl<'a, T: Element> InOut<'a, T> {
    #[inline(always)]
    pub fn open(data: &'a mut [T], _: Span) -> Self {
        Self { data, spill: [T::ZERO; BLOCK] }
    }

    #[inline(always)]
    pub fn block(&mut self, k: usize) -> &mut [T; BLOCK] {
        let rest = &mut self.data[k..];
        match rest.len() < BLOCK {
            true => {
                self.spill[..rest.len()].copy_from_slice(rest);
                &mut self.spill
            }
            false => rest.first_chunk_mut().expect("at least a block is left"),
        }
    }

    #[inline(always)]
    pub fn close(self) {
        let tail = self.data.len() % BLOCK;
        let start = self.data.len() - tail;
        self.data[start..].copy_from_slice(&self.spill[..tail]);
    }
}

/// A tensor that is written and never read: like [`InOut`], but a last, short block is not fetched.
#[derive(Debug)]
pub struct Out<'a, T>(InOut<'a, T>);

impl<'a, T: Element> Out<'a, T> {
    #[inline(always)]
    pub fn open(data: &'a mut [T], span: Span) -> Self {
        Self(InOut::open(data, span))
    }

    #[inline(always)]
    pub fn block(&mut self, k: usize) -> &mut [T; BLOCK] {
        let rest = &mut self.0.data[k..];
        match rest.len() < BLOCK {
            true => &mut self.0.spill,
            false => rest.first_chunk_mut().expect("at least a block is left"),
        }
    }

    #[inline(always)]
    pub fn close(self) {
        self.0.close();
    }
}

/// A read tensor with an element for each of the grid.
#[derive(Debug)]
pub struct Mat<'a, T> {
    data: &'a [T],
    pad: [T; BLOCK],
}

impl<'a, T: Element> Mat<'a, T> {
    #[inline(always)]
    pub fn open(data: &'a [T], span: Span) -> Self {
        Self { data: &data[span.at..span.at + span.len], pad: [T::ZERO; BLOCK] }
    }

    #[inline(always)]
    pub fn block(&mut self, k: usize) -> &[T; BLOCK] {
        let rest = &self.data[k..];
        rest.first_chunk().unwrap_or_else(|| {
            self.pad[..rest.len()].copy_from_slice(rest);
            &self.pad
        })
    }
}

/// A read vector with an element for each of the grid, or those of the span alone.
#[derive(Debug)]
pub struct Sum<'a, T>(Mat<'a, T>);

impl<'a, T: Element> Sum<'a, T> {
    #[inline(always)]
    pub fn open(data: &'a [T], span: Span) -> Self {
        // As long as the span, it is the span's: a whole grid of that length begins at 0.
        let at = if data.len() == span.len { 0 } else { span.at };
        Self(Mat::open(data, Span { at, ..span }))
    }

    #[inline(always)]
    pub fn block(&mut self, k: usize) -> &[T; BLOCK] {
        self.0.block(k)
    }
}

/// A read tensor with an element for each column.
#[derive(Debug)]
pub struct Row<'a, T> {
    data: &'a [T],
    /// Where the next block starts in the row; blocks are asked for in order.
    column: usize,
    /// A row that is shorter than a block, repeated: every block of the grid is a window of this.
    repeated: [T; 2 * BLOCK],
}

impl<'a, T: Element> Row<'a, T> {
    #[inline(always)]
    pub fn open(data: &'a [T], span: Span) -> Self {
        let mut repeated = [T::ZERO; 2 * BLOCK];
        if data.len() < BLOCK {
            repeated[..data.len()].copy_from_slice(data);
            let mut filled = data.len();
            while filled < repeated.len() {
                let (from, to) = repeated.split_at_mut(filled);
                let count = from.len().min(to.len());
                to[..count].copy_from_slice(&from[..count]);
                filled += count;
            }
        }
        Self { data, column: span.at % span.columns, repeated }
    }

    #[inline(always)]
    pub fn block(&mut self, _: usize) -> &[T; BLOCK] {
        let (column, columns) = (self.column, self.data.len());
        if columns < BLOCK {
            self.column = (column + BLOCK) % columns;
            return self.repeated[column..].first_chunk().expect("two blocks from a column in the first");
        }
        self.column = if column + BLOCK < columns { column + BLOCK } else { column + BLOCK - columns };
        self.data[column..].first_chunk().unwrap_or_else(|| {
            let (end, start) = self.repeated[..BLOCK].split_at_mut(columns - column);
            end.copy_from_slice(&self.data[column..]);
            start.copy_from_slice(&self.data[..start.len()]);
            self.repeated.first_chunk().expect("two blocks")
        })
    }
}

/// A read tensor with an element for each row of the grid.
#[derive(Debug)]
pub struct Col<'a, T> {
    data: &'a [T],
    at: usize,
    columns: usize,
    /// The row that fills `spread`, or one that does not exist.
    filled: usize,
    spread: [T; BLOCK],
}

impl<'a, T: Element> Col<'a, T> {
    #[inline(always)]
    pub fn open(data: &'a [T], span: Span) -> Self {
        Self { data, at: span.at, columns: span.columns, filled: usize::MAX, spread: [T::ZERO; BLOCK] }
    }

    #[inline(always)]
    pub fn block(&mut self, k: usize) -> &[T; BLOCK] {
        let (mut row, column) = ((self.at + k) / self.columns, (self.at + k) % self.columns);
        if column + BLOCK <= self.columns {
            if self.filled != row {
                self.filled = row;
                self.spread = [self.data[row]; BLOCK];
            }
            return &self.spread;
        }
        self.filled = usize::MAX;
        let (mut from, mut to) = (0, self.columns - column);
        while from < BLOCK && row < self.data.len() {
            self.spread[from..to.min(BLOCK)].fill(self.data[row]);
            (row, from, to) = (row + 1, to, to + self.columns);
        }
        &self.spread
    }
}

/// A number.
#[derive(Debug)]
pub struct Num<T>(T);

impl<T: Element> Num<T> {
    #[inline(always)]
    pub fn open(value: f64, _: Span) -> Self {
        Self(T::of(value))
    }

    #[inline(always)]
    pub fn block(&mut self, _: usize) -> T {
        self.0
    }
}

macro_rules! noise {
    ($(#[$doc:meta])* $name:ident, $law:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<T> {
            key: Key,
            first: usize,
            drawn: [T; BLOCK],
        }

        impl<T: Element> $name<T> {
            #[inline(always)]
            pub fn open(key: Key, span: Span) -> Self {
                Self { key, first: span.at / BLOCK, drawn: [T::ZERO; BLOCK] }
            }

            // The law is a function compiled for each instruction set by itself, called once a block: inlined here it
            // would be compiled anew into every kernel.
            #[inline(always)]
            pub fn block(&mut self, k: usize) -> &[T; BLOCK] {
                T::$law(self.key, (self.first + k / BLOCK) as u64, std::slice::from_mut(&mut self.drawn));
                &self.drawn
            }
        }
    };
}

noise!(
    /// Noise, uniform on [0, 1).
    Uniform, uniform
);
noise!(
    /// Noise, standard normal.
    Normal, normal
);
noise!(
    /// Noise, -1 or +1.
    Sign, sign
);
