//! Tensors as optimizers hold them, and their elements on the host.

mod cow;
pub mod eigen;
pub mod host;

pub use cow::CowTensor;
