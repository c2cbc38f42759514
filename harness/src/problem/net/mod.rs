//! Networks to train.
//!
//! | | parameters | data |
//! |---|---|---|
//! | `digits` | 2,410 | the digits, or minibatches of them |
//! | `mnist-cnn` | 14,856 | MNIST, minibatches of 32 |
//! | `mnist-mlp` | 79,510 | MNIST, minibatches of 32 |
//! | `spirals` | 354 | two spirals of 97 points |
//! | `heaviside` | 2,410 | the digits; no derivative |
//! | `binary` | 2,412, of which 2,368 bits | the digits; no derivative |
//! | `binary-sign` | 9,472 bits | the digits; no derivative |
//! | `four-bit` | 2,368 of four bits, 42 of eight | the digits; no derivative |
//! | `mnist-lookup` | 38,400 bits | MNIST's images of black and white, minibatches of 32; no derivative |
//! | `mask` | 714, of which 64 flags | the digits: which pixels are looked at, and a linear classifier; no derivative |
//! | `mlp-1m` | 994,570 | the digits, minibatches of 32 |
//! | `char-transformer` | 29,031 | two chapters of a book, minibatches of 32 windows |
//!
//! Networks are written on [`moths::nn`], which evaluates the candidates of a batch together; a test holds their losses equal to those of candle's
//! operations, of which gradients are taken.

mod binary;
mod binary_sign;
mod characters;
mod classification;
mod cnn;
mod digits;
mod examples;
mod four_bit;
mod judged;
mod lookup;
mod mask;
mod mlp;
mod mnist;
mod on_digits;
mod spirals;
mod training;

use std::iter;

use super::{Entry, Kind, Options, Problem};
use crate::Result;
pub use digits::training_images;
pub(crate) use examples::below;

/// The entries of these networks.
pub(super) fn entries() -> Vec<Entry> {
    let others = [
        entry(
            "mnist-cnn",
            "MNIST from --data, two convolutions and a layer (14,856 parameters), minibatches of 32.",
            "LeCun et al. 1998, doi:10.1109/5.726791",
            mnist::cnn,
        ),
        entry(
            "mnist-mlp",
            "MNIST from --data, a network 784-100-10 (79,510 parameters), minibatches of 32.",
            "LeCun et al. 1998, doi:10.1109/5.726791",
            mnist::mlp,
        ),
        entry(
            "spirals",
            "Which of two spirals a point is on, a network 2-16-16-2 with tanh (354 parameters).",
            "Lang & Witbrock 1988, Connectionist Models Summer School, pp. 52-59",
            spirals::spirals,
        ),
        entry(
            "heaviside",
            "The digits, a network 64-32-10 of step functions (2,410 parameters): backprop cannot train it.",
            "McCulloch & Pitts 1943, doi:10.1007/BF02478259; digits: Alpaydin & Kaynak 1998, doi:10.24432/C50P49, CC BY 4.0",
            on_digits::heaviside,
        ),
        entry(
            "binary",
            "The digits, a network 64-32-10 with 2,368 weights of -1 or +1 (2,412 parameters): backprop cannot train it.",
            "Courbariaux et al. 2015, arXiv:1511.00363; digits: Alpaydin & Kaynak 1998, doi:10.24432/C50P49, CC BY 4.0",
            on_digits::binary,
        ),
        entry(
            "binary-sign",
            "The digits, a network 64-128-10 of 9,472 bits and nothing else, whose neurons are signs: backprop cannot train it.",
            "Hubara et al. 2016, arXiv:1602.02830; digits: Alpaydin & Kaynak 1998, doi:10.24432/C50P49, CC BY 4.0",
            on_digits::binary_sign,
        ),
        entry(
            "four-bit",
            "The digits, a network 64-32-10 of integers, weights and activations of four bits (2,410 parameters): backprop cannot train it.",
            "Jacob et al. 2018, arXiv:1712.05877; digits: Alpaydin & Kaynak 1998, doi:10.24432/C50P49, CC BY 4.0",
            on_digits::four_bit,
        ),
        entry(
            "mnist-lookup",
            "MNIST from --data in black and white, a network of lookup tables (38,400 bits), minibatches of 32.",
            "Petersen et al. 2022, arXiv:2210.08277; LeCun et al. 1998, doi:10.1109/5.726791",
            mnist::lookup,
        ),
        entry(
            "mask",
            "The digits, a linear classifier and the pixels it looks at, each at a price (714 parameters, 64 of them flags).",
            "Guyon & Elisseeff 2003, An introduction to variable and feature selection, JMLR 3; digits: Alpaydin & Kaynak 1998, \
             doi:10.24432/C50P49, CC BY 4.0",
            on_digits::masked,
        ),
        entry(
            "mlp-1m",
            "The digits, a network 64-960-960-10 (994,570 parameters), minibatches of 32.",
            "Alpaydin & Kaynak 1998, UCI, doi:10.24432/C50P49, CC BY 4.0",
            on_digits::wide,
        ),
        entry(
            "char-transformer",
            "The next character of Alice's Adventures in Wonderland, a transformer of two blocks (29,031 parameters).",
            "Vaswani et al. 2017, arXiv:1706.03762; text: Carroll 1865, public domain",
            characters::characters,
        ),
    ];
    iter::once(digits::entry()).chain(others).collect()
}

fn entry<P: Problem + 'static>(name: &str, summary: &str, citation: &str, new: fn(&Options) -> Result<P>) -> Entry {
    Entry {
        name: format!("net/{name}"),
        kind: Kind::Model,
        summary: summary.into(),
        group: String::new(),
        citation: citation.into(),
        hidden: false,
        reads_files: name.starts_with("mnist"),
        defaults: Options::default(),
        build: Box::new(move |options| Ok(Box::new(new(options)?))),
    }
}

#[cfg(test)]
mod tests;
