//! Populations with selection, and distributions that adapt.

pub mod open_es;
pub mod sep_cma_es;

pub use open_es::{OpenEs, OpenEsConfig, OpenEsEstimator};
pub use sep_cma_es::{SepCmaEs, SepCmaEsConfig};
