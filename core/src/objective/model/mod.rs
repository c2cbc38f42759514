//! candle models as objectives.
//!
//! Their losses are averaged in f64, whatever their dtype and shape: in eight bits a thousand ones would average to 0.26, and a share of
//! errors that is an integer tensor to 0.

mod buffers;
mod effect;
mod flat;
pub mod gguf;
mod glob;
mod in_place;
mod layout;
mod loss;
mod number;
mod options;
mod refusals;
mod save;
mod var_map;
mod views;
mod weights;
mod whole;

pub use flat::FlatModel;
pub use in_place::{Applied, InPlaceModel, apply};
pub use options::ModelOptions;
pub use var_map::VarMapModel;
pub use views::Views;
pub use weights::Weights;

use candle_core::{Device, Tensor};

use crate::{
    Error, Result,
    objective::Objective,
    persist::{Fields, Persist},
    rng::Key,
    tensor::{CowTensor, host},
};

/// A model that is an objective: its parameters are what is searched, and it can be given some.
///
/// ```
/// use moths_core::{Result, objective::model::Model};
///
/// fn back_to_the_start(model: &mut impl Model) -> Result<()> {
///     let start = model.space().start();
///     model.load(&start)
/// }
/// ```
pub trait Model: Objective {
    /// Gives the model the parameters of a point \[d\] in search coordinates.
    ///
    /// # Errors
    /// [`Error::Shape`] for a point that is not of the space; the model is then as it was.
    fn load(&mut self, at: &CowTensor) -> Result<()>;
}

impl<M> Model for FlatModel<M> {
    fn load(&mut self, at: &CowTensor) -> Result<()> {
        FlatModel::load(self, at)
    }
}

impl Model for VarMapModel {
    fn load(&mut self, at: &CowTensor) -> Result<()> {
        VarMapModel::load(self, at)
    }
}

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

/// The mean of a loss of any shape and dtype, as a scalar f64 that gradients go through.
pub(crate) fn mean(loss: &Tensor) -> Result<Tensor> {
    if loss.elem_count() == 0 {
        return Err(Error::shape("loss", "a number, or several to be averaged", format!("{:?}", loss.dims())));
    }
    // On the CPU: not every card has f64s.
    Ok(host::in_f64(&loss.flatten_all()?.to_device(&Device::Cpu)?)?.mean_all()?)
}

fn scalar(loss: &Tensor) -> Result<f64> {
    Ok(mean(loss)?.to_scalar()?)
}
