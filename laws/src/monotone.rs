//! What was found is not lost.

use candle_core::Tensor;

use super::{
    Law, Subject,
    broken::Verdict,
    path::KEY,
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::Error;

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
        for fails in [nowhere, in_stripes] {
            falls(subject, problem.clone(), fails).map_err(|b| b.under(name))?;
        }
    }
    Ok(())
}

fn nowhere(_: &[f64]) -> bool {
    false
}

/// In a third of all places, be they evaluated once or again.
fn in_stripes(values: &[f64]) -> bool {
    (4.1 * values[0] + 0.37).floor().rem_euclid(3.0) == 0.0
}

fn falls(subject: &Subject, mut problem: Problem, fails: fn(&[f64]) -> bool) -> Verdict {
    let Some(mut optimizer) = subject.build_if_able(problem.space(), KEY)? else { return Ok(()) };
    let place = problem.clone();
    let loss_at =
        |point: &Tensor| Ok::<_, Error>(if fails(&place.values(point)?) { f64::INFINITY } else { place.loss_at(point)? });
    let mut lowest = loss_at(&*optimizer.answer()?)?;
    for k in 0..STEPS {
        let listen = |round: Round<'_>| {
            for (i, loss) in round.losses.into_iter().flatten().enumerate() {
                if fails(&place.values(&*round.batch.row(i, place.space())?)?) {
                    *loss = f64::NAN;
                }
            }
            Ok(())
        };
        optimizer.step(&mut Tap::new(&mut problem, listen))?;
        let loss = loss_at(&*optimizer.answer()?)?;
        ensure!(loss <= lowest, "in step {k} the loss of the answer rose from {lowest} to {loss}");
        lowest = loss;
    }
    Ok(())
}
