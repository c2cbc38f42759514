//! What a step reports is what it did.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    path::KEY,
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::{Error, Objective, Optimizer, objective::layer::Budget};

pub(super) const LAW: Law =
    Law { name: "counts", statement: "a step reports the evaluations it used and the lowest loss it saw", holds };

const STEPS: usize = 6;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?, Problem::free(4, DType::F64)?.noisy()] {
        for share in [0, 2, 1] {
            let mut problem = problem.clone();
            let mut optimizer = subject.build(problem.space(), KEY)?;
            for k in 0..STEPS {
                reports(&mut *optimizer, &mut problem, share).map_err(|b| b.under(format_args!("in step {k}")))?;
                problem.refresh()?;
            }
            spends_no_more(&mut *optimizer, &mut problem)?;
        }
    }
    Ok(())
}

/// Every `share`-th candidate fails; none where it is 0.
fn reports(optimizer: &mut dyn Optimizer, problem: &mut Problem, share: usize) -> Verdict {
    let (mut lowest, mut count) = (f64::INFINITY, Budget::count(problem));
    let listen = |round: Round<'_>| {
        for (i, loss) in round.losses.into_iter().flatten().enumerate() {
            if share > 0 && i % share == 0 {
                *loss = f64::NAN;
            } else {
                lowest = lowest.min(*loss);
            }
        }
        Ok(())
    };
    let report = optimizer.step(&mut Tap::new(&mut count, listen))?;
    let used = count.used();
    ensure!(report.evaluations == used, "it reported {} evaluations and used {used}", report.evaluations);
    ensure!(report.loss == lowest, "it reported the loss {} and the lowest it saw was {lowest}", report.loss);
    Ok(())
}

/// A step that does not get all the evaluations it needs is not taken.
fn spends_no_more(optimizer: &mut dyn Optimizer, problem: &mut Problem) -> Verdict {
    let spent = optimizer.step(&mut Budget::new(problem, 0));
    ensure!(matches!(spent, Err(Error::Budget { .. })), "with no evaluation left a step gave {spent:?}");
    Ok(())
}
