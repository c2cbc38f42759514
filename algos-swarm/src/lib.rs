//! Particles that see each other.

pub mod cso;
pub mod pso;

pub use cso::{Cso, CsoConfig};
pub use pso::{Pso, PsoConfig};
