//! How a batch is evaluated, and on how many threads, changes no bit.

use candle_core::{DType, Tensor};
use rayon::ThreadPoolBuilder;

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    draws,
    path::{self, KEY, Moment},
    problem::Problem,
};
use moths_core::{
    Batch, CowTensor, Objective, Result, Space,
    objective::{Outputs, layer::Pool},
};

pub(super) const LAW: Law = Law {
    name: "split",
    statement: "evaluating a batch in parts, in another order, by a pool, or with another number of threads changes no bit",
    holds,
};

/// More elements than kernels work on in one thread.
const BIG: usize = 33_000;

/// Configurations drawn, and how long each is looked at.
const DRAWS: u32 = 6;
const DRAWN_STEPS: usize = 3;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?, Problem::free(4, DType::F32)?.noisy()] {
        compare(subject, &problem, subject.depth().of(4, 100))?;
    }
    compare(subject, &Problem::free(BIG, DType::F32)?, 2).map_err(|b| b.under(format_args!("in {BIG} dimensions")))?;
    draws::each_that_builds(subject, DRAWS, &Problem::boxed(3, DType::F32)?, |drawn, problem| {
        compare(drawn, problem, DRAWN_STEPS)
    })
}

fn compare(subject: &Subject, problem: &Problem, steps: usize) -> Verdict {
    let run = |threads, mut objective: Box<dyn Objective + Send>| on_threads(threads, || path(subject, &mut *objective, steps));
    let whole = run(4, Box::new(problem.clone()))?;
    let others: [(&str, usize, Box<dyn Objective + Send>); 3] = [
        ("on one thread", 1, Box::new(problem.clone())),
        ("in parts, the last first", 4, Box::new(InParts(problem.clone()))),
        ("by a pool of three replicas", 4, Box::new(Pool::new(vec![problem.clone(); 3])?)),
    ];
    for (how, threads, objective) in others {
        path::same_path(&whole, &run(threads, objective)?).map_err(|b| b.under(format_args!("evaluated {how}")))?;
    }
    Ok(())
}

fn path(subject: &Subject, objective: &mut dyn Objective, steps: usize) -> Result<Vec<Moment>> {
    // Methods that keep a matrix refuse so many dimensions.
    let Some(mut optimizer) = subject.build_if_able(objective.space(), KEY)? else { return Ok(vec![]) };
    path::run(&mut *optimizer, objective, steps)
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> Result<R> + Send) -> std::result::Result<R, Breach> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| Breach::new(format!("the law itself could not get {threads} threads: {e}")))?;
    Ok(pool.install(work)?)
}

/// Evaluates one, two, three, one, ... candidates at a time, the last of a batch first.
struct InParts(Problem);

impl Objective for InParts {
    fn space(&self) -> &Space {
        self.0.space()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let (mut losses, mut end, mut size) = (vec![0.0; batch.len()], batch.len(), 0);
        while end > 0 {
            size = size % 3 + 1;
            let from = end.saturating_sub(size);
            losses[from..end].copy_from_slice(&self.0.evaluate(&batch.part(from..end))?);
            end = from;
        }
        Ok(losses)
    }

    fn stochastic(&self) -> bool {
        self.0.stochastic()
    }

    fn refresh(&mut self) -> Result<()> {
        self.0.refresh()
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let ends = (0..batch.len()).map(|i| self.0.outputs(&batch.part(i..i + 1)));
        ends.collect::<Result<Option<Vec<_>>>>()?.map(Outputs::joined).transpose()
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        self.0.gradient(at)
    }
}
