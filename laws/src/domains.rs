//! Every kind of space.

use super::{
    Law, Subject,
    broken::Verdict,
    path::{self, KEY},
    problem::Problem,
};

pub(super) const LAW: Law = Law {
    name: "domains",
    statement: "real spaces in f32 and f64 are searched; what else a space may hold is searched too, or refused with a typed error",
    holds,
};

const STEPS: usize = 4;

fn holds(subject: &Subject) -> Verdict {
    for (name, problem) in Problem::all()? {
        searches(subject, problem).map_err(|b| b.under(name))?;
    }
    Ok(())
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
    let answer = optimizer.answer()?;
    let (dims, dtype) = (answer.dims(), answer.dtype());
    ensure!(dims == [space.dim()] && dtype == space.dtype(), "the answer is {dims:?} in {dtype:?}");
    ensure!(problem.loss_at(&answer)?.is_finite(), "the answer {} has no loss", *answer);
    space.tensors(&*space.decode(&answer)?)?;
    Ok(())
}
