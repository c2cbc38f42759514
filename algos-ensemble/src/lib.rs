//! Optimizers made of optimizers.

pub mod undo;

pub use undo::{Undo, UndoConfig};
