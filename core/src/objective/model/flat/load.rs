//! How parameters come into a flat model, and out of it.

use super::FlatModel;
use crate::{
    Error, Result,
    objective::Batch,
    rng::Element,
    tensor::{CowTensor, host, place},
    with_scalar,
};

impl<M> FlatModel<M> {
    /// Loads a point \[d\] given in search coordinates: the model then has these parameters, decoded.
    ///
    /// # Errors
    /// [`Error::Shape`] for a point with another number of coordinates; the model is then as it was.
    pub fn load(&mut self, at: &CowTensor) -> Result<()> {
        self.load_candidate(&Batch::one(at)?, 0)
    }

    /// Exchanges the model's parameters with those in `values` \[d\], in the model's dtype, in constant time whatever d: the two
    /// tensors exchange their memory. (Where the model is not on the CPU, they are copied.)
    ///
    /// # Errors
    /// [`Error::Shape`] unless `values` is a \[d\] tensor of the model's dtype; [`Error::Unsupported`] when somebody else
    /// holds `values` too, or they are on another device.
    pub fn swap(&mut self, values: &mut CowTensor) -> Result<()> {
        // What is exchanged is the memory itself: it must begin where the tensor does.
        let whole = values.is_contiguous() && values.layout().start_offset() == 0;
        if values.dims() != self.flat.dims() || values.dtype() != self.flat.dtype() || !whole {
            let expected = format!("{:?} {}", self.flat.dims(), self.flat.dtype().as_str());
            return Err(Error::shape("values", expected, format!("{:?} {}", values.dims(), values.dtype().as_str())));
        }
        if !values.device().same_device(self.flat.device()) {
            return Err(Error::unsupported("swap", "needs a tensor on the device of the model"));
        }
        if values.is_shared() {
            return Err(Error::unsupported("swap", "needs a tensor that nobody else holds"));
        }
        if place::is_near(&self.flat) {
            host::swap(&self.flat, values.make_mut()?)?;
            return self.whole.follow(&self.flat);
        }
        let held = self.flat.copy()?;
        self.flat.slice_set(values, 0, 0)?;
        *values = held.into();
        self.whole.follow(&self.flat)
    }

    /// The model's parameters as they are now, \[d\], in the model's dtype.
    ///
    /// # Errors
    /// [`Error::Tensor`] where candle cannot copy them.
    pub fn values(&self) -> Result<CowTensor> {
        Ok(CowTensor::new(self.flat.copy()?))
    }

    /// Loads candidate `i` of a batch: nothing of the size of the model is made on the way.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is no such candidate, or it has another number of coordinates; the model is then as it was.
    pub fn load_candidate(&mut self, batch: &Batch, i: usize) -> Result<()> {
        if self.flat.dtype() == self.space.dtype() && place::is_near(&self.flat) {
            with_scalar!(self.space.dtype(), T => self.write_candidate::<T>(batch, i))?;
            return self.whole.follow(&self.flat);
        }
        let values = self.space.decode(&*batch.row(i, &self.space)?)?.to_dtype(self.flat.dtype())?;
        self.flat.slice_set(&values.to_device(self.flat.device())?, 0, 0)?;
        self.whole.follow(&self.flat)
    }

    /// Centre, noise, scales and bounds in one go, straight into the model's memory.
    fn write_candidate<T: Element>(&mut self, batch: &Batch, i: usize) -> Result<()> {
        let space = &self.space;
        host::edit_shared::<T, _>(&self.flat, |values| batch.write_values(i, space, values))?
    }
}
