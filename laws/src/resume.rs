//! Save, load, go on: the same bits.

use candle_core::DType;

use super::{
    Law, Subject,
    broken::Verdict,
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

const STEPS: usize = 6;
/// Configurations drawn, whatever they name to be wrapped.
const DRAWS: u32 = 12;

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::boxed(4, DType::F64)?, Problem::free(4, DType::F64)?.noisy()] {
        let mut run = Run::of(subject, problem)?;
        through_state(subject, &mut run)?;
        through_file(subject, &run)?;
    }
    let problem = Problem::boxed(3, DType::F64)?;
    draws::each(subject, DRAWS, |drawn| match drawn.build_if_able(problem.space(), KEY)? {
        Some(_) => through_state(drawn, &mut Run::of(drawn, problem.clone())?),
        None => Ok(()),
    })
}

/// A run that nothing interrupted.
struct Run {
    /// State of optimizer and problem before each step.
    before: Vec<(State, Problem)>,
    moments: Vec<Moment>,
    end: Box<dyn Optimizer>,
}

impl Run {
    fn of(subject: &Subject, mut problem: Problem) -> Result<Self> {
        let mut end = subject.build(problem.space(), KEY)?;
        let (mut before, mut moments) = (vec![], vec![]);
        for _ in 0..STEPS {
            before.push((State::of(&mut end)?, problem.clone()));
            moments.push(path::step(&mut *end, &mut problem)?);
        }
        Ok(Self { before, moments, end })
    }
}

fn through_state(subject: &Subject, run: &mut Run) -> Verdict {
    for (k, (state, problem)) in run.before.iter().enumerate() {
        let rest = &run.moments[k..];
        let mut fresh = subject.build(problem.space(), OTHER_KEY)?;
        state.restore(&mut fresh, Keep::Nothing)?;
        let resumed = path::run(&mut *fresh, &mut problem.clone(), rest.len())?;
        path::same_path(rest, &resumed)
            .map_err(|b| b.under(format_args!("a new optimizer was given the state after {k} steps")))?;

        state.restore(&mut run.end, Keep::Nothing)?;
        let rewound = path::run(&mut *run.end, &mut problem.clone(), rest.len())?;
        path::same_path(rest, &rewound)
            .map_err(|b| b.under(format_args!("one that had gone on was given back its state after {k} steps")))?;
    }
    Ok(())
}

/// The first, a middle and the last state; files are synced, and that takes time.
fn through_file(subject: &Subject, run: &Run) -> Verdict {
    let folder = tempfile::tempdir()?;
    for k in [0, STEPS / 2, STEPS - 1] {
        let (state, problem) = &run.before[k];
        let (rest, space) = (&run.moments[k..], problem.space());
        let path = folder.path().join(format!("{k}.safetensors"));
        let mut saved = subject.build(space, OTHER_KEY)?;
        state.restore(&mut saved, Keep::Nothing)?;
        Checkpoint::take(subject.spec(), space, &mut [("optimizer", &mut saved)])?.save(&path)?;

        let checkpoint = Checkpoint::open(&path)?;
        let mut loaded = Subject::new(checkpoint.spec().clone())?.build(space, OTHER_KEY)?;
        checkpoint.restore(subject.spec(), space, &mut [("optimizer", &mut loaded)])?;
        let resumed = path::run(&mut *loaded, &mut problem.clone(), rest.len())?;
        path::same_path(rest, &resumed).map_err(|b| b.under(format_args!("a checkpoint after {k} steps was loaded")))?;
    }
    Ok(())
}
