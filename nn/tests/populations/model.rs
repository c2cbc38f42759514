//! A population is a model like the others: losses of all kinds, outputs, options, gradients, files, and what it refuses.

use candle_core::{D, DType, Device, Tensor};
use moths_core::{
    Batch, FlatModel, Key, ModelOptions, Objective, Result, Sampler,
    candle_nn::VarBuilder,
    objective::{OutputLoss, Probe},
    space::Domain,
};
use moths_nn::{Activations, Linear, Module, PopulationModel, Sequential, linear};

use crate::toy::{classes, network, numbers};

fn losses() -> [(OutputLoss, OutputLoss); 3] {
    let cubic = || OutputLoss::Other(Box::new(|y, t| (y - t)?.abs()?.powf(3.0)));
    [
        (OutputLoss::CrossEntropy, OutputLoss::CrossEntropy),
        (OutputLoss::MeanSquaredError, OutputLoss::MeanSquaredError),
        (cubic(), cubic()),
    ]
}

fn near(objective: &impl Objective, sampler: Sampler) -> Batch {
    let probes: Vec<Probe> = (0..5).map(|i| Probe::new(Key::new(i), 0.5)).collect();
    Batch::seeded(&objective.space().start(), sampler.over(objective.space()), probes)
}

/// The losses of a model are those of the same model one candidate after another, under noise of either kind.
fn agrees_with_candle<N: Module + Send + Sync + 'static>(population: &mut PopulationModel<N>) -> Result<()> {
    for sampler in [Sampler::Normal, Sampler::LowRank { rank: 1 }] {
        let batch = near(population, sampler);
        let (got, expected) = (population.evaluate(&batch)?, population.as_flat_mut().evaluate(&batch)?);
        assert_near(&got, &expected);
    }
    Ok(())
}

fn assert_near(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= 1e-5 * expected.abs(), "{got} instead of {expected}");
    }
}

#[test]
fn losses_and_outputs_of_examples_and_of_sequences_are_candles() -> Result<()> {
    for shape in [&[41usize, 3][..], &[41, 5, 3]] {
        for (loss, same) in losses() {
            let x = numbers(shape)?;
            let leading = &shape[..shape.len() - 1];
            let targets = match loss {
                OutputLoss::CrossEntropy => classes(leading)?,
                _ => numbers(&[leading, &[4]].concat())?,
            };
            let data = (x.clone(), targets.clone());
            let mut population = PopulationModel::new(network, move |_| Ok(data.clone()), loss)?;
            let rows: usize = leading.iter().product();
            let targets = if targets.rank() == leading.len() { targets.flatten_all()? } else { targets.reshape((rows, 4))? };
            let forward = move |network: &mut Sequential, _| {
                let outputs = network.forward(&x.clone().into()).and_then(|y| y.to_tensor()).map_err(candle_core::Error::wrap)?;
                Ok((outputs.reshape((rows, 4))?, targets.clone()))
            };
            let mut one_by_one = FlatModel::with_outputs(ModelOptions::default(), network, forward, same)?;
            let batch = near(&population, Sampler::Normal);
            assert_near(&population.evaluate(&batch)?, &one_by_one.evaluate(&batch)?);
            let (got, expected) = (population.outputs(&batch)?.expect("outputs"), one_by_one.outputs(&batch)?.expect("outputs"));
            assert_near(&got.losses, &expected.losses);
            for (got, expected) in [(got.values, expected.values), (got.slopes, expected.slopes)] {
                assert_eq!(got.dims(), expected.dims());
                assert!((got - expected)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-5);
            }
            let start = population.space().start();
            let (got, expected) = (population.gradient(&start)?.expect("one"), one_by_one.gradient(&start)?.expect("one"));
            assert!((got.1 - expected.1)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-5);
        }
    }
    Ok(())
}

#[test]
fn what_is_frozen_is_shared_and_what_is_bounded_or_discrete_is_decoded() -> Result<()> {
    let options = || {
        ModelOptions::default()
            .freeze("hidden.weight")
            .bounds("out.bias", -0.1, 0.1)
            .domain("out.weight", Domain::Integer { lo: -2, hi: 2 })
    };
    let (x, targets) = (numbers(&[33, 3])?, classes(&[33])?);
    let data = (x.clone(), targets.clone());
    let mut population = PopulationModel::with(options(), network, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
    let loss = move |network: &mut Sequential, _| {
        let outputs = network.forward(&x.clone().into()).and_then(|y| y.to_tensor()).map_err(candle_core::Error::wrap)?;
        candle_nn::loss::cross_entropy(&outputs, &targets)
    };
    let mut one_by_one = FlatModel::with(options(), network, loss)?;
    for sampler in [Sampler::Normal, Sampler::LowRank { rank: 1 }] {
        let batch = near(&population, sampler);
        assert_near(&population.evaluate(&batch)?, &one_by_one.evaluate(&batch)?);
    }
    Ok(())
}

#[test]
fn all_that_is_trained_may_lie_behind_what_is_frozen() -> Result<()> {
    let (x, targets) = (numbers(&[70, 3])?, classes(&[70])?);
    let data = (x, targets);
    let options = ModelOptions::default().train("out");
    let mut population = PopulationModel::with(options, network, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
    agrees_with_candle(&mut population)
}

#[test]
fn other_dtypes_go_by_candle() -> Result<()> {
    let (x, targets) = (numbers(&[9, 3])?.to_dtype(DType::F64)?, classes(&[9])?);
    let data = (x, targets);
    let options = ModelOptions::default().dtype(DType::F64);
    let mut population = PopulationModel::with(options, network, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
    let batch = near(&population, Sampler::Normal);
    assert_eq!(population.evaluate(&batch)?, population.as_flat_mut().evaluate(&batch)?);
    Ok(())
}

#[test]
fn predictions_are_those_of_what_was_loaded() -> Result<()> {
    let (x, targets) = (numbers(&[300, 3])?, classes(&[300])?);
    let data = (x.clone(), targets);
    let mut population = PopulationModel::new(network, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
    let there = population.space().scatter(&population.space().start(), Key::new(1), 1)?;
    population.load(&there.get(0)?.into())?;
    let expected = population.model().forward(&x.clone().into())?.to_tensor()?;
    assert!((population.predict(&x)? - expected)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-5);
    assert_eq!(population.predict(&x.narrow(0, 0, 1)?)?.dims(), [1, 4]);
    Ok(())
}

/// A network of one's own, with what moths-nn has no operation for.
struct Own {
    first: Linear,
    gate: Tensor,
    last: Linear,
}

impl Module for Own {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let x = self.first.forward(x)?.mul_parameter(&self.gate)?.softmax()?.through(|x| x.cos()?.sin())?;
        let square = x.clone().sqr()?;
        self.last.forward(&x.affine(2.0, -0.5)?.add(&square)?)
    }
}

#[test]
fn a_network_of_ones_own_is_candles_too() -> Result<()> {
    let build = |vb: VarBuilder<'_>| {
        let gate = vb.get_with_hints(6, "gate", candle_nn::Init::Const(0.7))?;
        Ok(Own { first: linear(3, 6, vb.pp("first"))?, gate, last: linear(6, 4, vb.pp("last"))? })
    };
    let data = (numbers(&[45, 3])?, classes(&[45])?);
    let mut population = PopulationModel::new(build, move |_| Ok(data.clone()), OutputLoss::CrossEntropy)?;
    agrees_with_candle(&mut population)
}

#[test]
fn what_does_not_fit_is_refused_by_name() -> Result<()> {
    let refused = |x: Tensor, targets: Tensor, loss| -> Result<String> {
        let mut population = PopulationModel::new(network, move |_| Ok((x.clone(), targets.clone())), loss)?;
        let batch = near(&population, Sampler::Normal);
        Ok(population.evaluate(&batch).expect_err("refused").to_string())
    };
    let why = refused(numbers(&[9, 2])?, classes(&[9])?, OutputLoss::CrossEntropy)?;
    assert!(why.contains("activations") && why.contains("[6, 3]"), "{why}");
    let why = refused(numbers(&[9, 3])?, classes(&[8])?, OutputLoss::CrossEntropy)?;
    assert!(why.contains("targets") && why.contains('9'), "{why}");
    let why = refused(numbers(&[9, 3])?, numbers(&[9, 5])?, OutputLoss::MeanSquaredError)?;
    assert!(why.contains("targets"), "{why}");
    let why = refused(numbers(&[9, 3])?, numbers(&[4, 9])?, OutputLoss::MeanSquaredError)?;
    assert!(why.contains("targets: expected the shape of the outputs, [9, 4], got [4, 9]"), "{why}");
    let why = refused(numbers(&[9, 3])?, numbers(&[9])?, OutputLoss::CrossEntropy)?;
    assert!(why.contains("the dtype of targets = f32"), "{why}");
    let why = refused(numbers(&[9, 3])?, (classes(&[9])? + 9.0)?, OutputLoss::CrossEntropy)?;
    assert!(why.contains("targets[0] = 9: a class, which is a whole number from 0 on and below 4"), "{why}");
    let negative = Tensor::new(&[0i64, 3, -1, 7], &Device::Cpu)?;
    let why = refused(numbers(&[4, 3])?, negative, OutputLoss::CrossEntropy)?;
    assert!(why.contains("targets[2] = -1: a class"), "{why}");
    let why = refused(numbers(&[0, 3])?, classes(&[0])?, OutputLoss::CrossEntropy)?;
    assert!(why.contains("inputs: expected at least one example, got [0, 3]"), "{why}");
    assert_eq!(numbers(&[2, 4])?.argmax(D::Minus1)?.dims(), [2]);
    Ok(())
}
