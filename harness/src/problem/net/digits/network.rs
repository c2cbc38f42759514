//! The network, in candle.

use candle_core::{Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear};
use moths::Key;

use super::{
    data::{Images, PIXELS},
    fused::Fused,
};
use crate::Result;

/// Neurons of the hidden layer.
pub(super) const HIDDEN: usize = 32;
/// Digits there are.
pub(super) const CLASSES: usize = 10;

/// Two layers, ReLU between them.
pub struct Network {
    pub(super) hidden: Linear,
    pub(super) output: Linear,
}

/// How losses are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// By candle's operations.
    Plain,
    /// All layers and the loss in one pass, four times as fast; gradients still by candle's operations.
    Fused,
}

impl Network {
    /// The network over these variables.
    pub(super) fn build(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self { hidden: linear(PIXELS, HIDDEN, vb.pp("hidden"))?, output: linear(HIDDEN, CLASSES, vb.pp("output"))? })
    }

    /// Images \[n, 64\] to logits \[n, 10\].
    pub(super) fn logits(&self, pixels: &Tensor) -> candle_core::Result<Tensor> {
        self.output.forward(&self.hidden.forward(pixels)?.relu()?)
    }

    /// Is this the model that gradients are taken of?
    fn is_differentiated(&self) -> bool {
        self.hidden.weight().track_op()
    }
}

/// The mean cross-entropy of the network on these images.
pub(super) fn loss(images: &Images, path: Path) -> Result<impl FnMut(&Network) -> candle_core::Result<Tensor> + Send + 'static> {
    let (images, fused) = (images.clone(), Fused::new(images)?);
    Ok(move |network: &Network| {
        if path == Path::Fused && !network.is_differentiated() {
            let loss = fused.loss(network).map_err(candle_core::Error::wrap)?;
            return Tensor::new(loss, &Device::Cpu);
        }
        candle_nn::loss::cross_entropy(&network.logits(&images.pixels)?, &images.labels)
    })
}

/// The logits of the network on these images, and what the images show.
pub(super) fn outputs(
    images: &Images,
) -> Result<impl FnMut(&mut Network, Key) -> candle_core::Result<(Tensor, Tensor)> + Send + 'static> {
    let (labels, fused) = (images.labels.clone(), Fused::new(images)?);
    Ok(move |network: &mut Network, _| Ok((fused.logits(network).map_err(candle_core::Error::wrap)?, labels.clone())))
}
