//! Optimizers made of optimizers.

mod contest;
pub mod restart;
mod slope;
mod stride;
pub mod undo;

pub use restart::{Restart, RestartConfig, RestartScheme};
pub use undo::{Undo, UndoConfig};
