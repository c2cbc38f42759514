//! Counter-based randomness: every random number is a pure function of a [`Key`] and a position.
//!
//! Nothing here has a state that drifts. Element `i` of the noise of a key is the same number whatever the chunk, the
//! thread, or the instruction set, which is what makes resume, replay and distribution exact. The generator is
//! Philox4x32-10 (Salmon et al. 2011, doi:10.1145/2063384.2063405).
//!
//! The words of randomness, from the smallest to the largest:
//!
//! | word | what it is |
//! |---|---|
//! | [`Key`] | 64 bits that numbers follow from; keys are made of keys by [`fold`](Key::fold), never drawn |
//! | [`Seed`] | a key, and the family it is a member of: names one perturbation |
//! | [`Stream`] | numbers of a key one after another, for draws on the host (permutations, categories) |
//! | [`Sampler`](crate::noise::Sampler) | a law of distribution, as a setting: `normal`, `rademacher`, ... |
//! | [`Perturbation`](crate::noise::Perturbation) | a sampler that knows the tensors it perturbs: with a seed, noise \[d\] |
//! | [`Gradient`](crate::noise::Gradient) | numbers \[d\], or the weighted sum of perturbations that they are |
//! | [`Probe`](crate::objective::Probe) | a candidate of a seeded batch: seed, scale, and the data it sees |
//! | [`DataDraws`](crate::optimizer::DataDraws) | which candidates of a step see the same data |
//!
//! | file | what it answers |
//! |---|---|
//! | `philox` | counter and key to 128 random bits |
//! | `key` | which key: seeds, folds, domains |
//! | `seed` | which noise: a key and the family it is drawn with |
//! | `stream` | a [`rand::Rng`] for draws on the host |
//! | `law` | bits to numbers: uniform, normal, sign, 128 elements at a time |
//! | `element`, `math`, `loops` | f32 and f64, their elementary functions, and inner loops over plain slices: equal bits everywhere |

mod element;
mod key;
pub(crate) mod law;
pub(crate) mod loops;
pub(crate) mod math;
pub(crate) mod philox;
mod seed;
mod stream;

pub use element::Element;
pub use key::Key;
#[doc(hidden)]
pub use law::BLOCK;
pub use seed::Seed;
pub use stream::Stream;
