//! Switches do not freeze.

use candle_core::DType;

use super::{Law, Subject, broken::Verdict, problem::Problem};
use moths_core::{Key, Result, Stop, minimize};

pub(super) const LAW: Law = Law {
    name: "discrete",
    statement: "where it is promised, all discrete values of separable mixed problems are right in the answer, and the reals have \
                converged: in 19 of 20 seeds of each",
    holds,
};

const SEEDS: u64 = 20;
const EVALUATIONS: u64 = 10_000;
/// Seeds in which something may be wrong.
const SPARED: usize = 1;
/// How far the reals may be off.
const NEAR: f64 = 1e-3;

type Make = fn(Key) -> Result<Problem>;

/// What it is tried on. The lowest loss of the second is elsewhere for every seed.
const PROBLEMS: [(&str, Make); 2] = [
    ("with integers, reals and flags", |_| Problem::switches(DType::F64)),
    ("with integers and flags alone", |key| Problem::wholes(DType::F64, key)),
];

fn holds(subject: &Subject) -> Verdict {
    if !subject.capabilities()?.discrete {
        return Ok(());
    }
    for (name, make) in PROBLEMS {
        all_right(subject, make).map_err(|b| b.under(name))?;
    }
    Ok(())
}

fn all_right(subject: &Subject, make: Make) -> Verdict {
    if subject.build_if_able(make(Key::new(0))?.space(), Key::new(0))?.is_none() {
        return Ok(());
    }
    let of = |seed| of(subject, &make(Key::new(seed).fold(1))?, Key::new(seed));
    let ends = (0..SEEDS).map(of).collect::<Result<Vec<_>>>()?;
    let wrong = |off: fn(&Offsets) -> bool| ends.iter().filter(|end| off(end)).count();
    let (switches, reals) = (wrong(|end| end.levels > 0.01), wrong(|end| end.reals > NEAR || end.reals.is_nan()));
    ensure!(switches <= SPARED, "in {switches} of {SEEDS} seeds a discrete value of the answer is wrong");
    ensure!(reals <= SPARED, "in {reals} of {SEEDS} seeds a real number of the answer is off by more than {NEAR}");
    Ok(())
}

/// How far the answer is from the optimum.
struct Offsets {
    levels: f64,
    reals: f64,
}

fn of(subject: &Subject, problem: &Problem, key: Key) -> Result<Offsets> {
    let space = problem.space();
    let mut optimizer = subject.build(space, key)?;
    let answer = minimize(&mut *optimizer, &mut problem.clone(), &Stop::evaluations(EVALUATIONS))?.answer;
    let mut offsets = Offsets { levels: 0.0, reals: 0.0 };
    for (off, least) in problem.distances(&answer)?.into_iter().zip(space.least_deviations()) {
        let of_its_kind = if least > 0.0 { &mut offsets.levels } else { &mut offsets.reals };
        *of_its_kind = of_its_kind.max(off);
    }
    Ok(offsets)
}
