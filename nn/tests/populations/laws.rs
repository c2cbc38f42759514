//! The laws of objectives hold for populations.

use candle_core::{Device, Tensor};
use moths_core::{Key, ModelOptions, Result, candle_nn::VarBuilder, objective::OutputLoss};
use moths_laws::objectives::{Judged, LAWS};
use moths_nn::{PopulationModel, Sequential, linear, seq};

fn network(vb: VarBuilder<'_>) -> candle_core::Result<Sequential> {
    Ok(seq().add(linear(2, 9, vb.pp("hidden"))?).add_fn(|x| x.tanh()).add(linear(9, 1, vb.pp("out"))?))
}

fn population(stochastic: bool) -> Result<PopulationModel<Sequential>> {
    let x: Vec<f32> = (0..160).map(|i| (i as f32 * 0.7).sin()).collect();
    let (x, y) = (Tensor::from_vec(x, (80, 2), &Device::Cpu)?, Tensor::arange(0f32, 80.0, &Device::Cpu)?.reshape((80, 1))?);
    let options = ModelOptions::default().key(Key::new(5));
    let options = if stochastic { options.stochastic() } else { options };
    let data = move |key: Key| match stochastic {
        true => {
            let first = (key.to_bits() % 40) as usize;
            Ok((x.narrow(0, first, 37)?, y.narrow(0, first, 37)?))
        }
        false => Ok((x.clone(), y.clone())),
    };
    PopulationModel::with(options, network, data, OutputLoss::MeanSquaredError)
}

#[test]
fn populations_keep_the_laws_of_objectives() {
    for stochastic in [false, true] {
        let judged = Judged::new(format!("population, stochastic: {stochastic}"), move || population(stochastic));
        for law in LAWS {
            law.check(&judged).unwrap_or_else(|broken| panic!("{broken}"));
        }
    }
}
