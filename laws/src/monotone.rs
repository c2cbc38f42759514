//! What was found is not lost.

use super::{Law, Subject, broken::Verdict, path::KEY, problem::Problem};
use moths_core::{Optimizer, Result};

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
        falls(subject, problem.clone()).map_err(|b| b.under(name))?;
        falls(subject, problem.failing()).map_err(|b| b.under(format_args!("{name}, of which a third fails")))?;
    }
    Ok(())
}

/// Does the loss of the answer never rise?
pub(super) fn falls(subject: &Subject, mut problem: Problem) -> Verdict {
    let Some(mut optimizer) = subject.build_if_able(problem.space(), KEY)? else { return Ok(()) };
    let mut lowest = loss(&problem, &*optimizer)?;
    for k in 0..STEPS {
        optimizer.step(&mut problem)?;
        let loss = loss(&problem, &*optimizer)?;
        ensure!(loss <= lowest, "in step {k} the loss of the answer rose from {lowest} to {loss}");
        lowest = loss;
    }
    Ok(())
}

/// The loss of the answer; +∞ where candidates fail.
fn loss(problem: &Problem, optimizer: &dyn Optimizer) -> Result<f64> {
    let loss = problem.loss_at(&*optimizer.answer()?)?;
    Ok(if loss.is_nan() { f64::INFINITY } else { loss })
}
