//! A small convolutional network.

use candle_nn::{Conv2dConfig, VarBuilder};
use moths::nn::{Activations, conv2d, linear, seq};

use super::training::{Architecture, Network};

/// Rows and columns of an image.
const SIDE: usize = 28;
/// Channels of the two convolutions.
const CHANNELS: [usize; 2] = [8, 26];
/// Values after them.
const FEATURES: usize = CHANNELS[1] * 7 * 7;
const CLASSES: usize = 10;

/// Images 28 x 28, convolutions 5 x 5 to 8 x 14 x 14 and 3 x 3 to 26 x 7 x 7, both of stride 2, and a layer to 10, ReLU between: 208 +
/// 1,898 + 12,750 = 14,856 parameters. Strides stand where LeNet-5 (LeCun et al. 1998, doi:10.1109/5.726791) averages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cnn;

impl Architecture for Cnn {
    /// `first`, `second`, `output`.
    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let config = |padding| Conv2dConfig { stride: 2, padding, ..Conv2dConfig::default() };
        let network = seq()
            .add_fn(|x| x.reshape(&[1, SIDE, SIDE]))
            .add(conv2d(1, CHANNELS[0], 5, config(2), vb.pp("first"))?)
            .add_fn(Activations::relu)
            .add(conv2d(CHANNELS[0], CHANNELS[1], 3, config(1), vb.pp("second"))?)
            .add_fn(Activations::relu)
            .add_fn(Activations::flatten)
            .add(linear(FEATURES, CLASSES, vb.pp("output"))?);
        Ok(Box::new(network))
    }
}
