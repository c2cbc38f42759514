//! Gradients are candle's own.

use candle_core::{DType, Device, Tensor};
use moths_core::{Batch, CowTensor, Error, FlatModel, ModelOptions, Objective, Result, tensor::host::to_f64s};

use super::{Mlp, PARAMETERS, flat, on_var_map, some_batch};
use crate::toy::Test;

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
