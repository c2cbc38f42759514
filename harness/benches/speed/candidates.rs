//! What an optimizer costs beside its objective: propose and commit, per candidate.

use criterion::{Criterion, Throughput};
use moths::{Batch, Error, Key, Leaf, Objective, Result, Space, Spec, registry};

/// Losses without an evaluation: numbers that fall irregularly, as those of a real run do.
pub(crate) struct Canned {
    space: Space,
    calls: u64,
    /// Larger batches are refused.
    most: u64,
    /// Also writes every candidate out, as an objective would.
    reads: bool,
}

impl Canned {
    /// An objective that does not look at candidates, and takes so many at once.
    pub(crate) fn new(space: Space, most: u64) -> Self {
        Self { space, calls: 0, most, reads: false }
    }
}

impl Objective for Canned {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        if batch.len() as u64 > self.most {
            return Err(Error::unsupported("a batch", format!("has more than {} candidates", self.most)));
        }
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
    for (d, n) in [(10, 10), (100, 17), (1000, 32), (10_000, 64), (100_000, 256), (1_000_000, 32)] {
        for (id, spec) in specs(d, n) {
            let mut group = criterion.benchmark_group(format!("candidate_{d}x{n}"));
            group.throughput(Throughput::Elements(n as u64));
            for reads in [false, true] {
                let space = Space::new(vec![Leaf::real("x", [d])]).expect("a valid space");
                let mut optimizer = registry::build(&spec, &space, Key::new(1)).expect("a valid spec");
                let mut objective = Canned { reads, ..Canned::new(space, u64::MAX) };
                let name = if reads { format!("{id}_and_rows") } else { id.to_owned() };
                group.bench_function(name, |b| b.iter(|| optimizer.step(&mut objective)));
            }
            group.finish();
        }
    }
}

/// Methods that keep a matrix stop where it is the whole cost, and cr-fm-nes wants mirrored pairs.
fn specs(d: usize, n: usize) -> Vec<(&'static str, Spec)> {
    let spec = |id: &'static str, setting: &str, value: usize| (id, Spec::new(id).with(setting, value).expect("a plain setting"));
    let mut specs = vec![
        spec("pso", "particles", n),
        spec("open-es", "pairs", n / 2),
        spec("cr-fm-nes", "population", n.next_multiple_of(2)),
    ];
    specs.extend(["sep-cma-es", "snes", "lm-ma-es", "de"].map(|id| spec(id, "population", n)));
    if d <= 1000 {
        specs.extend(["cma-es", "xnes"].map(|id| spec(id, "population", n)));
    }
    specs
}
