//! What goes from layer to layer.

mod elementwise;
mod own;
mod places;
mod product;
mod reduce;
mod shape;
mod side;

use candle_core::Tensor;
use moths_core::{Error, Result};

pub(crate) use own::mixed;
pub(crate) use product::{Columns, Matrix, product};
pub(crate) use side::{Side, transpose};

/// What goes from layer to layer: values of examples, of one set of weights as a candle tensor \[examples, ..\], or of several candidates at once.
///
/// A network is written once, on these; [`PopulationModel`](crate::PopulationModel) decides what they are. The first dimension, of the examples, is
/// never spoken of: [`shape`](Self::shape) is that of one example.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_nn::Activations;
///
/// let x = Activations::from(Tensor::new(&[[-1f32, 2.0], [3.0, -4.0]], &Device::Cpu)?);
/// assert_eq!(x.shape(), [2]);
/// assert_eq!(x.relu()?.to_tensor()?.to_vec2::<f32>()?, [[0.0, 2.0], [3.0, 0.0]]);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Activations(pub(crate) Inner);

#[derive(Clone)]
pub(crate) enum Inner {
    /// By candle's operations: \[examples, ..\].
    Tensor(Tensor),
    /// Thirty-two examples side by side, of some candidates.
    Side(Side),
}

impl std::fmt::Debug for Activations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activations").field("shape", &self.shape()).finish_non_exhaustive()
    }
}

impl From<Tensor> for Activations {
    fn from(tensor: Tensor) -> Self {
        Self(Inner::Tensor(tensor))
    }
}

impl From<Side> for Activations {
    fn from(side: Side) -> Self {
        Self(Inner::Side(side))
    }
}

impl Activations {
    /// The shape of one example.
    pub fn shape(&self) -> &[usize] {
        match &self.0 {
            Inner::Tensor(tensor) => tensor.dims().get(1..).unwrap_or_default(),
            Inner::Side(side) => side.shape(),
        }
    }

    /// The values \[examples, ..\], of one set of weights.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where they are of several candidates.
    pub fn to_tensor(&self) -> Result<Tensor> {
        match &self.0 {
            Inner::Tensor(tensor) => Ok(tensor.clone()),
            Inner::Side(side) if side.members() == 1 => side.tensor(0),
            Inner::Side(_) => Err(Error::unsupported("to_tensor", "needs activations of one candidate")),
        }
    }

    /// What candle makes of them, and of each candidate's: for what has no operation here, and no parameters.
    ///
    /// Every example must be treated alone: `f` sees at most 256 of a batch at once, and a gradient sees all. The bits are candle's, which may differ
    /// from machine to machine.
    ///
    /// ```
    /// # use candle_core::{Device, Tensor};
    /// # use moths_nn::Activations;
    /// let x = Activations::from(Tensor::new(&[[1f32, 2.0]], &Device::Cpu)?);
    /// assert_eq!(x.through(|x| x.cos()?.sin())?.shape(), [2]);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `f` fails with; [`Error::Shape`] where it gives another number of examples.
    pub fn through(self, f: impl Fn(&Tensor) -> candle_core::Result<Tensor>) -> Result<Self> {
        match &self.0 {
            Inner::Tensor(tensor) => Ok(f(tensor)?.into()),
            Inner::Side(side) => side.through(&f).map(Self::from),
        }
    }
}
