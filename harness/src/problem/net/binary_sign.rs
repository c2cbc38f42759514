//! A network all of whose parameters are bits, and whose neurons answer −1 or +1.

use std::sync::Arc;

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};
use moths::{ModelOptions, space::Domain};

use super::{
    classification::{Architecture, Forward},
    lanes::{Activation, Lanes},
    mlp::{FusedMlp, Mlp, layers},
    task::Tensors,
};

/// A layer is y = (2 B − 1) x, with B \[outputs, inputs\] of bits; the sign of y goes to the next; logits are y / √inputs. The inputs are
/// taken from a centre that is a multiple of their unit, so that every sum is exact. Source: Hubara et al. 2016, arXiv:1602.02830, whose
/// bits are the signs of real weights; there are none here.
#[derive(Clone, Debug)]
pub(super) struct BinarySignMlp {
    /// Inputs, hidden layers, classes.
    pub(super) widths: &'static [usize],
    /// What is subtracted from the inputs.
    pub(super) centre: Arc<[f32]>,
}

/// The bits of every layer: `layer0.bits`, `layer1.bits`, ...
pub(super) struct Network(Vec<Tensor>);

impl Tensors for Network {
    fn tensors(&self) -> Vec<&Tensor> {
        self.0.iter().collect()
    }
}

/// What makes logits of the sums over so many inputs.
fn share(inputs: usize) -> f32 {
    1.0 / (inputs as f32).sqrt()
}

impl Architecture for BinarySignMlp {
    type Network = Network;
    type Forward = FusedBinarySign;

    fn differentiable(&self) -> bool {
        false
    }

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        // Rounded, that is a fair coin.
        let coin = Init::Uniform { lo: -0.5, up: 1.5 };
        let layer = |(name, inputs, outputs)| vb.pp(name).get_with_hints((outputs, inputs), "bits", coin);
        Ok(Network(layers(self.widths).map(layer).collect::<candle_core::Result<_>>()?))
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        layers(self.widths).fold(options, |options, (name, ..)| options.domain(&format!("{name}.bits"), Domain::Bool))
    }

    fn logits(&self, network: &Network, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let mut x = inputs.broadcast_sub(&Tensor::new(&*self.centre, inputs.device())?)?;
        for (i, bits) in network.0.iter().enumerate() {
            if i > 0 {
                x = Activation::Sign.of(&x)?;
            }
            x = x.matmul(&bits.affine(2.0, -1.0)?.t()?)?;
        }
        x.affine(f64::from(share(self.widths[self.widths.len() - 2])), 0.0)
    }

    fn forward(&self) -> FusedBinarySign {
        let layers =
            self.widths.windows(2).map(|width| Signed { weight: vec![0.0; width[0] * width[1]], bias: vec![0.0; width[1]] });
        let mlp = Mlp { widths: self.widths, activation: Activation::Sign }.forward();
        FusedBinarySign {
            centre: self.centre.clone(),
            layers: layers.collect(),
            logits: Lanes::zeros(*self.widths.last().unwrap_or(&0)),
            mlp,
        }
    }
}

/// The network of real weights that it is, for one set of bits.
pub(super) struct FusedBinarySign {
    centre: Arc<[f32]>,
    layers: Vec<Signed>,
    mlp: FusedMlp,
    logits: Vec<Lanes>,
}

struct Signed {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Forward for FusedBinarySign {
    fn prepare(&mut self, parameters: &[&[f32]]) {
        for (Signed { weight, .. }, bits) in self.layers.iter_mut().zip(parameters) {
            weight.iter_mut().zip(*bits).for_each(|(weight, bit)| *weight = 2.0 * bit - 1.0);
        }
        if let Some(Signed { weight, bias }) = self.layers.first_mut() {
            for (bias, row) in bias.iter_mut().zip(weight.chunks_exact(self.centre.len())) {
                *bias = -row.iter().zip(&*self.centre).map(|(weight, centre)| weight * centre).sum::<f32>();
            }
        }
    }

    fn logits(&mut self, _: &[&[f32]], inputs: &[Lanes]) -> &[Lanes] {
        let parameters: Vec<&[f32]> = self.layers.iter().flat_map(|layer| [&*layer.weight, &*layer.bias]).collect();
        let share = self.layers.last().map_or(1.0, |layer| share(layer.weight.len() / layer.bias.len()));
        for (Lanes(logit), Lanes(sum)) in self.logits.iter_mut().zip(self.mlp.logits(&parameters, inputs)) {
            logit.iter_mut().zip(sum).for_each(|(logit, sum)| *logit = share * sum);
        }
        &self.logits
    }
}
