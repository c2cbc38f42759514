//! No point of space is special.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    path::{self, KEY},
    problem::Problem,
};
use moths_core::Result;

pub(super) const LAW: Law = Law {
    name: "translation",
    statement: "where it is promised, moving the problem and its start moves the path, but for rounding",
    holds,
};

const STEPS: usize = 10;
/// Rounding errors of f64 grow from step to step, but not to this.
const TOLERANCE: f64 = 1e-6;

fn holds(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.translation {
        return Ok(());
    }
    let problem = Problem::free(5, DType::F64)?;
    let by: Vec<f64> = (0..5).map(|i| 10.0 - 7.0 * i as f64).collect();
    let (here, there) = (answers(subject, problem.clone())?, answers(subject, problem.moved(&by)?)?);
    for (k, (here, there)) in here.iter().zip(&there).enumerate() {
        for (i, ((here, there), by)) in here.iter().zip(there).zip(&by).enumerate() {
            let apart = (here + by - there).abs();
            ensure!(apart < TOLERANCE, "in step {k}, coordinate {i} of the answer is {there} instead of {here} + {by}");
        }
    }
    Ok(())
}

fn answers(subject: &Subject, mut problem: Problem) -> Result<Vec<Vec<f64>>> {
    let mut optimizer = subject.build(problem.space(), KEY)?;
    Ok(path::run(&mut *optimizer, &mut problem, STEPS)?.into_iter().map(|moment| moment.answer).collect())
}
