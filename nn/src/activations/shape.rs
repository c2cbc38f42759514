//! The same values in another shape.

use moths_core::{Error, Result};

use super::{Activations, Inner};

impl Activations {
    /// The same values as those of another shape of an example.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of values.
    pub fn reshape(self, shape: &[usize]) -> Result<Self> {
        let (have, wanted) = (self.shape().iter().product::<usize>(), shape.iter().product::<usize>());
        if have != wanted {
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
