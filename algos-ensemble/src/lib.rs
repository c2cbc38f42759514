//! Optimizers made of optimizers.

#![forbid(unsafe_code)]

pub mod after_step;
pub mod alternate;
pub mod auto;
pub mod average;
pub mod average_iterate;
pub mod best_of;
pub mod chain;
mod committee;
mod contest;
pub mod lookahead;
pub mod lq_cma_es;
pub mod many_rates;
pub mod momentum_to_best;
pub mod opposite;
pub mod optimizer_swarm;
pub mod parabola_step;
pub mod polish;
pub mod population_based_training;
pub mod race;
pub mod random_choice;
pub mod restart;
#[cfg(test)]
mod scripted;
pub mod sequence;
mod slope;
pub mod stochastic_rounding;
mod stride;
pub mod surrogate;
mod together;
pub mod undo;
pub mod update_to_gradient;

pub use after_step::{AfterStep, AfterStepConfig, KeepStep};
pub use alternate::{Alternate, AlternateConfig};
pub use auto::{Auto, AutoConfig};
pub use average::{Average, AverageConfig, AverageWeights};
pub use average_iterate::{AverageIterate, AverageIterateConfig};
pub use best_of::{BestOf, BestOfConfig};
pub use chain::{Chain, ChainConfig};
pub use lookahead::{Lookahead, LookaheadConfig};
pub use lq_cma_es::{LqCmaEs, LqCmaEsConfig};
pub use many_rates::{ManyRates, ManyRatesConfig};
pub use momentum_to_best::{MomentumToBest, MomentumToBestConfig};
pub use opposite::{Opposite, OppositeConfig, OppositeKeep};
pub use optimizer_swarm::{OptimizerSwarm, OptimizerSwarmConfig};
pub use parabola_step::{ParabolaStep, ParabolaStepConfig};
pub use polish::{Polish, PolishConfig};
pub use population_based_training::{PopulationBasedTraining, PopulationBasedTrainingConfig};
pub use race::{Race, RaceConfig};
pub use random_choice::{RandomChoice, RandomChoiceConfig};
pub use restart::{Restart, RestartConfig, RestartScheme};
pub use sequence::{Sequence, SequenceConfig};
pub use stochastic_rounding::{StochasticRounding, StochasticRoundingConfig};
pub use surrogate::{Surrogate, SurrogateConfig};
pub use undo::{Undo, UndoConfig};
pub use update_to_gradient::{UpdateToGradient, UpdateToGradientConfig, UpdateToGradientEstimator};
