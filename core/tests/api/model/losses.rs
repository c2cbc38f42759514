//! Losses of any dtype and shape are their mean, as the host has it in f64.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarMap;
use moths_core::{
    Batch, CowTensor, Error, FlatModel, Objective, Result, Space, TensorFunction, VarMapModel, tensor::host::to_f64s,
};

use crate::toy::Test;

const DTYPES: [DType; 10] =
    [DType::U8, DType::U32, DType::I16, DType::I32, DType::I64, DType::BF16, DType::F16, DType::F32, DType::F64, DType::F8E4M3];

/// The losses that a flat model and one on variables make of this one.
fn losses(loss: &Tensor) -> Result<[f64; 2]> {
    let vars = VarMap::new();
    let var = Var::from_tensor(&Tensor::new(&[0f32], &Device::Cpu)?)?;
    vars.data().lock().map_err(|e| Error::Objective(e.to_string()))?.insert("w".into(), var);
    let (one, other) = (loss.clone(), loss.clone());
    let mut flat = FlatModel::new(|vb| vb.get(1, "w"), move |_: &mut Tensor, _| Ok(one.clone()))?;
    let mut on_vars = VarMapModel::new(&vars, move |_| Ok(other.clone()))?;
    let of = |model: &mut dyn Objective| -> Result<f64> { Ok(model.evaluate(&Batch::one(&model.space().start())?)?[0]) };
    Ok([of(&mut flat)?, of(&mut on_vars)?])
}

/// The mean on the host, of the numbers that the dtype made of them.
fn host_mean(tensor: &Tensor) -> Result<f64> {
    // candle's own way from f8 to f64 has no end.
    let tensor = if tensor.dtype() == DType::F8E4M3 { tensor.to_dtype(DType::F32)? } else { tensor.clone() };
    let numbers: Vec<f64> = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
    Ok(numbers.iter().sum::<f64>() / numbers.len() as f64)
}

#[test]
fn losses_of_every_dtype_and_shape_are_averaged_in_f64() -> Test {
    let numbers: Vec<f64> = (0..2500).map(|i| f64::from(i * 37 % 101) / 8.0).collect();
    for dtype in DTYPES {
        for shape in [vec![], vec![1], vec![7], vec![1000], vec![3, 5, 160], vec![1, 1]] {
            let n = shape.iter().product::<usize>();
            let loss = Tensor::new(&numbers[40..40 + n.max(1)], &Device::Cpu)?.to_dtype(dtype)?.reshape(shape.as_slice())?;
            let expected = host_mean(&loss)?;
            for found in losses(&loss)? {
                assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{shape:?} in {dtype:?}: {found} for {expected}");
            }
        }
    }
    Ok(())
}

#[test]
fn what_a_narrow_dtype_cannot_add_up_is_averaged_all_the_same() -> Test {
    let ones = |dtype| Tensor::ones(1000, dtype, &Device::Cpu);
    for dtype in DTYPES {
        assert_eq!(losses(&ones(dtype)?)?, [1.0; 2], "{dtype:?}");
    }
    let large = Tensor::full(60_000f32, 1000, &Device::Cpu)?.to_dtype(DType::F16)?;
    assert_eq!(losses(&large)?, [60_000.0; 2], "and not ∞");
    let far = Tensor::new(&[(1i64 << 53) + 2, -(1i64 << 53)], &Device::Cpu)?;
    assert_eq!(losses(&far)?, [1.0; 2]);
    Ok(())
}

#[test]
fn a_share_of_errors_is_the_share() -> Test {
    let (said, right) = (Tensor::new(&[1u32, 2, 3, 4], &Device::Cpu)?, Tensor::new(&[1u32, 0, 0, 0], &Device::Cpu)?);
    let errors = said.ne(&right)?;
    assert_eq!(errors.dtype(), DType::U8);
    assert_eq!(losses(&errors)?, [0.75; 2]);
    Ok(())
}

#[test]
fn a_function_of_tensors_may_count_too() -> Test {
    for dtype in DTYPES {
        let mut function = TensorFunction::new(Space::real(2)?, move |x| x.sum(1)?.to_dtype(dtype));
        let points = CowTensor::new(Tensor::new(&[[1f64, 2.0], [3.0, 4.0]], &Device::Cpu)?);
        assert_eq!(function.evaluate(&Batch::Dense(points))?, [3.0, 7.0], "{dtype:?}");
    }
    Ok(())
}

#[test]
fn a_loss_without_a_number_is_refused() -> Test {
    for dtype in [DType::F32, DType::U8] {
        let nothing = losses(&Tensor::zeros((0, 3), dtype, &Device::Cpu)?);
        assert!(matches!(&nothing, Err(Error::Shape { what, got, .. }) if what == "loss" && got == "[0, 3]"), "{nothing:?}");
    }
    Ok(())
}

#[test]
fn the_gradient_of_several_losses_is_that_of_their_mean() -> Test {
    for dtype in [DType::F32, DType::F64, DType::BF16] {
        let options = moths_core::ModelOptions::default().dtype(dtype).scale("w", 1.0);
        let mut model = FlatModel::with(options, |vb| vb.get(4, "w"), |w: &mut Tensor, _| w.affine(3.0, 1.0))?;
        let (loss, gradient) = model.gradient(&model.space().start())?.ok_or("a gradient")?;
        assert_eq!((loss, to_f64s(&gradient)?), (1.0, vec![0.75; 4]), "{dtype:?}");
    }
    Ok(())
}

#[test]
fn a_loss_that_counts_has_no_gradient() -> Test {
    let count = |w: &mut Tensor, _| w.gt(0f32);
    let mut model = FlatModel::new(|vb| vb.get(4, "w"), count)?;
    assert!(model.gradient(&model.space().start())?.is_none(), "rather than zeros");
    Ok(())
}

#[test]
fn a_model_whose_every_loss_fails_says_so() -> Test {
    use crate::toy::Walk;
    use moths_core::{Key, Stop, minimize, run::Reason};
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut model = FlatModel::new(|vb| vb.get(2, "w"), move |w: &mut Tensor, _| w.affine(0.0, f64::from(bad))?.sum_all())?;
        let mut walk = Walk::new(model.space(), Key::new(1), 3)?;
        let end = minimize(&mut walk, &mut model, &Stop::evaluations(40));
        let told = matches!(end, Err(Error::AllFailed { evaluations: 40, reason: Reason::Evaluations }));
        assert!(told, "{bad}: {end:?}");
    }
    Ok(())
}

#[test]
fn starts_that_are_not_finite_are_refused_searched_or_frozen() -> Test {
    use candle_nn::Init;
    use moths_core::ModelOptions;
    let build = |vb: candle_nn::VarBuilder<'_>| Ok((vb.get(2, "w")?, vb.get(3, "kept")?));
    let with =
        |options: ModelOptions| FlatModel::with(options, build, |(w, _): &mut (Tensor, Tensor), _| w.sum_all()).map(|_| ());
    let named = |result: Result<()>, name: &str| matches!(&result, Err(Error::Invalid { field, .. }) if field.contains(name));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(named(with(ModelOptions::default().init("w", Init::Const(bad))), "w[0]"), "{bad}");
        assert!(named(with(ModelOptions::default().freeze("kept").init("kept", Init::Const(bad))), "kept[0]"), "{bad}");
    }
    let large = ModelOptions::default().dtype(DType::F16).freeze("kept").init("kept", Init::Const(1e6));
    assert!(named(with(large), "kept[0]"), "f16 has no 1e6");
    Ok(())
}
