//! Candidates into models, and what of `train digits` is not the model's own forward.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use criterion::{Criterion, Throughput};
use moths::{Batch, CowTensor, FlatModel, Key, Objective, registry};
use moths_harness::problem::{Digits, Options, Problem};

pub(crate) fn bench(criterion: &mut Criterion) {
    loading(criterion);
    training(criterion);
}

fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flat_model");
    for d in [1_000, 10_000_000] {
        let build = move |vb: VarBuilder<'_>| vb.get(d, "w");
        let mut model = FlatModel::new(build, |w: &Tensor, _| w.narrow(0, 0, 1)?.sum_all()).expect("a model");
        let mut values = CowTensor::new(Tensor::ones(d, DType::F32, &Device::Cpu).expect("memory"));
        group.bench_function(format!("swap_{d}"), |b| b.iter(|| model.swap(&mut values)));
        group.bench_function(format!("load_{d}"), |b| b.iter(|| model.load(&values)));
    }
    group.finish();
}

/// A whole step of `train digits`, and as many evaluations of one point, which are the model's forward and little else.
fn training(criterion: &mut Criterion) {
    let digits = Digits::new(&Options::default()).expect("the data in this program");
    let mut objective = digits.objective(1).expect("a model");
    let mut optimizer =
        registry::build(&digits.default_optimizer(50_000), objective.space(), Key::new(1)).expect("a valid default");
    let candidates = optimizer.step(&mut objective).expect("a step").evaluations;
    let point = Batch::one(&objective.space().start()).expect("a point");
    let mut group = criterion.benchmark_group("train_digits");
    group.throughput(Throughput::Elements(candidates));
    group.bench_function("step", |b| b.iter(|| optimizer.step(&mut objective)));
    group.bench_function("forward", |b| {
        b.iter(|| (0..candidates).try_for_each(|_| objective.evaluate(&point).map(|_| ())));
    });
    group.finish();
}
