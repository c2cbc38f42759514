//! Optimizers made of optimizers.

pub mod average_iterate;
mod contest;
pub mod lookahead;
pub mod many_rates;
pub mod momentum_to_best;
pub mod opposite;
pub mod optimizer_swarm;
pub mod parabola_step;
pub mod polish;
pub mod population_based_training;
pub mod restart;
#[cfg(test)]
mod scripted;
mod slope;
mod stride;
mod together;
pub mod undo;

pub use average_iterate::{Average, AverageIterate, AverageIterateConfig};
pub use lookahead::{Lookahead, LookaheadConfig};
pub use many_rates::{ManyRates, ManyRatesConfig};
pub use momentum_to_best::{MomentumToBest, MomentumToBestConfig};
pub use opposite::{Opposite, OppositeConfig, OppositeKeep};
pub use optimizer_swarm::{OptimizerSwarm, OptimizerSwarmConfig};
pub use parabola_step::{ParabolaStep, ParabolaStepConfig};
pub use polish::{Polish, PolishConfig};
pub use population_based_training::{PopulationBasedTraining, PopulationBasedTrainingConfig};
pub use restart::{Restart, RestartConfig, RestartScheme};
pub use undo::{Undo, UndoConfig};
