//! What an evaluation costs that is asked for alone, as searches along coordinates do; what lines remember grows until they are full.

use std::f64::consts::PI;

use criterion::{Criterion, Throughput};
use moths::{Function, Key, Optimizer, Space, Spec, registry};

/// Rounds before a line is measured: it has as many points.
const ROUNDS: [usize; 2] = [100, 1500];

pub(crate) fn bench(criterion: &mut Criterion) {
    for d in [2, 10, 40] {
        let mut group = criterion.benchmark_group(format!("poll_{d}"));
        let space = Space::bounded(vec![(-5.0, 5.0); d]).expect("a box");
        let mut objective = Function::new(space.clone(), rastrigin);
        let mut round = |name: &str, spec: Spec, rounds: usize| {
            let mut optimizer = registry::build(&spec, &space, Key::new(1)).expect("a valid spec");
            let mut step = || optimizer.step(&mut objective).map_or(0, |report| report.evaluations);
            let evaluations = (0..rounds).map(|_| step()).last().unwrap_or(1);
            group.throughput(Throughput::Elements(evaluations));
            group.bench_function(name, |b| b.iter(&mut step));
        };
        let with = |id: &str, setting: &str, value: u64| Spec::new(id).with(setting, value).expect("a plain setting");
        round("random_search_alone", with("random-search", "candidates", 1), 1);
        for rounds in ROUNDS {
            round(&format!("brent_step_{rounds}"), with("brent-step", "patience", 1_000_000), rounds);
        }
        group.finish();
    }
}

fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 0.7).powi(2) + 10.0 - 10.0 * libm::cos(2.0 * PI * (x - 0.7))).sum()
}
