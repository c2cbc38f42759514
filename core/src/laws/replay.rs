//! A run is its losses.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::{Breach, Verdict, is_refusal},
    path::{self, KEY},
    problem::Problem,
};
use crate::{Error, Journal, Replay};

pub(super) const LAW: Law = Law {
    name: "replay",
    statement: "replaying a journal takes the path that the run took; a method that needs gradients refuses to be journalled",
    holds,
};

const STEPS: usize = 5;

fn holds(subject: &Subject) -> Verdict {
    replays(subject, Problem::free(5, DType::F32)?)?;
    replays(subject, Problem::boxed(4, DType::F64)?)?;
    replays(subject, Problem::free(4, DType::F64)?.noisy()).map_err(|b| b.under("of a stochastic objective"))
}

fn replays(subject: &Subject, problem: Problem) -> Verdict {
    let (folder, space) = (tempfile::tempdir()?, problem.space().clone());
    let path = folder.path().join("run.journal");
    let mut journal = Journal::create(problem, &path)?;
    let mut optimizer = subject.build(&space, KEY)?;
    if subject.capabilities()?.needs_gradient {
        return match optimizer.step(&mut journal) {
            Err(error) if is_refusal(&error) => Ok(()),
            other => Err(Breach::new(format!("needs gradients, which a journal does not hold, yet its step gave {other:?}"))),
        };
    }
    let run = path::run(&mut *optimizer, &mut journal, STEPS)?;
    drop(journal);

    let mut replay = Replay::open(space.clone(), &path)?;
    let mut optimizer = subject.build(&space, KEY)?;
    let replayed = path::run(&mut *optimizer, &mut replay, STEPS)?;
    path::same_path(&run, &replayed)?;
    ensure!(replay.is_finished(), "the replay has losses left over");

    let (end, after) = (path::digest(&mut *optimizer)?, optimizer.step(&mut replay));
    ensure!(matches!(after, Err(Error::Suspended)), "after the last loss of the journal a step gave {after:?}");
    path::same_state(&end, &path::digest(&mut *optimizer)?).map_err(|b| b.under("after the journal had ended"))
}
