//! Random walks, stochastic approximation, annealing: one point, moved by chance.

pub mod backprop;
pub mod random_search;
pub mod spsa;

pub use backprop::{Backprop, BackpropConfig, BackpropEstimator};
pub use random_search::{RandomSearch, RandomSearchConfig};
pub use spsa::{Spsa, SpsaConfig, SpsaEstimator};
