//! Optimizers made of optimizers.

mod committee;
mod contest;
pub mod restart;
pub mod sequence;
mod slope;
mod stride;
pub mod undo;

pub use restart::{Restart, RestartConfig, RestartScheme};
pub use sequence::{Sequence, SequenceConfig};
pub use undo::{Undo, UndoConfig};
