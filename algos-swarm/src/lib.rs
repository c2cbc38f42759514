//! Particles that see each other.

mod flight;
mod inertia;
mod swarm;
mod topology;

pub mod bare_bones_pso;
pub mod clpso;
pub mod cso;
pub mod empso;
pub mod pso;
pub mod spso_2011;

pub use bare_bones_pso::{BareBonesPso, BareBonesPsoConfig};
pub use clpso::{Clpso, ClpsoConfig};
pub use cso::{Cso, CsoConfig};
pub use empso::{Empso, EmpsoConfig};
pub use pso::{Pso, PsoConfig, Restart};
pub use spso_2011::{Spso2011, Spso2011Config};
pub use topology::Topology;
