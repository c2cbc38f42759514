//! The elements of tensors as plain slices: in place on the CPU, by way of copies elsewhere.

use std::cell::Cell;

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Storage, Tensor};

use super::place;
use crate::{Error, Result, rng::Element, tensor::CowTensor};

/// Runs `$body` with `$T` bound to the Rust type of a search dtype; a typed error for any other dtype.
#[doc(hidden)]
#[macro_export]
macro_rules! with_scalar {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::__private::DType::F32 => {
                type $T = f32;
                $body
            }
            // What converts f32 to f64 converts nothing here.
            #[allow(clippy::useless_conversion)]
            $crate::__private::DType::F64 => {
                type $T = f64;
                $body
            }
            other => Err($crate::tensor::host::not_a_search_dtype(other)),
        }
    };
}

#[doc(hidden)]
pub fn not_a_search_dtype(dtype: DType) -> Error {
    Error::invalid("dtype", dtype.as_str(), "search coordinates are f32 or f64")
}

/// Reads a contiguous tensor as a slice.
///
/// # Errors
/// [`Error::Unsupported`] for a tensor on the CPU that is not contiguous; [`Error::Tensor`] for another dtype, and where a card
/// fails.
pub fn read<T: Element, R>(tensor: &Tensor, f: impl FnOnce(&[T]) -> R) -> Result<R> {
    if place::is_near(tensor) { read_near(tensor, f) } else { read_near(&place::brought(tensor)?, f) }
}

fn read_near<T: Element, R>(tensor: &Tensor, f: impl FnOnce(&[T]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cpu(storage), Some((from, to))) = (&*storage, layout.contiguous_offsets()) else {
        return Err(Error::unsupported("reading a tensor as a slice", "needs a contiguous tensor"));
    };
    Ok(f(&T::cpu_storage_as_slice(storage)?[from..to]))
}

/// Overwrites a tensor through a slice, in place when nobody else holds it. `f` must not touch the tensor itself.
///
/// # Errors
/// As [`read`]; the tensor is then as it was.
pub fn edit<T: Element, R>(tensor: &mut CowTensor, f: impl FnOnce(&mut [T]) -> R) -> Result<R> {
    edit_shared(tensor.make_mut()?, f)
}

/// [`edit`] for a tensor whose clones are meant to see the change (a model's buffer and its views).
pub(crate) fn edit_shared<T: Element, R>(tensor: &Tensor, f: impl FnOnce(&mut [T]) -> R) -> Result<R> {
    if place::is_near(tensor) {
        return edit_near(tensor, f);
    }
    let copy = place::brought(tensor)?;
    let result = edit_near(&copy, f)?;
    tensor.slice_set(&copy.to_device(tensor.device())?, 0, 0)?;
    Ok(result)
}

fn edit_near<T: Element, R>(tensor: &Tensor, f: impl FnOnce(&mut [T]) -> R) -> Result<R> {
    let op = Edit { f: Cell::new(Some(f)), result: Cell::new(None), _element: std::marker::PhantomData::<T> };
    tensor.inplace_op1(&op)?;
    Ok(op.result.take().expect("inplace_op1 ran the operation"))
}

struct Edit<T, F, R> {
    f: Cell<Option<F>>,
    result: Cell<Option<R>>,
    _element: std::marker::PhantomData<T>,
}

impl<T: Element, R, F: FnOnce(&mut [T]) -> R> InplaceOp1 for Edit<T, F, R> {
    fn name(&self) -> &'static str {
        "edit"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (from, to) = layout.contiguous_offsets().ok_or_else(|| candle_core::Error::msg("edit: not contiguous"))?;
        let values = T::storage_mut(storage).ok_or_else(|| candle_core::Error::msg("edit: another dtype than declared"))?;
        let f = self.f.take().expect("an in-place operation runs once");
        self.result.set(Some(f(&mut values[from..to])));
        Ok(())
    }
}

/// A tensor of any dtype of numbers in f64, which gradients go through.
pub(crate) fn in_f64(tensor: &Tensor) -> Result<Tensor> {
    // candle 0.11.1's cast from f8 to f64 calls itself for ever; that to f32 does not, and loses nothing.
    let tensor = if tensor.dtype() == DType::F8E4M3 { tensor.to_dtype(DType::F32)? } else { tensor.clone() };
    Ok(tensor.to_dtype(DType::F64)?)
}

/// The values of a tensor of any search dtype as `f64`s.
///
/// # Errors
/// [`Error::Invalid`] for a dtype other than f32 and f64; else as [`read`].
pub fn to_f64s(tensor: &Tensor) -> Result<Vec<f64>> {
    with_scalar!(tensor.dtype(), T => read::<T, _>(tensor, |v| v.iter().map(|x| f64::from(*x)).collect()))
}

/// Exchanges the memory of two contiguous host tensors of one shape and dtype.
pub(crate) fn swap(a: &Tensor, b: &Tensor) -> Result<()> {
    Ok(a.inplace_op1(&Swap { with: b })?)
}

struct Swap<'a> {
    with: &'a Tensor,
}

struct Exchange<'a>(Cell<Option<&'a mut CpuStorage>>);

impl InplaceOp1 for Swap<'_> {
    fn name(&self) -> &'static str {
        "swap"
    }

    fn cpu_fwd(&self, mine: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
        self.with.inplace_op1(&Exchange(Cell::new(Some(mine))))
    }
}

impl InplaceOp1 for Exchange<'_> {
    fn name(&self) -> &'static str {
        "exchange"
    }

    fn cpu_fwd(&self, theirs: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
        let mine = self.0.take().expect("an in-place operation runs once");
        std::mem::swap(mine, theirs);
        Ok(())
    }
}
