//! MNIST, from files that the user has.

mod idx;

use std::path::Path;

use super::{
    classification::Classification,
    cnn::Cnn,
    examples::{Examples, Share},
    lookup::LookupNetwork,
    mlp::{Activation, Mlp},
    training::{Architecture, Defaults, Training},
};
use crate::{
    Error, Result,
    problem::{Has, Options},
};
use idx::Idx;

/// Rows and columns of an image.
const SIDE: usize = 28;
/// The last of so many parts of the training images is held out for validation: 10,000 of 60,000.
const HELD_OUT: usize = 6;
/// The four files.
const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// 78,500 + 1,010 = 79,510 parameters.
const MLP: Mlp = Mlp { widths: &[SIDE * SIDE, 100, 10], activation: Activation::Relu };

/// The convolutional network, minibatches of 32.
pub(super) fn cnn(options: &Options) -> Result<Training<Classification>> {
    let defaults = Defaults { evaluations: 100_000, pairs: 32, sigma: 0.1, rate: 0.1, ..Defaults::default() };
    on_mnist("net/mnist-cnn", Cnn, "output", defaults, options)
}

/// 784-100-10, minibatches of 32.
pub(super) fn mlp(options: &Options) -> Result<Training<Classification>> {
    let defaults = Defaults { evaluations: 100_000, pairs: 32, sigma: 0.1, rate: 0.1, ..Defaults::default() };
    on_mnist("net/mnist-mlp", MLP, "layer1", defaults, options)
}

/// 600 neurons of six pixels each, sixty a class.
pub(super) fn lookup(options: &Options) -> Result<Training<Classification>> {
    let defaults = Defaults { evaluations: 100_000, pairs: 32, sigma: 0.5, rate: 0.1, ..Defaults::default() };
    on_mnist("net/mnist-lookup", LookupNetwork::new(SIDE * SIDE, &[(600, 6)], 10), "layer0", defaults, options)
}

fn on_mnist(
    name: &str,
    architecture: impl Architecture + 'static,
    head: &'static str,
    defaults: Defaults,
    options: &Options,
) -> Result<Training<Classification>> {
    options.only(name, &[Has::HeldOut, Has::Data, Has::Minibatch, Has::Head, Has::Device])?;
    let folder = options.data.as_deref().ok_or_else(|| {
        let valid = format!("`{name}` needs the folder that holds {}, as they are or with .gz", FILES.join(", "));
        Error::invalid("--data", "(not given)", valid)
    })?;
    let train = images(folder, FILES[0], FILES[1])?;
    let (train, judged) = if options.validate {
        let kept = train.len() - train.len() / HELD_OUT;
        (train.pick(0..kept), train.pick(kept..train.len()))
    } else {
        let test = images(folder, FILES[2], FILES[3])?;
        (train, test)
    };
    let data = Classification { train, judged, share: Share::minibatch(options)? };
    Ok(Training { zero_head: options.zero_head.then_some(head), ..data.training(architecture, defaults, options)? })
}

/// The images of one file and their labels of another.
fn images(folder: &Path, images: &str, labels: &str) -> Result<Examples> {
    let (images, labels) = (Idx::<3>::open(folder, images)?, Idx::<1>::open(folder, labels)?);
    let [count, rows, columns] = images.dims;
    if (rows, columns) != (SIDE, SIDE) {
        return Err(images.refused(format!("images are {rows} x {columns}; {SIDE} x {SIDE} are needed")));
    }
    if count < HELD_OUT {
        return Err(images.refused(format!("{count} images; at least {HELD_OUT} are needed")));
    }
    if labels.dims != [count] {
        return Err(labels.refused(format!("{} labels for the {count} images of {}", labels.dims[0], images.path.display())));
    }
    if let Some(at) = labels.values.iter().position(|label| *label > 9) {
        return Err(labels.refused(format!("label {at} is {}; labels are from 0 to 9", labels.values[at])));
    }
    Ok(Examples::bytes(SIDE * SIDE, images.values, labels.values))
}

#[cfg(test)]
pub(super) mod tests;
