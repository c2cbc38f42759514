//! A step that fails changes nothing.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use candle_core::DType;

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    path::{self, KEY, Moment, OTHER_KEY},
    problem::Problem,
    tap::{Round, Tap},
};
use moths_core::{
    Error, Objective, Optimizer, Result,
    persist::{Keep, State},
};

pub(super) const LAW: Law = Law {
    name: "atomic",
    statement: "a step that fails, in whichever of its rounds, says so and changes nothing, not even the step after it",
    holds,
};

/// No step has more rounds than this.
const MOST_ROUNDS: usize = 1000;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?.noisy()] {
        after(subject, &problem, subject.depth().stations())?;
    }
    Ok(())
}

/// After each of these numbers of steps, the next fails in every way.
pub(super) fn after(subject: &Subject, problem: &Problem, stations: &[usize]) -> Verdict {
    let last = stations.iter().copied().max().unwrap_or(0);
    let step = |optimizer: &mut dyn Optimizer| path::step(optimizer, &mut problem.clone());
    let mut undisturbed = subject.build(problem.space(), KEY)?;
    let mut optimizer = subject.build(problem.space(), KEY)?;
    for taken in 0..=last {
        let faults = if stations.contains(&taken) { &FAULTS[..] } else { &[] };
        for fault in faults {
            fails(subject, &mut *optimizer, problem, *fault)
                .map_err(|b| b.under(format_args!("after {taken} steps, {}", fault.in_words())))?;
        }
        path::same(&step(&mut *undisturbed)?, &step(&mut *optimizer)?)
            .map_err(|b| b.under(format_args!("{taken} steps into a run in which steps had failed")))?;
    }
    Ok(())
}

const FAULTS: [Fault; 3] = [Fault::Error, Fault::Panic, Fault::TooFewLosses];

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Error,
    Panic,
    TooFewLosses,
}

impl Fault {
    fn in_words(self) -> &'static str {
        match self {
            Self::Error => "the evaluation failed with an error",
            Self::Panic => "the evaluation panicked",
            Self::TooFewLosses => "the evaluation gave one loss too few",
        }
    }

    fn strike(self, round: Round<'_>) -> Result<()> {
        match (self, round.losses) {
            (Self::Error, None) => Err(Error::Objective("as the law wants it".into())),
            // Unlike `panic!` this does not call the panic hook: nothing is printed.
            (Self::Panic, None) => resume_unwind(Box::new("as the law wants it")),
            (Self::TooFewLosses, Some(losses)) => {
                losses.pop();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Fails in round 0, 1, 2, ... until the step has no such round; then the step, which is taken, must be what it would have been.
fn fails(subject: &Subject, optimizer: &mut dyn Optimizer, problem: &Problem, fault: Fault) -> Verdict {
    let before = Before::of(subject, optimizer, problem)?;
    for round in 0..MOST_ROUNDS {
        let struck = Cell::new(false);
        let attempt = attempt(optimizer, &mut problem.clone(), fault, round, &struck);
        if !struck.get() {
            let Ok(step) = attempt else { return Err(Breach::new("a step in which nothing failed panicked".into())) };
            before.is_followed_by(&step?)?;
            return before.then(optimizer, problem);
        }
        let within = |b: Breach| b.under(format_args!("in round {round}"));
        before.unchanged(optimizer).map_err(within)?;
        if let Ok(Ok(step)) = attempt {
            return Err(Breach::new(format!("in round {round}: the step went on and reported {:?}", step.report)));
        }
    }
    Err(Breach::new(format!("the step has more than {MOST_ROUNDS} rounds")))
}

fn attempt(
    optimizer: &mut dyn Optimizer,
    problem: &mut dyn Objective,
    fault: Fault,
    at: usize,
    struck: &Cell<bool>,
) -> std::thread::Result<Result<Moment>> {
    let (space, mut asked) = (problem.space().clone(), vec![]);
    let mut tap = Tap::new(problem, |round: Round<'_>| {
        if round.losses.is_none() {
            asked.extend(path::candidates(round.batch, &space)?);
        }
        if round.number != at {
            return Ok(());
        }
        struck.set(true);
        fault.strike(round)
    });
    let report = catch_unwind(AssertUnwindSafe(|| optimizer.step(&mut tap)))?;
    Ok(report.and_then(|report| Moment::after(optimizer, report, asked)))
}

/// How things stood before a step that fails, and the step that it would have been.
struct Before {
    state: path::Digest,
    answer: Vec<f64>,
    step: Moment,
    at: State,
}

impl Before {
    fn of(subject: &Subject, optimizer: &mut dyn Optimizer, problem: &Problem) -> Result<Self> {
        let at = State::of(optimizer)?;
        let mut twin = subject.build(problem.space(), OTHER_KEY)?;
        at.restore(&mut twin, Keep::Nothing)?;
        let step = path::step(&mut *twin, &mut problem.clone())?;
        Ok(Self { state: at.digest()?, answer: path::answer(optimizer)?, step, at })
    }

    fn unchanged(&self, optimizer: &mut dyn Optimizer) -> Verdict {
        path::same_state(&self.state, &path::digest(optimizer)?)?;
        path::same_point("the answer", &self.answer, &path::answer(optimizer)?)
    }

    fn is_followed_by(&self, step: &Moment) -> Verdict {
        path::same(&self.step, step).map_err(|b| b.under("in the step after those that failed"))
    }

    /// Goes back to before the step, takes it once more, and goes back again.
    fn then(&self, optimizer: &mut dyn Optimizer, problem: &Problem) -> Verdict {
        self.at.restore(optimizer, Keep::Nothing)?;
        let step = path::step(optimizer, &mut problem.clone())?;
        path::same(&self.step, &step).map_err(|b| b.under("in the step after it was given back its state"))?;
        Ok(self.at.restore(optimizer, Keep::Nothing)?)
    }
}
