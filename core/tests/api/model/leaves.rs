//! What may be said of the leaves of a model: frozen, discrete, bounded, of another precision, begun at other values.

use std::sync::Mutex;

use candle_core::{DType, Device, Tensor};
use candle_nn::{Init, VarBuilder};
use moths_core::{
    Batch, CowTensor, Error, FlatModel, Key, ModelOptions, Objective, Result, Sampler, objective::Probe, space::Domain,
    tensor::host::to_f64s,
};

use super::{flat, on_var_map, some_batch};
use crate::toy::Test;

#[test]
fn frozen_leaves_keep_their_values_and_have_no_coordinates() -> Test {
    let mut model = flat(ModelOptions::default().freeze("fc1").init("fc1.bias", Init::Const(0.75)), DType::F32)?;
    assert_eq!(model.space().dim(), 12);
    let frozen = model.model().fc1.weight().to_vec2::<f32>()?;
    let batch = some_batch(&model, 4);
    let losses = model.evaluate(&batch)?;
    assert_eq!(model.model().fc1.weight().to_vec2::<f32>()?, frozen);
    assert_eq!(model.tensors()?["fc1.bias"].to_vec1::<f32>()?, [0.75; 5]);
    let (_, twin) = on_var_map(&model, DType::F32)?;
    assert_eq!(f64::from(twin.loss(DType::F32)?.to_scalar::<f32>()?), losses[3]);
    let (_, gradient) = model.gradient(&batch.row(3, model.space())?)?.ok_or("a gradient")?;
    assert_eq!(gradient.dims(), [12]);
    Ok(())
}

#[test]
fn discrete_leaves_reach_the_model_rounded_and_have_no_gradient() -> Test {
    let options =
        ModelOptions::default().domain("fc1.weight", Domain::Integer { lo: -2, hi: 2 }).domain("fc2.bias", Domain::Bool);
    let mut model = flat(options, DType::F32)?;
    assert!(model.space().is_discrete());
    for i in 0..8 {
        model.load(&some_batch(&model, 8).row(i, model.space())?)?;
        let weight = to_f64s(&model.model().fc1.weight().flatten_all()?)?;
        assert!(weight.iter().all(|w| w.fract() == 0.0 && w.abs() <= 2.0), "{weight:?}");
        let bias = to_f64s(&model.tensors()?["fc2.bias"])?;
        assert!(bias.iter().all(|b| *b == 0.0 || *b == 1.0), "{bias:?}");
    }
    assert!(model.gradient(&model.space().start())?.is_none());
    Ok(())
}

#[test]
fn bounds_hold_for_every_candidate() -> Test {
    let mut model = flat(ModelOptions::default().bounds("fc1.weight", -0.1, 0.1), DType::F32)?;
    let probes: Vec<Probe> = (0..9).map(|i| Probe::new(Key::new(i), 9.0)).collect();
    let batch = Batch::seeded(&model.space().start(), Sampler::Normal, probes);
    for i in 0..batch.len() {
        model.load(&batch.row(i, model.space())?)?;
        assert!(to_f64s(&model.model().fc1.weight().flatten_all()?)?.iter().all(|w| w.abs() <= 0.1));
    }
    Ok(())
}

#[test]
fn options_that_concern_no_leaf_are_refused_with_the_nearest() -> Test {
    let cases = [
        (ModelOptions::default().scale("fc3", 1.0), "fc3"),
        (ModelOptions::default().freeze("fc1.wieght"), "fc1.wieght"),
        (ModelOptions::default().bounds("fc", -1.0, 1.0), "fc"),
    ];
    for (options, wrong) in cases {
        match flat(options, DType::F32).map(|_| ()) {
            Err(Error::Unknown { name, nearest: Some(nearest), .. }) if name == wrong => {
                assert!(nearest.starts_with("fc"), "{nearest}")
            }
            other => return Err(format!("{wrong}: {other:?}").into()),
        }
    }
    assert!(matches!(flat(ModelOptions::default().scale("fc1", -1.0), DType::F32).map(|_| ()), Err(Error::Invalid { .. })));
    assert!(matches!(flat(ModelOptions::default().bounds("fc1", 1.0, 0.0), DType::F32).map(|_| ()), Err(Error::Invalid { .. })));
    Ok(())
}

#[test]
fn models_that_are_not_built_alike_twice_are_refused() {
    let built = Mutex::new(0);
    let changing = move |vb: VarBuilder<'_>| {
        let mut built = built.lock().map_err(|e| candle_core::Error::msg(e.to_string()))?;
        *built += 1;
        vb.get(*built, "w")
    };
    assert!(matches!(FlatModel::new(changing, |w: &mut Tensor, _| w.sum_all()).map(|_| ()), Err(Error::Tensor(_))));
    let two_shapes = |vb: VarBuilder<'_>| Ok((vb.get(1, "w")?, vb.get(2, "w")?));
    let first = |(w, _): &mut (Tensor, Tensor), _: Key| w.sum_all();
    let refused = FlatModel::new(two_shapes, first).map(|_| ());
    assert!(matches!(&refused, Err(Error::Invalid { field, .. }) if field.contains("`w`")), "{refused:?}");
    let nothing = |_: VarBuilder<'_>| Ok(());
    assert!(matches!(
        FlatModel::new(nothing, |(): &mut (), _| Tensor::new(0f32, &Device::Cpu)).map(|_| ()),
        Err(Error::Invalid { .. })
    ));
}

#[test]
fn initial_values_follow_their_key_and_their_distribution() -> Test {
    let build = |vb: VarBuilder<'_>| {
        let deep = vb.get_with_hints((100, 50), "deep", Init::Randn { mean: 2.0, stdev: 0.5 })?;
        let flat = vb.get_with_hints(1000, "flat", Init::Uniform { lo: -1.0, up: 3.0 })?;
        Ok((deep, flat, vb.get_with_hints(7, "constant", Init::Const(0.25))?))
    };
    type Tensors = (Tensor, Tensor, Tensor);
    let values = |key: u64| -> Result<Vec<f64>> {
        let loss = |(deep, _, _): &mut Tensors, _: Key| deep.sum_all();
        to_f64s(&*FlatModel::with(ModelOptions::default().key(Key::new(key)), build, loss)?.values()?)
    };
    let (one, other) = (values(1)?, values(2)?);
    assert_eq!(one, values(1)?);
    assert!(one[..6000].iter().zip(&other).all(|(a, b)| a != b));
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let deviation = |v: &[f64]| mean(&v.iter().map(|x| (x - mean(v)).powi(2)).collect::<Vec<_>>()).sqrt();
    assert!((mean(&one[..5000]) - 2.0).abs() < 0.03 && (deviation(&one[..5000]) - 0.5).abs() < 0.03);
    assert!((mean(&one[5000..6000]) - 1.0).abs() < 0.15 && one[5000..6000].iter().all(|x| (-1.0..=3.0).contains(x)));
    assert_eq!(one[6000..], [0.25; 7]);
    Ok(())
}

/// Σ (wᵢ − ½)², without operations that bf16 lacks on the CPU.
fn halves(w: &Tensor) -> candle_core::Result<Tensor> {
    (w - 0.5)?.sqr()?.sum_all()
}

#[test]
fn a_bf16_model_is_searched_in_f32() -> Test {
    let options = ModelOptions::default().dtype(DType::BF16).init("w", Init::Const(1.0)).scale("w", 0.5);
    let mut model = FlatModel::with(options, |vb: VarBuilder<'_>| vb.get(8, "w"), |w: &mut Tensor, _| halves(w))?;
    assert_eq!((model.space().dtype(), model.model().dtype()), (DType::F32, DType::BF16));
    assert_eq!(to_f64s(&model.space().start())?, [2.0; 8]);
    assert_eq!(model.evaluate(&Batch::one(&model.space().start())?)?, [2.0]);
    let third = CowTensor::new(Tensor::full(2f32 / 3.0, 8, &Device::Cpu)?);
    model.load(&third)?;
    // 1/3 to eight bits.
    assert_eq!(model.model().to_dtype(DType::F64)?.to_vec1::<f64>()?, [171.0 / 512.0; 8]);
    let (_, gradient) = model.gradient(&model.space().start())?.ok_or("a gradient")?;
    assert_eq!((gradient.dtype(), to_f64s(&gradient)?), (DType::F32, vec![0.5; 8]));
    let mut other = CowTensor::new(Tensor::zeros(8, DType::BF16, &Device::Cpu)?);
    model.swap(&mut other)?;
    assert_eq!(model.evaluate(&Batch::one(&model.space().start())?)?, [2.0]);
    Ok(())
}

#[test]
fn a_model_may_ask_for_integers_beside_its_floats() -> Test {
    let build = |vb: VarBuilder<'static>| {
        let layer = vb.clone().set_dtype(DType::U32).get((), "layer")?;
        let code = vb.clone().set_dtype(DType::U8).get((2, 2), "code")?;
        Ok((layer, code, vb.get(3, "weights")?))
    };
    let options = ModelOptions::default()
        .domain("layer", Domain::Category { choices: 6 })
        .levels("weights", [-0.5, 0.0, 0.5])
        .when("code", "layer", [4.0, 5.0]);
    let loss = |(layer, _, weights): &mut (Tensor, Tensor, Tensor), _| {
        layer.to_dtype(DType::F32)?.affine(1.0, -4.0)?.sqr()? + weights.sqr()?.sum_all()?
    };
    let mut model = FlatModel::with(options, build, loss)?;
    let at = |values: [f32; 8]| Tensor::new(&values, &Device::Cpu);
    for (given, losses, code) in [
        ([4.0, 1.0, 2.0, 3.0, 255.0, 0.4, 0.1, -9.0], 0.5, [[1u8, 2], [3, 255]]),
        ([1.0, 1.0, 2.0, 3.0, 255.0, 0.0, 0.0, 0.0], 9.0, [[0, 0], [0, 0]]),
    ] {
        let there = model.space().encode(&at(given)?)?;
        assert_eq!(model.evaluate(&Batch::one(&there)?)?, [losses]);
        assert_eq!(
            (model.model().0.to_scalar::<u32>()?, model.model().1.to_vec2::<u8>()?),
            (given[0] as u32, code.map(|row| row.to_vec()).to_vec())
        );
        assert_eq!(model.tensors()?["code"].to_vec2::<u8>()?, model.model().1.to_vec2::<u8>()?);
    }
    let mut before = model.values()?;
    let there = model.space().encode(&at([3.0; 8])?)?;
    model.load(&there)?;
    model.swap(&mut before)?;
    assert_eq!(model.model().0.to_scalar::<u32>()?, 1, "integers follow what is exchanged");
    let whole = |dtype| FlatModel::with(ModelOptions::default().dtype(dtype), build, loss).map(drop);
    assert!(matches!(whole(DType::BF16), Err(Error::Invalid { .. })), "all u32s do not fit into a buffer of bf16s");
    Ok(())
}
