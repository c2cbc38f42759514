//! candle models as objectives: the losses and gradients that candle itself has, whichever way the model is held.

mod buffers;
mod candidates;
mod device;
mod dtypes;
mod gradients;
mod leaves;
mod losses;
mod outputs;
mod stochastic;
mod var_map;

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::{Linear, VarBuilder, VarMap, linear, loss::mse};
use moths_core::{Batch, Error, FlatModel, Key, ModelOptions, Objective, Result, Sampler, objective::Probe};

/// A perceptron 3-5-2.
struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    fn new(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self { fc1: linear(3, 5, vb.pp("fc1"))?, fc2: linear(5, 2, vb.pp("fc2"))? })
    }

    fn loss(&self, dtype: DType) -> candle_core::Result<Tensor> {
        let x = Tensor::new(&[[1f32, -2.0, 0.5], [0.25, 0.75, -1.0], [0.0, 1.0, 3.0]], &Device::Cpu)?.to_dtype(dtype)?;
        let y = Tensor::new(&[[1f32, 0.0], [-1.0, 2.0], [0.5, 0.5]], &Device::Cpu)?.to_dtype(dtype)?;
        mse(&self.fc2.forward(&self.fc1.forward(&x)?.tanh()?)?, &y)
    }
}

const PARAMETERS: usize = 3 * 5 + 5 + 5 * 2 + 2;

fn flat(options: ModelOptions, dtype: DType) -> Result<FlatModel<Mlp>> {
    FlatModel::with(options.dtype(dtype), Mlp::new, move |mlp: &mut Mlp, _| mlp.loss(dtype))
}

/// The same model on variables that have the values of a flat one.
fn on_var_map(model: &FlatModel<Mlp>, dtype: DType) -> Result<(VarMap, Mlp)> {
    let vars = VarMap::new();
    let mlp = Mlp::new(VarBuilder::from_varmap(&vars, dtype, &Device::Cpu))?;
    for (name, var) in vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?.iter() {
        var.set(&model.tensors()?[name])?;
    }
    Ok((vars, mlp))
}

fn some_batch(objective: &dyn Objective, n: u64) -> Batch {
    let probes: Vec<Probe> = (0..n).map(|i| Probe::new(Key::new(i), 0.5)).collect();
    Batch::seeded(&objective.space().start(), Sampler::Normal, probes)
}
