//! The CPU back end: candle tensors opened as slices, without copies and without `unsafe`.
//!
//! Read tensors come through candle's storage guards, written ones through nested [`InplaceOp1`]s, which is how candle
//! lends its storage for writing. All locks of a call are taken in the order of the storages' addresses, once for each
//! storage, so that no two calls can wait for each other and a tensor that is read twice is locked once.

use std::cell::Cell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Storage, Tensor};

use super::{
    Body, Element, Piece,
    check::{MOST_READ, MOST_WRITTEN},
    cursor::Span,
    threads,
};

/// Pieces of a split kernel start at multiples of this: whole blocks, whole cache lines.
const UNIT: usize = 1024;

/// A tensor of a call: on the CPU and contiguous.
#[derive(Clone, Copy)]
pub(super) struct Operand<'t> {
    tensor: &'t Tensor,
    /// Of its storage, the place of its lock in the global order.
    address: usize,
    /// Its elements in the storage.
    start: usize,
    end: usize,
}

/// The tensors of a call, of one dtype, no written one the same as another.
#[derive(Default)]
pub(super) struct Operands<'t> {
    pub(super) written: [Option<Operand<'t>>; MOST_WRITTEN],
    pub(super) read: [Option<Operand<'t>>; MOST_READ],
}

impl<'t> Operand<'t> {
    /// `address` is that of the tensor's storage, which the caller has at hand.
    pub(super) fn new(tensor: &'t Tensor, address: usize) -> candle_core::Result<Self> {
        let offsets = tensor.layout().contiguous_offsets();
        let (start, end) = offsets.ok_or_else(|| candle_core::Error::msg("a tensor is not contiguous"))?;
        Ok(Self { tensor, address, start, end })
    }
}

/// Where a tensor's storage is: equal for tensors that share one.
pub(super) fn storage_address(tensor: &Tensor) -> usize {
    std::ptr::from_ref::<Storage>(&tensor.storage_and_layout().0).addr()
}

/// Runs `body` over the written tensors, `columns` to a row; `work` is about how many element updates that takes.
pub(super) fn run<T: Element, B: Body>(
    operands: &Operands<'_>,
    work: usize,
    columns: usize,
    body: &B,
) -> candle_core::Result<()> {
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

/// Which operand a lock is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Written(usize),
    Read(usize),
}

/// Opens all operands, in the global order of locks, and calls `then` once with their slices.
pub(super) fn with_slices<T: Element>(operands: &Operands<'_>, then: Then<'_, T>) -> candle_core::Result<()> {
    let mut order = [(usize::MAX, Slot::Read(MOST_READ)); MOST_WRITTEN + MOST_READ];
    let mut count = 0;
    let written = operands.written.iter().enumerate().map(|(k, operand)| (operand, Slot::Written(k)));
    let read = operands.read.iter().enumerate().map(|(k, operand)| (operand, Slot::Read(k)));
    for (operand, slot) in written.chain(read) {
        if let Some(operand) = operand {
            order[count] = (operand.address, slot);
            count += 1;
        }
    }
    order[..count].sort_unstable();
    lock(operands, &order[..count], [&mut [], &mut [], &mut [], &mut []], &[&[]; MOST_READ], then)
}

/// Takes the locks of `order` one inside the other; the innermost call has them all.
fn lock<T: Element>(
    operands: &Operands<'_>,
    order: &[(usize, Slot)],
    written: WrittenSlices<'_, T>,
    read: &ReadSlices<'_, T>,
    then: Then<'_, T>,
) -> candle_core::Result<()> {
    match order.first() {
        None => then(written, read),
        Some((_, Slot::Written(k))) => {
            let operand = operands.written[*k].expect("only operands that are there are in the order");
            let state = Cell::new(Some((written, then)));
            return operand.tensor.inplace_op1(&Write { operands, order, operand, read, state });
        }
        Some((address, Slot::Read(k))) => {
            let operand = operands.read[*k].expect("only operands that are there are in the order");
            let (guard, _) = operand.tensor.storage_and_layout();
            let Storage::Cpu(storage) = &*guard else { candle_core::bail!("a tensor is not on the CPU") };
            let data = storage.as_slice::<T>()?;
            let mut read = *read;
            let mut rest = order;
            while let [(same, Slot::Read(k)), after @ ..] = rest
                && same == address
                && let Some(operand) = operands.read[*k]
            {
                read[*k] = &data[operand.start..operand.end];
                rest = after;
            }
            return lock(operands, rest, written, &read, then);
        }
    }
    Ok(())
}

/// The write lock on the first tensor of `order`, and in it all the others.
struct Write<'o, 's, 'f, T> {
    operands: &'o Operands<'o>,
    order: &'o [(usize, Slot)],
    operand: Operand<'o>,
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
            && let [(_, Slot::Written(k)), rest @ ..] = self.order
            && let Some(data) = T::storage_mut(storage)
        {
            let mut written: WrittenSlices<'_, T> = written;
            written[*k] = &mut data[self.operand.start..self.operand.end];
            return lock(self.operands, rest, written, self.read, then);
        }
        candle_core::bail!("a written tensor has another dtype than the call")
    }
}
