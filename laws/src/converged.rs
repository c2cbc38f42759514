//! Who says that it is done, is done.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    problem::{FLOOR, Problem},
};
use moths_core::{Key, Result};

pub(super) const LAW: Law = Law {
    name: "converged",
    statement: "where it is promised, `converged` is never said before the answer solves an easy problem, but some time after, and soon on a plateau",
    holds,
};

const SEEDS: u64 = 3;
/// What must be left of the first gap at most.
const SOLVED: f64 = 1e-8;
/// Evaluations by which it must have been said.
const PATIENCE: u64 = 200_000;
/// The same, where no candidate is better than another.
const PATIENCE_ON_A_PLATEAU: u64 = 20_000;

fn holds(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.converges {
        return Ok(());
    }
    for (name, problem, patience) in problems()? {
        for seed in 0..SEEDS {
            let end =
                run(subject, &problem, Key::new(seed), patience).map_err(|b| b.under(format_args!("{name}, seed {seed}")))?;
            ensure!(end.said.is_some(), "{name}, seed {seed}: within {patience} evaluations nothing was said");
            ensure!(
                end.left <= SOLVED,
                "{name}, seed {seed}: it said {:?} while {:e} of the first gap was left, not {SOLVED:e}",
                end.said,
                end.left
            );
        }
    }
    Ok(())
}

fn problems() -> Result<Vec<(&'static str, Problem, u64)>> {
    let sphere = |dtype| Ok::<_, moths_core::Error>(Problem::free(5, dtype)?.conditioned(1.0));
    Ok(vec![
        ("a sphere", sphere(DType::F64)?, PATIENCE),
        ("a sphere in f32", sphere(DType::F32)?, PATIENCE),
        ("an ellipsoid of condition 1000", sphere(DType::F64)?.conditioned(1e3), PATIENCE),
        ("a box with fixed elements", Problem::partly_fixed(DType::F64)?, PATIENCE),
        ("a plateau", sphere(DType::F64)?.flat(), PATIENCE_ON_A_PLATEAU),
    ])
}

struct End {
    said: Option<&'static str>,
    /// The gap of the answer, in units of the first; 0 where nothing was said, or nothing can be better.
    left: f64,
}

fn run(subject: &Subject, problem: &Problem, key: Key, patience: u64) -> std::result::Result<End, super::broken::Breach> {
    let mut problem = problem.clone();
    let mut optimizer = subject.build(problem.space(), key)?;
    let first = problem.loss_at(&*optimizer.answer()?)? - FLOOR;
    let mut used = 0;
    while used < patience {
        let report = optimizer.step(&mut problem)?;
        // A step may be free, yet not for ever.
        used += report.evaluations.max(1);
        if report.converged.is_some() {
            let gap = problem.loss_at(&*optimizer.answer()?)? - FLOOR;
            return Ok(End { said: report.converged, left: if first > 0.0 { gap / first } else { 0.0 } });
        }
    }
    Ok(End { said: None, left: 0.0 })
}
