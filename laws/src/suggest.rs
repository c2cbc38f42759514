//! Points that others suggest.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
    path::{self, KEY, OTHER_KEY},
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::{
    Batch, CowTensor, Error, Objective, Optimizer, Result, Space,
    persist::{Keep, State},
    tensor::host,
};

pub(super) const LAW: Law = Law {
    name: "suggest",
    statement: "what is suggested is evaluated in the next step, after a resume and a failure too, by whoever promises it; others refuse it, and so does everyone what is no point",
    holds,
};

fn holds(subject: &Subject) -> Verdict {
    for mut problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?, Problem::boxed(4, DType::F32)?] {
        for steps in [0, 3] {
            let mut optimizer = subject.build(problem.space(), KEY)?;
            path::run(&mut *optimizer, &mut problem, steps)?;
            match subject.capabilities()?.suggestible {
                true => looks(subject, &mut *optimizer, &mut problem),
                false => refuses(&mut *optimizer, &Batch::one(&problem.space().start())?, "any point"),
            }
            .map_err(|b| b.under(format_args!("after {steps} steps")))?;
        }
    }
    Ok(())
}

fn looks(subject: &Subject, optimizer: &mut dyn Optimizer, problem: &mut Problem) -> Verdict {
    let space = problem.space().clone();
    for (what, stranger) in strangers(&space)? {
        refuses(optimizer, &stranger, what)?;
    }
    // One that is outside, if there is an outside, and one that is not.
    let points = [away(&space, 1e3)?, away(&space, 0.3125)?];
    for point in &points {
        optimizer.suggest(&Batch::one(point)?)?;
    }
    let before = path::digest(optimizer)?;
    let failing = |_: Round<'_>| Err(Error::Objective("on purpose".into()));
    ensure!(optimizer.step(&mut Tap::new(problem, failing)).is_err(), "a step whose objective fails does not");
    path::same_state(&before, &path::digest(optimizer)?).map_err(|b| b.under("a step failed"))?;
    let mut resumed = subject.build(&space, OTHER_KEY)?;
    State::of(optimizer)?.restore(&mut resumed, Keep::Nothing)?;
    let step = path::step(optimizer, problem)?;
    for point in &points {
        let inside = space.point(point)?;
        let loss = (problem as &mut dyn Objective).losses(&Batch::one(&inside)?)?.lowest();
        ensure!(step.candidates.contains(&path::hash(&host::to_f64s(&inside)?)), "a point that was suggested is not evaluated");
        ensure!(step.report.loss <= loss, "the lowest loss is {}, but a suggestion has {loss}", step.report.loss);
    }
    path::same(&step, &path::step(&mut *resumed, problem)?).map_err(|b| b.under("resumed between suggestion and step"))
}

fn refuses(optimizer: &mut dyn Optimizer, points: &Batch, what: &str) -> Verdict {
    let before = path::digest(optimizer)?;
    let answer = optimizer.suggest(points);
    let refused = matches!(answer, Err(Error::Unsupported { .. } | Error::Shape { .. } | Error::Invalid { .. }));
    ensure!(refused, "{what} is suggested, and that gives {answer:?} instead of a refusal");
    path::same_state(&before, &path::digest(optimizer)?).map_err(|b| b.under(format_args!("{what} was refused")))
}

/// A point whose coordinates are all this many units from the start.
fn away(space: &Space, by: f64) -> Result<CowTensor> {
    Ok(CowTensor::new((&*space.start() + by)?))
}

/// What is no point: the first of two is one.
fn strangers(space: &Space) -> Result<[(&'static str, Batch); 2]> {
    let two = |other: CowTensor| Ok::<_, Error>(Batch::Joined([Batch::one(&space.start())?, Batch::one(&other)?].into()));
    Ok([
        ("a point that is not finite", two(CowTensor::new((&*space.start() * f64::NAN)?))?),
        ("a point that is too long", two(CowTensor::new(candle_core::Tensor::cat(&[&*space.start(), &*space.start()], 0)?))?),
    ])
}
