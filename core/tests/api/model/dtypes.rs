//! Models in narrow dtypes: what the layers see is inside the bounds, finite, and what the space says it is.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use moths_core::{
    Batch, CowTensor, Error, FlatModel, Key, ModelOptions, Objective, Result, Sampler, VarMapModel, objective::Probe,
};

use crate::toy::Test;

const DTYPES: [DType; 4] = [DType::F32, DType::F64, DType::BF16, DType::F16];
const BOUNDS: [(f64, f64); 6] = [(0.0, 0.3), (-0.7, 0.1), (0.0, 1e5), (1e-6, 1.0), (1000.0, 1010.0), (0.5, 0.5)];

fn zero() -> candle_core::Result<Tensor> {
    Tensor::new(0f32, &Device::Cpu)
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?)
}

/// Points around the start, some of them far away, and at both ends.
fn points(objective: &dyn Objective) -> Result<Vec<CowTensor>> {
    let space = objective.space();
    let probe = |i: u64| Probe::new(Key::new(i), [0.3, 3.0, 1e37][i as usize % 3]);
    let batch = Batch::seeded(&space.start(), Sampler::Normal, (0..30).map(probe).collect::<Vec<_>>());
    let end = |x: f64| Ok(Tensor::full(x, space.dim(), &Device::Cpu)?.to_dtype(space.dtype())?.into());
    (0..batch.len()).map(|i| batch.row(i, space)).chain([f64::INFINITY, f64::NEG_INFINITY].map(end)).collect()
}

fn flat(dtype: DType, bounds: Option<(f64, f64)>) -> Result<FlatModel<Tensor>> {
    let options = ModelOptions::default().dtype(dtype);
    let options = bounds.map_or(options.clone(), |(lo, hi)| options.bounds("w", lo, hi));
    FlatModel::with(options, |vb: VarBuilder<'_>| vb.get((3, 4), "w"), |_: &mut Tensor, _| zero())
}

fn on_var(dtype: DType, bounds: Option<(f64, f64)>) -> Result<(Var, VarMapModel)> {
    let (vars, var) = (VarMap::new(), Var::from_tensor(&Tensor::zeros((3, 4), dtype, &Device::Cpu)?)?);
    vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?.insert("w".into(), var.clone());
    let bounded = |leaf: moths_core::Leaf| bounds.map_or(leaf.clone(), |(lo, hi)| leaf.bounds(lo, hi));
    Ok((var, VarMapModel::with_leaves(&vars, bounded, |_| zero())?))
}

#[test]
fn layers_see_what_is_inside_and_what_the_space_says() -> Test {
    for dtype in DTYPES {
        for (lo, hi) in BOUNDS {
            let inside = |values: &[f64]| values.iter().all(|v| (lo..=hi).contains(v));
            let mut model = flat(dtype, Some((lo, hi)))?;
            let (var, mut on_var) = on_var(dtype, Some((lo, hi)))?;
            for point in points(&model)? {
                model.load(&point)?;
                on_var.load(&point)?;
                let said = numbers(&model.space().tensors(&*model.space().decode(&point)?)?[0].1)?;
                let (seen, held) = (numbers(model.model())?, numbers(&var)?);
                assert!(inside(&seen) && inside(&held), "[{lo}, {hi}] in {dtype:?}: {seen:?} and {held:?}");
                assert_eq!((&seen, numbers(&model.tensors()?["w"])?), (&said, said.clone()), "[{lo}, {hi}] in {dtype:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn no_parameter_of_a_finite_point_is_infinite() -> Test {
    for dtype in DTYPES {
        let mut model = flat(dtype, None)?;
        let (var, mut on_var) = on_var(dtype, None)?;
        for point in points(&model)? {
            if numbers(&point)?.iter().any(|x| x.is_infinite()) {
                continue;
            }
            model.load(&point)?;
            on_var.load(&point)?;
            for values in [numbers(model.model())?, numbers(&var)?] {
                assert!(values.iter().all(|v| v.is_finite()), "{values:?} in {dtype:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn bounds_without_a_number_of_the_dtype_are_refused_by_name() -> Test {
    for (dtype, bounds) in [(DType::F16, (7e4, 8e4)), (DType::BF16, (0.3, 0.3001))] {
        let refusals = [flat(dtype, Some(bounds)).map(|_| ()), on_var(dtype, Some(bounds)).map(|_| ())];
        for refused in refusals {
            let told = matches!(&refused, Err(Error::Invalid { field, valid, .. })
                if field == "leaf w.bounds" && valid.contains(dtype.as_str()));
            assert!(told, "{refused:?}");
        }
    }
    Ok(())
}

#[test]
fn variables_of_all_integer_dtypes_are_searched() -> Test {
    for dtype in [DType::U8, DType::U32, DType::I16, DType::I32, DType::I64] {
        let var = Var::from_tensor(&Tensor::new(&[3i64, 5], &Device::Cpu)?.to_dtype(dtype)?)?;
        let vars = VarMap::new();
        vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?.insert("n".into(), var.clone());
        let seen = Arc::new(var);
        let loss = seen.clone();
        let mut model = VarMapModel::new(&vars, move |_| loss.as_tensor().to_dtype(DType::F64)?.sum_all())?;
        assert_eq!(model.evaluate(&Batch::one(&model.space().start())?)?, [8.0], "{dtype:?}");
        for point in points(&model)? {
            model.load(&point)?;
            assert!(numbers(&seen)?.iter().all(|v| v.fract() == 0.0));
        }
    }
    Ok(())
}

#[test]
fn variables_without_effect_are_found() -> Test {
    let vars = VarMap::new();
    let builder = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
    let (used, _) = (builder.get(3, "used")?, builder.get(2, "forgotten")?);
    let mut model = VarMapModel::new(&vars, move |_| used.sqr()?.sum_all())?;
    let ones = CowTensor::new(Tensor::ones(5, DType::F32, &Device::Cpu)?);
    model.load(&ones)?;
    assert_eq!(model.without_effect()?, ["forgotten"]);
    let held = vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?;
    assert_eq!(numbers(&held["used"])?, [f64::from(0.1f32); 3], "they are what they were");
    Ok(())
}
