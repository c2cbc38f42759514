//! Counter-based randomness: every random number is a pure function of a [`Key`] and a position.
//!
//! Nothing here has a state that drifts. Element `i` of the noise of a key is the same number whatever the chunk, the
//! thread, or the instruction set, which is what makes resume, replay and distribution exact. The generator is
//! Philox4x32-10 (Salmon et al. 2011, doi:10.1145/2063384.2063405).
//!
//! | file | what it answers |
//! |---|---|
//! | `philox` | counter and key to 128 random bits |
//! | `key` | which key: seeds, folds, domains |
//! | `seed` | which noise: a key and the family it is drawn with |
//! | `stream` | a [`rand::Rng`] for host-side draws (permutations, categories) |
//! | `law` | bits to numbers: uniform, normal, sign, 128 elements at a time |
//! | `sampler` | the laws of perturbations, by name |
//! | `source` | the noise of one seed, ready to be drawn anywhere |
//! | `sparse`, `low_rank`, `orthogonal`, `sobol`, `smooth` | those whose elements know of each other |
//! | `shaped` | what is done to noise before it is used: directions it prefers, a deviation |
//! | `perturbation` | noise on tensors: fill, perturb, add |

mod key;
pub(crate) mod law;
mod low_rank;
mod orthogonal;
mod perturbation;
mod philox;
mod sampler;
mod seed;
mod shaped;
mod smooth;
mod sobol;
mod source;
mod sparse;
mod stream;
#[cfg(test)]
mod tests;

pub use key::Key;
pub use perturbation::Perturbation;
pub(crate) use perturbation::Shapes;
pub use sampler::Sampler;
pub use seed::Seed;
pub use stream::Stream;
