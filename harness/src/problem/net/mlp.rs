//! Fully connected networks.

use candle_core::Tensor;
use candle_nn::{Linear, Module, VarBuilder, linear};

use super::{
    classification::{Architecture, Forward},
    lanes::{Activation, Lanes, dense},
    task::Tensors,
};

/// Layers of these widths, inputs first, with an activation between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mlp {
    /// Inputs, hidden layers, classes.
    pub(super) widths: &'static [usize],
    /// Between two layers.
    pub(super) activation: Activation,
}

/// The layers between these widths, inputs first: name, inputs, outputs.
pub(super) fn layers(widths: &[usize]) -> impl Iterator<Item = (String, usize, usize)> {
    widths.windows(2).enumerate().map(|(i, width)| (format!("layer{i}"), width[0], width[1]))
}

/// The network in candle: `layer0`, `layer1`, ...
pub(super) struct Layers(Vec<Linear>);

impl Tensors for Layers {
    fn tensors(&self) -> Vec<&Tensor> {
        self.0.iter().flat_map(of_linear).collect()
    }
}

/// Weight and bias of a layer.
pub(super) fn of_linear(layer: &Linear) -> impl Iterator<Item = &Tensor> {
    std::iter::once(layer.weight()).chain(layer.bias())
}

impl Architecture for Mlp {
    type Network = Layers;
    type Forward = FusedMlp;

    fn differentiable(&self) -> bool {
        self.activation != Activation::Step
    }

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Layers> {
        let layers = layers(self.widths).map(|(name, inputs, outputs)| linear(inputs, outputs, vb.pp(name)));
        Ok(Layers(layers.collect::<candle_core::Result<_>>()?))
    }

    fn logits(&self, network: &Layers, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let mut layers = network.0.iter();
        let first = layers.next().map_or_else(|| Ok(inputs.clone()), |layer| layer.forward(inputs))?;
        layers.try_fold(first, |x, layer| layer.forward(&self.activation.of(&x)?))
    }

    fn forward(&self) -> FusedMlp {
        FusedMlp { activation: self.activation, outputs: self.widths[1..].iter().map(|width| Lanes::zeros(*width)).collect() }
    }
}

/// All layers in one pass. Parameters: weight and bias of every layer.
pub(super) struct FusedMlp {
    activation: Activation,
    /// What comes out of every layer.
    outputs: Vec<Vec<Lanes>>,
}

impl Forward for FusedMlp {
    fn logits(&mut self, parameters: &[&[f32]], inputs: &[Lanes]) -> &[Lanes] {
        for (i, layer) in parameters.as_chunks().0.iter().enumerate() {
            let &[weight, bias] = layer;
            let (before, after) = self.outputs.split_at_mut(i);
            if let Some(before) = before.last_mut() {
                self.activation.apply(before);
            }
            dense(before.last().map_or(inputs, |outputs| outputs), weight, bias, &mut after[0]);
        }
        self.outputs.last().map_or(&[], |outputs| outputs)
    }
}
