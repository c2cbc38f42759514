//! Tensors of integers beside the flat buffer of floats, which they follow.

use std::ops::Range;

use candle_core::Tensor;

use crate::{Result, space::Space};

/// The tensors of free leaves that a model asks for as integers.
pub(super) struct Whole(Vec<(Range<usize>, Tensor)>);

impl Whole {
    /// Of a space, with the values of a buffer.
    pub(super) fn new(space: &Space, flat: &Tensor) -> Result<Self> {
        let whole = space.places().filter(|(leaf, _)| !leaf.dtype.is_float());
        let tensors =
            whole.map(|(leaf, place)| Ok((place.clone(), flat.narrow(0, place.start, place.len())?.to_dtype(leaf.dtype)?)));
        Ok(Self(tensors.collect::<Result<_>>()?))
    }

    /// Are there none?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// They have the values of the buffer, in the memory they are in.
    pub(super) fn follow(&self, flat: &Tensor) -> Result<()> {
        for (place, tensor) in &self.0 {
            tensor.slice_set(&flat.narrow(0, place.start, place.len())?.to_dtype(tensor.dtype())?, 0, 0)?;
        }
        Ok(())
    }

    /// By name, in the shapes of their leaves.
    pub(super) fn tensors(&self, space: &Space) -> Result<Vec<(String, Tensor)>> {
        let shaped = |(place, tensor): &(Range<usize>, Tensor)| {
            let (leaf, _) = space.places().find(|(_, at)| at == place)?;
            Some(tensor.reshape(leaf.shape()).map(|tensor| (leaf.name().to_owned(), tensor)))
        };
        Ok(self.0.iter().filter_map(shaped).collect::<candle_core::Result<_>>()?)
    }
}
