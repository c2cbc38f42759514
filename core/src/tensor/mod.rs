//! Tensors as optimizers hold them, and their elements on the host.

pub mod cholesky;
mod cow;
pub mod eigen;
pub mod host;
pub(crate) mod place;
pub mod products;

pub use cow::CowTensor;
