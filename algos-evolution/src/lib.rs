//! Populations with selection, and distributions that adapt.

pub mod ars;
pub mod cem;
pub mod cma_es;
pub mod cr_fm_nes;
pub mod de;
pub mod es;
pub mod genetic;
pub mod jade;
pub mod jso;
pub mod l_shade;
pub mod lm_ma_es;
pub mod low_rank_es;
pub mod open_es;
pub mod pgpe;
pub mod sep_cma_es;
pub mod shade;
pub mod snes;
pub mod xnes;

#[cfg(test)]
mod convergence;
mod covariance;
mod differential;
mod directed;
mod products;
mod shaping;
mod utilities;

pub use ars::{Ars, ArsConfig, ArsEstimator};
pub use cem::{Cem, CemConfig};
pub use cma_es::{CmaEs, CmaEsConfig, LearningRate};
pub use cr_fm_nes::{CrFmNes, CrFmNesConfig};
pub use de::{De, DeConfig};
pub use differential::adaptive::AdaptiveDe;
pub use es::{Es, EsConfig};
pub use genetic::{Genetic, GeneticConfig};
pub use jade::{Jade, JadeConfig};
pub use jso::{Jso, JsoConfig};
pub use l_shade::{LShade, LShadeConfig};
pub use lm_ma_es::{LmMaEs, LmMaEsConfig};
pub use low_rank_es::{LowRankEs, LowRankEsConfig, LowRankEsEstimator};
pub use open_es::{OpenEs, OpenEsConfig, OpenEsEstimator};
pub use pgpe::{Pgpe, PgpeConfig, PgpeEstimator};
pub use sep_cma_es::{SepCmaEs, SepCmaEsConfig};
pub use shade::{Shade, ShadeConfig};
pub use shaping::Shaping;
pub use snes::{Snes, SnesConfig};
pub use xnes::{Xnes, XnesConfig};
