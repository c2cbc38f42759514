//! Searches from one point that follow a slope, a line or a simplex.

#![forbid(unsafe_code)]

pub mod brent_step;
pub mod hooke_jeeves;
pub mod nelder_mead;
pub mod quasi_newton;
pub mod search;
mod simplex;
pub mod subplex;
mod sweep;

pub use brent_step::{BrentStep, BrentStepConfig};
pub use hooke_jeeves::{HookeJeeves, HookeJeevesConfig};
pub use nelder_mead::{NelderMead, NelderMeadConfig};
pub use quasi_newton::{QuasiNewton, QuasiNewtonConfig};
pub use search::{LocalSearch, Method, Oracle, Room};
pub use subplex::{Subplex, SubplexConfig};
