//! Every kind of space.

use std::collections::BTreeSet;

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    path::{self, KEY},
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::{Optimizer, tensor::host};

pub(super) const LAW: Law = Law {
    name: "domains",
    statement: "real spaces in f32 and f64 are searched; what else a space may hold is searched too, or refused with a typed error",
    holds,
};

const STEPS: usize = 4;
/// Steps by which every coordinate must have been moved.
const PATIENCE: usize = 300;

fn holds(subject: &Subject) -> Verdict {
    for (name, problem) in Problem::all()? {
        searches(subject, problem).map_err(|b| b.under(name))?;
    }
    Ok(())
}

/// Within some steps candidates differ in every coordinate that is not fixed.
fn every_coordinate(optimizer: &mut dyn Optimizer, problem: &mut Problem) -> Verdict {
    let (space, start) = (problem.space().clone(), path::answer(optimizer)?);
    let mut still: BTreeSet<usize> = space.fixed().enumerate().filter(|(_, fixed)| !fixed).map(|(i, _)| i).collect();
    for _ in 0..PATIENCE {
        let listen = |round: Round<'_>| {
            for k in 0..if still.is_empty() { 0 } else { round.batch.len() } {
                let point = host::to_f64s(&*round.batch.row(k, &space)?)?;
                still.retain(|i| point[*i] == start[*i]);
            }
            Ok(())
        };
        optimizer.step(&mut Tap::new(problem, listen))?;
        // Of what needs gradients only the answer moves.
        let answer = path::answer(optimizer)?;
        still.retain(|i| answer[*i] == start[*i]);
        if still.is_empty() {
            return Ok(());
        }
    }
    Err(Breach::new(format!("in {PATIENCE} steps no candidate differed from the start in the coordinates {still:?}")))
}

fn searches(subject: &Subject, mut problem: Problem) -> Verdict {
    let space = problem.space().clone();
    let Some(mut optimizer) = subject.build_if_able(&space, KEY)? else {
        let plain = space.dim() > 1 && !space.is_discrete() && !space.is_bounded();
        let refusal = subject.build(&space, KEY).err();
        ensure!(!plain, "a real space without bounds was refused: {refusal:?}");
        return Ok(());
    };
    for k in 0..STEPS {
        let report = path::step(&mut *optimizer, &mut problem)?.report;
        ensure!(report.evaluations > 0 && report.loss.is_finite(), "step {k} reported {report:?}");
    }
    every_coordinate(&mut *optimizer, &mut problem)?;
    let answer = optimizer.answer()?;
    let (dims, dtype) = (answer.dims(), answer.dtype());
    ensure!(dims == [space.dim()] && dtype == space.dtype(), "the answer is {dims:?} in {dtype:?}");
    ensure!(problem.loss_at(&answer)?.is_finite(), "the answer {} has no loss", *answer);
    space.tensors(&*space.decode(&answer)?)?;
    Ok(())
}
