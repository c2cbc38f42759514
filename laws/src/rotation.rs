//! No direction of space is special.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    problem::{FLOOR, Problem},
};
use moths_core::{Key, Result, Stop, minimize};

pub(super) const LAW: Law = Law {
    name: "rotation",
    statement: "where it is promised, a problem that is turned in space is no easier and no harder",
    holds,
};

const SEEDS: u64 = 15;
const EVALUATIONS: u64 = 3000;
/// Of the rank-sum statistic, in standard deviations: a fair optimizer is this far off once in 15,000 times. Seeds are fixed, so it
/// either holds or not.
const LIMIT: f64 = 4.0;

/// The noise cannot be turned with the problem, so that paths cannot be compared; but their ends can, over seeds.
fn holds(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.rotation {
        return Ok(());
    }
    let problem = Problem::free(6, DType::F64)?.conditioned(1e4);
    let straight = ends(subject, &problem, 0)?;
    let turned = ends(subject, &problem.mirrored()?, SEEDS)?;
    let z = rank_sum(&straight, &turned);
    let words = if z > 0.0 { "easier" } else { "harder" };
    ensure!(z.abs() < LIMIT, "the problem is {words} turned: {straight:?} turned into {turned:?} ({z:.1} standard deviations)");
    Ok(())
}

/// The answer's loss after equal evaluations, for several seeds.
fn ends(subject: &Subject, problem: &Problem, from: u64) -> Result<Vec<f64>> {
    let end = |seed| {
        let mut optimizer = subject.build(problem.space(), Key::new(seed))?;
        let end = minimize(&mut *optimizer, &mut problem.clone(), &Stop::evaluations(EVALUATIONS))?;
        Ok(problem.loss_at(&end.answer)? - FLOOR)
    };
    (from..from + SEEDS).map(end).collect()
}

/// Wilcoxon's rank-sum statistic, standardised: positive when the numbers of `one` are the larger. What differs by rounding is a tie.
fn rank_sum(one: &[f64], other: &[f64]) -> f64 {
    let (n, m) = (one.len() as f64, other.len() as f64);
    let sign = |a: f64, b: f64| if (a - b).abs() <= 1e-3 * a.max(b) { 0.0 } else { (a - b).signum() };
    let wins: f64 = one.iter().flat_map(|a| other.iter().map(move |b| sign(*a, *b) / 2.0 + 0.5)).sum();
    (wins - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}
