//! Searches from one point that follow a slope, a line or a simplex.

pub mod quasi_newton;
pub mod search;

pub use quasi_newton::{QuasiNewton, QuasiNewtonConfig};
pub use search::{LocalSearch, Method, Oracle, Room};
