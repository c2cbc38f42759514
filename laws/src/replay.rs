//! A run is its losses.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::{Breach, Verdict, is_inability},
    draws,
    path::{self, KEY, Moment, OTHER_KEY},
    problem::Problem,
};
use moths_core::{
    Error, Journal, Objective,
    run::{Origin, Replay},
};

pub(super) const LAW: Law = Law {
    name: "replay",
    statement: "replaying a journal takes the path that the run took; a method that needs gradients or outputs \
                refuses to be journalled",
    holds,
};

/// Configurations drawn; a journal is a file, and files take time.
const DRAWS: u32 = 4;
/// Steps by which one that is made of others and needs more than losses must have asked for it: of members that take turns it may be one. Any
/// other must have in its first.
const PATIENCE: usize = 200;

fn holds(subject: &Subject) -> Verdict {
    replays(subject, Problem::free(5, DType::F32)?)?;
    replays(subject, Problem::boxed(4, DType::F64)?)?;
    replays(subject, Problem::free(4, DType::F64)?.noisy()).map_err(|b| b.under("of a stochastic objective"))?;
    let problem = Problem::boxed(3, DType::F64)?;
    draws::each_that_builds(subject, DRAWS, &problem, |drawn, problem| replays(drawn, problem.clone()))
}

fn replays(subject: &Subject, problem: Problem) -> Verdict {
    let (folder, space) = (tempfile::tempdir()?, problem.space().clone());
    let path = folder.path().join("run.journal");
    let origin = Origin::new(subject.spec().clone(), KEY);
    let mut journal = Journal::open(problem, &origin, &path)?;
    let mut optimizer = subject.build(&space, KEY)?;
    if !subject.capabilities()?.needs_only_losses() {
        let patience = if subject.wraps()? { PATIENCE } else { 1 };
        let mut steps = (0..patience).map(|_| optimizer.step(&mut journal));
        return match steps.find(Result::is_err) {
            Some(Err(error)) if is_inability(&error) => Ok(()),
            other => Err(Breach::new(format!("needs what a journal does not hold, yet its steps gave {other:?}"))),
        };
    }
    let run = path::run(&mut *optimizer, &mut journal, subject.depth().of(5, 100))?;
    drop(journal);

    let mut replay = Replay::open(&space, &path)?;
    let mut optimizer = subject.build(&space, KEY)?;
    let replayed = path::run(&mut *optimizer, &mut replay, run.len())?;
    path::same_path(&run, &replayed)?;
    ensure!(replay.is_finished(), "the replay has losses left over");

    let (end, after) = (path::digest(&mut *optimizer)?, optimizer.step(&mut replay));
    ensure!(matches!(after, Err(Error::Suspended)), "after the last loss of the journal a step gave {after:?}");
    path::same_state(&end, &path::digest(&mut *optimizer)?).map_err(|b| b.under("after the journal had ended"))?;
    is_told(subject, &run, &mut Replay::open(&space, &path)?)
}

/// A run of another key is told that the journal is not its own, unless the key changes nothing that is asked.
fn is_told(subject: &Subject, run: &[Moment], replay: &mut Replay) -> Verdict {
    let mut other = subject.build(&replay.space().clone(), OTHER_KEY)?;
    match path::run(&mut *other, replay, run.len()) {
        Err(Error::Unsupported { .. }) => Ok(()),
        Err(error) => Err(Breach::new(format!("under another key the replay gave {error:?}"))),
        Ok(moments) => moments.iter().zip(run).try_for_each(|(one, other)| path::same_candidates(one, other)),
    }
}
