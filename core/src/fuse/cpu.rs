//! The CPU back end: candle tensors opened as slices, without copies and without `unsafe`.
//!
//! Read tensors come through candle's storage guards, written ones through nested [`InplaceOp1`]s, which is how candle
//! lends its storage for writing. All locks of a call are taken in the order of the storages' addresses, once for each
//! storage, so that no two calls can wait for each other and a tensor that is read twice is locked once.

use std::cell::Cell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Storage, Tensor};

use super::{
    Body, Piece, Runs,
    check::{MOST_READ, MOST_WRITTEN},
    cursor::Span,
    threads,
};
use crate::rng::Element;

/// Pieces of a split kernel start at multiples of this: whole blocks, whole cache lines.
const UNIT: usize = 1024;

/// The tensors of a call, of one dtype, no written one the same as another; kept in the global order of locks.
#[derive(Default)]
pub(super) struct Operands<'t>([Option<Operand<'t>>; MOST_WRITTEN + MOST_READ]);

/// A tensor of a call: on the CPU and contiguous.
#[derive(Clone, Copy)]
struct Operand<'t> {
    /// Of its storage: the place of its lock in the global order.
    address: usize,
    slot: Slot,
    tensor: &'t Tensor,
    /// Its elements in the storage.
    start: usize,
    end: usize,
}

/// Which argument of the body an operand is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Written(usize),
    Read(usize),
}

impl<'t> Operands<'t> {
    /// Adds a tensor; `address` is that of its storage, which the caller has at hand.
    pub(super) fn push(&mut self, slot: Slot, tensor: &'t Tensor, address: usize) -> candle_core::Result<()> {
        let offsets = tensor.layout().contiguous_offsets();
        let (start, end) = offsets.ok_or_else(|| candle_core::Error::msg("a tensor is not contiguous"))?;
        let mut entering = Some(Operand { address, slot, tensor, start, end });
        for place in &mut self.0 {
            let Some(new) = &entering else { break };
            if place.is_none_or(|there| (new.address, new.slot) < (there.address, there.slot)) {
                std::mem::swap(place, &mut entering); // and from here on everything moves up by one
            }
        }
        Ok(())
    }
}

/// Where a tensor's storage is: equal for tensors that share one.
pub(super) fn storage_address(tensor: &Tensor) -> usize {
    std::ptr::from_ref::<Storage>(&tensor.storage_and_layout().0).addr()
}

/// Runs `body` over the written tensors, `columns` to a row; `work` is about how many element updates that takes.
pub(super) fn run<T: Runs, B: Body>(operands: &Operands<'_>, work: usize, columns: usize, body: &B) -> candle_core::Result<()> {
    threads::enter(work, |pieces| {
        with_slices::<T>(operands, &mut |written, read| {
            pieces.split(written, 0, UNIT, &|written: WrittenSlices<'_, T>, at| {
                let span = Span { at, len: written[0].len(), columns };
                T::run(body, Piece { written, read, span });
            });
        })
    })
}

type WrittenSlices<'a, T> = [&'a mut [T]; MOST_WRITTEN];
type ReadSlices<'a, T> = [&'a [T]; MOST_READ];
type Then<'f, T> = &'f mut dyn FnMut(WrittenSlices<'_, T>, &ReadSlices<'_, T>);

/// Opens all operands and calls `then` once with their slices.
pub(super) fn with_slices<T: Element>(operands: &Operands<'_>, then: Then<'_, T>) -> candle_core::Result<()> {
    lock(&operands.0, [&mut [], &mut [], &mut [], &mut []], &[&[]; MOST_READ], then)
}

/// Takes the locks of `operands` one inside the other; the innermost call has them all.
fn lock<T: Element>(
    operands: &[Option<Operand<'_>>],
    written: WrittenSlices<'_, T>,
    read: &ReadSlices<'_, T>,
    then: Then<'_, T>,
) -> candle_core::Result<()> {
    let [Some(first), rest @ ..] = operands else {
        then(written, read);
        return Ok(());
    };
    if let Slot::Written(slot) = first.slot {
        let bounds = (first.start, first.end);
        let state = Cell::new(Some((written, then)));
        return first.tensor.inplace_op1(&Write { slot, bounds, rest, read, state });
    }
    let (guard, _) = first.tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*guard else { candle_core::bail!("a tensor is not on the CPU") };
    let data = storage.as_slice::<T>()?;
    let (mut read, mut rest) = (*read, operands);
    while let [Some(Operand { address, slot: Slot::Read(k), start, end, .. }), after @ ..] = rest
        && *address == first.address
    {
        read[*k] = &data[*start..*end];
        rest = after;
    }
    lock(rest, written, &read, then)
}

/// The write lock on one tensor, and in it the locks of the `rest`.
struct Write<'o, 's, 'f, T> {
    slot: usize,
    bounds: (usize, usize),
    rest: &'o [Option<Operand<'o>>],
    read: &'o ReadSlices<'o, T>,
    /// Taken by the one call that candle makes, through a shared reference.
    state: Cell<Option<(WrittenSlices<'s, T>, Then<'f, T>)>>,
}

impl<T: Element> InplaceOp1 for Write<'_, '_, '_, T> {
    fn name(&self) -> &'static str {
        "fused kernel"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
        if let Some((written, then)) = self.state.take()
            && let Some(data) = T::storage_mut(storage)
        {
            let mut written: WrittenSlices<'_, T> = written;
            written[self.slot] = &mut data[self.bounds.0..self.bounds.1];
            return lock(self.rest, written, self.read, then);
        }
        candle_core::bail!("a written tensor has another dtype than the call")
    }
}
