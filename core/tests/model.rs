//! candle models as objectives: the losses and gradients that candle itself has, whichever way the model is held.

use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Module, Tensor, Var};
use candle_nn::{Init, Linear, VarBuilder, VarMap, linear, loss::mse};
use moths_core::{
    Batch, CowTensor, Domain, Error, FlatModel, Keep, Key, ModelOptions, Objective, Probe, Result, Sampler, State, VarMapModel,
    host::{read, to_f64s},
};
use toy::{Test, distance};

mod toy;

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
    FlatModel::with(options.dtype(dtype), Mlp::new, move |mlp: &Mlp, _| mlp.loss(dtype))
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
    let probes: Vec<Probe> = (0..n).map(|i| Probe { seed: Key::new(i).into(), scale: 0.5, draw: 0 }).collect();
    Batch::seeded(&objective.space().start(), Sampler::Normal, probes)
}

#[test]
fn leaves_come_in_the_order_the_model_asks_for_them() -> Test {
    let model = flat(ModelOptions::default(), DType::F32)?;
    let leaves: Vec<(&str, &[usize])> = model.space().leaves().iter().map(|l| (l.name(), l.shape())).collect();
    let expected: [(&str, &[usize]); 4] =
        [("fc1.weight", &[5, 3]), ("fc1.bias", &[5]), ("fc2.weight", &[2, 5]), ("fc2.bias", &[2])];
    assert_eq!(leaves, expected);
    assert_eq!((model.space().dim(), model.space().dtype()), (PARAMETERS, DType::F32));
    Ok(())
}

#[test]
fn a_flat_model_has_the_losses_of_the_same_model_on_variables() -> Test {
    for dtype in [DType::F32, DType::F64] {
        let mut model = flat(ModelOptions::default().key(Key::new(3)), dtype)?;
        let batch = some_batch(&model, 6);
        let losses = model.evaluate(&batch)?;
        for (i, loss) in losses.iter().enumerate() {
            model.load(&batch.row(i, model.space())?)?;
            let (_, twin) = on_var_map(&model, dtype)?;
            let there: f64 = twin.loss(dtype)?.to_dtype(DType::F64)?.to_scalar()?;
            assert_eq!(loss.to_bits(), there.to_bits(), "{dtype:?}, candidate {i}");
        }
        assert!(losses.windows(2).all(|w| w[0] != w[1]), "{losses:?}");
    }
    Ok(())
}

#[test]
fn the_model_begins_with_the_parameters_the_search_starts_at() -> Test {
    let options = ModelOptions::default().bounds("fc1.weight", -0.01, 0.01).domain("fc1.bias", Domain::Integer { lo: -2, hi: 2 });
    for mut model in [flat(ModelOptions::default(), DType::F32)?, flat(options, DType::F32)?] {
        let fresh = to_f64s(&*model.values()?)?;
        model.load(&model.space().start())?;
        assert_eq!(fresh, to_f64s(&*model.values()?)?);
    }
    Ok(())
}

#[test]
fn layers_see_the_candidate_that_was_loaded() -> Test {
    let mut model = flat(ModelOptions::default().scale("fc1.weight", 0.5), DType::F32)?;
    let point = CowTensor::new(Tensor::arange(0f32, PARAMETERS as f32, &Device::Cpu)?);
    model.load(&point)?;
    assert_eq!(model.model().fc1.weight().to_vec2::<f32>()?[1], [1.5, 2.0, 2.5], "scaled");
    assert_eq!(to_f64s(&*model.values()?)?, to_f64s(&*model.space().decode(&point)?)?);
    let tensors = model.tensors()?;
    assert_eq!(tensors["fc1.weight"].to_vec2::<f32>()?, model.model().fc1.weight().to_vec2::<f32>()?);
    assert_eq!(tensors.len(), 4);
    model.load(&model.space().start())?;
    assert_eq!(tensors["fc1.weight"].to_vec2::<f32>()?[1], [1.5, 2.0, 2.5], "and copies do not");
    Ok(())
}

#[test]
fn swapping_exchanges_memory_and_copies_nothing() -> Test {
    let mut model = flat(ModelOptions::default(), DType::F32)?;
    let address = |t: &Tensor| read::<f32, _>(t, |v| v.as_ptr() as usize);
    let before = to_f64s(&*model.values()?)?;
    let mut values = CowTensor::new(Tensor::arange(0f32, PARAMETERS as f32, &Device::Cpu)?);
    let (model_memory, own_memory) = (address(&model.model().fc1.weight().flatten_all()?)?, address(&values)?);
    model.swap(&mut values)?;
    assert_eq!(model.model().fc1.weight().to_vec2::<f32>()?[1], [3.0, 4.0, 5.0]);
    assert_eq!(to_f64s(&values)?, before);
    assert_eq!((address(&model.model().fc1.weight().flatten_all()?)?, address(&values)?), (own_memory, model_memory));
    model.swap(&mut values)?;
    assert_eq!(to_f64s(&*model.values()?)?, before);
    Ok(())
}

#[test]
fn what_cannot_be_swapped_is_refused() -> Test {
    let mut model = flat(ModelOptions::default(), DType::F32)?;
    let before = to_f64s(&*model.values()?)?;
    let long = Tensor::arange(0f32, PARAMETERS as f32 + 8.0, &Device::Cpu)?;
    let wrong = [
        long.copy()?,
        long.narrow(0, 8, PARAMETERS)?,
        Tensor::zeros(PARAMETERS, DType::F64, &Device::Cpu)?,
        Tensor::zeros((1, PARAMETERS), DType::F32, &Device::Cpu)?,
    ];
    for tensor in wrong {
        let mut values = CowTensor::new(tensor);
        assert!(model.swap(&mut values).is_err(), "{values:?}");
    }
    let mut held = model.values()?;
    let _other = held.clone();
    assert!(matches!(model.swap(&mut held), Err(Error::Unsupported { .. })));
    assert_eq!(to_f64s(&*model.values()?)?, before);
    Ok(())
}

/// candle's own gradient at the parameters a model has, in the order of its leaves.
fn candles_gradient(model: &FlatModel<Mlp>, dtype: DType) -> Result<Vec<f64>> {
    let (vars, twin) = on_var_map(model, dtype)?;
    let gradients = twin.loss(dtype)?.backward()?;
    let vars = vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?;
    let mut flat = vec![];
    for leaf in model.space().leaves() {
        let gradient = gradients.get(&vars[leaf.name()]).ok_or(Error::Objective("no gradient".into()))?;
        flat.extend(to_f64s(&gradient.flatten_all()?)?);
    }
    Ok(flat)
}

#[test]
fn the_gradient_is_candles_by_the_scales() -> Test {
    for dtype in [DType::F32, DType::F64] {
        let mut model = flat(ModelOptions::default().scale("fc1", 0.25).scale("fc2", 2.0), dtype)?;
        let at = some_batch(&model, 1).row(0, model.space())?;
        let (loss, gradient) = model.gradient(&at)?.ok_or("a gradient")?;
        assert_eq!(loss, model.evaluate(&Batch::one(&at)?)?[0]);
        let candle = candles_gradient(&model, dtype)?;
        let scales = [0.25; 20].into_iter().chain([2.0; 12]);
        let expected: Vec<f64> = candle.iter().zip(scales).map(|(g, scale)| g * scale).collect();
        assert_eq!(to_f64s(&gradient)?, expected);
    }
    Ok(())
}

#[test]
fn the_gradient_is_that_of_finite_differences() -> Test {
    let options = ModelOptions::default().scale("fc1.weight", 0.1).bounds("fc2.weight", -3.0, 3.0);
    let mut model = flat(options, DType::F64)?;
    let at = some_batch(&model, 1).row(0, model.space())?;
    let gradient = to_f64s(&model.gradient(&at)?.ok_or("a gradient")?.1)?;
    let x = to_f64s(&at)?;
    for i in 0..PARAMETERS {
        let mut loss = |h: f64| -> Result<f64> {
            let mut x = x.clone();
            x[i] += h;
            Ok(model.evaluate(&Batch::one(&CowTensor::new(Tensor::new(x, &Device::Cpu)?))?)?[0])
        };
        let slope = (loss(1e-5)? - loss(-1e-5)?) / 2e-5;
        assert!((slope - gradient[i]).abs() < 1e-7 * (1.0 + slope.abs()), "coordinate {i}: {slope} and {}", gradient[i]);
    }
    Ok(())
}

#[test]
fn asking_for_a_gradient_leaves_the_loaded_candidate_alone() -> Test {
    let mut model = flat(ModelOptions::default(), DType::F32)?;
    model.load(&some_batch(&model, 1).row(0, model.space())?)?;
    let before = to_f64s(&*model.values()?)?;
    model.gradient(&model.space().start())?;
    assert_eq!(to_f64s(&*model.values()?)?, before);
    Ok(())
}

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
    let probes: Vec<Probe> = (0..9).map(|i| Probe { seed: Key::new(i).into(), scale: 9.0, draw: 0 }).collect();
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
    assert!(matches!(FlatModel::new(changing, |w: &Tensor, _| w.sum_all()).map(|_| ()), Err(Error::Tensor(_))));
    let two_shapes = |vb: VarBuilder<'_>| Ok((vb.get(1, "w")?, vb.get(2, "w")?));
    let first = |(w, _): &(Tensor, Tensor), _: Key| w.sum_all();
    assert!(matches!(FlatModel::new(two_shapes, first).map(|_| ()), Err(Error::Tensor(_))));
    let nothing = |_: VarBuilder<'_>| Ok(());
    assert!(matches!(
        FlatModel::new(nothing, |(): &(), _| Tensor::new(0f32, &Device::Cpu)).map(|_| ()),
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
        let loss = |(deep, _, _): &Tensors, _: Key| deep.sum_all();
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

/// The keys a stochastic loss is given.
fn keys_seen(model: &mut FlatModel<Mlp>, seen: &Mutex<Vec<Key>>, draws: &[u32]) -> Result<Vec<Key>> {
    let probes: Vec<Probe> = draws.iter().map(|draw| Probe { seed: Key::new(1).into(), scale: 0.1, draw: *draw }).collect();
    model.evaluate(&Batch::seeded(&model.space().start(), Sampler::Normal, probes))?;
    Ok(std::mem::take(&mut *seen.lock().map_err(|e| Error::Objective(e.to_string()))?))
}

#[test]
fn stochastic_losses_are_given_one_key_a_refresh_and_draw() -> Test {
    let seen = Arc::new(Mutex::new(vec![]));
    let model = || {
        let seen = seen.clone();
        FlatModel::with(ModelOptions::default().stochastic(), Mlp::new, move |mlp: &Mlp, key| {
            seen.lock().map_err(|e| candle_core::Error::msg(e.to_string()))?.push(key);
            mlp.loss(DType::F32)
        })
    };
    let mut one = model()?;
    assert!(one.stochastic());
    let first = keys_seen(&mut one, &seen, &[0, 0, 1, 1, 2])?;
    assert!(first[0] == first[1] && first[2] == first[3] && first[0] != first[2] && first[2] != first[4]);
    assert_eq!(keys_seen(&mut one, &seen, &[0, 0, 1, 1, 2])?, first, "within a step everything sees the same data");
    one.gradient(&one.space().start())?;
    assert_eq!(keys_seen(&mut one, &seen, &[0])?, [first[0], first[0]], "and so does a gradient");

    one.refresh()?;
    let second = keys_seen(&mut one, &seen, &[0, 1, 2])?;
    assert!(second.iter().all(|key| !first.contains(key)), "after a refresh all data are new");

    // Where the data are is state: a run that is resumed goes on with the data that come next.
    let mut other = model()?;
    State::of(&mut one)?.restore(&mut other, Keep::Nothing)?;
    assert_eq!(keys_seen(&mut other, &seen, &[0, 1, 2])?, second);
    Ok(())
}

/// Σ (wᵢ − ½)², without operations that bf16 lacks on the CPU.
fn halves(w: &Tensor) -> candle_core::Result<Tensor> {
    (w - 0.5)?.sqr()?.sum_all()
}

#[test]
fn a_bf16_model_is_searched_in_f32() -> Test {
    let options = ModelOptions::default().dtype(DType::BF16).init("w", Init::Const(1.0)).scale("w", 0.5);
    let mut model = FlatModel::with(options, |vb: VarBuilder<'_>| vb.get(8, "w"), |w: &Tensor, _| halves(w))?;
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
fn a_var_map_is_taken_in_the_order_of_names_and_starts_where_it_is() -> Test {
    let template = flat(ModelOptions::default().key(Key::new(5)), DType::F32)?;
    let (vars, twin) = on_var_map(&template, DType::F32)?;
    let mut model = VarMapModel::new(&vars, move |_| twin.loss(DType::F32))?;
    let names: Vec<&str> = model.space().leaves().iter().map(|l| l.name()).collect();
    assert_eq!(names, ["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight"]);
    let mut flat = flat(ModelOptions::default().key(Key::new(5)), DType::F32)?;
    let here = model.evaluate(&Batch::one(&model.space().start())?)?;
    let there = flat.evaluate(&Batch::one(&flat.space().start())?)?;
    assert!((here[0] - there[0]).abs() < 1e-6, "{here:?} and {there:?}");
    Ok(())
}

#[test]
fn a_var_map_has_the_gradient_of_the_flat_model() -> Test {
    let mut flat = flat(ModelOptions::default().scale("fc1", 0.5).scale("fc2", 0.5), DType::F64)?;
    let (vars, twin) = on_var_map(&flat, DType::F64)?;
    let mut model = VarMapModel::with_leaves(&vars, |leaf| leaf.scale(0.5), move |_| twin.loss(DType::F64))?;
    let (loss, gradient) = flat.gradient(&flat.space().start())?.ok_or("a gradient")?;
    let (again, by_name) = model.gradient(&model.space().start())?.ok_or("a gradient")?;
    assert!((loss - again).abs() < 1e-12);
    // fc1.weight, fc1.bias, fc2.weight, fc2.bias here; each bias before its weight there.
    let parts = [by_name.narrow(0, 5, 15)?, by_name.narrow(0, 0, 5)?, by_name.narrow(0, 22, 10)?, by_name.narrow(0, 20, 2)?];
    assert!(distance(&gradient, &Tensor::cat(&parts, 0)?)? < 1e-12);
    Ok(())
}

#[test]
fn integer_variables_are_integer_leaves_and_any_dtypes_go_together() -> Test {
    let vars = VarMap::new();
    let insert = |name: &str, tensor: Tensor| -> Result<Var> {
        let var = Var::from_tensor(&tensor)?;
        vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?.insert(name.into(), var.clone());
        Ok(var)
    };
    let count = insert("count", Tensor::new(&[3u32, 4], &Device::Cpu)?)?;
    let byte = insert("byte", Tensor::new(&[250u8], &Device::Cpu)?)?;
    let long = insert("long", Tensor::new(&[-7i64], &Device::Cpu)?)?;
    let half = insert("half", Tensor::new(&[0.5f32], &Device::Cpu)?.to_dtype(DType::BF16)?)?;
    let kept = insert("kept", Tensor::new(&[9f32], &Device::Cpu)?)?;
    let seen = (count.clone(), byte.clone());
    let loss = move |_| seen.0.to_dtype(DType::F32)?.sum_all()? + seen.1.to_dtype(DType::F32)?.sum_all()?;
    let mut model = VarMapModel::with_leaves(
        &vars,
        |leaf| {
            let frozen = leaf.name() == "kept";
            leaf.frozen(frozen)
        },
        loss,
    )?;
    assert_eq!((model.space().dim(), model.space().is_discrete()), (5, true));
    assert_eq!(model.evaluate(&Batch::one(&model.space().start())?)?, [257.0], "it starts at the values it has");
    assert!(model.gradient(&model.space().start())?.is_none());

    // In the order of names: byte, count, half, long.
    let far = CowTensor::new(Tensor::new(&[1e6f32, 7.4, -1e6, 0.25, 2.5], &Device::Cpu)?);
    model.load(&far)?;
    assert_eq!((byte.to_vec1::<u8>()?, count.to_vec1::<u32>()?), (vec![255], vec![7, 0]));
    assert_eq!((long.to_vec1::<i64>()?, kept.to_vec1::<f32>()?), (vec![3], vec![9.0]));
    assert_eq!(half.dtype(), DType::BF16);
    Ok(())
}

#[test]
fn an_empty_var_map_has_nothing_to_search() {
    let empty = VarMapModel::new(&VarMap::new(), |_| Tensor::new(0f32, &Device::Cpu));
    assert!(matches!(empty.map(|_| ()), Err(Error::Invalid { .. })));
}
