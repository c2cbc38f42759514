//! Losses of different data are never compared.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    path::{self, KEY},
    problem::{FLOOR, Problem},
};
use moths_core::{Key, Result, Stop, minimize};

pub(super) const LAW: Law = Law {
    name: "shift",
    statement: "unless it says that it compares steps, one number added to all losses of a step of a stochastic objective changes the path by no more than rounding, and the gap of the answer by no more than a factor of three: median over seeds",
    holds,
};

/// The numbers are up to this, above or below zero: more than the losses differ.
const MOST: f64 = 100.0;
const STEPS: usize = 15;
/// Rounding errors of f64 grow from step to step, but not to this.
const TOLERANCE: f64 = 1e-6;
const SEEDS: u64 = 5;
const EVALUATIONS: u64 = 3000;
const FACTOR: f64 = 3.0;
/// Gaps below this are those of losses that are rounded where the number is added.
const ROUNDING: f64 = 1e-9;

fn holds(subject: &Subject) -> Verdict {
    if subject.capabilities()?.compares_steps {
        return Ok(());
    }
    for problem in [Problem::free(5, DType::F64)?.noisy(), Problem::boxed(4, DType::F64)?.noisy()] {
        goes_the_same_way(subject, &problem)?;
    }
    let sphere = Problem::free(10, DType::F64)?.conditioned(1.0);
    let gap = |most| median(|key| gap(subject, sphere.clone().shifted(most), key));
    let (plain, shifted) = (gap(0.0)?, gap(MOST)?);
    ensure!(
        shifted <= FACTOR * plain + ROUNDING,
        "on a 10-dimensional sphere the gap of its answer is {shifted:e} with the number, and {plain:e} without"
    );
    Ok(())
}

fn goes_the_same_way(subject: &Subject, problem: &Problem) -> Verdict {
    let (plain, shifted) = (answers(subject, problem.clone())?, answers(subject, problem.clone().shifted(MOST))?);
    for (k, (plain, shifted)) in plain.iter().zip(&shifted).enumerate() {
        for (i, (plain, shifted)) in plain.iter().zip(shifted).enumerate() {
            ensure!(
                (plain - shifted).abs() < TOLERANCE * plain.abs().max(1.0),
                "in step {k}, coordinate {i} of the answer is {shifted} with the number, and {plain} without"
            );
        }
    }
    Ok(())
}

fn answers(subject: &Subject, mut problem: Problem) -> Result<Vec<Vec<f64>>> {
    let mut optimizer = subject.build(problem.space(), KEY)?;
    Ok(path::run(&mut *optimizer, &mut problem, STEPS)?.into_iter().map(|moment| moment.answer).collect())
}

fn median(gap: impl Fn(Key) -> Result<f64>) -> Result<f64> {
    let mut gaps = (0..SEEDS).map(|seed| gap(Key::new(seed))).collect::<Result<Vec<_>>>()?;
    gaps.sort_by(f64::total_cmp);
    Ok(gaps[gaps.len() / 2])
}

fn gap(subject: &Subject, mut problem: Problem, key: Key) -> Result<f64> {
    let mut optimizer = subject.build(problem.space(), key)?;
    let end = minimize(&mut *optimizer, &mut problem, &Stop::evaluations(EVALUATIONS))?;
    Ok(problem.loss_at(&end.answer)? - FLOOR)
}
