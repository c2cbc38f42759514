//! Optimizers made of optimizers.

pub mod restart;
pub mod undo;

pub use restart::{Restart, RestartConfig, RestartScheme};
pub use undo::{Undo, UndoConfig};
