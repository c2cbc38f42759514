//! Which parameters of a model a tensor is.

use std::ops::Range;

use candle_core::{Storage, Tensor};

use crate::tensor::place;

/// Tells which coordinates of a [`FlatModel`](crate::FlatModel) a tensor is that it gave out: for objectives that read candidates part by part,
/// and never load them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Views {
    /// Where the storage of the buffer stands, which all views of it share.
    buffer: usize,
}

impl Views {
    pub(super) fn of(flat: &Tensor) -> Option<Self> {
        place::is_near(flat).then(|| Self { buffer: storage_of(flat) })
    }

    /// The coordinates of a contiguous tensor of the model; `None` for any other tensor.
    ///
    /// ```
    /// use candle_nn::{Linear, linear};
    /// use moths_core::FlatModel;
    ///
    /// let model = FlatModel::new(|vb| linear(3, 2, vb.pp("out")), |layer: &mut Linear, _| layer.weight().sqr())?;
    /// let views = model.views().expect("it is in f32 on the CPU");
    /// assert_eq!(views.place(model.model().weight()), Some(0..6));
    /// assert_eq!(views.place(&model.model().weight().copy()?), None);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    pub fn place(self, tensor: &Tensor) -> Option<Range<usize>> {
        let (from, to) = tensor.layout().contiguous_offsets()?;
        self.shows(tensor).then_some(from..to)
    }

    /// Shows a tensor coordinates of the model, contiguous or not?
    pub fn shows(self, tensor: &Tensor) -> bool {
        storage_of(tensor) == self.buffer
    }
}

/// The address of a tensor's storage: it is one as long as the tensor lives.
fn storage_of(tensor: &Tensor) -> usize {
    std::ptr::from_ref::<Storage>(&tensor.storage_and_layout().0).addr()
}
