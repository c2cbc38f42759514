//! A seed is a run.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    draws,
    path::{self, KEY, Moment, OTHER_KEY},
    problem::Problem,
};
use moths_core::{Key, Result};

pub(super) const LAW: Law = Law {
    name: "seeds",
    statement: "equal seeds take equal paths; different seeds take different ones, where chance has a part in it",
    holds,
};

/// Configurations drawn, and how long each is looked at.
const DRAWS: u32 = 8;
const DRAWN_STEPS: usize = 6;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?] {
        let one = run(subject, &problem, KEY)?;
        path::same_path(&one, &run(subject, &problem, KEY)?).map_err(|b| b.under("a second run from the same seed"))?;
        if subject.capabilities()?.needs_gradient {
            continue;
        }
        let candidates = |moments: &[Moment]| moments.iter().flat_map(|m| m.candidates.clone()).collect::<Vec<_>>();
        let other = run(subject, &problem, OTHER_KEY)?;
        ensure!(candidates(&one) != candidates(&other), "two different seeds asked for the same candidates");
    }
    draws::each_that_builds(subject, DRAWS, &Problem::boxed(3, DType::F64)?, |drawn, problem| {
        let run = || path::run(&mut *drawn.build(problem.space(), KEY)?, &mut problem.clone(), DRAWN_STEPS);
        path::same_path(&run()?, &run()?).map_err(|b| b.under("a second run from the same seed"))
    })
}

fn run(subject: &Subject, problem: &Problem, key: Key) -> Result<Vec<Moment>> {
    path::run(&mut *subject.build(problem.space(), key)?, &mut problem.clone(), subject.depth().of(60, 300))
}
