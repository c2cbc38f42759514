//! Optimizers made of optimizers.

mod contest;
pub mod restart;
pub mod undo;

pub use restart::{Restart, RestartConfig, RestartScheme};
pub use undo::{Undo, UndoConfig};
