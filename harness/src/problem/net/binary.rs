//! A network whose weights are −1 or +1.

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};
use moths::{ModelOptions, space::Domain};

use super::{
    classification::{Architecture, Forward},
    lanes::{Activation, Lanes},
    mlp::{FusedMlp, Mlp, layers},
    task::Tensors,
};

/// A layer is y = s / √inputs · (2 B − 1) x + b, with B \[outputs, inputs\] of bits, one scale s and biases b \[outputs\]; ReLU between
/// layers. Weights of one magnitude: Courbariaux et al. 2015, arXiv:1511.00363; no real weights stand behind them here.
#[derive(Clone, Copy, Debug)]
pub(super) struct BinaryMlp {
    /// Inputs, hidden layers, classes.
    pub(super) widths: &'static [usize],
}

/// The network in candle: `layer0.bits`, `layer0.scale`, `layer0.bias`, ...
pub(super) struct Network(Vec<Layer>);

struct Layer {
    bits: Tensor,
    scale: Tensor,
    bias: Tensor,
}

impl Tensors for Network {
    fn tensors(&self) -> Vec<&Tensor> {
        self.0.iter().flat_map(|layer| [&layer.bits, &layer.scale, &layer.bias]).collect()
    }
}

impl Architecture for BinaryMlp {
    type Network = Network;
    type Forward = FusedBinary;

    fn differentiable(&self) -> bool {
        false
    }

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let layer = |(name, inputs, outputs)| {
            let vb = vb.pp(name);
            Ok(Layer {
                // Rounded, that is a fair coin.
                bits: vb.get_with_hints((outputs, inputs), "bits", Init::Uniform { lo: -0.5, up: 1.5 })?,
                scale: vb.get_with_hints(1, "scale", Init::Const(std::f64::consts::SQRT_2))?,
                bias: vb.get_with_hints(outputs, "bias", Init::Const(0.0))?,
            })
        };
        Ok(Network(layers(self.widths).map(layer).collect::<candle_core::Result<_>>()?))
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        layers(self.widths).fold(options, |options, (name, ..)| options.domain(&format!("{name}.bits"), Domain::Bool))
    }

    fn logits(&self, network: &Network, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let mut x = inputs.clone();
        for (i, Layer { bits, scale, bias }) in network.0.iter().enumerate() {
            if i > 0 {
                x = x.relu()?;
            }
            let weight = bits.affine(2.0, -1.0)?.broadcast_mul(&scale.affine(1.0 / (bits.dim(1)? as f64).sqrt(), 0.0)?)?;
            x = x.matmul(&weight.t()?)?.broadcast_add(bias)?;
        }
        Ok(x)
    }

    fn forward(&self) -> FusedBinary {
        let layers =
            self.widths.windows(2).map(|width| Real { weight: vec![0.0; width[0] * width[1]], bias: vec![0.0; width[1]] });
        FusedBinary { layers: layers.collect(), mlp: Mlp { widths: self.widths, activation: Activation::Relu }.forward() }
    }
}

/// The network of real weights that it is, for one set of bits.
pub(super) struct FusedBinary {
    layers: Vec<Real>,
    mlp: FusedMlp,
}

struct Real {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Forward for FusedBinary {
    fn prepare(&mut self, parameters: &[&[f32]]) {
        for (Real { weight, bias }, &[bits, scale, shift]) in self.layers.iter_mut().zip(parameters.as_chunks().0) {
            let size = scale[0] / ((weight.len() / bias.len()) as f32).sqrt();
            weight.iter_mut().zip(bits).for_each(|(weight, bit)| *weight = size * (2.0 * bit - 1.0));
            bias.copy_from_slice(shift);
        }
    }

    fn logits(&mut self, _: &[&[f32]], inputs: &[Lanes]) -> &[Lanes] {
        let parameters: Vec<&[f32]> = self.layers.iter().flat_map(|layer| [&*layer.weight, &*layer.bias]).collect();
        self.mlp.logits(&parameters, inputs)
    }
}
