//! Derivative-free optimizers for [candle](https://github.com/huggingface/candle): they find good parameters from losses alone.
//!
//! They train networks that have no gradient, tune what can only be tried, and take integers and switches as well as real numbers. Every one of
//! them can be saved, resumed, replayed and asked from outside, bit for bit, because of one law:
//!
//! > **A step is a pure, deterministic, atomic function of (state, key, losses).**
//! > Equal key and equal losses give equal bits. A step that fails changes nothing.
//!
//! # Quick start
//!
//! A network learns XOR from its losses; no gradient is ever taken.
//!
#![cfg_attr(feature = "evolution", doc = "```")]
#![cfg_attr(not(feature = "evolution"), doc = "```no_run")]
//! use candle_core::{Device, Tensor};
//! use candle_nn::{Module, Sequential, VarBuilder, linear, loss::mse, seq};
//! use moths::{FlatModel, Key, Objective, Spec, Stop, minimize, registry};
//!
//! fn network(vb: VarBuilder<'_>) -> candle_core::Result<Sequential> {
//!     Ok(seq().add(linear(2, 8, vb.pp("hidden"))?).add_fn(|x| x.tanh()).add(linear(8, 1, vb.pp("output"))?))
//! }
//!
//! # fn main() -> moths::Result<()> {
//! let x = Tensor::new(&[[0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], &Device::Cpu)?;
//! let y = Tensor::new(&[[0f32], [1.0], [1.0], [0.0]], &Device::Cpu)?;
//! let mut objective = FlatModel::new(network, move |model: &mut Sequential, _| mse(&model.forward(&x)?, &y))?;
//!
//! let mut optimizer = registry::build(&Spec::new("sep-cma-es"), objective.space(), Key::new(1))?;
//! let outcome = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(20_000).or_target(1e-3))?;
//! objective.load(&outcome.answer)?; // the model now has these parameters
//! # assert!(outcome.best.is_some_and(|best| best.loss <= 1e-3));
//! # Ok(()) }
//! ```
//!
//! A function of plain numbers is a [`Function`]; a model that already lives on a `VarMap` a [`VarMapModel`]. [`Leaf`] gives bounds, scales,
//! integers and switches; [`AskTell`] turns any optimizer inside out; [`Checkpoint`] saves one, [`Journal`] a run; [`Pool`](objective::layer::Pool) evaluates on several
//! replicas at once. A [`Spec`] names an optimizer with its settings. The README of the repository, and its
//! `docs/guide.md`, go through all of these.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `random`, `swarm`, `evolution`, `local`, `ensemble` | yes | the families of optimizers below; what is left out is not compiled, and not in the [`registry`] |
//! | `nn` | yes | [`nn`]: candle's layers over many candidates at once |
//! | `cuda` | no | candle's of the same name, and the kernels of moths: searches on a card ([`Space::on`]), and models there ([`ModelOptions::device`]) |
//! | `metal` | no | candle's of the same name, for models and the rest of your program: optimizers compute on the CPU |
//! | `mkl`, `accelerate` | no | candle's of the same name: matrix products of Intel's or Apple's library, whose bits are those of the machine |
//!
//! # All optimizers
//!
//! Every name leads to the equations, the settings and the source. *Size* is the setting that says how many candidates or members there are.
//! *Promises* hold with the default settings, and each is tested:
//!
//! * *needs gradients*: no derivative-free method, a yardstick for them;
//! * *needs outputs*: a model that shows what it answers, and how its loss changes with that;
//! * *seeds*: candidates are seeds and never numbers, so that memory does not grow with how many there are;
//! * *ranks*: nothing but the order of the losses counts;
//! * *moves*, *turns*: a problem that is moved, or turned, is no harder;
//! * *never rises*: the loss of the answer does not, on a deterministic objective;
//! * *beats random*: better than random search on smooth problems, at equal evaluations;
//! * *walls*: minima on bounds, in corners and next to them are found;
//! * *discrete*: integers and switches do not freeze while real numbers converge;
//! * *ends*: it says so when it has converged;
//! * *in place*: it searches a model that holds the point itself ([`InPlaceModel`]), in the memory that running it takes;
//! * *suggestible*: it looks at points of yours ([`Optimizer::suggest`]);
//! * *asynchronous*: it proposes while losses are outstanding ([`Optimizer::propose`]).
//!
#![cfg_attr(
    all(feature = "random", feature = "swarm", feature = "evolution", feature = "local", feature = "ensemble"),
    doc = include_str!("optimizers.md")
)]
#![cfg_attr(
    not(all(feature = "random", feature = "swarm", feature = "evolution", feature = "local", feature = "ensemble")),
    doc = "The table is here where all families are built."
)]
#![forbid(unsafe_code)]

pub use moths_core::*;

#[cfg(feature = "ensemble")]
mod short;
#[cfg(feature = "ensemble")]
pub use short::{Minimum, fmin, train};

// Inlined, so that this crate's documentation has a page for every optimizer.

/// Optimizers made of optimizers.
#[cfg(feature = "ensemble")]
#[doc(inline)]
pub use moths_ensemble as ensemble;
/// Populations with selection, and distributions that adapt.
#[cfg(feature = "evolution")]
#[doc(inline)]
pub use moths_evolution as evolution;
/// Searches from one point that follow a slope, a line or a simplex.
#[cfg(feature = "local")]
#[doc(inline)]
pub use moths_local as local;
/// Networks that evaluate many candidates in one forward.
#[cfg(feature = "nn")]
#[doc(inline)]
pub use moths_nn as nn;
/// Random walks, stochastic approximation, annealing.
#[cfg(feature = "random")]
#[doc(inline)]
pub use moths_random as random;
/// Particles that see each other.
#[cfg(feature = "swarm")]
#[doc(inline)]
pub use moths_swarm as swarm;

/// The README's programs are compiled and run like any other documentation.
#[cfg(all(doctest, feature = "random", feature = "swarm", feature = "evolution", feature = "local", feature = "ensemble"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// And so are the guide's.
#[cfg(all(doctest, feature = "random", feature = "swarm", feature = "evolution", feature = "local", feature = "ensemble"))]
#[doc = include_str!("../docs/guide.md")]
struct Guide;

/// And so are those of the page of fine-tuning.
#[cfg(all(doctest, feature = "random", feature = "swarm", feature = "evolution", feature = "local", feature = "ensemble"))]
#[doc = include_str!("../docs/fine-tuning.md")]
struct FineTuning;

/// And that of the page of cards.
#[cfg(all(doctest, feature = "random", feature = "swarm", feature = "evolution", feature = "local", feature = "ensemble"))]
#[doc = include_str!("../docs/cards.md")]
struct Cards;

/// And that of the page of tuning.
#[cfg(all(doctest, feature = "random", feature = "swarm", feature = "evolution", feature = "local", feature = "ensemble"))]
#[doc = include_str!("../docs/tuning.md")]
struct Tuning;

/// And so are those of the page of populations.
#[cfg(all(doctest, feature = "evolution", feature = "nn"))]
#[doc = include_str!("../docs/populations.md")]
struct Populations;
