//! Where tensors are on their card: candle lends storage for writing through [`InplaceOp1`], and for reading through guards.
//!
//! Locks are taken in the order of the storages' addresses, once for each storage, as on the CPU, so that no two calls can wait
//! for each other.

use std::cell::Cell;

use candle_core::{
    CpuStorage, CudaStorage, InplaceOp1, Layout, Storage, Tensor,
    backend::{BackendDevice, BackendStorage},
    bail,
    cuda_backend::{
        CudaDevice, CudaStorageSlice,
        cudarc::driver::{DevicePtr, DevicePtrMut, DeviceRepr},
    },
};

use super::super::Value;

type Then<'f> = &'f mut dyn FnMut(&[u64]) -> candle_core::Result<()>;

/// A tensor among the arguments of a launch.
#[derive(Clone, Copy)]
struct Operand<'t> {
    /// Of its storage: the place of its lock in the global order.
    address: usize,
    is_written: bool,
    tensor: &'t Tensor,
    argument: usize,
}

/// Calls `then` once with a pointer for every argument that is a tensor, and 0 for the others, while all tensors are locked.
pub(super) fn with_pointers(device: &CudaDevice, values: &[Value<'_>], then: Then<'_>) -> candle_core::Result<()> {
    let mut operands: Vec<Operand<'_>> = vec![];
    for (argument, value) in values.iter().enumerate() {
        let (tensor, is_written) = match value {
            Value::Read(tensor) => (*tensor, false),
            Value::Written(tensor) => (*tensor, true),
            _ => continue,
        };
        let address = std::ptr::from_ref::<Storage>(&tensor.storage_and_layout().0).addr();
        operands.push(Operand { address, is_written, tensor, argument });
    }
    operands.sort_by_key(|operand| operand.address);
    lock(device, &operands, &mut vec![0; values.len()], then)
}

/// Takes the locks of `operands` one inside the other; the innermost call has them all.
fn lock(device: &CudaDevice, operands: &[Operand<'_>], pointers: &mut Vec<u64>, then: Then<'_>) -> candle_core::Result<()> {
    let [first, rest @ ..] = operands else { return then(pointers) };
    if first.is_written {
        let state = Cell::new(Some((pointers, then)));
        return first.tensor.inplace_op1(&Write { device, argument: first.argument, rest, state });
    }
    let (guard, _) = first.tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*guard else { bail!("a tensor is on no CUDA device") };
    if !storage.device().same_device(device) {
        bail!("a tensor is on another device than its kernel");
    }
    let same = operands.iter().take_while(|operand| operand.address == first.address).count();
    let (here, rest) = operands.split_at(same);
    let offsets: Vec<usize> = here.iter().map(|operand| start(operand.tensor.layout())).collect::<candle_core::Result<_>>()?;
    let mut on = |base: u64, size: usize| {
        here.iter().zip(&offsets).for_each(|(operand, offset)| pointers[operand.argument] = base + (offset * size) as u64);
        lock(device, rest, pointers, then)
    };
    match &storage.slice {
        CudaStorageSlice::F32(slice) => read(device, slice, &mut on),
        CudaStorageSlice::F64(slice) => read(device, slice, &mut on),
        _ => bail!("kernels run on F32 and F64"),
    }
}

/// What it is read by is told to the stream when the launch is made.
fn read<T: DeviceRepr>(
    device: &CudaDevice,
    slice: &impl DevicePtr<T>,
    then: &mut dyn FnMut(u64, usize) -> candle_core::Result<()>,
) -> candle_core::Result<()> {
    let stream = device.cuda_stream();
    let (pointer, _read) = slice.device_ptr(&stream);
    then(pointer, size_of::<T>())
}

fn write<T: DeviceRepr>(
    device: &CudaDevice,
    slice: &mut impl DevicePtrMut<T>,
    then: &mut dyn FnMut(u64, usize) -> candle_core::Result<()>,
) -> candle_core::Result<()> {
    let stream = device.cuda_stream();
    let (pointer, _written) = slice.device_ptr_mut(&stream);
    then(pointer, size_of::<T>())
}

/// The first element of a contiguous tensor.
fn start(layout: &Layout) -> candle_core::Result<usize> {
    match layout.contiguous_offsets() {
        Some((start, _)) => Ok(start),
        None => bail!("a tensor is not contiguous"),
    }
}

/// The write lock on one tensor, and in it the locks of the `rest`.
struct Write<'o, 's, 'f> {
    device: &'o CudaDevice,
    argument: usize,
    rest: &'o [Operand<'o>],
    /// Taken by the one call that candle makes, through a shared reference.
    state: Cell<Option<(&'s mut Vec<u64>, Then<'f>)>>,
}

impl InplaceOp1 for Write<'_, '_, '_> {
    fn name(&self) -> &'static str {
        "fused kernel"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
        bail!("a tensor is on no CUDA device")
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> candle_core::Result<()> {
        let Some((pointers, then)) = self.state.take() else { bail!("a tensor is locked twice") };
        let offset = start(layout)?;
        if !storage.device().same_device(self.device) {
            bail!("a tensor is on another device than its kernel");
        }
        let mut on = |base: u64, size: usize| {
            pointers[self.argument] = base + (offset * size) as u64;
            lock(self.device, self.rest, pointers, then)
        };
        match &mut storage.slice {
            CudaStorageSlice::F32(slice) => write(self.device, slice, &mut on),
            CudaStorageSlice::F64(slice) => write(self.device, slice, &mut on),
            _ => bail!("kernels run on F32 and F64"),
        }
    }
}
