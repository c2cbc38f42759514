//! The words of moths: what a space, a batch, an objective and an optimizer are, and the law they keep.
//!
//! > **A step is a pure, deterministic, atomic function of (state, key, losses).**
//! > Equal key and equal losses give equal bits. A step that fails changes nothing.
//!
//! No algorithm lives here. Begin with [`Optimizer`], then [`Objective`], [`Space`] and [`Batch`].

mod algorithm;
mod ask_tell;
mod batch;
mod checkpoint;
mod compare;
pub mod convergence;
mod cow;
mod descend;
pub mod descent;
pub mod durable;
pub mod eigen;
mod error;
mod estimate;
pub mod fuse;
mod gradient;
mod horizon;
pub mod host;
#[cfg(feature = "laws")]
pub mod laws;
mod layer;
mod memory;
mod model;
mod noise;
mod objective;
mod optimizer;
mod persist;
pub mod registry;
mod run;
mod schedule;
mod seal;
pub mod settings;
pub mod shaping;
mod space;
mod spec;

pub use algorithm::{Algorithm, Capabilities, Family, Meta};
pub use ask_tell::{Ask, AskTell};
pub use batch::{Batch, Probe};
pub use checkpoint::{Checkpoint, Parts};
pub use compare::Comparison;
pub use cow::CowTensor;
pub use descend::{Descend, DescendConfig, NamedEstimator};
pub use descent::Descent;
pub use durable::replace_file;
pub use error::{Error, Result};
pub use estimate::{Antithetic, Draws, Estimate, Estimator};
pub use gradient::Gradient;
pub use horizon::Horizon;
pub use layer::{Best, Budget, Journal, Noise, NoiseModel, Noisy, Origin, Pool, Replay};
pub use model::{FlatModel, ModelOptions, VarMapModel};
pub use noise::{Key, Perturbation, Sampler, Seed, Stream};
pub use objective::{Function, Losses, Objective, TensorFunction};
pub use optimizer::{Optimizer, Report};
pub use persist::{Clock, Fields, Keep, Persist, Ranged, State, atomically};
pub use run::{Evaluated, Outcome, Progress, Reason, Stop, Tally, minimize, minimize_from};
pub use schedule::{Curve, NOMINAL_OFFSET, NOMINAL_STEPS, Power, Ramp, Schedule, Steps};
pub use space::{Domain, Leaf, Space, Walls, Warning};
pub use spec::Spec;

/// What the macros of this crate expand to.
#[doc(hidden)]
pub mod __private {
    pub use crate::persist::range_of;
    pub use candle_core::DType;
    pub use inventory;
}
