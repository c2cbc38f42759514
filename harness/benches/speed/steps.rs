//! What a step of every optimizer costs beside its objective, and what reading and writing d numbers once costs.

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};
use moths::{CowTensor, Key, Leaf, Space, Spec, kernel, registry};

use crate::candidates::Canned;

kernel! { fn touch(x: inout, by: num) {
    x = x * by;
} }

/// Evaluations of a step beyond which a method is none for so many parameters: it would ask for every coordinate by itself.
const MOST_EVALUATIONS: u64 = 100_000;

pub(crate) fn bench(criterion: &mut Criterion) {
    for d in [1_000, 1_000_000] {
        let mut group = criterion.benchmark_group(format!("step_{d}"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(50));
        group.measurement_time(Duration::from_millis(300));
        let space = Space::new(vec![Leaf::real("x", [d])]).expect("a valid space");
        let mut x: CowTensor = space.zeros().expect("memory");
        group.bench_function("read_and_write", |b| b.iter(|| touch(&mut x, 1.0)));
        for entry in registry::entries().into_iter().filter(|entry| entry.meta.capabilities.needs_only_losses()) {
            step(&mut group, entry.meta.id, &space);
        }
        group.finish();
    }
}

/// Those that refuse so many parameters, or ask for too many evaluations, have no figure.
fn step(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, space: &Space) {
    let spec = Spec::new(id);
    let declared = registry::evaluations_per_step(&spec, space, false).ok().flatten();
    if declared.is_some_and(|evaluations| evaluations > MOST_EVALUATIONS) {
        return;
    }
    let Ok(mut optimizer) = registry::build(&spec, space, Key::new(1)) else { return };
    let mut objective = Canned::new(space.clone(), MOST_EVALUATIONS);
    if optimizer.step(&mut objective).is_ok() {
        group.bench_function(id, |b| b.iter(|| optimizer.step(&mut objective)));
    }
}
