//! What was found is not lost.

use super::{
    Law, Subject,
    broken::Verdict,
    path::KEY,
    problem::Problem,
    tap::{Round, Tap},
};

pub(super) const LAW: Law = Law {
    name: "monotone",
    statement: "where it is promised, the loss of the answer never rises on a deterministic objective, also when candidates fail",
    holds,
};

const STEPS: usize = 40;

fn holds(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.monotone {
        return Ok(());
    }
    for (name, problem) in Problem::all()? {
        for fails_every in [usize::MAX, 3] {
            falls(subject, problem.clone(), fails_every).map_err(|b| b.under(name))?;
        }
    }
    Ok(())
}

fn falls(subject: &Subject, mut problem: Problem, fails_every: usize) -> Verdict {
    let Some(mut optimizer) = subject.build_if_able(problem.space(), KEY)? else { return Ok(()) };
    let mut lowest = problem.loss_at(&optimizer.answer()?)?;
    let mut evaluated = 0;
    for k in 0..STEPS {
        let listen = |round: Round<'_>| {
            for loss in round.losses.into_iter().flatten() {
                evaluated += 1;
                if evaluated % fails_every == 0 {
                    *loss = f64::NAN;
                }
            }
            Ok(())
        };
        optimizer.step(&mut Tap::new(&mut problem, listen))?;
        let loss = problem.loss_at(&optimizer.answer()?)?;
        ensure!(loss <= lowest, "in step {k} the loss of the answer rose from {lowest} to {loss}");
        lowest = loss;
    }
    Ok(())
}
