//! Candidates reach the layers, and the model's memory.

use candle_core::{DType, Device, Tensor};
use moths_core::{
    CowTensor, Error, Key, ModelOptions, Objective,
    space::Domain,
    tensor::host::{read, to_f64s},
};

use super::{PARAMETERS, flat, on_var_map, some_batch};
use crate::toy::Test;

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
fn swapping_exchanges_the_values() -> Test {
    let mut model = flat(ModelOptions::default(), DType::F32)?;
    let before = to_f64s(&*model.values()?)?;
    let mut values = CowTensor::new(Tensor::arange(0f32, PARAMETERS as f32, &Device::Cpu)?);
    model.swap(&mut values)?;
    assert_eq!(model.model().fc1.weight().to_vec2::<f32>()?[1], [3.0, 4.0, 5.0]);
    assert_eq!(to_f64s(&values)?, before);
    model.swap(&mut values)?;
    assert_eq!(to_f64s(&*model.values()?)?, before);
    Ok(())
}

#[test]
fn swapping_copies_nothing() -> Test {
    if std::env::var_os("MOTHS_ELSEWHERE").is_some() {
        return Ok(()); // between memories, it does
    }
    let mut model = flat(ModelOptions::default(), DType::F32)?;
    let address = |t: &Tensor| read::<f32, _>(t, |v| v.as_ptr() as usize);
    let mut values = CowTensor::new(Tensor::arange(0f32, PARAMETERS as f32, &Device::Cpu)?);
    let (model_memory, own_memory) = (address(&model.model().fc1.weight().flatten_all()?)?, address(&values)?);
    model.swap(&mut values)?;
    assert_eq!((address(&model.model().fc1.weight().flatten_all()?)?, address(&values)?), (own_memory, model_memory));
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
