//! What someone holds does not change under their hands.

use candle_core::{DType, Tensor};

use super::{
    Law, Subject,
    broken::Verdict,
    path::{self, Digest, KEY},
    problem::Problem,
    tap::{Round, Tap},
};
use crate::{Batch, CowTensor, Optimizer, Result, Space, State, host};

pub(super) const LAW: Law = Law {
    name: "snapshot",
    statement: "a state, a batch or an answer taken before a step, and a point given to it, hold the same bits after it",
    holds,
};

const STEPS: usize = 5;

fn holds(subject: &Subject) -> Verdict {
    for mut problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?] {
        let space = problem.space().clone();
        let mut optimizer = subject.build(&space, KEY)?;
        let mut held = Held::default();
        held.point("the start of the space", &*space.start())?;
        for k in 0..STEPS {
            held.everything(&mut *optimizer)?;
            let batches = asked(&mut *optimizer, &mut problem)?;
            held.unchanged(&space).map_err(|b| b.under(format_args!("after {k} more steps")))?;
            batches.into_iter().for_each(|b| held.batches.push(b));
        }
        let at = problem.space().start();
        optimizer.move_to(&at)?;
        held.points.push(("the point given to move_to".into(), at.clone(), host::to_f64s(&*at)?));
        asked(&mut *optimizer, &mut problem)?;
        asked(&mut *optimizer, &mut problem)?;
        held.unchanged(&space).map_err(|b| b.under("after a move and two more steps"))?;
    }
    Ok(())
}

type Numbers = Vec<f64>;

/// What was taken, and the bits it held when it was.
#[derive(Default)]
struct Held {
    states: Vec<(State, Digest)>,
    answers: Vec<(Tensor, Numbers)>,
    batches: Vec<(Batch, Vec<u64>)>,
    points: Vec<(String, CowTensor, Numbers)>,
}

impl Held {
    fn everything(&mut self, optimizer: &mut dyn Optimizer) -> Result<()> {
        let (state, answer) = (State::of(optimizer)?, optimizer.answer()?);
        let (digest, numbers) = (state.digest()?, host::to_f64s(&answer)?);
        self.states.push((state, digest));
        self.answers.push((answer, numbers));
        Ok(())
    }

    fn point(&mut self, what: &str, point: &Tensor) -> Result<()> {
        // A view, not a counted holder: whoever overwrites the start of the space in place is seen.
        self.points.push((what.into(), CowTensor::new(point.clone()), host::to_f64s(point)?));
        Ok(())
    }

    fn unchanged(&self, space: &Space) -> Verdict {
        for (k, (state, digest)) in self.states.iter().enumerate() {
            path::same_state(digest, &state.digest()?).map_err(|b| b.under(format_args!("the state taken after {k} steps")))?;
        }
        for (k, (answer, numbers)) in self.answers.iter().enumerate() {
            let what = format!("the answer taken after {k} steps");
            path::same_point(&what, numbers, &host::to_f64s(answer)?)?;
        }
        for (k, (batch, hashes)) in self.batches.iter().enumerate() {
            ensure!(path::candidates(batch, space)? == *hashes, "the candidates of batch {k} of the run have changed");
        }
        for (what, point, numbers) in &self.points {
            path::same_point(what, numbers, &host::to_f64s(point)?)?;
        }
        Ok(())
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
