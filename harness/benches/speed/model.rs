//! Candidates into models, and what of `train digits` is not the model's own forward.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use criterion::Criterion;
use moths::{AskTell, Batch, CowTensor, FlatModel, Key, Objective, registry, run::Ask};
use moths_harness::problem::{Options, find};

pub(crate) fn bench(criterion: &mut Criterion) {
    loading(criterion);
    training(criterion);
}

fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flat_model");
    for d in [1_000, 10_000_000] {
        let build = move |vb: VarBuilder<'_>| vb.get(d, "w");
        let mut model = FlatModel::new(build, |w: &mut Tensor, _| w.narrow(0, 0, 1)?.sum_all()).expect("a model");
        let mut values = CowTensor::new(Tensor::ones(d, DType::F32, &Device::Cpu).expect("memory"));
        group.bench_function(format!("swap_{d}"), |b| b.iter(|| model.swap(&mut values)));
        group.bench_function(format!("load_{d}"), |b| b.iter(|| model.load(&values)));
    }
    group.finish();
}

/// A whole step of `train digits`, and the evaluation of candidates like its own that lie there ready: the model's forward and a copy.
fn training(criterion: &mut Criterion) {
    let digits = find("digits").and_then(|entry| entry.build(&Options::default())).expect("the data in this program");
    let mut objective = digits.objective(1).expect("a model");
    let mut optimizer = registry::build(&digits.default_optimizer(), objective.space(), Key::new(1)).expect("a valid default");
    let mut group = criterion.benchmark_group("train_digits");
    group.bench_function("step", |b| b.iter(|| optimizer.step(&mut objective)));
    // Losses of trained and of fresh networks differ in cost: both sides are measured at the same stage.
    let asked = AskTell::new(optimizer, objective.space()).ask().expect("a batch");
    let Ask::Evaluate(batch) = asked else { unreachable!("a fresh step asks first") };
    let ready = Batch::Dense(batch.dense(objective.space()).expect("memory"));
    group.bench_function("forward", |b| b.iter(|| objective.evaluate(&ready)));
    group.finish();
}
