//! Optimizers made of optimizers.

mod undo;

pub use undo::{Undo, UndoConfig};
