//! A model on a card, where there is one (`--features cuda`), beside the same model on the CPU. Without a card both are there.

use candle_core::{DType, Device, Tensor};
use candle_nn::{BatchNorm, Linear, Module, ModuleT, VarBuilder, VarMap, batch_norm, linear, loss::cross_entropy};
use moths_core::{
    Batch, CowTensor, FlatModel, InPlaceModel, Key, ModelOptions, Objective, Result, Sampler, VarMapModel,
    objective::{Advance, OutputLoss, Probe},
    tensor::host,
};

use crate::toy::Test;

/// The first card, if there is one, with one stream for all threads.
fn card() -> candle_core::Result<Device> {
    if candle_core::utils::cuda_is_available() { Device::new_cuda_with_stream(0) } else { Ok(Device::Cpu) }
}

type Net = (Linear, BatchNorm, Linear);

fn build(vb: VarBuilder<'_>) -> candle_core::Result<Net> {
    Ok((linear(3, 8, vb.pp("in"))?, batch_norm(8, 1e-5, vb.pp("norm"))?, linear(8, 2, vb.pp("out"))?))
}

fn answer((first, norm, last): &Net, x: &Tensor) -> candle_core::Result<Tensor> {
    last.forward(&norm.forward_t(&first.forward(x)?, true)?.relu()?)
}

fn data(device: &Device) -> candle_core::Result<(Tensor, Tensor)> {
    let x = Tensor::arange(0f32, 30.0, &Device::Cpu)?.sin()?.reshape((10, 3))?;
    let y = Tensor::from_iter((0..10).map(|i| i % 2), &Device::Cpu)?.to_dtype(DType::U32)?;
    Ok((x.to_device(device)?, y.to_device(device)?))
}

fn flat(device: &Device) -> Result<FlatModel<Net>> {
    let (x, y) = data(device)?;
    let options = ModelOptions::default().device(device).bounds("out.bias", -1.0, 1.0).freeze("norm");
    FlatModel::with_outputs(options, build, move |net, _| Ok((answer(net, &x)?, y.clone())), OutputLoss::CrossEntropy)
}

fn near(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-4 * (1.0 + a.abs()))
}

#[test]
fn a_model_elsewhere_has_the_losses_it_has_here() -> Test {
    let there = card()?;
    let (mut here, mut away) = (flat(&Device::Cpu)?, flat(&there)?);
    assert!(away.tensors()?.values().all(|tensor| tensor.device().same_device(&there)));
    let start = here.space().start();
    assert_eq!(host::to_f64s(&start)?, host::to_f64s(&away.space().start())?);
    let probes: Vec<Probe> = (0..5).map(|i| Probe::new(Key::new(i), 0.5)).collect();
    let batch = Batch::seeded(&start, Sampler::Normal, probes);
    assert!(near(&here.evaluate(&batch)?, &away.evaluate(&batch)?));
    let outputs = |model: &mut FlatModel<Net>| -> Result<Vec<f64>> {
        let outputs = model.outputs(&batch)?.expect("it shows them");
        host::to_f64s(&Tensor::cat(&[outputs.values, outputs.slopes], 0)?.flatten_all()?)
    };
    assert!(near(&outputs(&mut here)?, &outputs(&mut away)?));
    let gradient = |model: &mut FlatModel<Net>| host::to_f64s(&model.gradient(&start)?.expect("it has one").1);
    assert!(near(&gradient(&mut here)?, &gradient(&mut away)?));
    assert_eq!(here.without_effect()?, away.without_effect()?);
    Ok(())
}

#[test]
fn what_a_model_elsewhere_holds_is_exchanged_and_saved() -> Test {
    let there = card()?;
    let mut model = flat(&there)?;
    let (before, mut other) = (model.values()?, CowTensor::new(model.values()?.affine(2.0, 0.0)?));
    model.swap(&mut other)?;
    assert_eq!(other.to_vec1::<f32>()?, before.to_vec1::<f32>()?);
    assert_eq!(model.values()?.to_vec1::<f32>()?, before.affine(2.0, 0.0)?.to_vec1::<f32>()?);
    let (folder, name) = (tempfile::tempdir()?, "out.weight");
    let path = folder.path().join("model.safetensors");
    model.save(&path)?;
    let saved = candle_core::safetensors::load(&path, &Device::Cpu)?;
    assert_eq!(saved[name].to_vec2::<f32>()?, model.tensors()?[name].to_vec2::<f32>()?);
    Ok(())
}

#[test]
fn variables_elsewhere_stay_there() -> Test {
    let there = card()?;
    let (vars, (x, y)) = (VarMap::new(), data(&there)?);
    let net = build(VarBuilder::from_varmap(&vars, DType::F32, &there))?;
    let mut model = VarMapModel::new(&vars, move |_| cross_entropy(&answer(&net, &x)?, &y))?;
    let start = model.space().start();
    let first = model.evaluate(&Batch::one(&start)?)?[0];
    let (loss, gradient) = model.gradient(&start)?.expect("it has one");
    assert!((loss - first).abs() < 1e-5 && gradient.device().is_cpu());
    let downhill = CowTensor::new((&*start - (gradient * 0.01)?)?);
    assert!(model.evaluate(&Batch::one(&downhill)?)?[0] < first);
    assert!(vars.all_vars().iter().all(|var| var.device().same_device(&there)));
    Ok(())
}

#[test]
fn a_model_in_place_elsewhere_goes_where_it_goes_here() -> Test {
    let there = card()?;
    let run = |device: &Device| -> Result<Vec<f64>> {
        let (x, _) = data(device)?;
        let loss = move |net: &mut Linear, _| net.forward(&x)?.sqr()?.mean_all();
        let mut model = InPlaceModel::new(ModelOptions::default().device(device), |vb| linear(3, 4, vb), loss)?;
        assert!(model.tensors()?.values().all(|tensor| tensor.device().same_device(device)));
        let noise = Sampler::Normal.over(model.space());
        let probes: Vec<Probe> = (0..3).map(|i| Probe::new(Key::new(i), 0.5)).collect();
        let batch = Batch::seeded(&model.space().start(), noise.clone(), probes);
        let mut seen = model.evaluate(&batch)?;
        let terms = [(Key::new(1).into(), 0.5), (Key::new(2).into(), -1.0)];
        model.home().expect("it is one").advance(&Advance::new(&noise, &terms, 0.1).shrinking(0.1).anchored(0.2))?;
        seen.extend(model.evaluate(&batch)?);
        seen.extend(host::to_f64s(&model.tensors()?["weight"].flatten_all()?)?);
        Ok(seen)
    };
    assert!(near(&run(&Device::Cpu)?, &run(&there)?));
    Ok(())
}
