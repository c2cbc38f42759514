//! Models whose variables stand in a `VarMap`.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarMap;
use moths_core::{Batch, CowTensor, Error, Key, ModelOptions, Objective, Result, VarMapModel};

use super::{flat, on_var_map};
use crate::toy::{Test, distance};

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

    // In f64, which holds the integers of all; in the order of names: byte, count, half, long.
    let far = CowTensor::new(Tensor::new(&[1e6f64, 7.4, -1e6, 0.25, 2.5], &Device::Cpu)?);
    model.load(&far)?;
    assert_eq!((byte.to_vec1::<u8>()?, count.to_vec1::<u32>()?), (vec![255], vec![7, 0]));
    assert_eq!((long.to_vec1::<i64>()?, kept.to_vec1::<f32>()?), (vec![3], vec![9.0]));
    assert_eq!(half.dtype(), DType::BF16);
    Ok(())
}

#[test]
fn variables_that_are_not_finite_are_refused_by_name() -> Test {
    let vars = VarMap::new();
    let var = Var::from_tensor(&Tensor::new(&[0.5f32, f32::NAN], &Device::Cpu)?)?;
    vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?.insert("w".into(), var);
    let refused = VarMapModel::new(&vars, |_| Tensor::new(0f32, &Device::Cpu)).err();
    assert!(matches!(&refused, Some(Error::Invalid { field, .. }) if field.contains("w[1]")), "{refused:?}");
    let options = ModelOptions::default().init("fc1.bias", candle_nn::Init::Const(f64::INFINITY));
    let build = |vb: candle_nn::VarBuilder<'_>| candle_nn::linear(2, 2, vb.pp("fc1"));
    let refused = moths_core::FlatModel::with(options, build, |fc, _| fc.weight().sum_all()).err();
    assert!(matches!(&refused, Some(Error::Invalid { field, .. }) if field.contains("fc1.bias[0]")), "{refused:?}");
    Ok(())
}

#[test]
fn an_empty_var_map_has_nothing_to_search() {
    let empty = VarMapModel::new(&VarMap::new(), |_| Tensor::new(0f32, &Device::Cpu));
    assert!(matches!(empty.map(|_| ()), Err(Error::Invalid { .. })));
}
