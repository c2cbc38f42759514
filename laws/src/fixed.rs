//! What has one value only is not searched, and hinders nobody.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    problem::{FLOOR, Problem},
};
use moths_core::{Key, Result, Stop, minimize};

pub(super) const LAW: Law = Law {
    name: "fixed",
    statement: "elements whose bounds have lo = hi hinder nothing: the answer is as good as where they are free, but for a factor of ten, at \
                equal evaluations: median over seeds",
    holds,
};

const SEEDS: u64 = 3;
/// Of one that is made of several others, which differ from seed to seed in who is ahead.
const MANY_SEEDS: u64 = 9;
const EVALUATIONS: u64 = 1500;
/// How much worse it may be: a problem of few dimensions is easier, and luck is luck.
const WORSE: f64 = 10.0;
/// A gap, in units of the first, below which nothing is compared.
const EXACT: f64 = 1e-6;

fn holds(subject: &Subject) -> Verdict {
    for dtype in [DType::F32, DType::F64] {
        let (fixed, free) = (Problem::partly_fixed(dtype)?, Problem::not_fixed(dtype)?);
        if subject.build_if_able(fixed.space(), Key::new(0))?.is_none() {
            continue;
        }
        let (mine, other) = (left(subject, &fixed)?, left(subject, &free)?);
        ensure!(
            mine <= (WORSE * other).max(EXACT),
            "in {}, {mine:e} of the first gap is left with two elements of five fixed, {other:e} with all free",
            dtype.as_str()
        );
    }
    Ok(())
}

/// The median part that is left of the gap that the start has.
fn left(subject: &Subject, problem: &Problem) -> Result<f64> {
    let first = problem.loss_at(&problem.space().start())? - FLOOR;
    let of = |seed| {
        let mut optimizer = subject.build(problem.space(), Key::new(seed))?;
        let end = minimize(&mut *optimizer, &mut problem.clone(), &Stop::evaluations(EVALUATIONS))?;
        Ok((problem.loss_at(&end.answer)? - FLOOR) / first)
    };
    let seeds = if subject.parts()?.len() > 1 { MANY_SEEDS } else { SEEDS };
    let mut left = (0..seeds).map(of).collect::<Result<Vec<f64>>>()?;
    left.sort_by(f64::total_cmp);
    Ok(left[left.len() / 2])
}
