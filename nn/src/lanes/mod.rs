//! Loops over thirty-two examples side by side.
//!
//! Operation by operation a small network spends more time around its matrix products than in them (new tensors, bias, activation, scalar
//! `exp`). Here a value of a network is 32 numbers, one an example, and a layer runs over them: every weight is loaded once and multiplies
//! whole vectors. Multiplications and additions are fused where the definition says so, and no sum is reordered by the width of a vector: what
//! these loops compute has the same bits on every machine, whatever its vectors. (A machine without fused operations computes them in software.)
//! What goes through candle has candle's bits: [`through`](crate::Activations::through), some activations, and losses of one's own.

mod attention;
mod buffer;
mod dense;
mod gather;
mod loss;
mod norm;
mod pairs;
mod reduce;
pub mod unary;

pub use attention::softmax;
pub(crate) use attention::{Attention, Rows, attend};
pub use buffer::{Buffer, Item};
pub(crate) use dense::add_outer;
pub use dense::{dense, start};
pub(crate) use gather::{gather, pick, swap};
pub(crate) use loss::{cross_entropy, squared_error};
pub(crate) use norm::{Normalise, group_norm, layer_norm};
pub use pairs::{add, multiply, scale_and_shift, subtract};
pub(crate) use reduce::{Pool, avg_pool, max_pool, sum};
pub use unary::{affine, clamp};

/// Examples that are computed side by side.
///
/// Loops over fewer are unrolled before they are vectorised, and then are not; with more the sums of a layer leave the registers.
pub const LANES: usize = 32;

/// One value of a network, of 32 examples.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    /// Zeros.
    pub const ZERO: Self = Self([0.0; LANES]);

    /// The same number in every example.
    pub const fn all(value: f32) -> Self {
        Self([value; LANES])
    }
}
