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

/// The tensors of a call, checked: on the CPU, contiguous, of one dtype, no written one the same as another.
#[derive(Clone, Copy, Default)]
pub(super) struct Operands<'t> {
    pub(super) written: [Option<&'t Tensor>; MOST_WRITTEN],
    pub(super) read: [Option<&'t Tensor>; MOST_READ],
}

/// Runs `body` over the written tensors, `columns` to a row; `work` is about how many element updates that takes.
pub(super) fn run<T: Element, B: Body>(
    operands: Operands<'_>,
    work: usize,
    columns: usize,
    body: &B,
) -> candle_core::Result<()> {
    threads::enter(work, |pieces| {
        with_slices::<T>(operands, &mut |slices| {
            let read = slices.read;
            pieces.split(slices.written, 0, UNIT, &|written: [&mut [T]; MOST_WRITTEN], at| {
                let span = Span { at, len: written[0].len(), columns };
                T::run(body, Piece { written, read, span });
            });
        })
    })
}

/// The operands as slices, for as long as their locks are held.
pub(super) struct Slices<'a, T> {
    pub(super) written: [&'a mut [T]; MOST_WRITTEN],
    pub(super) read: [&'a [T]; MOST_READ],
}

/// Opens all operands, in the global order of locks, and calls `then` once.
pub(super) fn with_slices<T: Element>(operands: Operands<'_>, then: Then<'_, T>) -> candle_core::Result<()> {
    let mut order = [(usize::MAX, Slot::Read(MOST_READ)); MOST_WRITTEN + MOST_READ];
    let mut count = 0;
    let written = operands.written.iter().enumerate().map(|(k, t)| (t, Slot::Written(k)));
    let read = operands.read.iter().enumerate().map(|(k, t)| (t, Slot::Read(k)));
    for (tensor, slot) in written.chain(read) {
        if let Some(tensor) = tensor {
            order[count] = (storage_address(tensor), slot);
            count += 1;
        }
    }
    let order = &mut order[..count];
    order.sort_unstable();
    let nothing = Slices { written: std::array::from_fn(|_| &mut [][..]), read: [&[]; MOST_READ] };
    lock(&operands, order, nothing, then)
}

/// Where a tensor's storage is: equal for tensors that share one.
pub(super) fn storage_address(tensor: &Tensor) -> usize {
    std::ptr::from_ref::<Storage>(&tensor.storage_and_layout().0).addr()
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Written(usize),
    Read(usize),
}

type Then<'f, T> = &'f mut dyn FnMut(Slices<'_, T>);

/// Takes the locks of `order` one inside the other; the innermost call has them all.
fn lock<T: Element>(
    operands: &Operands<'_>,
    order: &[(usize, Slot)],
    slices: Slices<'_, T>,
    then: Then<'_, T>,
) -> candle_core::Result<()> {
    match order.first() {
        None => then(slices),
        Some((_, Slot::Written(k))) => {
            let tensor = operands.written[*k].expect("only tensors that are there are in the order");
            return tensor.inplace_op1(&Write { operands, order, state: Cell::new(Some((slices, then))) });
        }
        Some((address, Slot::Read(k))) => {
            let mut slices = slices;
            let same = order.iter().take_while(|(other, _)| other == address).count();
            let tensor = operands.read[*k].expect("only tensors that are there are in the order");
            let (guard, _) = tensor.storage_and_layout();
            let Storage::Cpu(storage) = &*guard else { candle_core::bail!("a tensor is not on the CPU") };
            let data = storage.as_slice::<T>()?;
            for (_, slot) in &order[..same] {
                if let Slot::Read(k) = slot
                    && let Some(tensor) = operands.read[*k]
                {
                    let (start, end) = bounds(tensor.layout())?;
                    slices.read[*k] = &data[start..end];
                }
            }
            return lock(operands, &order[same..], slices, then);
        }
    }
    Ok(())
}

/// The write lock on the first tensor of `order`, and in it all the others.
struct Write<'o, 's, 'f, T> {
    operands: &'o Operands<'o>,
    order: &'o [(usize, Slot)],
    /// Taken by the one call that candle makes, through a shared reference.
    state: Cell<Option<(Slices<'s, T>, Then<'f, T>)>>,
}

impl<T: Element> InplaceOp1 for Write<'_, '_, '_, T> {
    fn name(&self) -> &'static str {
        "fused kernel"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (start, end) = bounds(layout)?;
        if let Some((slices, then)) = self.state.take()
            && let [(_, Slot::Written(k)), rest @ ..] = self.order
            && let Some(data) = T::storage_mut(storage)
        {
            let mut slices: Slices<'_, T> = slices;
            slices.written[*k] = &mut data[start..end];
            return lock(self.operands, rest, slices, then);
        }
        candle_core::bail!("a written tensor has another dtype than the call")
    }
}

fn bounds(layout: &Layout) -> candle_core::Result<(usize, usize)> {
    layout.contiguous_offsets().ok_or_else(|| candle_core::Error::msg("a tensor is not contiguous"))
}
