//! Layers.

mod linear;
mod module;
mod sequential;

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

candle_module!(Linear, Sequential, Func);
