//! Which pixels are enough: flags and real weights at once.

use candle_core::{Device, Tensor};
use candle_nn::{Init, Linear, Module, VarBuilder, linear};
use moths::{Key, ModelOptions, space::Domain};

use super::{
    classification::{Architecture, Classification, Forward, FusedClassification},
    lanes::{Activation, Lanes},
    mlp::{FusedMlp, Mlp, of_linear},
    task::{Defaults, Fused, Task, Tensors},
};
use crate::problem::{Figure, Measure};

/// What a pixel costs, in nats: 64 of them cost 0.32.
const PRICE: f64 = 0.005;

/// Logits W (b ⊙ x) + c of the inputs x that the flags b let through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Masked {
    /// Inputs and classes.
    pub(super) widths: &'static [usize; 2],
}

/// The network in candle: `mask`, `layer0`.
pub(super) struct Network {
    mask: Tensor,
    layer: Linear,
}

impl Tensors for Network {
    fn tensors(&self) -> Vec<&Tensor> {
        std::iter::once(&self.mask).chain(of_linear(&self.layer)).collect()
    }
}

impl Architecture for Masked {
    type Network = Network;
    type Forward = FusedMasked;

    fn differentiable(&self) -> bool {
        false
    }

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let [inputs, classes] = *self.widths;
        // Rounded, that is a fair coin.
        let mask = vb.get_with_hints(inputs, "mask", Init::Uniform { lo: -0.5, up: 1.5 })?;
        Ok(Network { mask, layer: linear(inputs, classes, vb.pp("layer0"))? })
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        options.domain("mask", Domain::Bool)
    }

    fn logits(&self, network: &Network, inputs: &Tensor) -> candle_core::Result<Tensor> {
        network.layer.forward(&inputs.broadcast_mul(&network.mask)?)
    }

    fn forward(&self) -> FusedMasked {
        let [inputs, classes] = *self.widths;
        let layer = Mlp { widths: self.widths, activation: Activation::Relu };
        FusedMasked { weight: vec![0.0; inputs * classes], layer: layer.forward() }
    }
}

/// The layer whose weights are zero where the mask is.
pub(super) struct FusedMasked {
    weight: Vec<f32>,
    layer: FusedMlp,
}

impl Forward for FusedMasked {
    fn prepare(&mut self, parameters: &[&[f32]]) {
        let &[mask, weight, _] = parameters else { return };
        for (row, from) in self.weight.chunks_exact_mut(mask.len()).zip(weight.chunks_exact(mask.len())) {
            row.iter_mut().zip(from.iter().zip(mask)).for_each(|(masked, (weight, on))| *masked = weight * on);
        }
    }

    fn logits(&mut self, parameters: &[&[f32]], inputs: &[Lanes]) -> &[Lanes] {
        let bias = parameters.last().copied().unwrap_or(&[]);
        self.layer.logits(&[&self.weight, bias], inputs)
    }
}

/// The mean cross-entropy and what the pixels cost that are looked at; judged by how many there are, and by accuracy.
#[derive(Clone)]
pub(super) struct Selection(pub(super) Classification<Masked>);

impl Task for Selection {
    type Network = Network;
    type Fused = FusedSelection;

    fn differentiable(&self) -> bool {
        false
    }

    fn stochastic(&self) -> bool {
        self.0.stochastic()
    }

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        self.0.build(vb)
    }

    fn device(&self) -> Device {
        self.0.device()
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        self.0.options(options)
    }

    fn loss(&self, network: &Network, key: Key) -> candle_core::Result<Tensor> {
        self.0.loss(network, key)? + (network.mask.sum_all()? * PRICE)?
    }

    fn fused(&self) -> FusedSelection {
        FusedSelection(self.0.fused())
    }

    fn measures(&self) -> &[Measure] {
        self.0.measures()
    }

    fn defaults(&self) -> Defaults {
        self.0.defaults()
    }
}

/// Losses and figures in one pass.
pub(super) struct FusedSelection(FusedClassification<FusedMasked>);

/// How many inputs are let through.
fn selected(parameters: &[&[f32]]) -> f64 {
    parameters.first().map_or(0.0, |mask| mask.iter().map(|on| f64::from(*on)).sum())
}

impl Fused for FusedSelection {
    fn loss(&mut self, parameters: &[&[f32]], key: Key) -> f64 {
        self.0.loss(parameters, key) + PRICE * selected(parameters)
    }

    fn figures(&mut self, parameters: &[&[f32]]) -> Vec<f64> {
        let (figures, pixels) = (self.0.figures(parameters), selected(parameters));
        // Of loss, accuracy on what was trained on, and accuracy.
        let [loss, .., accuracy] = figures[..] else { return figures };
        vec![loss + PRICE * pixels, pixels, accuracy]
    }
}

/// The figures, with pixels in place of the accuracy on what was trained on.
pub(super) fn measures([loss, _, accuracy]: [Measure; 3]) -> [Measure; 3] {
    [loss, Measure { name: "pixels", kind: Figure::Loss }, accuracy]
}
