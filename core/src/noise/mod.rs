//! Noise over the points of a space: laws by name, perturbations of tensors, and gradients that are sums of them.
//!
//! | file | what it answers |
//! |---|---|
//! | `sampler` | the laws of perturbations, by name |
//! | `perturbation` | noise on tensors: fill, perturb, add |
//! | `gradient` | a gradient, and how to hold one without its numbers |
//! | `scatter` | random points of a space |
//! | `source` | the noise of one seed, ready to be drawn anywhere |
//! | `sparse`, `low_rank`, `orthogonal`, `sobol`, `smooth` | laws whose elements know of each other |
//! | `shaped` | what is done to noise before it is used: directions it prefers, a deviation |

mod gradient;
mod low_rank;
mod orthogonal;
mod perturbation;
mod sampler;
mod scatter;
mod shaped;
mod smooth;
mod sobol;
mod source;
mod sparse;
#[cfg(test)]
mod tests;

pub use gradient::Gradient;
pub use perturbation::Perturbation;
pub use sampler::Sampler;
pub(crate) use sobol::normal_quantile;
