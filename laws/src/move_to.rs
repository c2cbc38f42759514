//! Where a search is told to go on.

use candle_core::{DType, Device, Tensor};

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    path::{self, KEY},
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::{CowTensor, Error, Optimizer, Result, Space, space::Walls, tensor::host};

pub(super) const LAW: Law = Law {
    name: "move_to",
    statement: "move_to makes a point the answer, confined to the bounds, and the search goes on around it; what is no point, or not finite, is refused",
    holds,
};

/// Steps in which the answer must get better after a move.
const PATIENCE: usize = 300;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?, Problem::boxed(4, DType::F32)?] {
        for steps in [0, 3] {
            let mut optimizer = subject.build(problem.space(), KEY)?;
            path::run(&mut *optimizer, &mut problem.clone(), steps)?;
            moves(&mut *optimizer, problem.space(), subject.capabilities()?.walls)
                .map_err(|b| b.under(format_args!("after {steps} steps")))?;
            refuses_others(&mut *optimizer, problem.space())?;
            goes_on_around(&mut *optimizer, &mut problem.clone()).map_err(|b| b.under(format_args!("after {steps} steps")))?;
        }
    }
    Ok(())
}

/// A point whose coordinates are all this many units from the start.
fn away(space: &Space, by: f64) -> Result<CowTensor> {
    Ok(CowTensor::new((&*space.start() + by)?))
}

fn moves(optimizer: &mut dyn Optimizer, space: &Space, walls: Walls) -> Verdict {
    for by in [0.125, 1e4, -1e4] {
        let to = away(space, by)?;
        optimizer.move_to(&to)?;
        let mut expected = to.clone();
        space.confine(&mut expected)?;
        let (expected, mut answer) = (host::to_f64s(&expected)?, path::answer(optimizer)?);
        if walls == Walls::Smooth {
            // There and back through the smooth transform is rounded.
            let close = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-6 * (1.0 + y.abs());
            if answer.len() == expected.len() && answer.iter().zip(&expected).all(close) {
                answer.clone_from(&expected);
            }
        }
        path::same_point("the answer", &expected, &answer).map_err(|b| b.under(format_args!("moved {by} from the start")))?;
    }
    Ok(())
}

fn refuses_others(optimizer: &mut dyn Optimizer, space: &Space) -> Verdict {
    let other = if space.dtype() == DType::F32 { DType::F64 } else { DType::F32 };
    let strangers = [
        ("too long", Tensor::zeros(space.dim() + 1, space.dtype(), &Device::Cpu)?),
        ("a matrix", Tensor::zeros((2, space.dim()), space.dtype(), &Device::Cpu)?),
        ("of another dtype", Tensor::zeros(space.dim(), other, &Device::Cpu)?),
        ("NaN in its last coordinate", ending_with(f64::NAN, space)?),
        ("+inf in its last coordinate", ending_with(f64::INFINITY, space)?),
        ("-inf in its last coordinate", ending_with(f64::NEG_INFINITY, space)?),
    ];
    for (what, stranger) in strangers {
        let before = path::digest(optimizer)?;
        let moved = optimizer.move_to(&CowTensor::new(stranger));
        let refused = matches!(moved, Err(Error::Shape { .. } | Error::Invalid { .. }));
        ensure!(refused, "a point that is {what} gave {moved:?} instead of a refusal");
        path::same_state(&before, &path::digest(optimizer)?)
            .map_err(|b| b.under(format_args!("a point that is {what} was refused")))?;
    }
    Ok(())
}

/// A point of zeros but for its last coordinate.
fn ending_with(last: f64, space: &Space) -> Result<Tensor> {
    let values: Vec<f64> = (1..=space.dim()).map(|i| if i == space.dim() { last } else { 0.0 }).collect();
    Ok(Tensor::from_vec(values, space.dim(), &Device::Cpu)?.to_dtype(space.dtype())?)
}

/// Far from where it was, the search must not go on where it was.
fn goes_on_around(optimizer: &mut dyn Optimizer, problem: &mut Problem) -> Verdict {
    if problem.space().is_bounded() {
        // Into a corner that is far from the minimum.
        optimizer.move_to(&away(problem.space(), -1e4)?)?;
        return gets_better(optimizer, problem);
    }
    let (old, new) = (away(problem.space(), 0.0)?, away(problem.space(), 1e4)?);
    optimizer.move_to(&old)?;
    path::run(optimizer, problem, 1)?;
    optimizer.move_to(&new)?;
    let old = host::to_f64s(&old)?;
    let new = host::to_f64s(&new)?;
    let (space, mut near, mut asked) = (problem.space().clone(), 0, 0);
    let listen = |round: Round<'_>| {
        if round.losses.is_none() {
            for i in 0..round.batch.len() {
                let point = host::to_f64s(&*round.batch.row(i, &space)?)?;
                asked += 1;
                near += usize::from(distance(&point, &new) < distance(&point, &old));
            }
        }
        Ok(())
    };
    optimizer.step(&mut Tap::new(problem, listen))?;
    ensure!(2 * near >= asked, "after a move, {} of {asked} candidates were nearer to the place it had left", asked - near);
    let answer = path::answer(optimizer)?;
    ensure!(distance(&answer, &new) < distance(&answer, &old), "a step after a move, the answer is back where it had left");
    gets_better(optimizer, problem)
}

/// What was known where it had been, lower as it was, means nothing here: what is found is an improvement.
fn gets_better(optimizer: &mut dyn Optimizer, problem: &mut Problem) -> Verdict {
    let first = problem.loss_at(&*optimizer.answer()?)?;
    for _ in 0..PATIENCE {
        optimizer.step(problem)?;
        if problem.loss_at(&*optimizer.answer()?)? < first {
            return Ok(());
        }
    }
    Err(Breach::new(format!("{PATIENCE} steps after a move have not lowered the loss of the answer, which is {first}")))
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}
