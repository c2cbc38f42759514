//! What someone holds does not change under their hands.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    draws,
    path::{self, KEY},
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::{Batch, CowTensor, Optimizer, Result, persist::State, tensor::host};

pub(super) const LAW: Law = Law {
    name: "snapshot",
    statement: "a state, a batch or an answer taken before a step, and a point given to it, hold the same bits after it",
    holds,
};

const STEPS: usize = 5;
/// Configurations drawn.
const DRAWS: u32 = 6;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?] {
        holders(subject, problem.clone())?;
        views(subject, problem.clone())?;
        given(subject, problem)?;
    }
    draws::each_that_builds(subject, DRAWS, &Problem::boxed(3, DType::F32)?, |drawn, problem| {
        holders(drawn, problem.clone())?;
        views(drawn, problem.clone())
    })
}

/// States and batches, which are counted as holders of the tensors in them.
fn holders(subject: &Subject, mut problem: Problem) -> Verdict {
    let space = problem.space().clone();
    let mut optimizer = subject.build(&space, KEY)?;
    let (mut states, mut batches) = (vec![], vec![]);
    for _ in 0..subject.depth().of(STEPS, 60) {
        let state = State::of(&mut optimizer)?;
        let digest = state.digest()?;
        states.push((state, digest));
        batches.extend(asked(&mut *optimizer, &mut problem)?);
    }
    for (k, (state, digest)) in states.iter().enumerate() {
        path::same_state(digest, &state.digest()?).map_err(|b| b.under(format_args!("the state taken after {k} steps")))?;
    }
    for (k, (batch, hashes)) in batches.iter().enumerate() {
        ensure!(path::candidates(batch, &space)? == *hashes, "the candidates of batch {k} of the run have changed");
    }
    Ok(())
}

/// Answers, which are counted too, and the start of the space, which nobody counts: its memory must not be the optimizer's own.
fn views(subject: &Subject, mut problem: Problem) -> Verdict {
    let start = problem.space().start();
    let mut held = vec![Held::new("the start of the space", CowTensor::new((*start).clone()))?];
    drop(start);
    let mut optimizer = subject.build(problem.space(), KEY)?;
    for k in 0..STEPS {
        held.push(Held::new(format!("the answer after {k} steps"), optimizer.answer()?)?);
        optimizer.step(&mut problem)?;
    }
    held.iter().try_for_each(Held::unchanged)
}

/// The point given to `move_to`. No answer is taken meanwhile: its holder would be counted, and hide that the point's is not.
fn given(subject: &Subject, mut problem: Problem) -> Verdict {
    let mut optimizer = subject.build(problem.space(), KEY)?;
    let at = CowTensor::new(problem.space().start().copy()?);
    let held = Held::new("the point given to move_to", at.clone())?;
    optimizer.move_to(&at)?;
    (0..STEPS).try_for_each(|_| optimizer.step(&mut problem).map(|_| ()))?;
    held.unchanged()
}

/// A tensor, and the numbers it held when it was taken.
struct Held {
    what: String,
    tensor: CowTensor,
    numbers: Vec<f64>,
}

impl Held {
    fn new(what: impl Into<String>, tensor: CowTensor) -> Result<Self> {
        Ok(Self { what: what.into(), numbers: host::to_f64s(&tensor)?, tensor })
    }

    fn unchanged(&self) -> Verdict {
        path::same_point(&self.what, &self.numbers, &host::to_f64s(&self.tensor)?)
    }
}

/// Takes a step and keeps the batches it asks, as a caller may.
fn asked(optimizer: &mut dyn Optimizer, problem: &mut Problem) -> Result<Vec<(Batch, Vec<u64>)>> {
    let (space, mut batches) = (problem.space().clone(), vec![]);
    let listen = |round: Round<'_>| {
        if round.losses.is_none() {
            batches.push((round.batch.clone(), path::candidates(round.batch, &space)?));
        }
        Ok(())
    };
    optimizer.step(&mut Tap::new(problem, listen))?;
    Ok(batches)
}
