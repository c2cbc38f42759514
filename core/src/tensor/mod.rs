//! Tensors as optimizers hold them, and their elements on the host.

pub mod cholesky;
mod cow;
pub mod eigen;
pub mod host;

pub use cow::CowTensor;
