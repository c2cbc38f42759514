//! Copy-on-write tensors: in place when nobody else looks, a copy when someone does.

use std::{ops::Deref, sync::Arc};

use candle_core::Tensor;

use crate::Result;

/// A tensor that fused kernels may overwrite, and that snapshots and batches may hold at no cost.
///
/// candle tensors are reference-counted and an in-place kernel changes every clone of them. State that is
/// updated in place, and batches that callers may keep, are therefore held in this type: cloning it counts
/// holders, and [`CowTensor::make_mut`] copies only when there is more than one. A snapshot is a clone, free until the
/// next write.
///
/// Reading is `&*cow`, an ordinary `&Tensor`. A *view* made from it (`narrow`, `t`, `Tensor::clone`) shares its
/// storage and is not counted: copy what you keep.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_core::CowTensor;
///
/// let mut state = CowTensor::new(Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu)?);
/// let snapshot = state.clone();
/// state.make_mut()?.slice_set(&Tensor::ones(3, candle_core::DType::F32, &Device::Cpu)?, 0, 0)?;
/// assert_eq!(state.to_vec1::<f32>()?, [1.0; 3]);
/// assert_eq!(snapshot.to_vec1::<f32>()?, [0.0; 3]);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CowTensor(Arc<Tensor>);

impl CowTensor {
    /// Takes a tensor over. Its storage must not be shared with a tensor that is still in use: `copy()` it if unsure.
    pub fn new(tensor: Tensor) -> Self {
        Self(Arc::new(tensor))
    }

    /// The tensor for writing in place; copied first if a snapshot or a batch holds it too.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where candle cannot copy it; it is then as it was.
    pub fn make_mut(&mut self) -> Result<&Tensor> {
        if Arc::get_mut(&mut self.0).is_none() {
            self.0 = Arc::new(self.0.copy()?);
        }
        Ok(&self.0)
    }

    /// The tensor for being overwritten as a whole: like [`CowTensor::make_mut`], but what a shared tensor held is not copied.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where candle cannot make another; it is then as it was.
    pub fn make_out(&mut self) -> Result<&Tensor> {
        if Arc::get_mut(&mut self.0).is_none() {
            self.0 = Arc::new(self.0.zeros_like()?);
        }
        Ok(&self.0)
    }

    /// Overwrites row `i` of an \[n, d\] tensor by a point \[d\].
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) when there is no such row, or the point is of another length or dtype; the numbers are then
    /// as they were.
    pub fn set_row(&mut self, i: usize, point: &Tensor) -> Result<()> {
        Ok(self.make_mut()?.slice_set(&point.unsqueeze(0)?, 0, i)?)
    }

    /// Does anyone else hold this tensor, so that the next write will copy?
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl Deref for CowTensor {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.0
    }
}

impl From<Tensor> for CowTensor {
    fn from(tensor: Tensor) -> Self {
        Self::new(tensor)
    }
}
