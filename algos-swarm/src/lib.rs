//! Particles that see each other.

pub mod pso;

pub use pso::{Pso, PsoConfig};
