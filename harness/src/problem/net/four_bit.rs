//! A network of integers: weights of four bits, activations of four bits, sums that are shifted.

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};
use moths::{ModelOptions, space::Domain};

use super::{
    classification::{Architecture, Forward},
    lanes::{Lanes, dense},
    mlp::layers,
    task::Tensors,
};

/// The four bits of a weight.
const WEIGHT: Domain = Domain::Integer { lo: -8, hi: 7 };
/// The eight bits of a bias, in units of [`UNIT`].
const BIAS: Domain = Domain::Integer { lo: -128, hi: 127 };
/// What a bias counts by.
const UNIT: f32 = 4.0;
/// What a search coordinate counts by, of weights and of biases: the natural one of weights. That of biases would move sums sixteen times as far.
const SCALE: f64 = 4.0;
/// A sum is shifted by five bits before it is an activation, and stands for so many logits.
const SHIFT: f32 = 32.0;
/// The largest activation, and the largest input.
const LARGEST: f32 = 15.0;

/// A layer is y = W x + 4 b, with W \[outputs, inputs\] in −8..7 and b \[outputs\] in −128..127; the next takes x = clamp(⌊y / 32⌋, 0, 15), and the
/// logits are y / 32. Inputs are min(⌊16 p⌋, 15) of reals p in \[0, 1\]. Every number but the logits is a whole one. Source of the arithmetic: Jacob et al.
/// 2018, arXiv:1712.05877; scales are powers of two here, as in Banner et al. 2019, arXiv:1810.05723.
#[derive(Clone, Copy, Debug)]
pub(super) struct FourBitMlp {
    /// Inputs, hidden layers, classes.
    pub(super) widths: &'static [usize],
}

/// The network in candle: `layer0.weight`, `layer0.bias`, ...
pub(super) struct Network(Vec<[Tensor; 2]>);

impl Tensors for Network {
    fn tensors(&self) -> Vec<&Tensor> {
        self.0.iter().flatten().collect()
    }
}

impl Architecture for FourBitMlp {
    type Network = Network;
    type Forward = FusedFourBit;

    fn differentiable(&self) -> bool {
        false
    }

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let layer = |(name, inputs, outputs)| {
            let vb = vb.pp(name);
            // From −2 to 2: sums of the order of a shift.
            let weight = vb.get_with_hints((outputs, inputs), "weight", Init::Uniform { lo: -2.5, up: 2.5 })?;
            Ok([weight, vb.get_with_hints(outputs, "bias", Init::Const(0.0))?])
        };
        Ok(Network(layers(self.widths).map(layer).collect::<candle_core::Result<_>>()?))
    }

    fn options(&self, options: ModelOptions) -> ModelOptions {
        layers(self.widths).fold(options, |options, (name, ..)| {
            let bias = format!("{name}.bias");
            options.domain(&format!("{name}.weight"), WEIGHT).domain(&bias, BIAS).scale(&bias, SCALE)
        })
    }

    fn logits(&self, network: &Network, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let mut x = inputs.affine(16.0, 0.0)?.floor()?.clamp(0f32, LARGEST)?;
        for (i, [weight, bias]) in network.0.iter().enumerate() {
            if i > 0 {
                x = x.affine(1.0 / f64::from(SHIFT), 0.0)?.floor()?.clamp(0f32, LARGEST)?;
            }
            x = x.matmul(&weight.t()?)?.broadcast_add(&bias.affine(f64::from(UNIT), 0.0)?)?;
        }
        x.affine(1.0 / f64::from(SHIFT), 0.0)
    }

    fn forward(&self) -> FusedFourBit {
        FusedFourBit {
            biases: self.widths[1..].iter().map(|width| vec![0.0; *width]).collect(),
            values: self.widths.iter().map(|width| Lanes::zeros(*width)).collect(),
        }
    }
}

/// All layers in one pass.
pub(super) struct FusedFourBit {
    /// In units of a sum.
    biases: Vec<Vec<f32>>,
    /// What goes into every layer, and what comes out of the last.
    values: Vec<Vec<Lanes>>,
}

impl Forward for FusedFourBit {
    fn prepare(&mut self, parameters: &[&[f32]]) {
        for (scaled, &[_, bias]) in self.biases.iter_mut().zip(parameters.as_chunks().0) {
            scaled.iter_mut().zip(bias).for_each(|(scaled, bias)| *scaled = UNIT * bias);
        }
    }

    fn logits(&mut self, parameters: &[&[f32]], inputs: &[Lanes]) -> &[Lanes] {
        let last = self.biases.len() - 1;
        each(&mut self.values[0], inputs, |pixel| (16.0 * pixel).floor().clamp(0.0, LARGEST));
        for (i, (&[weight, _], bias)) in parameters.as_chunks().0.iter().zip(&self.biases).enumerate() {
            let (before, after) = self.values.split_at_mut(i + 1);
            dense(&before[i], weight, bias, &mut after[0]);
            let sums = after[0].iter_mut().flat_map(|sums| &mut sums.0);
            match i == last {
                true => sums.for_each(|sum| *sum /= SHIFT),
                false => sums.for_each(|sum| *sum = (*sum / SHIFT).floor().clamp(0.0, LARGEST)),
            }
        }
        &self.values[last + 1]
    }
}

fn each(out: &mut [Lanes], inputs: &[Lanes], f: impl Fn(f32) -> f32) {
    for (Lanes(out), Lanes(inputs)) in out.iter_mut().zip(inputs) {
        out.iter_mut().zip(inputs).for_each(|(out, input)| *out = f(*input));
    }
}
