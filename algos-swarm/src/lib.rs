//! Particles that see each other.

pub mod consensus;
pub mod cso;
pub mod ensemble_kalman;
pub mod gravity;
pub mod gravity_descent;
pub mod particle_gradient;
pub mod pso;

pub use consensus::{Consensus, ConsensusConfig};
pub use cso::{Cso, CsoConfig};
pub use ensemble_kalman::{EnsembleKalman, EnsembleKalmanConfig};
pub use gravity::{Gravity, GravityConfig};
pub use gravity_descent::{GravityDescent, GravityDescentConfig};
pub use particle_gradient::{ParticleGradient, ParticleGradientConfig, ParticleGradientEstimator};
pub use pso::{Pso, PsoConfig};
