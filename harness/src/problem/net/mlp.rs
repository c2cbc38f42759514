//! Fully connected networks.

use candle_nn::VarBuilder;
use moths::nn::{Activations, linear, seq};

use super::training::{Architecture, Network};
use crate::Result;

/// Layers of these widths, inputs first, with an activation between them: `layer0`, `layer1`, ...
#[derive(Clone, Copy, Debug)]
pub(super) struct Mlp {
    /// Inputs, hidden layers, classes.
    pub(super) widths: &'static [usize],
    /// Between two layers.
    pub(super) activation: Activation,
}

/// The function between two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// max(x, 0)
    Relu,
    /// tanh x
    Tanh,
    /// 1 where x > 0, else 0: its derivative is 0 wherever there is one.
    Step,
}

impl Activation {
    fn of(self, x: Activations) -> Result<Activations> {
        match self {
            Self::Relu => x.relu(),
            Self::Tanh => x.tanh(),
            Self::Step => x.step(),
        }
    }
}

/// The layers between these widths, inputs first: name, inputs, outputs.
pub(super) fn layers(widths: &[usize]) -> impl Iterator<Item = (String, usize, usize)> {
    widths.windows(2).enumerate().map(|(i, width)| (format!("layer{i}"), width[0], width[1]))
}

impl Architecture for Mlp {
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let (activation, mut network) = (self.activation, seq());
        for (name, inputs, outputs) in layers(self.widths) {
            if !network.is_empty() {
                network = network.add_fn(move |x| activation.of(x));
            }
            network = network.add(linear(inputs, outputs, vb.pp(name))?);
        }
        Ok(Box::new(network))
    }

    fn differentiable(&self) -> bool {
        self.activation != Activation::Step
    }
}
