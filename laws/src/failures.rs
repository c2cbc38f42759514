//! Candidates that fail are not chosen, and leave nothing behind.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use candle_core::DType;

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    path::{self, KEY},
    problem::{FLOOR, Problem},
    tap::{Round, Tap},
};
use moths_core::{Optimizer, Result, tensor::host};

pub(super) const LAW: Law = Law {
    name: "failures",
    statement: "losses that are NaN, infinite or huge, and objectives that panic, never make the answer and never poison the state",
    holds,
};

/// Steps in which candidates fail.
const BAD_STEPS: usize = 3;
/// Steps in which the answer must get better again.
const GOOD_STEPS: usize = 300;
/// A gap that is none.
const EXACT: f64 = 1e-12;

fn holds(subject: &Subject) -> Verdict {
    let mut broken = vec![];
    for (name, problem) in [("f32", Problem::free(5, DType::F32)?), ("f64", Problem::free(5, DType::F64)?)] {
        for before in [0, 2] {
            for failure in FAILURES {
                if let Err(breach) = recovers(subject, problem.clone(), before, failure) {
                    broken.push(format!("in {name}, after {before} good steps, {}: {breach}", failure.name));
                }
            }
        }
    }
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

/// A way to fail.
struct Failure {
    name: &'static str,
    /// What the loss of a candidate becomes, by its place.
    loss: fn(u64, f64) -> f64,
    panics: bool,
}

/// By place, not by number: a wrapper may join batches, and the same point must fail whenever it is asked.
const FAILURES: &[Failure] = &[
    Failure { name: "every loss was NaN", loss: |_, _| f64::NAN, panics: false },
    Failure { name: "every loss was +inf", loss: |_, _| f64::INFINITY, panics: false },
    Failure { name: "every loss was -inf", loss: |_, _| f64::NEG_INFINITY, panics: false },
    Failure {
        name: "in half of all places the loss was NaN",
        loss: |place, loss| if place.is_multiple_of(2) { f64::NAN } else { loss },
        panics: false,
    },
    Failure {
        name: "in a third of all places the loss was -inf",
        loss: |place, loss| if place.is_multiple_of(3) { f64::NEG_INFINITY } else { loss },
        panics: false,
    },
    Failure { name: "every loss was 1e300 times itself", loss: |_, loss| loss * 1e300, panics: false },
    Failure {
        name: "in a third of all places the loss was 1e300",
        loss: |place, loss| if place.is_multiple_of(3) { 1e300 } else { loss },
        panics: false,
    },
    Failure { name: "the objective panicked", loss: |_, loss| loss, panics: true },
];

fn recovers(subject: &Subject, mut problem: Problem, before: usize, failure: &Failure) -> Verdict {
    let mut optimizer = subject.build(problem.space(), KEY)?;
    path::run(&mut *optimizer, &mut problem, before)?;
    for _ in 0..BAD_STEPS {
        bad_step(&mut *optimizer, &mut problem, failure)?;
    }
    let stuck_at = problem.loss_at(&*optimizer.answer()?)?;
    // A search that was there in spite of all has nothing to lower.
    if stuck_at - FLOOR <= EXACT {
        return Ok(());
    }
    for _ in 0..GOOD_STEPS {
        let report = optimizer.step(&mut problem)?;
        finite(&*optimizer)?;
        if problem.loss_at(&*optimizer.answer()?)? < stuck_at {
            return Ok(());
        }
        ensure!(report.converged.is_none(), "then it stopped: {:?}", report.converged);
    }
    Err(Breach::new(format!("the loss of the answer was {stuck_at:e}, and {GOOD_STEPS} good steps did not lower it")))
}

fn finite(optimizer: &dyn Optimizer) -> Verdict {
    let answer = path::answer(optimizer)?;
    ensure!(answer.iter().all(|x| x.is_finite()), "the answer became {answer:?}");
    Ok(())
}

/// Takes a step that goes wrong. None of the candidates that failed in it may be the answer, unless it was before.
fn bad_step(optimizer: &mut dyn Optimizer, problem: &mut Problem, failure: &Failure) -> Verdict {
    let before = path::answer(optimizer)?;
    let mut failed = vec![];
    let space = problem.space().clone();
    let listen = |round: Round<'_>| -> Result<()> {
        if failure.panics {
            resume_unwind(Box::new("as the law wants it"));
        }
        for (i, loss) in round.losses.into_iter().flatten().enumerate() {
            let point = host::to_f64s(&*round.batch.row(i, &space)?)?;
            *loss = (failure.loss)(path::hash(&point), *loss);
            if !loss.is_finite() {
                failed.push(point);
            }
        }
        Ok(())
    };
    let mut tap = Tap::new(problem, listen);
    match catch_unwind(AssertUnwindSafe(|| optimizer.step(&mut tap))) {
        Ok(report) => {
            let loss = report?.loss;
            ensure!(!loss.is_nan() && loss != f64::NEG_INFINITY, "the step reported the loss {loss}");
        }
        Err(_) => ensure!(failure.panics, "the step panicked"),
    }
    finite(optimizer)?;
    let after = path::answer(optimizer)?;
    ensure!(after == before || !failed.contains(&after), "the answer became a candidate that had failed: {after:?}");
    Ok(())
}
