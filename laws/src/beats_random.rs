//! Better than chance.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    problem::{FLOOR, Problem},
};
use moths_core::{Error, Key, Result, Stop, minimize};

pub(super) const LAW: Law = Law {
    name: "beats_random",
    statement: "where it is promised, the answer is better than that of random search at equal evaluations: median over seeds",
    holds,
};

const SEEDS: u64 = 5;
const EVALUATIONS: u64 = 3000;

fn holds(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.beats_random {
        return Ok(());
    }
    let sphere = Problem::free(10, DType::F64)?.conditioned(1.0);
    for (name, problem) in [("sphere", sphere.clone()), ("ellipsoid of condition 1000", sphere.conditioned(1e3))] {
        let mine = median(|key| of(subject, &problem, key))?;
        let blind = median(|key| of_blind(&problem, key))?;
        ensure!(mine < blind, "on a 10-dimensional {name} its answer has the loss {mine:e}, and that of blind chance {blind:e}");
    }
    Ok(())
}

fn median(loss: impl Fn(Key) -> Result<f64>) -> Result<f64> {
    let mut losses = (0..SEEDS).map(|seed| loss(Key::new(seed))).collect::<Result<Vec<_>>>()?;
    losses.sort_by(f64::total_cmp);
    Ok(losses[losses.len() / 2] - FLOOR)
}

fn of(subject: &Subject, problem: &Problem, key: Key) -> Result<f64> {
    let mut optimizer = subject.build(problem.space(), key)?;
    let end = minimize(&mut *optimizer, &mut problem.clone(), &Stop::evaluations(EVALUATIONS))?;
    problem.loss_at(&end.answer)
}

/// Pure random search of its own, so that the law needs no other optimizer to be registered.
fn of_blind(problem: &Problem, key: Key) -> Result<f64> {
    let space = problem.space();
    let points = space.scatter(&space.start(), key, EVALUATIONS as usize)?;
    (0..EVALUATIONS as usize).try_fold(f64::INFINITY, |lowest, i| {
        let loss = problem.loss_at(&points.get(i).map_err(Error::from)?)?;
        Ok(lowest.min(loss))
    })
}
