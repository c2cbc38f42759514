//! A wrapper does what it is for.

use candle_core::{DType, Device, Tensor};

use super::{Law, Subject, broken::Verdict, path::KEY, problem::Problem};
use moths_core::{Function, Key, Leaf, Objective, Optimizer, Result, Space, tensor::host};

pub(super) const LAW: Law = Law {
    name: "purpose",
    statement: "a wrapper that promises `monotone` never answers higher than before, even where what it wraps does; one that promises `escapes` \
                leaves a local minimum, which what it wraps does not",
    holds,
};

const SEEDS: u64 = 3;
/// Steps on a problem that is easily made worse.
const STEPS: usize = 200;
/// Evaluations by which the better minimum must have been found, and how many it takes at most to be sure that one alone does not find it.
const PATIENCE: u64 = 200_000;
const PATIENCE_ALONE: u64 = 20_000;

fn holds(subject: &Subject) -> Verdict {
    let Some(inner) = subject.inner()? else { return Ok(()) };
    let (mine, inners) = (subject.capabilities()?, inner.capabilities()?);
    if mine.monotone && !inners.monotone {
        for (name, problem) in steep()? {
            never_rises(subject, problem).map_err(|b| b.under(name))?;
        }
    }
    if mine.escapes {
        for seed in 0..SEEDS {
            if !finds(&inner, Key::new(seed), PATIENCE_ALONE)? {
                let found = finds(subject, Key::new(seed), PATIENCE)?;
                ensure!(
                    found,
                    "seed {seed}: it ends in the minimum that it began in, and has not left it after {PATIENCE} evaluations"
                );
            }
        }
    }
    Ok(())
}

/// Where steps go too far: the answers of most optimizers get worse now and then.
fn steep() -> Result<Vec<(&'static str, Problem)>> {
    let free = Problem::free(5, DType::F64)?;
    Ok(vec![
        ("on an ellipsoid of condition 10⁸", free.clone().conditioned(1e8)),
        ("on a turned ellipsoid of condition 10⁶", free.clone().conditioned(1e6).mirrored()?),
        ("beside its minimum", free.clone().starting_at(vec![-0.499, -0.25, 0.001, 0.25, 0.5])?),
        ("beside its minimum, in places that fail", free.starting_at(vec![-0.499, -0.25, 0.001, 0.25, 0.5])?.failing()),
    ])
}

fn never_rises(subject: &Subject, mut problem: Problem) -> Verdict {
    let Some(mut optimizer) = subject.build_if_able(problem.space(), KEY)? else { return Ok(()) };
    let mut lowest = loss(&problem, &*optimizer)?;
    for k in 0..STEPS {
        optimizer.step(&mut problem)?;
        let loss = loss(&problem, &*optimizer)?;
        ensure!(loss <= lowest, "in step {k} the loss of the answer rose from {lowest} to {loss}");
        lowest = loss;
    }
    Ok(())
}

/// The loss of the answer; +∞ where candidates fail.
fn loss(problem: &Problem, optimizer: &dyn Optimizer) -> Result<f64> {
    let loss = problem.loss_at(&*optimizer.answer()?)?;
    Ok(if loss.is_nan() { f64::INFINITY } else { loss })
}

/// Two bowls in a box, one of them one lower; the search begins at the bottom of the other.
fn two_bowls(x: &[f64]) -> f64 {
    let bowl = |at: f64| x.iter().map(|x| (x - at) * (x - at)).sum::<f64>();
    (bowl(2.5) + 1.0).min(bowl(-2.5))
}

/// Does it get from one bowl into the other?
fn finds(subject: &Subject, key: Key, patience: u64) -> Result<bool> {
    let leaf = Leaf::real("x", [2]).dtype(DType::F64).bounds(-5.0, 5.0).scale(0.25);
    let space = Space::with_dtype(vec![leaf], DType::F64)?.starting_at(&Tensor::new(&[2.5, 2.5], &Device::Cpu)?)?;
    let Some(mut optimizer) = subject.build_if_able(&space, key)? else { return Ok(true) };
    let mut objective = Function::new(space, two_bowls);
    let mut used = 0;
    while used < patience {
        let report = optimizer.step(&mut objective)?;
        // A step may be free, yet not for ever.
        used += report.evaluations.max(1);
        let answer = host::to_f64s(&*objective.space().decode(&*optimizer.answer()?)?)?;
        if two_bowls(&answer) < 0.5 {
            return Ok(true);
        }
        if report.converged.is_some() {
            break;
        }
    }
    Ok(false)
}
