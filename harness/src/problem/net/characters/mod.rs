//! A small transformer that continues a text.

mod network;
mod text;

use std::{f64::consts::LN_2, sync::Arc};

use candle_core::Tensor;
use moths::Key;

use super::{
    examples::below,
    judged::Sum,
    training::{Data, Defaults, Predict, Training},
};
use crate::{
    Result,
    problem::{Figure, Has, Measure, Options},
};
use network::{CONTEXT, Transformer};
use text::{Text, parts};

/// Windows of a minibatch.
const WINDOWS: usize = 32;
/// Windows that are judged together.
const TOGETHER: usize = 256;

/// Say the next character, in 32 windows of 32 characters that the key of the loss names; judged by the bits a character of text that it has not
/// seen.
#[derive(Clone)]
pub(super) struct Characters {
    train: Text,
    judged: Text,
}

/// The problem, from the text in this program.
pub(super) fn characters(options: &Options) -> Result<Training<Characters>> {
    options.only("net/char-transformer", &[Has::HeldOut, Has::Device])?;
    let (train, judged) = parts(options.validate);
    let name = if options.validate { "validation_bits" } else { "test_bits" };
    Ok(Training {
        architecture: Arc::new(Transformer { alphabet: train.alphabet() }),
        data: Characters { train, judged },
        zero_head: None,
        measures: vec![Measure::LOSS, Measure { name, kind: Figure::Loss }],
        defaults: Defaults { evaluations: 50_000, pairs: 32, sigma: 0.1, rate: 0.1, ..Defaults::default() },
        device: options.place()?,
    })
}

impl Data for Characters {
    fn stochastic(&self) -> bool {
        true
    }

    fn of(&self, key: Key) -> Result<(Tensor, Tensor)> {
        let starts: Vec<usize> = (0..WINDOWS as u64).map(|window| below(self.train.len() - CONTEXT, key.fold(window))).collect();
        self.train.tensors(&starts, CONTEXT)
    }

    fn figures(&self, predict: &Predict<'_>) -> Result<Vec<f64>> {
        Ok(vec![judge(predict, &self.train)?, bits(judge(predict, &self.judged)?)])
    }
}

/// The mean cross-entropy of a whole text, in windows one after another.
fn judge(predict: &Predict<'_>, text: &Text) -> Result<f64> {
    let starts: Vec<usize> = (0..(text.len() - 1) / CONTEXT).map(|i| i * CONTEXT).collect();
    let mut sum = Sum::default();
    for starts in starts.chunks(TOGETHER) {
        let (seen, next) = text.tensors(starts, CONTEXT)?;
        sum.add(&predict(seen)?, &next)?;
    }
    Ok(sum.loss())
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
        super::super::tests::laws_of(&problem, 29_031, problem.data.train.alphabet())
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
