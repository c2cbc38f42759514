//! Other networks that read the digits.

use super::{
    binary::BinaryMlp,
    binary_sign::BinarySignMlp,
    classification::Classification,
    digits,
    examples::Share,
    four_bit::FourBitMlp,
    mask::{Masked, Selection},
    mlp::{Activation, Mlp},
    training::{Architecture, Defaults, Training},
};
use crate::{
    Result,
    problem::{Has, Options},
};

/// The network of `digits`: 2,080 + 330 = 2,410 parameters.
const DIGITS: Mlp = Mlp { widths: &[64, 32, 10], activation: Activation::Relu };
/// The digits network with a step in place of ReLU: 2,080 + 330 = 2,410 parameters.
const HEAVISIDE: Mlp = Mlp { widths: &[64, 32, 10], activation: Activation::Step };
/// 2,368 bits, 42 biases and 2 scales: 2,412 parameters.
const BINARY: BinaryMlp = BinaryMlp { widths: &[64, 32, 10] };
/// 8,192 + 1,280 = 9,472 bits.
const BINARY_SIGN: &[usize] = &[64, 128, 10];
/// 2,368 weights of four bits, 42 biases of eight.
const FOUR_BIT: FourBitMlp = FourBitMlp { widths: &[64, 32, 10] };
/// 64 flags, 640 weights and 10 biases: 714 parameters.
const MASKED: Masked = Masked { inputs: 64, classes: 10 };
/// 62,400 + 922,560 + 9,610 = 994,570 parameters.
const WIDE: Mlp = Mlp { widths: &[64, 960, 960, 10], activation: Activation::Relu };

/// The network of `digits`, on minibatches.
pub(super) fn in_minibatches(options: &Options) -> Result<Training<Classification>> {
    let defaults = Defaults { evaluations: 500_000, pairs: 64, sigma: 0.3, rate: 0.1, ..Defaults::default() };
    on_digits("net/digits", DIGITS, Share::minibatch(options)?, defaults, options)
}

/// Hidden neurons that fire or do not: the loss is constant in 2,080 parameters but for jumps.
pub(super) fn heaviside(options: &Options) -> Result<Training<Classification>> {
    let defaults = Defaults { evaluations: 50_000, pairs: 32, sigma: 0.3, rate: 0.3, ..Defaults::default() };
    on_digits("net/heaviside", HEAVISIDE, Share::All, defaults, options)
}

/// Weights of −1 and +1.
pub(super) fn binary(options: &Options) -> Result<Training<Classification>> {
    let defaults = Defaults { evaluations: 50_000, pairs: 32, sigma: 0.3, rate: 0.3, ..Defaults::default() };
    on_digits("net/binary", BINARY, Share::All, defaults, options)
}

/// Weights of −1 and +1, neurons of −1 and +1, and nothing else.
pub(super) fn binary_sign(options: &Options) -> Result<Training<Classification>> {
    let defaults = Defaults { evaluations: 50_000, pairs: 8, sigma: 0.5, rate: 0.1, ..Defaults::default() };
    let centre = digits::parts(options.validate)?.0.centre()?;
    on_digits("net/binary-sign", BinarySignMlp { widths: BINARY_SIGN, centre }, Share::or_all(options)?, defaults, options)
}

/// Weights of four bits.
pub(super) fn four_bit(options: &Options) -> Result<Training<Classification>> {
    let defaults = Defaults { evaluations: 50_000, pairs: 8, sigma: 0.3, rate: 0.1, ..Defaults::default() };
    on_digits("net/four-bit", FOUR_BIT, Share::or_all(options)?, defaults, options)
}

/// A linear classifier and the pixels it looks at.
pub(super) fn masked(options: &Options) -> Result<Selection> {
    let defaults = Defaults { evaluations: 50_000, pairs: 32, sigma: 0.3, rate: 0.3, ..Defaults::default() };
    Ok(Selection::new(on_digits("net/mask", MASKED, Share::All, defaults, options)?))
}

/// A million parameters, minibatches of 32.
pub(super) fn wide(options: &Options) -> Result<Training<Classification>> {
    let defaults = Defaults { evaluations: 20_000, pairs: 32, sigma: 0.1, rate: 0.1, ..Defaults::default() };
    on_digits("net/mlp-1m", WIDE, Share::minibatch(options)?, defaults, options)
}

fn on_digits(
    name: &str,
    architecture: impl Architecture + 'static,
    share: Share,
    defaults: Defaults,
    options: &Options,
) -> Result<Training<Classification>> {
    let has: &[Has] =
        if share == Share::All { &[Has::HeldOut, Has::Device] } else { &[Has::HeldOut, Has::Minibatch, Has::Device] };
    options.only(name, has)?;
    let (train, judged) = digits::parts(options.validate)?;
    let data = Classification { train: train.examples()?, judged: judged.examples()?, share };
    data.training(architecture, defaults, options)
}
