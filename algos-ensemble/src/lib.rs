//! Optimizers made of optimizers.

pub mod after_step;
pub mod alternate;
pub mod average;
pub mod best_of;
pub mod chain;
mod committee;
mod contest;
pub mod random_choice;
pub mod restart;
pub mod sequence;
mod slope;
mod stride;
pub mod undo;
pub mod update_to_gradient;

pub use after_step::{AfterStep, AfterStepConfig, KeepStep};
pub use alternate::{Alternate, AlternateConfig};
pub use average::{Average, AverageConfig, AverageWeights};
pub use best_of::{BestOf, BestOfConfig};
pub use chain::{Chain, ChainConfig};
pub use random_choice::{RandomChoice, RandomChoiceConfig};
pub use restart::{Restart, RestartConfig, RestartScheme};
pub use sequence::{Sequence, SequenceConfig};
pub use undo::{Undo, UndoConfig};
pub use update_to_gradient::{UpdateToGradient, UpdateToGradientConfig, UpdateToGradientEstimator};
