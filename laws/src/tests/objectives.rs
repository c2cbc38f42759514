//! The laws of objectives hold for models, functions and layers, and catch what only looks like one.

use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder, VarMap, linear, loss::mse};

use super::super::objectives::{Judged, LAWS};
use moths_core::{
    Batch, FlatModel, Function, Journal, Key, ModelOptions, Objective, Result, Space, Spec, TensorFunction, VarMapModel,
    objective::layer::{Best, Budget, Pool},
    run::Origin,
};

use super::super::problem::Problem;

fn data() -> candle_core::Result<(Tensor, Tensor)> {
    let x: Vec<f32> = (0..12).map(|i| (i as f32 * 0.7).sin()).collect();
    Ok((Tensor::from_vec(x, (6, 2), &Device::Cpu)?, Tensor::arange(0f32, 6.0, &Device::Cpu)?.reshape((6, 1))?))
}

/// Three of six examples, by the key.
fn minibatch(x: &Tensor, key: Key) -> candle_core::Result<Tensor> {
    x.narrow(0, (key.to_bits() % 4) as usize, 3)
}

fn flat(stochastic: bool) -> Result<FlatModel<Linear>> {
    let (x, y) = data()?;
    let options = ModelOptions::default().key(Key::new(5));
    let options = if stochastic { options.stochastic() } else { options };
    FlatModel::with(
        options,
        |vb| linear(2, 1, vb.pp("out")),
        move |model: &mut Linear, key| match stochastic {
            true => mse(&model.forward(&minibatch(&x, key)?)?, &minibatch(&y, key)?),
            false => mse(&model.forward(&x)?, &y),
        },
    )
}

fn var_map() -> Result<VarMapModel> {
    let vars = VarMap::new();
    let model = linear(2, 1, VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu))?;
    for (i, var) in vars.all_vars().iter().enumerate() {
        var.set(&(var.ones_like()? * (0.25 * (1 + i) as f64))?)?;
    }
    let (x, y) = data()?;
    VarMapModel::new(&vars, move |_| mse(&model.forward(&x)?, &y))
}

fn function() -> Result<Function<impl FnMut(&[f64]) -> f64>> {
    let space = Space::bounded([(-2.0, 2.0); 3])?;
    Ok(Function::new(space, |x| if x[0] > 0.4 { f64::NAN } else { x.iter().map(|x| x * x).sum() }))
}

/// A journal in a folder that lasts as long as the test.
fn journal(folder: &std::path::Path) -> Result<Journal<Problem>> {
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let origin = Origin::new(Spec::new("specimen"), Key::new(1));
    Journal::open(Problem::free(4, DType::F64)?.noisy(), &origin, folder.join(format!("{number}.journal")))
}

#[test]
fn every_objective_keeps_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let all = [
        Judged::new("Function", function),
        Judged::new("TensorFunction", || Ok(TensorFunction::new(Space::real(3)?, |x| x.sqr()?.sum(1)))),
        Judged::new("FlatModel", || flat(false)),
        Judged::new("FlatModel on minibatches", || flat(true)),
        Judged::new("VarMapModel", var_map),
        Judged::new("Pool", || Pool::new(vec![flat(false)?, flat(false)?])),
        Judged::new("Pool on minibatches", || Pool::new(vec![flat(true)?, flat(true)?, flat(true)?])),
        Judged::new("Best", || Ok(Best::new(flat(true)?))),
        Judged::new("Budget", || Ok(Budget::new(function()?, 1_000_000))),
        Judged::new("Journal", move || journal(&path)),
        Judged::new("the laws' own problem", || Ok(Problem::free(4, DType::F32)?.noisy())),
    ];
    let check =
        |judged: &Judged| LAWS.iter().filter_map(|law| law.check(judged).err()).map(|e| e.to_string()).collect::<Vec<_>>();
    let broken: Vec<String> = all.iter().flat_map(check).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// What can be wrong with one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    /// The loss depends on the place in the batch.
    CountsPlaces,
    /// A number moves on with every evaluation.
    Wanders,
    /// The mean of the batch is taken off, and a failure is everybody's.
    TakesMean,
    /// Stays NaN once it was.
    StaysFailed,
    /// A refresh moves on, and it does not say that it is stochastic.
    HidesNoise,
    /// It says that it is stochastic, and is not.
    ClaimsNoise,
    /// Skips at most ten steps.
    SkipsFew,
    /// Goes on with what it could evaluate.
    TakesAnything,
}

const CAUGHT: &[(&str, &[Flaw])] = &[
    ("parts", &[Flaw::CountsPlaces, Flaw::Wanders]),
    ("failures", &[Flaw::TakesMean, Flaw::StaysFailed]),
    ("refreshes", &[Flaw::HidesNoise, Flaw::ClaimsNoise, Flaw::SkipsFew]),
    ("errors", &[Flaw::TakesAnything]),
];

/// A bowl with a flaw.
struct Specimen {
    problem: Problem,
    flaw: Option<Flaw>,
    asked: u64,
    epoch: u64,
    failed: bool,
}

impl Specimen {
    fn new(flaw: Option<Flaw>) -> Result<Self> {
        Ok(Self { problem: Problem::free(3, DType::F64)?, flaw, asked: 0, epoch: 0, failed: false })
    }

    fn is_noisy(&self) -> bool {
        matches!(self.flaw, Some(Flaw::HidesNoise | Flaw::SkipsFew))
    }
}

impl Objective for Specimen {
    fn space(&self) -> &Space {
        self.problem.space()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        self.asked += 1;
        let evaluated = self.problem.evaluate(batch);
        let mut losses = if self.flaw == Some(Flaw::TakesAnything) { evaluated.unwrap_or_default() } else { evaluated? };
        self.failed |= losses.iter().any(|loss| loss.is_nan() || *loss > 1e20);
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        for (i, loss) in losses.iter_mut().enumerate() {
            *loss += match self.flaw {
                Some(Flaw::CountsPlaces) => i as f64 * 1e-9,
                Some(Flaw::Wanders) => self.asked as f64 * 1e-9,
                Some(Flaw::TakesMean) => -mean,
                Some(Flaw::StaysFailed) if self.failed => f64::NAN,
                _ if self.is_noisy() => self.epoch as f64,
                _ => 0.0,
            };
        }
        Ok(losses)
    }

    fn stochastic(&self) -> bool {
        matches!(self.flaw, Some(Flaw::ClaimsNoise | Flaw::SkipsFew))
    }

    fn refresh(&mut self) -> Result<()> {
        self.epoch += 1;
        Ok(())
    }

    fn skip(&mut self, steps: u64) -> Result<()> {
        self.epoch += if self.flaw == Some(Flaw::SkipsFew) { steps.min(10) } else { steps };
        Ok(())
    }
}

#[test]
fn laws_pass_what_is_sound_and_catch_what_is_not() {
    let judged = |flaw: Option<Flaw>| Judged::new(format!("{flaw:?}"), move || Specimen::new(flaw));
    for law in LAWS {
        law.check(&judged(None)).unwrap();
        let flaws = CAUGHT.iter().filter(|(name, _)| *name == law.name).flat_map(|(_, flaws)| *flaws);
        let missed: Vec<&Flaw> = flaws.clone().filter(|flaw| law.check(&judged(Some(**flaw))).is_ok()).collect();
        assert!(flaws.count() > 0 && missed.is_empty(), "`{}` misses {missed:?}", law.name);
    }
}
