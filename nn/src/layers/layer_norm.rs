//! Normalisation over the last dimension.

use candle_core::{D, Tensor};
use candle_nn::{LayerNormConfig, VarBuilder};
use moths_core::{Error, Result};

use super::Module;
use crate::{
    Activations,
    activations::Inner,
    lanes::{Lanes, Normalise, layer_norm as on_lanes},
};

/// y = g (x − mean) / √(variance + ε) + b over the last dimension, with g and b \[width\].
///
/// By candle's operations it has a gradient, where candle's own layer has none.
/// Source: Ba et al. 2016, "Layer normalization", arXiv:1607.06450.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use moths_nn::{Activations, LayerNorm, Module};
///
/// let [ones, zeros] = [Tensor::ones(2, DType::F32, &Device::Cpu)?, Tensor::zeros(2, DType::F32, &Device::Cpu)?];
/// let y = LayerNorm::new(ones, zeros, 0.0).forward(&Activations::from(Tensor::new(&[[3f32, 7.0]], &Device::Cpu)?))?;
/// assert_eq!(y.to_tensor()?.to_vec2::<f32>()?, [[-1.0, 1.0]]);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] of its forward for activations of another width.
#[derive(Clone, Debug)]
pub struct LayerNorm(candle_nn::LayerNorm);

/// A layer with `weight` and, if the config says so, `bias`, which begin as ones and zeros; the names `gamma` and `beta` are taken too. A config may be ε
/// alone.
///
/// # Errors
/// What the `VarBuilder` fails with.
pub fn layer_norm(width: usize, config: impl Into<LayerNormConfig>, vb: VarBuilder<'_>) -> candle_core::Result<LayerNorm> {
    candle_nn::layer_norm(width, config, vb).map(LayerNorm)
}

/// A layer with `weight` alone.
///
/// # Errors
/// What the `VarBuilder` fails with.
pub fn layer_norm_no_bias(width: usize, eps: f64, vb: VarBuilder<'_>) -> candle_core::Result<LayerNorm> {
    candle_nn::layer_norm_no_bias(width, eps, vb).map(LayerNorm)
}

impl From<candle_nn::LayerNorm> for LayerNorm {
    fn from(layer: candle_nn::LayerNorm) -> Self {
        Self(layer)
    }
}

impl LayerNorm {
    /// A layer of g and b \[width\] with this ε.
    pub fn new(weight: Tensor, bias: Tensor, eps: f64) -> Self {
        Self(candle_nn::LayerNorm::new(weight, bias, eps))
    }

    /// A layer of g \[width\] alone.
    pub fn new_no_bias(weight: Tensor, eps: f64) -> Self {
        Self(candle_nn::LayerNorm::new_no_bias(weight, eps))
    }

    /// g \[width\].
    pub fn weight(&self) -> &Tensor {
        self.0.weight()
    }

    /// b \[width\].
    pub fn bias(&self) -> Option<&Tensor> {
        self.0.bias()
    }

    /// ε.
    pub fn eps(&self) -> f64 {
        self.0.eps()
    }

    fn by_candle(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let x = if self.0.remove_mean() { x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)? } else { x.clone() };
        let deviation = (x.sqr()?.mean_keepdim(D::Minus1)? + self.eps())?.sqrt()?;
        let scaled = x.broadcast_div(&deviation)?.broadcast_mul(self.weight())?;
        self.bias().map_or_else(|| Ok(scaled.clone()), |bias| scaled.broadcast_add(bias))
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let shape = x.shape();
        for parameter in std::iter::once(self.weight()).chain(self.bias()) {
            if shape.last() != Some(&parameter.elem_count()) {
                let expected = format!("{}, as the layer has", parameter.elem_count());
                return Err(Error::shape("the last dimension of activations", expected, format!("{shape:?}")));
            }
        }
        let side = match &x.0 {
            Inner::Tensor(tensor) => return Ok(self.by_candle(tensor)?.into()),
            Inner::Side(side) => side,
        };
        let law = Normalise { epsilon: self.eps() as f32, remove_mean: self.0.remove_mean() };
        let parameters: Vec<_> = std::iter::once(self.weight()).chain(self.bias()).collect();
        let each_block = |parameters: &[&[f32]], x: &[Lanes], out: &mut [Lanes]| {
            on_lanes(x, parameters[0], parameters.get(1).copied(), law, out);
        };
        side.layer(&parameters, shape, &each_block).map(Activations::from)
    }
}

/// y = g x / √(mean of x² + ε) over the last dimension, with g \[width\].
///
/// Source: Zhang & Sennrich 2019, "Root mean square layer normalization", arXiv:1910.07467.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use moths_nn::{Activations, Module, RmsNorm};
///
/// let layer = RmsNorm::new(Tensor::ones(2, DType::F32, &Device::Cpu)?, 0.0);
/// let y = layer.forward(&Activations::from(Tensor::new(&[[1f32, 7.0]], &Device::Cpu)?))?;
/// assert!((y.to_tensor()?.to_vec2::<f32>()?[0][1] - 1.4).abs() < 1e-6);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] of its forward for activations of another width.
#[derive(Clone, Debug)]
pub struct RmsNorm(LayerNorm);

/// A layer with `weight`, which begins as ones.
///
/// # Errors
/// What the `VarBuilder` fails with.
pub fn rms_norm(width: usize, eps: f64, vb: VarBuilder<'_>) -> candle_core::Result<RmsNorm> {
    candle_nn::rms_norm(width, eps, vb).map(RmsNorm::from)
}

impl From<candle_nn::RmsNorm> for RmsNorm {
    fn from(layer: candle_nn::RmsNorm) -> Self {
        Self(LayerNorm(layer.into_inner()))
    }
}

impl RmsNorm {
    /// A layer of g \[width\] with this ε.
    pub fn new(weight: Tensor, eps: f64) -> Self {
        Self(LayerNorm(candle_nn::LayerNorm::rms_norm(weight, eps)))
    }

    /// g \[width\].
    pub fn weight(&self) -> &Tensor {
        self.0.weight()
    }

    /// ε.
    pub fn eps(&self) -> f64 {
        self.0.eps()
    }
}

impl Module for RmsNorm {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        self.0.forward(x)
    }
}
