//! Particles that see each other.

mod pso;

pub use pso::{Pso, PsoConfig};
