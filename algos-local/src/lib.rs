//! Searches from one point that follow a slope, a line or a simplex.

pub mod brent_step;
pub mod hooke_jeeves;
pub mod search;
mod sweep;

pub use brent_step::{BrentStep, BrentStepConfig};
pub use hooke_jeeves::{HookeJeeves, HookeJeevesConfig};
pub use search::{LocalSearch, Method, Oracle, Room};
