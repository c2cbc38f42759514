//! Candidates into models, and what of `train digits` is not the model's own forward.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use criterion::Criterion;
use moths::{CowTensor, FlatModel};

pub(crate) fn bench(criterion: &mut Criterion) {
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
