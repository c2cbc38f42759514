//! Save, load, go on: the same bits.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::{Breach, Verdict},
    draws,
    path::{self, KEY, Moment, OTHER_KEY},
    problem::Problem,
};
use moths_core::{
    Checkpoint, Optimizer, Result,
    persist::{Keep, State},
};

pub(super) const LAW: Law =
    Law { name: "resume", statement: "after any step, saving the state and loading it elsewhere goes on bit for bit", holds };

/// A run is taken up after so many steps, and goes on for so many.
pub(super) type Stations = [(usize, usize)];

/// The first are gone on from for long: what was left out of the state may steer no more than a rare event.
const QUICK: &Stations = &[(0, 6), (1, 5), (2, 4), (3, 60), (4, 2), (5, 1)];
const DEEP: &Stations = &[(0, 60), (1, 5), (5, 300), (50, 60), (300, 10)];
/// Of a short look.
pub(super) const DRAWN: &Stations = &[(0, 6), (1, 5), (2, 4), (3, 3), (5, 1)];
/// Configurations drawn, whatever they name to be wrapped.
const DRAWS: u32 = 12;

fn holds(subject: &Subject) -> Verdict {
    let (stations, noisy) = (subject.depth().of(QUICK, DEEP), Problem::free(4, DType::F64)?.noisy());
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?, noisy.clone()] {
        through_file(subject, &through_state(subject, problem, stations)?)?;
    }
    through_state(subject, noisy.failing(), stations).map_err(|b| b.under("of an objective that fails in some places"))?;
    let kinds = Problem::kinds(DType::F64)?;
    if subject.build_if_able(kinds.space(), KEY)?.is_some() {
        through_file(subject, &through_state(subject, kinds, DRAWN)?).map_err(|b| b.under("over every kind of leaf"))?;
    }
    let problem = Problem::boxed(3, DType::F64)?;
    draws::each(subject, DRAWS, |drawn| match drawn.build_if_taken(problem.space(), KEY)? {
        Some(_) => through_state(drawn, problem.clone(), DRAWN).map(drop),
        None => Ok(()),
    })
}

/// A run that nothing interrupted.
pub(super) struct Run {
    stations: Vec<Station>,
    moments: Vec<Moment>,
}

/// How things stood before a step.
struct Station {
    before: usize,
    /// Steps that are taken again from here.
    steps: usize,
    state: State,
    problem: Problem,
}

impl Run {
    fn of(optimizer: &mut dyn Optimizer, mut problem: Problem, stations: &Stations) -> Result<Self> {
        let mut run = Self { stations: vec![], moments: vec![] };
        let last = stations.iter().map(|(before, steps)| before + steps).max().unwrap_or(0);
        for now in 0..last {
            if let Some(&(before, steps)) = stations.iter().find(|(before, _)| *before == now) {
                run.stations.push(Station { before, steps, state: State::of(optimizer)?, problem: problem.clone() });
            }
            run.moments.push(path::step(optimizer, &mut problem)?);
        }
        Ok(run)
    }

    /// Takes the steps after a station again.
    fn goes_on(&self, optimizer: &mut dyn Optimizer, station: &Station) -> Verdict {
        let resumed = path::run(optimizer, &mut station.problem.clone(), station.steps)?;
        path::same_path(&self.moments[station.before..station.before + station.steps], &resumed)
    }
}

/// Takes a run up after each of these stations: in a new optimizer, and in one that had gone on.
pub(super) fn through_state(subject: &Subject, problem: Problem, stations: &Stations) -> std::result::Result<Run, Breach> {
    let mut end = subject.build(problem.space(), KEY)?;
    let run = Run::of(&mut *end, problem, stations)?;
    for station in &run.stations {
        let Station { before, state, problem, .. } = station;
        let mut fresh = subject.build(problem.space(), OTHER_KEY)?;
        state.restore(&mut fresh, Keep::Nothing)?;
        run.goes_on(&mut *fresh, station)
            .map_err(|b| b.under(format_args!("a new optimizer was given the state after {before} steps")))?;

        state.restore(&mut end, Keep::Nothing)?;
        run.goes_on(&mut *end, station)
            .map_err(|b| b.under(format_args!("one that had gone on was given back its state after {before} steps")))?;
    }
    Ok(run)
}

/// The first, a middle and the last state; files are synced, and that takes time.
fn through_file(subject: &Subject, run: &Run) -> Verdict {
    let folder = tempfile::tempdir()?;
    for k in [0, run.stations.len() / 2, run.stations.len() - 1] {
        let station = &run.stations[k];
        let Station { before, state, problem, .. } = station;
        let space = problem.space();
        let path = folder.path().join(format!("{k}.safetensors"));
        let mut saved = subject.build(space, OTHER_KEY)?;
        state.restore(&mut saved, Keep::Nothing)?;
        Checkpoint::take(subject.spec(), space, &mut [("optimizer", &mut saved)])?.save(&path)?;

        let checkpoint = Checkpoint::open(&path)?;
        let mut loaded = Subject::new(checkpoint.spec().clone())?.build(space, OTHER_KEY)?;
        checkpoint.restore(subject.spec(), space, &mut [("optimizer", &mut loaded)])?;
        run.goes_on(&mut *loaded, station).map_err(|b| b.under(format_args!("a checkpoint after {before} steps was loaded")))?;
    }
    Ok(())
}
