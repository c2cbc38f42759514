//! Optimizers made of optimizers.

mod contest;
pub mod optimizer_swarm;
pub mod population_based_training;
pub mod restart;
mod slope;
mod stride;
mod together;
pub mod undo;

pub use optimizer_swarm::{OptimizerSwarm, OptimizerSwarmConfig};
pub use population_based_training::{PopulationBasedTraining, PopulationBasedTrainingConfig};
pub use restart::{Restart, RestartConfig, RestartScheme};
pub use undo::{Undo, UndoConfig};
