//! A network whose weights are −1 or +1.

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};
use moths::{
    ModelOptions,
    nn::{Activations, Linear, Module, seq},
    space::Domain,
};

use super::{
    mlp::layers,
    training::{Architecture, Network},
};
use crate::Result;

/// Layers of bits, scales and biases, with ReLU between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct BinaryMlp {
    /// Inputs, hidden layers, classes.
    pub(super) widths: &'static [usize],
}

/// y = s / √inputs · (2 B − 1) x + b, with B \[outputs, inputs\] of bits, one scale s and biases b \[outputs\]: `bits`, `scale`, `bias`. Weights of one
/// magnitude: Courbariaux et al. 2015, arXiv:1511.00363; no real weights stand behind them here.
struct Layer {
    signs: Linear,
    scale: Tensor,
    bias: Tensor,
}

impl Layer {
    fn build(inputs: usize, outputs: usize, vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            signs: signs(inputs, outputs, vb.clone())?,
            scale: vb.get_with_hints(1, "scale", Init::Const(std::f64::consts::SQRT_2))?,
            bias: vb.get_with_hints(outputs, "bias", Init::Const(0.0))?,
        })
    }
}

impl Module for Layer {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let inputs = self.signs.weight().dim(1)? as f64;
        self.signs.forward(x)?.affine(1.0 / inputs.sqrt(), 0.0)?.mul_parameter(&self.scale)?.add_parameter(&self.bias)
    }
}

/// Initial bits: rounded, that is a fair coin.
pub(super) const COIN: Init = Init::Uniform { lo: -0.5, up: 1.5 };

/// y = (2 B − 1) x, with B \[outputs, inputs\] of bits: `bits`.
pub(super) fn signs(inputs: usize, outputs: usize, vb: VarBuilder<'_>) -> candle_core::Result<Linear> {
    Ok(Linear::new(vb.get_with_hints((outputs, inputs), "bits", COIN)?, None).with_weights(2.0, -1.0))
}

/// The `bits` of all layers are bits.
pub(super) fn of_bits(widths: &[usize], options: ModelOptions) -> ModelOptions {
    layers(widths).fold(options, |options, (name, ..)| options.domain(&format!("{name}.bits"), Domain::Bool))
}

impl Architecture for BinaryMlp {
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let mut network = seq();
        for (name, inputs, outputs) in layers(self.widths) {
            if !network.is_empty() {
                network = network.add_fn(Activations::relu);
            }
            network = network.add(Layer::build(inputs, outputs, vb.pp(name))?);
        }
        Ok(Box::new(network))
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        of_bits(self.widths, options)
    }

    fn differentiable(&self) -> bool {
        false
    }
}
