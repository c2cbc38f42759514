//! What a model answers: the losses of `evaluate`, and derivatives by the outputs that are candle's own.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{Linear, Module, VarBuilder, VarMap, linear};
use moths_core::{
    Batch, CowTensor, FlatModel, Key, ModelOptions, Objective, Sampler, VarMapModel,
    objective::{
        OutputLoss, Probe,
        layer::{Best, Budget, Pool},
    },
};

use crate::toy::Test;

type Made = FlatModel<Linear>;

/// Normal numbers, always the same.
fn normals(rows: usize, columns: usize) -> moths_core::Result<Tensor> {
    let mut numbers = CowTensor::new(Tensor::zeros(rows * columns, DType::F32, &Device::Cpu)?);
    Sampler::Normal.fill(Key::new(rows as u64 * 100 + columns as u64), &mut numbers)?;
    Ok(numbers.reshape((rows, columns))?)
}

fn inputs() -> moths_core::Result<Tensor> {
    normals(7, 3)
}

fn model(x: &Tensor, targets: &Tensor, loss: OutputLoss) -> moths_core::Result<Made> {
    let (x, targets) = (x.clone(), targets.clone());
    let forward = move |model: &mut Linear, _: Key| Ok((model.forward(&x)?, targets.clone()));
    FlatModel::with_outputs(ModelOptions::default(), |vb| linear(3, 4, vb.pp("out")), forward, loss)
}

fn batch(objective: &dyn Objective, n: u64) -> Batch {
    let probes: Vec<Probe> = (0..n).map(|i| Probe::new(Key::new(i), 0.5)).collect();
    Batch::seeded(&objective.space().start(), Sampler::Normal, probes)
}

/// Loss and derivative by the outputs, from the loss alone.
fn by_candle(loss: &OutputLoss, outputs: &Tensor, targets: &Tensor) -> moths_core::Result<(f64, Vec<f32>)> {
    let outputs = Var::from_tensor(outputs)?;
    let loss = loss.of(&outputs, targets)?;
    let slopes = loss.backward()?.get(&outputs).expect("it depends on them").flatten_all()?.to_vec1()?;
    Ok((loss.to_dtype(DType::F64)?.to_scalar()?, slopes))
}

#[test]
fn closed_forms_are_candles_derivatives() -> Test {
    let (x, classes) = (inputs()?, Tensor::new(&[0u32, 3, 1, 1, 2, 0, 3], &Device::Cpu)?);
    let numbers = normals(7, 4)?;
    let cubic = || OutputLoss::Other(Box::new(|y, t| (y - t)?.abs()?.powf(3.0)));
    let cases = [
        (OutputLoss::CrossEntropy, OutputLoss::CrossEntropy, &classes),
        (OutputLoss::MeanSquaredError, OutputLoss::MeanSquaredError, &numbers),
        (cubic(), cubic(), &numbers),
    ];
    for (loss, same, targets) in cases {
        let mut model = model(&x, targets, loss)?;
        let batch = batch(&model, 3);
        let seen = model.outputs(&batch)?.expect("a model with outputs");
        assert_eq!((seen.values.dims(), seen.slopes.dims()), (&[3, 7, 4][..], &[3, 7, 4][..]));
        assert_eq!(model.evaluate(&batch)?, *seen.losses);
        for i in 0..3 {
            let (loss, slopes) = by_candle(&same, &seen.values.get(i)?, targets)?;
            assert_eq!(loss, seen.losses[i]);
            let ours: Vec<f32> = seen.slopes.get(i)?.flatten_all()?.to_vec1()?;
            assert!(ours.iter().zip(&slopes).all(|(a, b)| (a - b).abs() < 1e-6), "{ours:?} {slopes:?}");
        }
    }
    Ok(())
}

#[test]
fn layers_pass_them_on() -> Test {
    let (x, numbers) = (inputs()?, normals(7, 4)?);
    let new = || model(&x, &numbers, OutputLoss::MeanSquaredError);
    let mut alone = new()?;
    let batch = batch(&alone, 20);
    let whole = alone.outputs(&batch)?.expect("a model with outputs");
    let mut layered = Best::new(Budget::new(Pool::new(vec![new()?, new()?, new()?])?, 20));
    let seen = (&mut layered as &mut dyn Objective).outputs_of(&batch)?.expect("passed on");
    assert_eq!(seen.losses, whole.losses);
    for (a, b) in [(&seen.values, &whole.values), (&seen.slopes, &whole.slopes)] {
        assert_eq!(a.flatten_all()?.to_vec1::<f32>()?, b.flatten_all()?.to_vec1::<f32>()?);
    }
    assert_eq!(layered.best().map(|(loss, _)| *loss), Some(whole.losses.lowest()));
    assert_eq!(layered.inner().used(), 20);
    assert!(layered.outputs(&batch).is_err(), "the budget is used up");
    Ok(())
}

#[test]
fn a_candidate_that_fails_has_no_slopes() -> Test {
    let (x, numbers) = (inputs()?, normals(7, 4)?);
    let mut model = model(&x, &numbers, OutputLoss::MeanSquaredError)?;
    let far = Tensor::full(1e30f32, model.space().dim(), &Device::Cpu)?;
    let both = Batch::Joined([Batch::one(&far.into())?, Batch::one(&model.space().start())?].into());
    let seen = model.outputs(&both)?.expect("a model with outputs");
    assert!(seen.losses[0] == f64::INFINITY && seen.losses[1].is_finite());
    let sizes = seen.slopes.abs()?.to_dtype(DType::F64)?.sum((1, 2))?.to_vec1::<f64>()?;
    assert!(sizes[0] == 0.0 && sizes[1] > 0.0, "{sizes:?}");
    Ok(())
}

#[test]
fn a_model_of_a_loss_alone_shows_none() -> Test {
    let mut model = FlatModel::new(|vb| linear(3, 4, vb.pp("out")), |model: &mut Linear, _| model.weight().sqr()?.sum_all())?;
    let batch = batch(&model, 2);
    assert!(model.outputs(&batch)?.is_none());
    Ok(())
}

#[test]
fn a_var_map_shows_its_outputs_as_well() -> Test {
    let (x, classes) = (inputs()?, Tensor::new(&[0u32, 3, 1, 1, 2, 0, 3], &Device::Cpu)?);
    let vars = VarMap::new();
    let layer = linear(3, 4, VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu))?;
    let forward = move |_| Ok((layer.forward(&x)?, classes.clone()));
    let mut model = VarMapModel::with_outputs(&vars, |leaf| leaf, forward, OutputLoss::CrossEntropy)?;
    let batch = batch(&model, 4);
    let seen = model.outputs(&batch)?.expect("a model with outputs");
    assert_eq!((seen.values.dims(), model.evaluate(&batch)?), (&[4, 7, 4][..], seen.losses.to_vec()));
    Ok(())
}

/// What a model answers may be its parameters themselves, whose memory the next candidate takes.
#[test]
fn every_candidate_has_outputs_of_its_own() -> Test {
    let targets = Tensor::zeros((4, 3), DType::F32, &Device::Cpu)?;
    let forward = move |model: &mut Linear, _: Key| Ok((model.weight().clone(), targets.clone()));
    let build = |vb: VarBuilder<'_>| linear(3, 4, vb.pp("out"));
    let mut model = FlatModel::with_outputs(ModelOptions::default(), build, forward, OutputLoss::MeanSquaredError)?;
    let batch = batch(&model, 3);
    let seen = model.outputs(&batch)?.expect("a model with outputs");
    for i in 0..3 {
        model.load(&batch.row(i, model.space())?)?;
        assert_eq!(seen.values.get(i)?.to_vec2::<f32>()?, model.model().weight().to_vec2::<f32>()?);
    }
    Ok(())
}

#[test]
fn losses_of_few_bits_are_averaged_in_many() -> Test {
    let x = normals(300, 3)?;
    let classes = Tensor::zeros(300, DType::U32, &Device::Cpu)?;
    let wrong = OutputLoss::Other(Box::new(|y, t| y.argmax(1)?.ne(t)));
    let mut model = model(&x, &classes, wrong)?;
    let batch = batch(&model, 4);
    assert!(model.evaluate(&batch)?.iter().all(|share| (0.05..1.0).contains(share)));
    assert!(model.outputs(&batch).is_err(), "a count of errors has no derivative");
    Ok(())
}

#[test]
fn outputs_are_examples_by_outputs() -> Test {
    let x = inputs()?;
    let forward = move |model: &mut Linear, _: Key| {
        let all = model.forward(&x)?.flatten_all()?;
        Ok((all.clone(), all.zeros_like()?))
    };
    let build = |vb: VarBuilder<'_>| linear(3, 4, vb.pp("out"));
    let mut model = FlatModel::with_outputs(ModelOptions::default(), build, forward, OutputLoss::MeanSquaredError)?;
    let batch = batch(&model, 2);
    let refused = model.outputs(&batch).err().map(|e| e.to_string());
    assert!(refused.is_some_and(|why| why.contains("[28]")), "a list was taken for a matrix");
    Ok(())
}

#[test]
fn what_shows_none_costs_nothing() -> Test {
    let space = moths_core::Space::real(2)?;
    let mut counted = Budget::new(moths_core::Function::new(space.clone(), |x| x[0]), 3);
    assert!(counted.outputs(&batch(&counted, 3))?.is_none());
    assert_eq!(counted.used(), 0);
    Ok(())
}

/// Outputs that are not those of the candidates are told before anybody computes with them.
#[test]
fn outputs_of_others_are_refused() -> Test {
    struct Short(Made);
    impl Objective for Short {
        fn space(&self) -> &moths_core::Space {
            self.0.space()
        }
        fn evaluate(&mut self, batch: &Batch) -> moths_core::Result<Vec<f64>> {
            self.0.evaluate(batch)
        }
        fn outputs(&mut self, batch: &Batch) -> moths_core::Result<Option<moths_core::objective::Outputs>> {
            self.0.outputs(&batch.part(1..batch.len()))
        }
    }
    let mut short = Short(model(&inputs()?, &normals(7, 4)?, OutputLoss::MeanSquaredError)?);
    let batch = batch(&short, 3);
    let refused = (&mut short as &mut dyn Objective).outputs_of(&batch).err().map(|e| e.to_string());
    assert!(refused.is_some_and(|why| why.contains("2 losses") && why.contains("3 candidates")), "two were taken for three");
    Ok(())
}
