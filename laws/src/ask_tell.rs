//! Asking and telling is stepping.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::{Breach, Verdict, is_inability},
    draws,
    path::{self, KEY, Moment, OTHER_KEY},
    problem::Problem,
};
use moths_core::{
    AskTell, Key, Objective, Result,
    persist::{Keep, State},
    run::Ask,
};

pub(super) const LAW: Law = Law {
    name: "ask_tell",
    statement: "ask and tell take the path that step takes, also when saved and loaded between them; without gradients or \
                outputs to tell, a method that needs them refuses",
    holds,
};

/// Configurations drawn, and how long each is looked at.
const DRAWS: u32 = 6;
const DRAWN_STEPS: usize = 3;
/// After so many evaluations no step is looked at: one of many rounds is taken again for each of them.
const EVALUATIONS: u64 = 2000;
/// Steps by which one that is made of others and needs more than losses must have asked for it: of members that take turns it may be one. Any
/// other must have in its first.
const PATIENCE: usize = 200;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?, Problem::free(4, DType::F64)?.noisy()] {
        if !subject.capabilities()?.needs_only_losses() {
            refuses(subject, &problem)?;
            continue;
        }
        is_stepping(subject, &problem, subject.depth().of(4, 60))?;
    }
    draws::each_that_builds(subject, DRAWS, &Problem::boxed(3, DType::F64)?, |drawn, problem| {
        if !drawn.capabilities()?.needs_only_losses() {
            refuses(drawn, problem)
        } else {
            is_stepping(drawn, problem, DRAWN_STEPS)
        }
    })
}

fn is_stepping(subject: &Subject, problem: &Problem, steps: usize) -> Verdict {
    let moments = path::run_within(&mut *subject.build(problem.space(), KEY)?, &mut problem.clone(), steps, EVALUATIONS)?;
    BETWEEN
        .into_iter()
        .try_for_each(|(between, in_words)| follows(subject, problem.clone(), &moments, between).map_err(|b| b.under(in_words)))
}

/// What is done between an ask and its tell.
type Between = fn(&Subject, &mut AskTell, &Problem) -> Result<()>;

const BETWEEN: [(Between, &str); 4] = [
    (|_, _, _| Ok(()), "asked and told"),
    (|_, search, _| State::of(search).map(drop), "its state was taken between ask and tell"),
    (restart, "saved after each ask, and loaded into another search"),
    (rewind, "saved after each ask, gone on, and given back what was saved"),
];

fn restart(subject: &Subject, search: &mut AskTell, problem: &Problem) -> Result<()> {
    let saved = State::of(search)?;
    *search = begin(subject, problem, OTHER_KEY)?;
    saved.restore(search, Keep::Nothing)
}

fn rewind(_: &Subject, search: &mut AskTell, _: &Problem) -> Result<()> {
    let saved = State::of(search)?;
    for _ in 0..3 {
        if let Ask::Evaluate(batch) = search.ask()? {
            search.tell(vec![1.0; batch.len()])?;
        }
    }
    saved.restore(search, Keep::Nothing)
}

fn begin(subject: &Subject, problem: &Problem, key: Key) -> Result<AskTell> {
    let search = AskTell::new(subject.build(problem.space(), key)?, problem.space());
    Ok(if problem.stochastic() { search.stochastic() } else { search })
}

fn follows(subject: &Subject, mut problem: Problem, moments: &[Moment], between: Between) -> Verdict {
    let mut search = begin(subject, &problem, KEY)?;
    for (k, expected) in moments.iter().enumerate() {
        one_step(&mut search, &mut problem, |search, problem| between(subject, search, problem))
            .and_then(|moment| path::same(expected, &moment))
            .map_err(|b| b.under(format_args!("in step {k}")))?;
        problem.refresh()?;
    }
    Ok(())
}

fn one_step(
    search: &mut AskTell,
    problem: &mut Problem,
    between: impl Fn(&mut AskTell, &Problem) -> Result<()>,
) -> std::result::Result<Moment, Breach> {
    let mut asked = vec![];
    loop {
        let batch = match search.ask()? {
            Ask::Done(report) => return Ok(Moment::after(search.optimizer(), report, asked)?),
            Ask::Evaluate(batch) => batch,
        };
        let candidates = path::candidates(&batch, problem.space())?;
        between(search, problem)?;
        asks_again(search, problem, &candidates)?;
        asked.extend(candidates);
        search.tell(problem.evaluate(&batch)?)?;
    }
}

fn asks_again(search: &mut AskTell, problem: &Problem, candidates: &[u64]) -> Verdict {
    let Ask::Evaluate(batch) = search.ask()? else {
        return Err(Breach::new("asked again, it did not ask what it had asked".into()));
    };
    ensure!(path::candidates(&batch, problem.space())? == candidates, "asked again, it asked for other candidates");
    Ok(())
}

fn refuses(subject: &Subject, problem: &Problem) -> Verdict {
    let mut search = begin(subject, problem, KEY)?;
    let (mut before, mut steps) = (path::digest(search.optimizer())?, 0);
    let patience = if subject.wraps()? { PATIENCE } else { 1 };
    let error = loop {
        match search.ask() {
            Ok(Ask::Evaluate(batch)) => search.tell(problem.clone().evaluate(&batch)?)?,
            Ok(Ask::Done(report)) => {
                steps += 1;
                ensure!(steps < patience, "needs more than losses, yet took {steps} steps with them alone: {report:?}");
                before = path::digest(search.optimizer())?;
            }
            Err(error) => break error,
        }
    };
    ensure!(is_inability(&error), "with losses alone it fails with {error:?}, which is no refusal");
    path::same_state(&before, &path::digest(search.optimizer())?).map_err(|b| b.under("after its refusal"))
}
