//! Particles that see each other.

pub mod consensus;
pub mod cso;
pub mod gravity;
pub mod gravity_descent;
pub mod particle_gradient;
pub mod pso;

pub use consensus::{Consensus, ConsensusConfig};
pub use cso::{Cso, CsoConfig};
pub use gravity::{Gravity, GravityConfig};
pub use gravity_descent::{GravityDescent, GravityDescentConfig};
pub use particle_gradient::{ParticleGradient, ParticleGradientConfig, ParticleGradientEstimator};
pub use pso::{Pso, PsoConfig};
