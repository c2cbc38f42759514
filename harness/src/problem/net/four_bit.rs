//! A network of integers: weights of four bits, activations of four bits, sums that are shifted.

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

/// The four bits of a weight.
const WEIGHT: Domain = Domain::Integer { lo: -8, hi: 7 };
/// The eight bits of a bias, in units of [`UNIT`].
const BIAS: Domain = Domain::Integer { lo: -128, hi: 127 };
/// What a bias counts by.
const UNIT: f64 = 4.0;
/// What a search coordinate counts by, of weights and of biases: the natural one of weights. That of biases would move sums sixteen times as far.
const SCALE: f64 = 4.0;
/// A sum is shifted by five bits before it is an activation, and stands for so many logits.
const SHIFT: f64 = 32.0;
/// The largest activation, and the largest input.
const LARGEST: f64 = 15.0;

/// A layer is y = W x + 4 b, with W \[outputs, inputs\] in −8..7 and b \[outputs\] in −128..127; the next takes x = clamp(⌊y / 32⌋, 0, 15), and the
/// logits are y / 32. Inputs are min(⌊16 p⌋, 15) of reals p in \[0, 1\]. Every number but the logits is a whole one. Source of the arithmetic: Jacob et al.
/// 2018, arXiv:1712.05877; scales are powers of two here, as in Banner et al. 2019, arXiv:1810.05723.
#[derive(Clone, Copy, Debug)]
pub(super) struct FourBitMlp {
    /// Inputs, hidden layers, classes.
    pub(super) widths: &'static [usize],
}

/// y / 32 of a layer, with its `weight` and its `bias`: (W x / 4 + b) / 8, which is exact.
struct Layer {
    weight: Linear,
    bias: Tensor,
}

impl Layer {
    fn build(inputs: usize, outputs: usize, vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        // From −2 to 2: sums of the order of a shift.
        let weight = vb.get_with_hints((outputs, inputs), "weight", Init::Uniform { lo: -2.5, up: 2.5 })?;
        Ok(Self { weight: Linear::new(weight, None), bias: vb.get_with_hints(outputs, "bias", Init::Const(0.0))? })
    }
}

impl Module for Layer {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        self.weight.forward(x)?.affine(1.0 / UNIT, 0.0)?.add_parameter(&self.bias)?.affine(UNIT / SHIFT, 0.0)
    }
}

/// ⌊x⌋, as far as four bits go.
fn four_bits(x: Activations) -> Result<Activations> {
    x.floor()?.clamp(0.0, LARGEST)
}

impl Architecture for FourBitMlp {
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let mut network = seq().add_fn(|x| four_bits(x.affine(LARGEST + 1.0, 0.0)?));
        for (i, (name, inputs, outputs)) in layers(self.widths).enumerate() {
            if i > 0 {
                network = network.add_fn(four_bits);
            }
            network = network.add(Layer::build(inputs, outputs, vb.pp(name))?);
        }
        Ok(Box::new(network))
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        layers(self.widths).fold(options, |options, (name, ..)| {
            let bias = format!("{name}.bias");
            options.domain(&format!("{name}.weight"), WEIGHT).domain(&bias, BIAS).scale(&bias, SCALE)
        })
    }

    fn differentiable(&self) -> bool {
        false
    }
}
