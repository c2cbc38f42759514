//! Random walks, stochastic approximation, annealing: one point, moved by chance.

mod backprop;
mod random_search;
mod spsa;

pub use backprop::{Backprop, BackpropConfig, BackpropEstimator};
pub use random_search::{RandomSearch, RandomSearchConfig};
pub use spsa::{Spsa, SpsaConfig, SpsaEstimator};
