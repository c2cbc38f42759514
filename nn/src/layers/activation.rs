//! candle-nn's names of functions between layers.

use candle_nn::Activation;
use moths_core::Result;

use super::Module;
use crate::{Activations, activations::Inner};

/// candle-nn's functions, as a layer. Those of the error function, of ln and of two halves of the values go [through](Activations::through) candle.
impl Module for Activation {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let (x, by_candle) = (x.clone(), |x: Activations| x.through(|x| candle_core::Module::forward(self, x)));
        if matches!(x.0, Inner::Tensor(_)) {
            return by_candle(x);
        }
        match *self {
            Self::NewGelu | Self::GeluPytorchTanh => x.gelu(),
            Self::Relu => x.relu(),
            Self::Relu2 => x.relu()?.sqr(),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::Silu | Self::Swish => x.silu(),
            Self::Sigmoid => x.sigmoid(),
            Self::HardSigmoid => hard_sigmoid(x),
            Self::HardSwish => hard_sigmoid(x.clone())?.mul(&x),
            Self::LeakyRelu(slope) => x.clone().relu()?.add(&x.clamp(f64::NEG_INFINITY, 0.0)?.affine(slope, 0.0)?),
            Self::Gelu | Self::Swiglu | Self::Mish | Self::Elu(_) => by_candle(x),
        }
    }
}

/// (x + 3) / 6, moved into \[0, 1\].
fn hard_sigmoid(x: Activations) -> Result<Activations> {
    x.affine(1.0 / 6.0, 0.5)?.clamp(0.0, 1.0)
}
