//! The dtypes that models' weights are held in, and their places in memory.

use std::cell::Cell;

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Tensor};
use half::{bf16, f16, slice::HalfFloatSliceExt};

use crate::{Error, Result, tensor::place};

/// A weight: f32, or a half of it, which is computed with in f32.
pub(super) trait Number: Copy + Default + PartialEq + Send + Sync + 'static {
    /// Do not all f32s fit in?
    const IS_HALF: bool;

    fn widen(from: &[Self], to: &mut [f32]);

    /// The nearest numbers, ties to even; what is beyond the largest becomes the largest.
    fn narrow(from: &[f32], to: &mut [Self]);

    fn widened(self) -> f32;

    fn narrowed(x: f32) -> Self;

    /// Its place among all numbers of its kind: neighbours are one apart, and -0 is below +0.
    fn place(self) -> i32;

    fn at_place(place: i32) -> Self;

    /// Of little-endian bytes.
    fn from_bytes(bytes: &[u8], to: &mut [f32]);

    fn to_bytes(from: &[Self], to: &mut Vec<u8>);

    fn stored(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

macro_rules! number {
    ($type:ty, $signed:ty, $unsigned:ty, $variant:ident, half: $half:literal, $widen:expr, $narrow:expr) => {
        impl Number for $type {
            const IS_HALF: bool = $half;

            #[inline(always)]
            fn widen(from: &[Self], to: &mut [f32]) {
                $widen(from, to);
            }

            #[inline(always)]
            fn narrow(from: &[f32], to: &mut [Self]) {
                $narrow(from, to);
            }

            #[inline(always)]
            fn widened(self) -> f32 {
                f32::from(self)
            }

            #[inline(always)]
            fn narrowed(x: f32) -> Self {
                let mut to = [Self::default()];
                Self::narrow(&[x], &mut to);
                to[0]
            }

            #[inline(always)]
            fn place(self) -> i32 {
                // Sign and magnitude to two's complement.
                let bits = self.to_bits() as $signed;
                i32::from(if bits < 0 { bits ^ <$signed>::MAX } else { bits })
            }

            #[inline(always)]
            fn at_place(place: i32) -> Self {
                let bits = place as $signed;
                <$type>::from_bits((if bits < 0 { bits ^ <$signed>::MAX } else { bits }) as $unsigned)
            }

            fn from_bytes(bytes: &[u8], to: &mut [f32]) {
                let numbers = bytes.as_chunks().0.iter().map(|bytes| <$type>::from_le_bytes(*bytes));
                to.iter_mut().zip(numbers).for_each(|(to, number)| *to = f32::from(number));
            }

            fn to_bytes(from: &[Self], to: &mut Vec<u8>) {
                to.extend(from.iter().flat_map(|x| x.to_le_bytes()));
            }

            fn stored(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                if let CpuStorage::$variant(values) = storage { Some(values) } else { None }
            }
        }
    };
}
number!(f32, i32, u32, F32, half: false, |from: &[f32], to: &mut [f32]| to.copy_from_slice(from), |from: &[f32], to: &mut [f32]| {
    to.copy_from_slice(from);
});
number!(bf16, i16, u16, BF16, half: true, |from: &[bf16], to: &mut [f32]| from.convert_to_f32_slice(to), |from, to: &mut [bf16]| {
    within(from, bf16::MAX.to_f32(), to);
});
number!(f16, i16, u16, F16, half: true, |from: &[f16], to: &mut [f32]| from.convert_to_f32_slice(to), |from, to: &mut [f16]| {
    within(from, f16::MAX.to_f32(), to);
});

/// Converts in pieces that fit the stack, and no number becomes infinite.
fn within<H: Copy>(from: &[f32], most: f32, to: &mut [H])
where
    [H]: HalfFloatSliceExt,
{
    let mut inside = [0.0; 128];
    for (from, to) in from.chunks(128).zip(to.chunks_mut(128)) {
        let inside = &mut inside[..from.len()];
        inside.iter_mut().zip(from).for_each(|(inside, x)| *inside = x.clamp(-most, most));
        to.convert_from_f32_slice(inside);
    }
}

/// Runs `$body` with `$T` bound to the [`Number`] of a dtype; a typed error for any other dtype.
macro_rules! with_number {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            candle_core::DType::F32 => {
                type $T = f32;
                $body
            }
            candle_core::DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            candle_core::DType::F16 => {
                type $T = half::f16;
                $body
            }
            other => Err($crate::objective::model::number::not_a_number(other)),
        }
    };
}
pub(super) use with_number;

pub(super) fn not_a_number(dtype: DType) -> Error {
    Error::invalid("dtype of a weight that is trained in place", dtype.as_str(), "f32, bf16 or f16")
}

/// Is it one of the dtypes of [`Number`]?
pub(super) fn is_number(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::BF16 | DType::F16)
}

/// Gives `f` the elements of a contiguous tensor, which all who hold the tensor see change. `f` must not touch the tensor itself. What is
/// elsewhere is brought, and sent back.
pub(super) fn edit<T: Number, R>(tensor: &Tensor, f: impl FnOnce(&mut [T]) -> R) -> Result<R> {
    if place::is_near(tensor) {
        return edit_near(tensor, f);
    }
    let brought = place::brought(&tensor.flatten_all()?)?;
    let result = edit_near(&brought, f)?;
    tensor.flatten_all()?.slice_set(&brought.to_device(tensor.device())?, 0, 0)?;
    Ok(result)
}

fn edit_near<T: Number, R>(tensor: &Tensor, f: impl FnOnce(&mut [T]) -> R) -> Result<R> {
    let op = Edit { f: Cell::new(Some(f)), result: Cell::new(None), _number: std::marker::PhantomData::<T> };
    tensor.inplace_op1(&op)?;
    op.result.take().ok_or_else(|| Error::Objective("candle did not run an operation in place".into()))
}

struct Edit<T, F, R> {
    f: Cell<Option<F>>,
    result: Cell<Option<R>>,
    _number: std::marker::PhantomData<T>,
}

impl<T: Number, R, F: FnOnce(&mut [T]) -> R> InplaceOp1 for Edit<T, F, R> {
    fn name(&self) -> &'static str {
        "edit"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (from, to) = layout.contiguous_offsets().ok_or_else(|| candle_core::Error::msg("edit: not contiguous"))?;
        let values = T::stored(storage).ok_or_else(|| candle_core::Error::msg("edit: another dtype than declared"))?;
        if let Some(f) = self.f.take() {
            self.result.set(Some(f(&mut values[from..to])));
        }
        Ok(())
    }
}
