//! Layers.

mod activation;
mod attention;
mod conv;
mod embedding;
mod group_norm;
mod layer_norm;
mod linear;
mod module;
mod sequential;

pub use attention::{attention, self_attention};
pub use conv::{Conv1d, Conv2d, conv1d, conv1d_no_bias, conv2d, conv2d_no_bias};
pub use embedding::{Embedding, embedding};
pub use group_norm::{GroupNorm, group_norm};
pub use layer_norm::{LayerNorm, RmsNorm, layer_norm, layer_norm_no_bias, rms_norm};
pub use linear::{Linear, linear, linear_no_bias};
pub use module::{Module, Plain};
pub use sequential::{Func, Sequential, func, seq};

/// What is an ordinary layer of candle's too, for one set of weights.
macro_rules! candle_module {
    ($($layer:ty),*) => {$(
        impl candle_core::Module for $layer {
            fn forward(&self, x: &candle_core::Tensor) -> candle_core::Result<candle_core::Tensor> {
                module::plain(self, x)
            }
        }
    )*};
}

candle_module!(Linear, Sequential, Func, Embedding, Conv1d, Conv2d, LayerNorm, RmsNorm, GroupNorm);
