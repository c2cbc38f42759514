//! Searches from one point that follow a slope, a line or a simplex.

pub mod brent_step;
pub mod search;

pub use brent_step::{BrentStep, BrentStepConfig};
pub use search::{LocalSearch, Method, Oracle, Room};
