//! The same values in another shape.

use moths_core::{Error, Result};

use super::{Activations, Inner};

impl Activations {
    /// The same values as those of another shape of an example.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of values.
    pub fn reshape(self, shape: &[usize]) -> Result<Self> {
        let have = self.shape().iter().product::<usize>();
        if elements(shape) != Some(have) {
            let wanted = elements(shape).map_or_else(|| "more than there can be".to_owned(), |wanted| wanted.to_string());
            return Err(Error::shape("activations", format!("{wanted} values an example, for {shape:?}"), have));
        }
        match self.0 {
            Inner::Tensor(tensor) => {
                let examples = tensor.dims().first().copied().unwrap_or(1);
                Ok(tensor.reshape([&[examples], shape].concat())?.into())
            }
            Inner::Side(side) => Ok(side.shaped(shape.to_vec()).into()),
        }
    }

    /// All values of an example in a row.
    ///
    /// # Errors
    /// None but candle's.
    pub fn flatten(self) -> Result<Self> {
        let all = self.shape().iter().product();
        self.reshape(&[all])
    }
}

/// How many values there are of a shape, where that is a number at all.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |all, size| all.checked_mul(*size))
}
