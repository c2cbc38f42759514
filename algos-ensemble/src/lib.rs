//! Optimizers made of optimizers.

mod contest;
pub mod opposite;
pub mod restart;
#[cfg(test)]
mod scripted;
mod slope;
mod stride;
pub mod undo;

pub use opposite::{Opposite, OppositeConfig, OppositeKeep};
pub use restart::{Restart, RestartConfig, RestartScheme};
pub use undo::{Undo, UndoConfig};
