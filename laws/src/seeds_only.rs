//! Memory that does not grow with the number of candidates.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    path::KEY,
    problem::Problem,
    state_size,
    tap::{Round, Tap},
};
use moths_core::{Error, persist::State};

pub(super) const LAW: Law = Law {
    name: "seeds_only",
    statement: "where only seeds are promised, no candidate is asked as numbers, and the state holds no candidate",
    holds,
};

const STEPS: usize = 3;

fn holds(subject: &Subject) -> Verdict {
    let promised = subject.capabilities()?;
    if !promised.seeds_only {
        return Ok(());
    }
    ensure!(promised.state_per_candidate == 0.0, "it also declares {} numbers a candidate", promised.state_per_candidate);
    let mut problem = Problem::free(1000, DType::F32)?;
    let mut optimizer = subject.build(problem.space(), KEY)?;
    for _ in 0..STEPS {
        let listen = |round: Round<'_>| match round.batch.is_dense() {
            true => Err(Error::Objective(format!("a batch of {} candidates is dense", round.batch.len()))),
            false => Ok(()),
        };
        optimizer.step(&mut Tap::new(&mut problem, listen))?;
    }
    state_size::within(&promised, &State::of(&mut optimizer)?, problem.space(), 0)
}
