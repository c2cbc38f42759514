//! A network all of whose parameters are bits, and whose neurons answer −1 or +1.

use candle_core::Tensor;
use candle_nn::VarBuilder;
use moths::{
    ModelOptions,
    nn::{Activations, seq},
};

use super::{
    binary::{of_bits, signs},
    mlp::layers,
    training::{Architecture, Network},
};

/// A layer is y = (2 B − 1) x, with B \[outputs, inputs\] of bits; the sign of y goes to the next; logits are y / √inputs. The inputs are
/// taken from a centre that is a multiple of their unit, so that every sum is exact. Source: Hubara et al. 2016, arXiv:1602.02830, whose
/// bits are the signs of real weights; there are none here.
#[derive(Clone, Debug)]
pub(super) struct BinarySignMlp {
    /// Inputs, hidden layers, classes.
    pub(super) widths: &'static [usize],
    /// What is subtracted from the inputs.
    pub(super) centre: Vec<f32>,
}

impl Architecture for BinarySignMlp {
    /// The bits of every layer: `layer0.bits`, `layer1.bits`, ...
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let from_centre = Tensor::new(&*self.centre, vb.device())?.neg()?;
        let mut network = seq().add_fn(move |x| x.add_parameter(&from_centre));
        let mut share = 1.0;
        for (i, (name, inputs, outputs)) in layers(self.widths).enumerate() {
            if i > 0 {
                network = network.add_fn(Activations::sign);
            }
            network = network.add(signs(inputs, outputs, vb.pp(name))?);
            share = 1.0 / (inputs as f64).sqrt();
        }
        Ok(Box::new(network.add_fn(move |x| x.affine(share, 0.0))))
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        of_bits(self.widths, options)
    }

    fn differentiable(&self) -> bool {
        false
    }
}
