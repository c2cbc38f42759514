//! One coordinate is a space too.

use candle_core::DType;

use super::{
    Law, Subject, atomic,
    broken::Verdict,
    path::{self, KEY},
    problem::Problem,
    resume,
};
use moths_core::Result;

pub(super) const LAW: Law = Law {
    name: "one_dimension",
    statement: "over a single real, integer or boolean coordinate it is built or refused with a typed error, lowers the loss, and its path is \
                as exact as anywhere",
    holds,
};

/// Steps in which the answer of a parabola must get better.
const PATIENCE: usize = 300;

fn holds(subject: &Subject) -> Verdict {
    let discrete = subject.capabilities()?.discrete;
    for (name, problem, improves) in [
        ("over ℝ in f32", Problem::free(1, DType::F32)?, true),
        ("over ℝ in f64", Problem::free(1, DType::F64)?, true),
        ("over ℝ, on other data in every step", Problem::free(1, DType::F64)?.noisy(), false),
        ("in an interval", Problem::boxed(1, DType::F64)?, true),
        ("over one integer", Problem::one_integer(DType::F32)?, discrete),
        ("over one flag", Problem::one_flag(DType::F64)?, discrete),
    ] {
        alone(subject, &problem, improves).map_err(|b| b.under(name))?;
    }
    Ok(())
}

fn alone(subject: &Subject, problem: &Problem, improves: bool) -> Verdict {
    if subject.build_if_able(problem.space(), KEY)?.is_none() {
        return Ok(());
    }
    resume::through_state(subject, problem.clone(), resume::DRAWN)?;
    atomic::after(subject, problem, &[0, 2])?;
    let run = || path::run(&mut *subject.build(problem.space(), KEY)?, &mut problem.clone(), 20);
    path::same_path(&run()?, &run()?).map_err(|b| b.under("a second run from the same seed"))?;
    ensure!(
        !improves || lowers(subject, problem.clone())?,
        "{PATIENCE} steps on a parabola did not lower the loss of the answer"
    );
    Ok(())
}

fn lowers(subject: &Subject, mut problem: Problem) -> Result<bool> {
    let mut optimizer = subject.build(problem.space(), KEY)?;
    let first = problem.loss_at(&*optimizer.answer()?)?;
    for _ in 0..PATIENCE {
        optimizer.step(&mut problem)?;
        if problem.loss_at(&*optimizer.answer()?)? < first {
            return Ok(true);
        }
    }
    Ok(false)
}
