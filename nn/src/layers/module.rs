//! What a network is.

use candle_core::Tensor;
use moths_core::Result;

use crate::Activations;

/// A network, or a part of one.
///
/// ```
/// use moths_core::{Result, candle_nn::VarBuilder};
/// use moths_nn::{Activations, Linear, Module, linear};
///
/// struct Residual(Linear, Linear);
///
/// impl Residual {
///     fn build(width: usize, vb: VarBuilder<'_>) -> candle_core::Result<Self> {
///         Ok(Self(linear(width, width, vb.pp("first"))?, linear(width, width, vb.pp("second"))?))
///     }
/// }
///
/// impl Module for Residual {
///     fn forward(&self, x: &Activations) -> Result<Activations> {
///         self.1.forward(&self.0.forward(x)?.relu()?)?.add(x)
///     }
/// }
/// ```
pub trait Module {
    /// What comes out.
    ///
    /// # Errors
    /// [`Error::Shape`](moths_core::Error::Shape) for activations of another shape than the layer takes; what its operations fail with.
    fn forward(&self, x: &Activations) -> Result<Activations>;

    /// The same of activations that nobody wants afterwards, whose memory may be taken over.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn consume(&self, x: Activations) -> Result<Activations> {
        self.forward(&x)
    }
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        (**self).forward(x)
    }

    fn consume(&self, x: Activations) -> Result<Activations> {
        (**self).consume(x)
    }
}

/// A network as an ordinary module of candle's, with the weights it was built with.
///
/// ```
/// use candle_core::{DType, Device, Module, Tensor};
/// use moths_core::candle_nn::{VarBuilder, VarMap};
/// use moths_nn::{Plain, linear, seq};
///
/// let vars = VarMap::new();
/// let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
/// let network = Plain(seq().add(linear(3, 2, vb.pp("out"))?));
/// assert_eq!(network.forward(&Tensor::zeros((5, 3), DType::F32, &Device::Cpu)?)?.dims(), [5, 2]);
/// # candle_core::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct Plain<N>(pub N);

impl<N: Module> candle_core::Module for Plain<N> {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        plain(&self.0, x)
    }
}

/// A network's outputs for one set of weights.
pub(crate) fn plain(network: &(impl Module + ?Sized), x: &Tensor) -> candle_core::Result<Tensor> {
    let outputs = network.consume(x.clone().into()).and_then(|outputs| outputs.to_tensor());
    outputs.map_err(candle_core::Error::wrap)
}
