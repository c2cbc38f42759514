//! Searches from one point that follow a slope, a line or a simplex.

pub mod search;

pub use search::{LocalSearch, Method, Oracle, Room};
