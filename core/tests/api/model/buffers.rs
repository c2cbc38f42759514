//! Batch normalisation in training and in evaluation: running statistics are no parameters, and what is saved is the model.

use std::collections::HashMap;

use candle_core::{DType, Device, Module, ModuleT, Tensor};
use candle_nn::{BatchNorm, Conv2d, Linear, VarBuilder, VarMap, batch_norm, conv2d, linear, loss::mse};
use moths_core::{
    Batch, Error, FlatModel, Key, ModelOptions, Objective, Result, Sampler, Stop, VarMapModel, minimize,
    persist::{Keep, State},
    space::Domain,
    tensor::host::to_f64s,
};

use crate::toy::{Test, Walk};

/// A convolution and a dense layer, each followed by a normalisation.
struct Net {
    conv: Conv2d,
    one: BatchNorm,
    dense: Linear,
    other: BatchNorm,
}

impl Net {
    fn new(vb: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            conv: conv2d(1, 3, 3, Default::default(), vb.pp("conv"))?,
            one: batch_norm(3, 1e-5, vb.pp("one"))?,
            dense: linear(12, 2, vb.pp("dense"))?,
            other: batch_norm(2, 1e-5, vb.pp("other"))?,
        })
    }

    fn loss(&self, train: bool) -> candle_core::Result<Tensor> {
        let (x, y) = data()?;
        let x = self.one.forward_t(&self.conv.forward(&x)?, train)?.relu()?.flatten_from(1)?;
        mse(&self.other.forward_t(&self.dense.forward(&x)?, train)?, &y)
    }
}

/// Sixteen images of 4 × 4, far from normal, and two numbers to be said of each.
fn data() -> candle_core::Result<(Tensor, Tensor)> {
    let image = |i: usize| (0..16).map(move |j| 5.0 + 3.0 * ((i * 7 + j * 3) % 11) as f32);
    let x = Tensor::from_iter((0..16).flat_map(image), &Device::Cpu)?.reshape((16, 1, 4, 4))?;
    let y = Tensor::stack(&[x.flatten_from(1)?.mean(1)?, x.flatten_from(1)?.max(1)?], 1)?;
    Ok((x, y))
}

const STATISTICS: [&str; 4] = ["one.running_mean", "one.running_var", "other.running_mean", "other.running_var"];

fn number(loss: &Tensor) -> Result<f64> {
    Ok(f64::from(loss.to_scalar::<f32>()?))
}

fn flat() -> Result<FlatModel<Net>> {
    FlatModel::new(Net::new, |net: &mut Net, _| net.loss(true))
}

fn reloaded(tensors: HashMap<String, Tensor>) -> Result<Net> {
    Ok(Net::new(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))?)
}

#[test]
fn running_statistics_are_frozen_leaves() -> Test {
    let model = flat()?;
    let frozen: Vec<&str> = model.space().leaves().iter().filter(|l| l.is_frozen()).map(|l| l.name()).collect();
    assert_eq!(frozen, STATISTICS);
    assert_eq!(model.space().dim(), 3 * 9 + 3 + 2 * 3 + 12 * 2 + 2 + 2 * 2);
    assert!(model.tensors()?.len() == 12 && STATISTICS.iter().all(|name| model.tensors().is_ok_and(|t| t.contains_key(*name))));
    Ok(())
}

#[test]
fn a_model_trained_saved_and_reloaded_has_the_same_loss_in_evaluation() -> Test {
    let mut model = flat()?;
    let mut walk = Walk::new(model.space(), Key::new(1), 7)?;
    let answer = minimize(&mut walk, &mut model, &Stop::evaluations(400))?.answer;
    // The statistics of the last candidates become those of the answer.
    for _ in 0..200 {
        model.evaluate(&Batch::one(&answer)?)?;
    }
    let (train, evaluation) = (number(&model.model().loss(true)?)?, number(&model.model().loss(false)?)?);
    assert!((train - evaluation).abs() < 0.1 * train, "{train} in training, {evaluation} in evaluation");
    let tensors = model.tensors()?;
    let fresh = reloaded(tensors.clone())?;
    assert_eq!(number(&fresh.loss(false)?)?.to_bits(), evaluation.to_bits());
    assert_eq!(to_f64s(fresh.one.running_mean())?, to_f64s(model.model().one.running_mean())?);
    assert!(to_f64s(&tensors["one.running_mean"])?.iter().all(|x| *x != 0.0), "they have been learnt");
    // Through a file as well.
    let file = tempfile_of(&tensors)?;
    assert_eq!(number(&reloaded(file)?.loss(false)?)?.to_bits(), evaluation.to_bits());
    Ok(())
}

/// The same tensors, written and read.
fn tempfile_of(tensors: &HashMap<String, Tensor>) -> Result<HashMap<String, Tensor>> {
    let path = std::env::temp_dir().join(format!("moths-buffers-{}.safetensors", std::process::id()));
    candle_core::safetensors::save(tensors, &path)?;
    let read = candle_core::safetensors::load(&path, &Device::Cpu);
    std::fs::remove_file(&path).map_err(|e| Error::Objective(e.to_string()))?;
    Ok(read?)
}

#[test]
fn in_evaluation_no_candidate_touches_the_statistics() -> Test {
    let mut model = FlatModel::new(Net::new, |net: &mut Net, _| net.loss(false))?;
    let before = model.tensors()?;
    model.evaluate(&super::some_batch(&model, 5))?;
    model.gradient(&model.space().start())?;
    for name in STATISTICS {
        assert_eq!(to_f64s(&before[name])?, to_f64s(&model.tensors()?[name])?, "{name}");
    }
    Ok(())
}

#[test]
fn the_model_that_has_gradients_keeps_the_same_statistics() -> Test {
    let mut model = flat()?;
    let before = to_f64s(&model.tensors()?["one.running_mean"])?;
    model.gradient(&model.space().start())?.ok_or("a gradient")?;
    let after = to_f64s(&model.tensors()?["one.running_mean"])?;
    assert_ne!(before, after);
    assert_eq!(after, to_f64s(model.model().one.running_mean())?);
    Ok(())
}

#[test]
fn a_resumed_run_goes_on_with_the_statistics() -> Test {
    let (mut whole, mut first, mut second) = (flat()?, flat()?, flat()?);
    let batch = super::some_batch(&whole, 6);
    whole.evaluate(&batch)?;
    whole.evaluate(&batch)?;
    first.evaluate(&batch)?;
    State::of(&mut first)?.restore(&mut second, Keep::Nothing)?;
    second.evaluate(&batch)?;
    for name in STATISTICS {
        assert_eq!(to_f64s(&whole.tensors()?[name])?, to_f64s(&second.tensors()?[name])?, "{name}");
    }
    Ok(())
}

#[test]
fn of_a_var_map_statistics_are_not_searched_either() -> Test {
    let vars = VarMap::new();
    let net = std::sync::Arc::new(Net::new(VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu))?);
    let seen = net.clone();
    // Whatever is said of leaves.
    let mut model = VarMapModel::with_leaves(&vars, |leaf| leaf.frozen(false), move |_| seen.loss(true))?;
    assert_eq!(model.space().dim(), flat()?.space().dim());
    let mut walk = Walk::new(model.space(), Key::new(1), 7)?;
    let answer = minimize(&mut walk, &mut model, &Stop::evaluations(80))?.answer;
    for _ in 0..200 {
        model.evaluate(&Batch::one(&answer)?)?;
    }
    let (train, evaluation) = (number(&net.loss(true)?)?, number(&net.loss(false)?)?);
    assert!((train - evaluation).abs() < 0.1 * train, "{train} in training, {evaluation} in evaluation");
    let held = vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?;
    let tensors = held.iter().map(|(name, var)| Ok((name.clone(), var.as_tensor().copy()?))).collect::<Result<_>>()?;
    assert_eq!(number(&reloaded(tensors)?.loss(false)?)?.to_bits(), evaluation.to_bits());
    Ok(())
}

#[test]
fn buffers_of_other_names_are_declared() -> Test {
    let build = |vb: VarBuilder<'_>| {
        let average = candle_core::Var::from_tensor(&vb.get(2, "ema.average")?)?;
        Ok((vb.get(2, "w")?, average))
    };
    let loss = |(w, average): &mut (Tensor, candle_core::Var), _: Key| {
        average.set(&((average.as_tensor() * 0.5)? + (w.detach() * 0.5)?)?)?;
        (&*w - 1.0)?.sqr()?.sum_all()
    };
    let mut model = FlatModel::with(ModelOptions::default().buffers("ema").scale("w", 1.0), build, loss)?;
    assert_eq!(model.space().dim(), 2);
    let two = moths_core::CowTensor::new(Tensor::full(2f32, 2, &Device::Cpu)?);
    model.evaluate(&Batch::one(&two)?)?;
    assert_eq!(model.tensors()?["ema.average"].to_vec1::<f32>()?, [1.0; 2]);
    let wrong = FlatModel::with(ModelOptions::default().buffers("emma"), build, loss).map(|_| ());
    assert!(matches!(wrong, Err(Error::Unknown { .. })));
    Ok(())
}

#[test]
fn leaves_that_no_loss_depends_on_are_found() -> Test {
    let build = |vb: VarBuilder<'_>| {
        let layers = (0..9).map(|i| linear(3, 3, vb.pp(format!("layer{i}")))).collect::<candle_core::Result<Vec<_>>>()?;
        // A copy never sees a candidate.
        Ok((layers, vb.get(3, "copied")?.copy()?, batch_norm(3, 1e-5, vb.pp("norm"))?))
    };
    type Parts = (Vec<Linear>, Tensor, BatchNorm);
    let loss = |(layers, copied, norm): &mut Parts, _: Key| {
        let x = Tensor::new(&[[1f32, 2.0, 3.0], [0.5, -1.0, 0.25]], &Device::Cpu)?;
        let read = layers.iter().enumerate().filter(|(i, _)| i % 4 != 3);
        let x = read.into_iter().try_fold(x, |x, (_, layer)| layer.forward(&x)?.tanh())?;
        norm.forward_t(&x, true)?.broadcast_add(copied)?.sqr()?.mean_all()
    };
    let mut model = FlatModel::new(build, loss)?;
    let at = super::some_batch(&model, 1).row(0, model.space())?;
    model.load(&at)?;
    let (before, statistics) = (to_f64s(&*model.values()?)?, to_f64s(&model.tensors()?["norm.running_var"])?);
    let found = model.without_effect()?;
    assert_eq!(found, ["layer3.weight", "layer3.bias", "layer7.weight", "layer7.bias", "copied"]);
    assert_eq!(to_f64s(&*model.values()?)?, before, "the model is what it was");
    assert_eq!(to_f64s(&model.tensors()?["norm.running_var"])?, statistics);
    Ok(())
}

#[test]
fn every_leaf_of_a_net_has_an_effect_and_fixed_ones_are_not_asked() -> Test {
    // The bias before a normalisation is subtracted again, but for rounding.
    assert_eq!(flat()?.without_effect()?, [] as [&str; 0]);
    let options = ModelOptions::default().bounds("kept", 0.5, 0.5).domain("on", Domain::Bool);
    let build = |vb: VarBuilder<'_>| Ok((vb.get(2, "w")?, vb.get(1, "kept")?, vb.get(1, "on")?, vb.get(1, "off")?));
    type Four = (Tensor, Tensor, Tensor, Tensor);
    let mut model = FlatModel::with(options, build, |(w, kept, on, _): &mut Four, _| {
        (w.sqr()?.sum_all()? + kept.sum_all()?)? + on.sum_all()?
    })?;
    assert_eq!(model.without_effect()?, ["off"]);
    Ok(())
}

#[test]
fn nothing_is_said_of_a_loss_that_is_never_the_same() -> Test {
    let calls = std::sync::atomic::AtomicU32::new(0);
    let restless =
        move |w: &mut Tensor, _: Key| w.sum_all()? + f64::from(calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let mut model = FlatModel::new(|vb| vb.get(2, "w"), restless)?;
    assert!(matches!(model.without_effect(), Err(Error::Unsupported { .. })));
    let mut failing = FlatModel::new(|vb| vb.get(2, "w"), |w: &mut Tensor, _| w.affine(f64::NAN, 0.0)?.sum_all())?;
    assert!(matches!(failing.without_effect(), Err(Error::Unsupported { .. })));
    Ok(())
}

#[test]
fn elements_of_a_model_are_fixed_one_by_one() -> Test {
    let bounds = [(-1.0, 1.0), (0.25, 0.25), (0.0, 0.0), (-2.0, 2.0)];
    let options = ModelOptions::default().bounds_each("w", bounds);
    let mut model = FlatModel::with(options, |vb| vb.get(4, "w"), |w: &mut Tensor, _| w.sqr()?.sum_all())?;
    let probes = (0..6).map(|i| moths_core::objective::Probe::new(Key::new(i), 5.0)).collect::<Vec<_>>();
    let batch = Batch::seeded(&model.space().start(), Sampler::Normal, probes);
    for i in 0..batch.len() {
        model.load(&batch.row(i, model.space())?)?;
        assert_eq!(model.model().to_vec1::<f32>()?[1..3], [0.25, 0.0]);
    }
    let gradient = to_f64s(&model.gradient(&batch.row(0, model.space())?)?.ok_or("a gradient")?.1)?;
    assert!(gradient[1..3] == [0.0; 2] && gradient[0] != 0.0 && gradient[3] != 0.0, "{gradient:?}");
    Ok(())
}

/// Checkpoints hold buffers of every dtype, to the bit.
#[test]
fn buffers_of_narrow_and_whole_dtypes_are_saved() -> Test {
    let folder = tempfile::tempdir()?;
    for dtype in [DType::BF16, DType::F16, DType::U32, DType::I64, DType::F64] {
        let vars = VarMap::new();
        let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
        let weight = vb.get(2, "weight")?;
        let count = Tensor::new(&[3f32, 7.0], &Device::Cpu)?.to_dtype(dtype)?;
        let kept = candle_core::Var::from_tensor(&count)?;
        vars.data().lock().map_err(|e| e.to_string())?.insert("norm.num_batches_tracked".into(), kept.clone());
        let mut model = VarMapModel::new(&vars, move |_| weight.sqr()?.sum_all())?;
        let path = folder.path().join(dtype.as_str());
        let (spec, space) = (moths_core::Spec::new("mine"), model.space().clone());
        moths_core::Checkpoint::take(&spec, &space, &mut [("model", &mut model)])?.save(&path)?;
        kept.set(&kept.as_detached_tensor().zeros_like()?)?;
        moths_core::Checkpoint::open(&path)?.restore(&spec, &space, &mut [("model", &mut model)])?;
        assert_eq!(kept.as_detached_tensor().to_dtype(DType::F64)?.to_vec1::<f64>()?, [3.0, 7.0], "{dtype:?}");
    }
    Ok(())
}

/// Two flags that begin equal, and matter only where they differ.
#[test]
fn flags_that_matter_only_together_have_an_effect() -> Test {
    let build = |vb: VarBuilder<'_>| Ok((vb.get(3, "a")?, vb.get(3, "b")?, vb.get(3, "idle")?));
    let options =
        ["a", "b", "idle"].into_iter().fold(ModelOptions::default(), |options, leaf| options.domain(leaf, Domain::Bool));
    let loss = |(a, b, _): &mut (Tensor, Tensor, Tensor), _: Key| (&*a - &*b)?.sqr()?.sum_all();
    assert_eq!(FlatModel::with(options, build, loss)?.without_effect()?, ["idle"]);
    Ok(())
}
