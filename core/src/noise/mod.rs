//! Noise over the points of a space: laws by name, perturbations of tensors, and gradients that are sums of them.
//!
//! | file | what it answers |
//! |---|---|
//! | `sampler` | the laws of perturbations, by name |
//! | `perturbation` | a law that knows the tensors it perturbs |
//! | `perturbation/tensors`, `slices`, `summed` | its noise on tensors, on slices, and as a sum that is drawn where it is read |
//! | `gradient` | a gradient, and how to hold one without its numbers |
//! | `scatter` | random points of a space |
//! | `source` | the noise of one seed, ready to be drawn anywhere |
//! | `parts` | the noise of one seed, read part by part |
//! | `sparse`, `low_rank`, `subspace`, `orthogonal`, `sobol`, `smooth` | laws whose elements know of each other |
//! | `on_card`, `noise.cu` | laws whose elements are independent, on a card |
//! | `shaped` | what is done to noise before it is used: directions it prefers, a deviation |

mod gradient;
mod low_rank;
mod on_card;
mod orthogonal;
mod parts;
mod perturbation;
mod sampler;
mod scatter;
mod shaped;
mod smooth;
mod sobol;
mod source;
mod sparse;
mod subspace;
#[cfg(test)]
mod tests;

/// Laws whose elements are independent, perturbed points and sums of seeded noise in CUDA C, to be compiled after
/// [`fuse::cuda::PRELUDE`](crate::fuse::cuda::PRELUDE).
pub const CUDA: &str = include_str!("noise.cu");

pub use gradient::Gradient;
pub use parts::{Factors, Parts};
pub use perturbation::Perturbation;
pub(crate) use perturbation::{Described, Draw};
pub use sampler::Sampler;
pub(crate) use sobol::normal_quantile;
