//! No direction of space is special.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    problem::{FLOOR, Problem},
    tap::{Round, Tap},
};
use moths_core::{Key, Result, Stop, minimize, tensor::host};

pub(super) const LAW: Law = Law {
    name: "rotation",
    statement: "where it is promised, a problem that is turned in space is no easier and no harder",
    holds,
};

const DIM: usize = 6;
/// Seeds whose first candidates are looked at, steps of each, and how far apart their distributions may be: fair ones are once in 100,000 times.
const PATHS: u64 = 200;
const FEW: usize = 3;
const APART: f64 = 0.25;
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
    let problem = Problem::free(DIM, DType::F64)?.conditioned(1e4);
    asks_alike(subject, &problem)?;
    let straight = ends(subject, &problem, 0)?;
    let turned = ends(subject, &problem.mirrored()?, SEEDS)?;
    let z = rank_sum(&straight, &turned);
    let words = if z > 0.0 { "easier" } else { "harder" };
    ensure!(z.abs() < LIMIT, "the problem is {words} turned: {straight:?} turned into {turned:?} ({z:.1} standard deviations)");
    Ok(())
}

/// Candidates on the turned problem are the turned candidates, in distribution: along no axis does one differ from the other.
fn asks_alike(subject: &Subject, problem: &Problem) -> Verdict {
    let turned = problem.clone().mirrored()?;
    let straight = (0..PATHS).map(|seed| offset(subject, problem, seed)).collect::<Result<Vec<_>>>()?;
    let mut others = (PATHS..2 * PATHS).map(|seed| offset(subject, &turned, seed)).collect::<Result<Vec<_>>>()?;
    others.iter_mut().for_each(|offset| turned.mirror(offset));
    for i in 0..DIM {
        let along = |offsets: &[Vec<f64>]| offsets.iter().map(|offset| offset[i]).collect::<Vec<_>>();
        let apart = kolmogorov_smirnov(along(&straight), along(&others));
        ensure!(
            apart < APART,
            "its candidates differ from those on the turned problem, turned back, along axis {i}: {apart:.2} of them"
        );
    }
    Ok(())
}

/// From the start to the last candidate of a few steps.
fn offset(subject: &Subject, problem: &Problem, seed: u64) -> Result<Vec<f64>> {
    let (space, mut last) = (problem.space(), vec![]);
    let mut optimizer = subject.build(space, Key::new(seed))?;
    for _ in 0..FEW {
        let listen = |round: Round<'_>| {
            last = host::to_f64s(&*round.batch.row(round.batch.len() - 1, space)?)?;
            Ok(())
        };
        optimizer.step(&mut Tap::new(&mut problem.clone(), listen))?;
    }
    last.iter_mut().zip(host::to_f64s(&space.start())?).for_each(|(x, start)| *x -= start);
    Ok(last)
}

/// The largest distance between two empirical distribution functions.
fn kolmogorov_smirnov(mut one: Vec<f64>, mut other: Vec<f64>) -> f64 {
    one.sort_by(f64::total_cmp);
    other.sort_by(f64::total_cmp);
    // Numbers that differ by rounding are equal.
    let share = |of: &[f64], x: f64| of.partition_point(|y| *y <= x + 1e-9 * x.abs().max(1.0)) as f64 / of.len() as f64;
    one.iter().chain(&other).map(|x| (share(&one, *x) - share(&other, *x)).abs()).fold(0.0, f64::max)
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
