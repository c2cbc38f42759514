//! Convolutions of images and of rows.

mod by_candle;
mod on_lanes;
mod windows;

use candle_core::Tensor;
use candle_nn::{Conv1dConfig, Conv2dConfig, VarBuilder};
use moths_core::{Error, Result};

use super::Module;
use crate::{
    Activations,
    activations::{Inner, Matrix},
};
use windows::Windows;

/// y_o = Σ_i W_oi ⋆ x_i + b_o: images \[channels, height, width\] to \[outputs, .., ..\], with W \[outputs, channels / groups, k, k\] and b \[outputs\].
///
/// Zeros stand around an image, `padding` rows and columns of them; what is left of ⌊(height + 2 padding − dilation (k − 1) − 1) / stride⌋ + 1 places
/// down, and likewise across, is a product of windows with W as a matrix \[outputs, channels k k\]. So it is by candle's operations too: the gradient
/// is a product as well, and takes a third of the time of candle's own. `cudnn_fwd_algo` means nothing here.
///
/// ```
/// use moths_core::candle_nn::{Conv2dConfig, VarBuilder};
/// use moths_nn::{Sequential, conv2d, linear, seq};
///
/// /// Images \[1, 28, 28\] to 10 classes.
/// fn network(vb: VarBuilder<'_>) -> candle_core::Result<Sequential> {
///     let config = Conv2dConfig { padding: 2, ..Default::default() };
///     let features = seq().add(conv2d(1, 8, 5, config, vb.pp("first"))?).add_fn(|x| x.relu()?.max_pool2d(4));
///     Ok(features.add_fn(|x| x.flatten()).add(linear(8 * 7 * 7, 10, vb.pp("output"))?))
/// }
/// ```
///
/// # Errors
/// [`Error::Shape`] of its forward for images that are no \[channels, height, width\], or smaller than the kernel, and for a bias of another length; [`Error::Invalid`] for a stride,
/// a dilation or groups of 0, and groups that do not divide the channels.
#[derive(Clone, Debug)]
pub struct Conv2d(candle_nn::Conv2d);

/// y_o = Σ_i W_oi ⋆ x_i + b_o: rows \[channels, length\] to \[outputs, ..\], with W \[outputs, channels / groups, k\] and b \[outputs\]; in all else as
/// [`Conv2d`].
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_core::candle_nn::Conv1dConfig;
/// use moths_nn::{Activations, Conv1d, Module};
///
/// // The differences of neighbours.
/// let layer = Conv1d::new(Tensor::new(&[[[-1f32, 1.0]]], &Device::Cpu)?, None, Conv1dConfig::default());
/// let y = layer.forward(&Activations::from(Tensor::new(&[[[1f32, 4.0, 9.0]]], &Device::Cpu)?))?;
/// assert_eq!(y.to_tensor()?.to_vec3::<f32>()?, [[[3.0, 5.0]]]);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv1d(candle_nn::Conv1d);

macro_rules! builder {
    ($($(#[$doc:meta])* $name:ident, $layer:ident, $config:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// What the `VarBuilder` fails with; for groups that do not divide the channels.
        pub fn $name(
            inputs: usize,
            outputs: usize,
            kernel: usize,
            config: $config,
            vb: VarBuilder<'_>,
        ) -> candle_core::Result<$layer> {
            windows::check_groups(config.groups, &[inputs, outputs]).map_err(candle_core::Error::wrap)?;
            candle_nn::$name(inputs, outputs, kernel, config, vb).map($layer)
        }
    )*};
}

builder! {
    /// A layer with `weight` and `bias`, which begin as candle-nn's do, and a square kernel.
    conv2d, Conv2d, Conv2dConfig;
    /// A layer with `weight` alone, which begins as candle-nn's does, and a square kernel.
    conv2d_no_bias, Conv2d, Conv2dConfig;
    /// A layer with `weight` and `bias`, which begin as candle-nn's do.
    conv1d, Conv1d, Conv1dConfig;
    /// A layer with `weight` alone, which begins as candle-nn's does.
    conv1d_no_bias, Conv1d, Conv1dConfig;
}

macro_rules! accessors {
    ($layer:ident, $config:ty, $shape:literal) => {
        impl From<candle_nn::$layer> for $layer {
            fn from(layer: candle_nn::$layer) -> Self {
                Self(layer)
            }
        }

        impl $layer {
            /// A layer of these tensors.
            pub fn new(weight: Tensor, bias: Option<Tensor>, config: $config) -> Self {
                Self(candle_nn::$layer::new(weight, bias, config))
            }

            #[doc = concat!("W \\[outputs, channels / groups, ", $shape, "\\].")]
            pub fn weight(&self) -> &Tensor {
                self.0.weight()
            }

            /// b \[outputs\].
            pub fn bias(&self) -> Option<&Tensor> {
                self.0.bias()
            }

            /// Stride, padding, dilation and groups.
            pub fn config(&self) -> &$config {
                self.0.config()
            }

            fn matrix(&self) -> Matrix<'_> {
                Matrix { weight: self.0.weight(), bias: self.0.bias(), affine: None }
            }
        }
    };
}

accessors!(Conv2d, Conv2dConfig, "k, k");
accessors!(Conv1d, Conv1dConfig, "k");

impl Module for Conv2d {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let (&[channels, height, width], &[_, _, rows, columns]) = (x.shape(), self.weight().dims()) else {
            let expected =
                format!("[channels, height, width] an example, and weight {:?} of four dimensions", self.weight().dims());
            return Err(Error::shape("images of a convolution", expected, format!("{:?}", x.shape())));
        };
        let config = self.config();
        let windows = Windows {
            image: [channels, height, width],
            kernel: [rows, columns],
            padding: [config.padding; 2],
            stride: config.stride,
            dilation: config.dilation,
            groups: config.groups,
        };
        let [down, across] = windows.checked(self.matrix())?.places();
        convolved(x, &windows, self.matrix())?.reshape(&[windows.outputs(self.matrix()), down, across])
    }
}

impl Module for Conv1d {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let (&[channels, length], &[_, _, kernel]) = (x.shape(), self.weight().dims()) else {
            let expected = format!("[channels, length] an example, and weight {:?} of three dimensions", self.weight().dims());
            return Err(Error::shape("rows of a convolution", expected, format!("{:?}", x.shape())));
        };
        let config = self.config();
        let windows = Windows {
            image: [channels, 1, length],
            kernel: [1, kernel],
            padding: [0, config.padding],
            stride: config.stride,
            dilation: config.dilation,
            groups: config.groups,
        };
        let [_, across] = windows.checked(self.matrix())?.places();
        convolved(x, &windows, self.matrix())?.reshape(&[windows.outputs(self.matrix()), across])
    }
}

fn convolved(x: &Activations, windows: &Windows, matrix: Matrix<'_>) -> Result<Activations> {
    match &x.0 {
        Inner::Tensor(tensor) => Ok(by_candle::convolved(tensor, windows, matrix)?.into()),
        Inner::Side(side) => on_lanes::convolved(side, windows, matrix).map(Activations::from),
    }
}
