//! The words of moths: what a space, a batch, an objective and an optimizer are, and the law they keep.
//!
//! > **A step is a pure, deterministic, atomic function of (state, key, losses).**
//! > Equal key and equal losses give equal bits. A step that fails changes nothing.
//!
//! No algorithm lives here. Begin with [`Optimizer`], then [`Objective`], [`Space`] and [`Batch`]. What a user needs is at this page; the rest
//! is reached through its folder. Folders are floors, and a floor knows nothing of those above it:
//!
//! | floor | what is there |
//! |---|---|
//! | [`run`] | to the end: [`minimize`], [`Stop`], [`AskTell`], [`Checkpoint`], [`Journal`] |
//! | [`optimizer`] | [`Optimizer`], and what it is made of and found by: algorithms, [`registry`], [`Spec`], [`Schedule`], estimators, update rules |
//! | [`objective`] | [`Objective`] and its [`Batch`]es; candle models as objectives; layers, which are objectives around objectives |
//! | [`noise`] | [`Sampler`], and the perturbations and gradients over a space that are drawn with it |
//! | [`space`] | [`Space`]: shapes, domains, bounds, and what a search coordinate means |
//! | [`mod@persist`] | what a state is: one list of fields saves, restores, inspects and breeds |
//! | [`fuse`] | formulas that run as one pass over memory, and the few named reductions |
//! | [`tensor`] | [`CowTensor`], slices of host tensors, eigenvectors |
//! | [`rng`] | [`Key`], and numbers that are a pure function of a key and a place |
//! | [`durable`] | files that are whole or absent, and checked before they are trusted |

#![cfg_attr(not(feature = "cuda"), forbid(unsafe_code))]

pub mod durable;
mod error;
pub mod fuse;
mod memory;
pub mod noise;
pub mod objective;
pub mod optimizer;
pub mod persist;
mod reason;
pub mod rng;
pub mod run;
pub mod space;
pub mod tensor;

/// The version of candle that everything here takes and gives.
pub use candle_core;
/// The version of candle's layers and losses that models are made of.
pub use candle_nn;

pub use error::{Error, Result};
pub use noise::Sampler;
pub use objective::{
    Batch, Function, Objective, TensorFunction,
    model::{FlatModel, InPlaceModel, ModelOptions, VarMapModel, Weights},
};
pub use optimizer::{Horizon, Optimizer, Report, Spec, registry, schedule::Schedule};
pub use rng::Key;
pub use run::{AskTell, Checkpoint, Journal, Outcome, Stop, minimize};
pub use space::{Leaf, Space};
pub use tensor::CowTensor;

/// What the macros of this crate expand to.
#[doc(hidden)]
pub mod __private {
    pub use crate::persist::range_of;
    pub use candle_core::DType;
    pub use inventory;
}
