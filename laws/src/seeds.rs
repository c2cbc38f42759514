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
    statement: "equal seeds take equal paths; different seeds take different ones, unless `deterministic` is promised: then the candidates are the same",
    holds,
};

/// Configurations drawn, and how long each is looked at.
const DRAWS: u32 = 8;
const DRAWN_STEPS: usize = 6;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?] {
        let one = run(subject, &problem, KEY)?;
        path::same_path(&one, &run(subject, &problem, KEY)?).map_err(|b| b.under("a second run from the same seed"))?;
        if subject.capabilities()?.deterministic {
            unmoved(&one, &run(subject, &problem, OTHER_KEY)?)?;
        } else if !subject.capabilities()?.needs_gradient && !draws_nothing(subject)? {
            let candidates = |moments: &[Moment]| moments.iter().flat_map(|m| m.candidates.clone()).collect::<Vec<_>>();
            let other = run(subject, &problem, OTHER_KEY)?;
            ensure!(candidates(&one) != candidates(&other), "two different seeds asked for the same candidates");
        }
    }
    draws::each_that_builds(subject, DRAWS, &Problem::boxed(3, DType::F64)?, |drawn, problem| {
        let run = |key| path::run(&mut *drawn.build(problem.space(), key)?, &mut problem.clone(), DRAWN_STEPS);
        let one = run(KEY)?;
        path::same_path(&one, &run(KEY)?).map_err(|b| b.under("a second run from the same seed"))?;
        if drawn.capabilities()?.deterministic { unmoved(&one, &run(OTHER_KEY)?) } else { Ok(()) }
    })
}

/// Did the seed change nothing that can be seen from outside? The state has it.
fn unmoved(one: &[Moment], other: &[Moment]) -> Verdict {
    for (one, other) in one.iter().zip(other) {
        let same = path::same_candidates(one, other).and_then(|()| path::same_point("the answer", &one.answer, &other.answer));
        same.map_err(|b| b.under("promised `deterministic`, from another seed"))?;
    }
    Ok(())
}

/// Does it draw nothing, or is it made of what draws nothing? A restart that is yet to come has drawn nothing either.
fn draws_nothing(subject: &Subject) -> Result<bool> {
    let parts = subject.parts()?;
    parts.iter().try_fold(subject.capabilities()?.deterministic, |any, part| Ok(any || draws_nothing(part)?))
}

fn run(subject: &Subject, problem: &Problem, key: Key) -> Result<Vec<Moment>> {
    path::run(&mut *subject.build(problem.space(), key)?, &mut problem.clone(), subject.depth().of(60, 300))
}
