//! What an optimizer costs beside its objective: propose and commit, per candidate.

use criterion::{Criterion, Throughput};
use moths::{Batch, Key, Leaf, Objective, Result, Space, Spec, registry};

/// Losses without an evaluation: numbers that fall irregularly, as those of a real run do.
struct Canned {
    space: Space,
    calls: u64,
    /// Also writes every candidate out, as an objective would.
    reads: bool,
}

impl Objective for Canned {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        if self.reads {
            let mut row = self.space.zeros()?;
            (0..batch.len()).try_for_each(|i| batch.write(i, &mut row))?;
        }
        self.calls += 1;
        let scatter = |i: u64| ((self.calls * 1000 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64;
        Ok((0..batch.len() as u64).map(|i| scatter(i) / self.calls as f64).collect())
    }
}

pub(crate) fn bench(criterion: &mut Criterion) {
    for (d, n) in [(10, 10), (1000, 32), (10_000, 64)] {
        for (id, spec) in specs(n) {
            let mut group = criterion.benchmark_group(format!("candidate_{d}x{n}"));
            group.throughput(Throughput::Elements(n as u64));
            for reads in [false, true] {
                let space = Space::new(vec![Leaf::real("x", [d])]).expect("a valid space");
                let mut optimizer = registry::build(&spec, &space, Key::new(1)).expect("a valid spec");
                let mut objective = Canned { space, calls: 0, reads };
                let name = if reads { format!("{id}_and_rows") } else { id.to_owned() };
                group.bench_function(name, |b| b.iter(|| optimizer.step(&mut objective)));
            }
            group.finish();
        }
    }
}

fn specs(n: usize) -> Vec<(&'static str, Spec)> {
    let spec = |id: &'static str, setting: &str, value: usize| (id, Spec::new(id).with(setting, value).expect("a plain setting"));
    vec![spec("pso", "particles", n), spec("sep-cma-es", "population", n), spec("open-es", "pairs", n / 2)]
}
