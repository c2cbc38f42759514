//! candle models as objectives.

mod flat;
mod layout;
mod var_map;

pub use flat::FlatModel;
pub use layout::ModelOptions;
pub use var_map::VarMapModel;

use candle_core::{DType, Tensor};

use crate::{Fields, Key, Persist, Result};

/// The keys of a stochastic model's data: one a refresh and draw.
#[derive(Clone, Copy, Debug)]
struct DataClock {
    key: Key,
    refreshes: u64,
}

impl DataClock {
    fn new(key: Key) -> Self {
        Self { key, refreshes: 0 }
    }

    fn key(&self, draw: u32) -> Key {
        self.key.fold(self.refreshes).fold(u64::from(draw))
    }
}

impl Persist for DataClock {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("refreshes", &mut self.refreshes)
    }
}

/// A scalar loss of any float dtype.
fn scalar(loss: &Tensor) -> Result<f64> {
    Ok(loss.flatten_all()?.mean_all()?.to_dtype(DType::F64)?.to_scalar()?)
}
