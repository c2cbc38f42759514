//! Better than chance.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    problem::{FLOOR, Problem},
};
use moths_core::{Horizon, Key, Result, Stop, minimize, registry};

pub(super) const LAW: Law = Law {
    name: "beats_random",
    statement: "where it is promised, the answer is better than that of random search in a box around start and minimum at equal evaluations, \
                3,000 or else 10,000; who goes by ranks and never gives up what is lowest is better than random search fifty times as long: \
                median over seeds",
    holds,
};

const SEEDS: u64 = 5;
/// Slow methods are given the second number as well: chance makes little of it.
const EVALUATIONS: [u64; 2] = [3_000, 10_000];
/// Evaluations by which steps that shrink are far ahead of those that do not.
const LONG: u64 = 30_000;
/// What random search has more there. In two dimensions it comes as near as steps that stay as long as they were, but for a factor.
const MORE: u64 = 50;

fn holds(subject: &Subject) -> Verdict {
    let promised = subject.capabilities()?;
    if !promised.beats_random {
        return Ok(());
    }
    let sphere = |dim| Ok::<_, moths_core::Error>(Problem::free(dim, DType::F64)?.conditioned(1.0));
    for (name, problem) in
        [("10-dimensional sphere", sphere(10)?), ("10-dimensional ellipsoid of condition 1000", sphere(10)?.conditioned(1e3))]
    {
        is_better(subject, name, &problem, EVALUATIONS[0], 1)
            .or_else(|_| is_better(subject, name, &problem, EVALUATIONS[1], 1))?;
    }
    // Nothing but their success can shorten the steps of one that knows no size of a loss; one that wraps others has theirs.
    if promised.rank_based && promised.monotone && !subject.wraps()? {
        is_better(subject, "2-dimensional sphere", &sphere(2)?, LONG, MORE)?;
    }
    Ok(())
}

/// Random search has `more` times as many evaluations.
fn is_better(subject: &Subject, name: &str, problem: &Problem, evaluations: u64, more: u64) -> Verdict {
    let mut gaps = (0..SEEDS).map(|seed| gap(subject, problem, Key::new(seed), evaluations)).collect::<Result<Vec<_>>>()?;
    gaps.sort_by(f64::total_cmp);
    let (mine, blind) = (gaps[gaps.len() / 2], of_blind(problem, evaluations * more)?);
    let times = if more == 1 { String::new() } else { format!(" in {more} times as many") };
    ensure!(
        mine < blind,
        "on a {name}, the gap of its answer after {evaluations} evaluations is {mine:e}, and that of random search{times} {blind:e}"
    );
    Ok(())
}

/// Of one that is told how long it has.
fn gap(subject: &Subject, problem: &Problem, key: Key, evaluations: u64) -> Result<f64> {
    let told = Horizon::evaluations(evaluations).on(problem);
    let mut optimizer = registry::build_for(subject.spec(), problem.space(), key, told)?;
    let end = minimize(&mut *optimizer, &mut problem.clone(), &Stop::evaluations(evaluations))?;
    Ok(problem.loss_at(&end.answer)? - FLOOR)
}

/// The median gap of pure random search, uniform in a box in which start and minimum are a quarter of its width from opposite ends, so that
/// neither is an easy place: half of all runs have a point in the ellipsoid Σ wᵢ oᵢ² ≤ gap if its share of the box is ln 2 / n.
fn of_blind(problem: &Problem, evaluations: u64) -> Result<f64> {
    let (start, d) = (problem.start()?, problem.minimum().len());
    let volume: f64 = start.iter().zip(problem.minimum()).map(|(start, minimum)| 2.0 * (start - minimum).abs()).product();
    let half = d as f64 / 2.0;
    let ball = libm::pow(std::f64::consts::PI, half) / libm::tgamma(half + 1.0);
    let squeezed: f64 = problem.weights().iter().map(|w| w.sqrt()).product();
    let share = std::f64::consts::LN_2 / evaluations as f64;
    Ok(libm::pow(share * volume * squeezed / ball, 1.0 / half))
}
