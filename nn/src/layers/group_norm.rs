//! Normalisation over groups of channels.

use candle_core::Tensor;
use candle_nn::VarBuilder;
use moths_core::{Error, Result};

use super::Module;
use crate::{
    Activations,
    activations::Inner,
    lanes::{Lanes, group_norm as on_lanes},
};

/// y = g_c (x − mean) / √(variance + ε) + b_c for channel c of \[channels, ..\], over all values of each of so many groups of channels, with g and b
/// \[channels\].
///
/// Source: Wu & He 2018, "Group normalization", arXiv:1803.08494.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use moths_nn::{Activations, GroupNorm, Module};
///
/// let [ones, zeros] = [Tensor::ones(2, DType::F32, &Device::Cpu)?, Tensor::zeros(2, DType::F32, &Device::Cpu)?];
/// let x = Activations::from(Tensor::new(&[[[1f32, 3.0], [10.0, 30.0]]], &Device::Cpu)?);
/// // Each channel is a group.
/// let y = GroupNorm::new(ones, zeros, 2, 2, 0.0)?.forward(&x)?;
/// assert_eq!(y.to_tensor()?.to_vec3::<f32>()?, [[[-1.0, 1.0], [-1.0, 1.0]]]);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] of its forward for other channels, or a single dimension.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    channels: usize,
    groups: usize,
    eps: f64,
}

/// A layer with `weight` and `bias`, which begin as ones and zeros.
///
/// # Errors
/// What the `VarBuilder` fails with; for groups that do not divide the channels.
pub fn group_norm(groups: usize, channels: usize, eps: f64, vb: VarBuilder<'_>) -> candle_core::Result<GroupNorm> {
    let vector = |name, value| vb.get_with_hints(channels, name, candle_nn::Init::Const(value));
    GroupNorm::new(vector("weight", 1.0)?, vector("bias", 0.0)?, channels, groups, eps).map_err(candle_core::Error::wrap)
}

impl GroupNorm {
    /// A layer of g and b \[channels\] with this ε.
    ///
    /// # Errors
    /// [`Error::Invalid`] for groups that do not divide the channels; [`Error::Shape`] for other parameters.
    pub fn new(weight: Tensor, bias: Tensor, channels: usize, groups: usize, eps: f64) -> Result<Self> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::invalid("groups", groups, format!("at least 1, and a divisor of {channels} channels")));
        }
        for parameter in [&weight, &bias] {
            if parameter.dims() != [channels] {
                return Err(Error::shape(
                    "a parameter of group_norm",
                    format!("[{channels}]"),
                    format!("{:?}", parameter.dims()),
                ));
            }
        }
        Ok(Self { weight, bias, channels, groups, eps })
    }

    /// g \[channels\].
    pub const fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// b \[channels\].
    pub const fn bias(&self) -> &Tensor {
        &self.bias
    }

    fn by_candle(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (weight, bias) = (self.weight.clone(), self.bias.clone());
        let layer = candle_nn::GroupNorm::new(weight, bias, self.channels, self.groups, self.eps)?;
        candle_core::Module::forward(&layer, x)
    }
}

impl Module for GroupNorm {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let shape = x.shape();
        if shape.len() < 2 || shape[0] != self.channels {
            return Err(Error::shape("activations", format!("[{}, ..]", self.channels), format!("{shape:?}")));
        }
        let on_lanes = |parameters: &[&[f32]], x: &[Lanes], out: &mut [Lanes]| {
            on_lanes(x, self.groups, parameters[0], parameters[1], self.eps as f32, out);
        };
        match &x.0 {
            Inner::Tensor(tensor) => Ok(self.by_candle(tensor)?.into()),
            Inner::Side(side) => side.layer(&[&self.weight, &self.bias], shape, &on_lanes).map(Activations::from),
        }
    }
}
