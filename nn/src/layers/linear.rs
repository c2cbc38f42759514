//! The fully connected layer.

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder, init};
use moths_core::Result;

use super::Module;
use crate::{
    Activations,
    activations::{Inner, Matrix, product},
};

/// y = W x + b along the last dimension, with W \[outputs, inputs\] and b \[outputs\].
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    affine: Option<(f64, f64)>,
}

/// A layer with `weight` and `bias`, which begin as candle-nn's do.
///
/// # Errors
/// What the `VarBuilder` fails with.
pub fn linear(inputs: usize, outputs: usize, vb: VarBuilder<'_>) -> candle_core::Result<Linear> {
    let layer = linear_no_bias(inputs, outputs, vb.clone())?;
    let bound = 1.0 / (inputs as f64).sqrt();
    let bias = vb.get_with_hints(outputs, "bias", Init::Uniform { lo: -bound, up: bound })?;
    Ok(Linear { bias: Some(bias), ..layer })
}

/// A layer with `weight` alone, which begins as candle-nn's does.
///
/// # Errors
/// What the `VarBuilder` fails with.
pub fn linear_no_bias(inputs: usize, outputs: usize, vb: VarBuilder<'_>) -> candle_core::Result<Linear> {
    Ok(Linear::new(vb.get_with_hints((outputs, inputs), "weight", init::DEFAULT_KAIMING_NORMAL)?, None))
}

impl Linear {
    /// A layer of these tensors.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias, affine: None }
    }

    /// The same layer, which multiplies with factor W + shift in place of W: −1 and +1 where W is of bits.
    pub fn with_weights(self, factor: f64, shift: f64) -> Self {
        Self { affine: Some((factor, shift)), ..self }
    }

    /// W \[outputs, inputs\].
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// b \[outputs\].
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    fn by_candle(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let weight = match self.affine {
            Some((factor, shift)) => self.weight.affine(factor, shift)?,
            None => self.weight.clone(),
        };
        candle_core::Module::forward(&candle_nn::Linear::new(weight, self.bias.clone()), x)
    }
}

impl Module for Linear {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let side = match &x.0 {
            Inner::Tensor(tensor) => return Ok(self.by_candle(tensor)?.into()),
            Inner::Side(side) => side,
        };
        let affine = self.affine.map(|(factor, shift)| (factor as f32, shift as f32));
        let matrix = Matrix { weight: &self.weight, bias: self.bias.as_ref(), affine };
        let (values, each) = product(side.group(), side, matrix)?;
        let (_, leading) = side.shape().split_last().unwrap_or((&1, &[]));
        Ok(side.with(values, each, [leading, &[self.weight.dims()[0]]].concat()).into())
    }
}
