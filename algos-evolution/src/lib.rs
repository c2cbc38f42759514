//! Populations with selection, and distributions that adapt.

mod open_es;
mod sep_cma_es;

pub use open_es::{OpenEs, OpenEsConfig, OpenEsEstimator};
pub use sep_cma_es::{SepCmaEs, SepCmaEsConfig};
