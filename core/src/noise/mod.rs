//! Counter-based randomness: every random number is a pure function of a [`Key`] and a position.
//!
//! Nothing here has a state that drifts. Element `i` of the noise of a key is the same number whatever the chunk, the
//! thread, the instruction set or the number of elements asked for, which is what makes resume, replay and distribution
//! exact. The generator is Philox4x32-10 (Salmon et al. 2011, doi:10.1145/2063384.2063405).
//!
//! | file | what it answers |
//! |---|---|
//! | `philox` | counter and key to 128 random bits |
//! | `key` | which key: seeds, folds, domains |
//! | `stream` | a [`rand::Rng`] for host-side draws (permutations, categories) |
//! | `law` | bits to numbers: uniform, normal, sign, 128 elements at a time |
//! | `sampler` | noise on tensors: fill, perturb, add |

mod key;
pub(crate) mod law;
mod philox;
mod sampler;
mod stream;
#[cfg(test)]
mod tests;

pub use key::Key;
pub use sampler::Sampler;
pub use stream::Stream;
