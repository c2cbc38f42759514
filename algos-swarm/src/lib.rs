//! Particles that see each other.

#![forbid(unsafe_code)]

mod flight;
mod inertia;
mod swarm;
mod topology;

pub mod bare_bones_pso;
pub mod clpso;
pub mod consensus;
pub mod cso;
pub mod empso;
pub mod ensemble_kalman;
pub mod gravity;
pub mod gravity_descent;
pub mod particle_gradient;
pub mod pso;
pub mod spso_2011;

pub use bare_bones_pso::{BareBonesPso, BareBonesPsoConfig};
pub use clpso::{Clpso, ClpsoConfig};
pub use consensus::{Consensus, ConsensusConfig};
pub use cso::{Cso, CsoConfig};
pub use empso::{Empso, EmpsoConfig};
pub use ensemble_kalman::{EnsembleKalman, EnsembleKalmanConfig};
pub use gravity::{Gravity, GravityConfig};
pub use gravity_descent::{GravityDescent, GravityDescentConfig};
pub use particle_gradient::{ParticleGradient, ParticleGradientConfig, ParticleGradientEstimator};
pub use pso::{Pso, PsoConfig, Restart};
pub use spso_2011::{Spso2011, Spso2011Config};
pub use topology::Topology;
