//! A model in place on a card: displaced, restored and moved to the bits that it has here.

use std::error::Error;

use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, Module, linear, loss::mse};
use moths::{InPlaceModel, Key, ModelOptions, Spec, registry};

use crate::{
    Tested,
    host::{Found, numbers, same_on_host},
};

const STEPS: usize = 3;
/// What moves a model in place; hizoo's noise is shaped by a tensor, that of lozo and subzero has factors.
const OPTIMIZERS: [&str; 6] = ["mezo", "fzoo", "hizoo", "lozo", "subzero", "es-at-scale"];

type Net = (Linear, Linear);

fn run(id: &str, dtype: DType) -> Result<Found, Box<dyn Error>> {
    let x = Tensor::arange(0f32, 70.0, &Device::Cpu)?.sin()?.reshape((10, 7))?.to_dtype(dtype)?;
    let y = Tensor::arange(0f32, 30.0, &Device::Cpu)?.cos()?.reshape((10, 3))?.to_dtype(dtype)?;
    let build = |vb: candle_nn::VarBuilder<'_>| Ok((linear(7, 19, vb.pp("in"))?, linear(19, 3, vb.pp("out"))?));
    let loss = move |(first, last): &mut Net, _| mse(&last.forward(&first.forward(&x)?.tanh()?)?, &y)?.to_dtype(DType::F32);
    let mut model = InPlaceModel::new(ModelOptions::default().dtype(dtype), build, loss)?;
    let mut optimizer = registry::build(&Spec::new(id), moths::Objective::space(&model), Key::new(5))?;
    let mut losses = vec![];
    for _ in 0..STEPS {
        losses.push(optimizer.step(&mut model)?.loss);
    }
    let mut tensors: Vec<_> = model.tensors()?.into_iter().collect();
    tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
    let tensors = tensors
        .into_iter()
        .map(|(name, tensor)| Ok((format!("{name} by {id} in {dtype:?}"), moths::CowTensor::new(tensor.to_dtype(DType::F32)?))));
    let mut found = tensors.collect::<candle_core::Result<Found>>()?;
    found.push((format!("losses of {id} in {dtype:?}"), numbers(losses)?));
    Ok(found)
}

#[test]
fn a_model_in_place_goes_the_same_way() -> Tested {
    let work = || {
        let cases = OPTIMIZERS.into_iter().flat_map(|id| [DType::F32, DType::BF16, DType::F16].map(|dtype| (id, dtype)));
        let found: Vec<Found> = cases.map(|(id, dtype)| run(id, dtype)).collect::<Result<_, _>>()?;
        Ok::<_, Box<dyn Error>>(found.concat())
    };
    let ran = same_on_host(&work()?, work)?;
    assert!(ran.is_none_or(|ran| ran > 10 * OPTIMIZERS.len()), "{ran:?}");
    Ok(())
}
