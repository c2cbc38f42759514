//! Particles that see each other.

pub mod cso;
pub mod ensemble_kalman;
pub mod pso;

pub use cso::{Cso, CsoConfig};
pub use ensemble_kalman::{EnsembleKalman, EnsembleKalmanConfig};
pub use pso::{Pso, PsoConfig};
