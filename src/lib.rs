//! Derivative-free optimizers for [candle](https://github.com/huggingface/candle): they find good parameters from losses alone.

pub use moths_core::*;

/// Optimizers made of optimizers.
#[cfg(feature = "ensemble")]
pub use moths_ensemble as ensemble;
/// Populations with selection, and distributions that adapt.
#[cfg(feature = "evolution")]
pub use moths_evolution as evolution;
/// Random walks, stochastic approximation, annealing.
#[cfg(feature = "random")]
pub use moths_random as random;
/// Particles that see each other.
#[cfg(feature = "swarm")]
pub use moths_swarm as swarm;

/// The README's programs are compiled and run like any other documentation.
#[cfg(all(doctest, feature = "random", feature = "swarm", feature = "evolution", feature = "ensemble"))]
#[doc = include_str!("../README.md")]
struct Readme;
