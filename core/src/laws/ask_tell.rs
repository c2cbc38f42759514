//! Asking and telling is stepping.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::{Breach, Verdict, is_refusal},
    path::{self, KEY, Moment, OTHER_KEY},
    problem::Problem,
};
use crate::{Ask, AskTell, Batch, Keep, Objective, Report, Result, State};

pub(super) const LAW: Law = Law {
    name: "ask_tell",
    statement: "ask and tell take the path that step takes, also when saved and loaded between them; without gradients to tell, \
                a method that needs them refuses",
    holds,
};

const STEPS: usize = 4;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?] {
        if subject.capabilities()?.needs_gradient {
            refuses(subject, &problem)?;
            continue;
        }
        let moments = path::run(&mut *subject.build(problem.space(), KEY)?, &mut problem.clone(), STEPS)?;
        for habit in [Habit::Plain, Habit::Saves, Habit::Restarts] {
            follows(subject, &problem, &moments, habit).map_err(|b| b.under(habit.in_words()))?;
        }
    }
    Ok(())
}

/// What is done between an ask and its tell.
#[derive(Clone, Copy, PartialEq)]
enum Habit {
    Plain,
    Saves,
    Restarts,
}

impl Habit {
    fn in_words(self) -> &'static str {
        match self {
            Self::Plain => "asked and told",
            Self::Saves => "its state was taken between ask and tell",
            Self::Restarts => "saved after each ask, and loaded into another search",
        }
    }
}

fn follows(subject: &Subject, problem: &Problem, moments: &[Moment], habit: Habit) -> Verdict {
    let mut search = AskTell::new(subject.build(problem.space(), KEY)?, problem.space());
    for (k, expected) in moments.iter().enumerate() {
        let moment = one_step(subject, &mut search, &mut problem.clone(), habit)
            .and_then(|(report, asked)| Ok(Moment::after(search.optimizer(), report, asked)?));
        moment.and_then(|moment| path::same(expected, &moment)).map_err(|b| b.under(format_args!("in step {k}")))?;
    }
    Ok(())
}

fn one_step(
    subject: &Subject,
    search: &mut AskTell,
    problem: &mut Problem,
    habit: Habit,
) -> std::result::Result<(Report, Vec<u64>), Breach> {
    let mut asked = vec![];
    loop {
        let batch = match search.ask()? {
            Ask::Done(report) => return Ok((report, asked)),
            Ask::Evaluate(batch) => batch,
        };
        let candidates = path::candidates(&batch, problem.space())?;
        if habit != Habit::Plain {
            let saved = State::of(search)?;
            if habit == Habit::Restarts {
                *search = AskTell::new(subject.build(problem.space(), OTHER_KEY)?, problem.space());
                saved.restore(search, Keep::Nothing)?;
                asks_again(search, problem, &candidates)?;
            }
        }
        asked.extend(candidates);
        tell(search, problem, &batch)?;
    }
}

fn tell(search: &mut AskTell, problem: &mut Problem, batch: &Batch) -> Result<()> {
    let losses = problem.evaluate(batch)?;
    search.tell(losses)
}

fn asks_again(search: &mut AskTell, problem: &Problem, candidates: &[u64]) -> Verdict {
    let Ask::Evaluate(batch) = search.ask()? else {
        return Err(Breach::new("a search that was loaded did not ask again what it had asked".into()));
    };
    let again = path::candidates(&batch, problem.space())?;
    ensure!(again == candidates, "a search that was loaded asked for other candidates than it had asked");
    Ok(())
}

fn refuses(subject: &Subject, problem: &Problem) -> Verdict {
    let mut search = AskTell::new(subject.build(problem.space(), KEY)?, problem.space());
    let before = path::digest(search.optimizer())?;
    let error = loop {
        match search.ask() {
            Ok(Ask::Evaluate(batch)) => tell(&mut search, &mut problem.clone(), &batch)?,
            Ok(Ask::Done(report)) => {
                return Err(Breach::new(format!("needs gradients, yet took a step without them: {report:?}")));
            }
            Err(error) => break error,
        }
    };
    ensure!(is_refusal(&error), "without gradients it fails with {error:?}, which is no refusal");
    path::same_state(&before, &path::digest(search.optimizer())?).map_err(|b| b.under("after its refusal"))
}
