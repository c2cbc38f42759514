//! A small transformer that continues a text.

mod fused;
mod network;
mod text;

use std::f64::consts::LN_2;

use candle_core::{D, Device, Tensor};
use candle_nn::VarBuilder;
use moths::Key;

use super::{
    examples::below,
    lanes::LANES,
    task::{Defaults, Task, Training},
};
use crate::{
    Result,
    problem::{Figure, Has, Measure, Options},
};
use fused::FusedCharacters;
use network::{CONTEXT, Transformer};
use text::{Text, parts};

/// Train a transformer by the cross-entropy of the next character, in 32 windows of 32 characters that the key of the loss names; judge
/// it by the bits a character of text that it has not seen.
#[derive(Clone)]
pub(super) struct Characters {
    train: Text,
    judged: Text,
    measures: [Measure; 2],
    device: Device,
}

/// The problem, from the text in this program.
pub(super) fn characters(options: &Options) -> Result<Training<Characters>> {
    options.only("net/char-transformer", &[Has::HeldOut, Has::Device])?;
    let (train, judged) = parts(options.validate);
    let name = if options.validate { "validation_bits" } else { "test_bits" };
    let measures = [Measure::LOSS, Measure { name, kind: Figure::Loss }];
    Ok(Training(Characters { train, judged, measures, device: options.place()? }))
}

impl Characters {
    /// Where the windows of a key begin.
    fn starts(text: &Text, key: Key) -> [usize; LANES] {
        std::array::from_fn(|lane| below(text.len() - CONTEXT, key.fold(lane as u64)))
    }
}

impl Task for Characters {
    type Network = Transformer;
    type Fused = FusedCharacters;

    fn stochastic(&self) -> bool {
        true
    }

    fn device(&self) -> Device {
        self.device.clone()
    }

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Transformer> {
        Transformer::build(self.train.alphabet(), vb)
    }

    fn loss(&self, network: &Transformer, key: Key) -> candle_core::Result<Tensor> {
        let (seen, next) = self.train.tensors(&Self::starts(&self.train, key), CONTEXT)?;
        let (logits, next) = (network.logits(&seen.to_device(&self.device)?)?, next.to_device(&self.device)?);
        candle_nn::loss::cross_entropy(&logits.reshape(((), logits.dim(D::Minus1)?))?, &next.flatten_all()?)
    }

    fn fused(&self) -> FusedCharacters {
        FusedCharacters::new(self.train.clone(), self.judged.clone())
    }

    fn measures(&self) -> &[Measure] {
        &self.measures
    }

    fn defaults(&self) -> Defaults {
        Defaults { evaluations: 50_000, pairs: 32, sigma: 0.1, rate: 0.1 }
    }
}

/// Nats as bits.
fn bits(nats: f64) -> f64 {
    nats / LN_2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    #[test]
    fn the_transformer_abides_by_the_laws() -> Result<()> {
        let problem = characters(&Options::default())?;
        super::super::tests::laws(&problem, 29_031, problem.0.train.alphabet())
    }

    #[test]
    fn a_short_run_learns() -> Result<()> {
        let problem = characters(&Options::default())?;
        let [before, after] = super::super::tests::before_and_after(&problem, &problem.default_optimizer(), 2_560)?;
        // log2(39) = 5.29 bits say nothing.
        assert!(before > 5.2 && after < before - 0.5, "{before} {after}");
        Ok(())
    }
}
