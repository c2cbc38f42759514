//! One run, from the start to its record.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use moths::{
    Horizon, Key, Objective, Optimizer, Spec, Stop,
    persist::State,
    registry,
    run::{Reason, Tally, minimize_from},
};

use super::{Record, trace::Recorder};
use crate::{
    Result,
    problem::{Examiner, Problem},
};

/// A gap as low as this ends a run: no target is lower.
pub const FINAL_GAP: f64 = 1e-8;
/// How many times an answer is judged on the way.
const FIGURES: u64 = 50;
/// How many times the state is weighed on the way: it may grow.
const WEIGHED: u64 = 4;

/// What one run is.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The optimizer.
    pub spec: &'a Spec,
    /// The problem.
    pub problem: &'a dyn Problem,
    /// Its address. Noise follows from it too: what chance does on one problem says nothing about the next.
    pub address: &'a str,
    /// Where the initial point and all noise come from.
    pub seed: u64,
    /// The evaluations it is allowed.
    pub budget: u64,
}

impl Run<'_> {
    /// Runs to the end, and gives a record without the names in it. A run that fails is a record too; `None` of an interrupted one.
    ///
    /// `used` hears of the evaluations as they are used.
    pub fn go(&self, interrupted: &AtomicBool, used: &dyn Fn(u64)) -> Option<Record> {
        match self.steps(interrupted, used) {
            Ok(record) => record,
            Err(error) => Some(Record {
                seed: self.seed,
                budget: self.budget,
                ending: error.to_string().lines().next().unwrap_or("failed").to_owned(),
                failed: true,
                ..Record::default()
            }),
        }
    }

    /// The initial point follows from the seed itself: noise takes another branch.
    fn noise(&self) -> Key {
        self.address.bytes().fold(Key::new(self.seed).fold(1), |key, byte| key.fold(u64::from(byte)))
    }

    fn steps(&self, interrupted: &AtomicBool, used: &dyn Fn(u64)) -> Result<Option<Record>> {
        let objective = self.problem.objective(self.seed)?;
        let horizon = Horizon::evaluations(self.budget).on(&*objective);
        let mut optimizer = registry::build_for(self.spec, objective.space(), self.noise(), horizon)?;
        let minimum = known_minimum(self.problem, &*objective);
        let mut objective = Recorder::new(objective, minimum.unwrap_or(0.0));
        let mut scribe = Scribe::new(self, minimum.is_some())?;

        let began = Instant::now();
        let target = minimum.map(|minimum| minimum + FINAL_GAP);
        let stop = target.into_iter().fold(Stop::evaluations(self.budget).without_best(), Stop::or_target);
        let mut seen = 0;
        let outcome = minimize_from(Tally::default(), &mut *optimizer, &mut objective, &stop, |progress| {
            used(progress.tally.evaluations - seen);
            seen = progress.tally.evaluations;
            scribe.look(seen, progress.optimizer)?;
            let ends = interrupted.load(Ordering::Relaxed);
            Ok(if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let seconds = began.elapsed().as_secs_f64() - scribe.seconds;
        if outcome.reason == Reason::Observer {
            return Ok(None);
        }
        used(outcome.tally.evaluations - seen);
        scribe.weigh(&mut *optimizer)?;
        scribe.judge(outcome.tally.evaluations, &mut *optimizer)?;

        let (trace, objective_seconds) = objective.finish();
        Ok(Some(Record {
            seed: self.seed,
            budget: self.budget,
            evaluations: outcome.tally.evaluations,
            steps: outcome.tally.steps,
            ending: outcome.reason.to_string(),
            optimizer_seconds: (seconds - objective_seconds).max(0.0),
            objective_seconds,
            state_bytes: scribe.state_bytes,
            trace,
            figures: scribe.figures,
            ..Record::default()
        }))
    }
}

/// What gaps are counted from: the minimum, where it is known and a loss says how far above it a point is, without luck.
pub(super) fn known_minimum(problem: &dyn Problem, objective: &dyn Objective) -> Option<f64> {
    problem.minimum().filter(|_| !objective.stochastic())
}

/// Notes what is not seen in losses.
struct Scribe {
    /// Only where losses do not say all.
    examiner: Option<Box<dyn Examiner>>,
    every: u64,
    judged: u64,
    figures: Vec<(u64, Vec<Option<f64>>)>,
    weigh_every: u64,
    weighed: u64,
    state_bytes: u64,
    /// What all this took.
    seconds: f64,
}

impl Scribe {
    fn new(run: &Run<'_>, losses_say_all: bool) -> Result<Self> {
        Ok(Self {
            examiner: if losses_say_all { None } else { Some(run.problem.examiner(run.seed)?) },
            every: run.budget.div_ceil(FIGURES).max(1),
            judged: 0,
            figures: vec![],
            weigh_every: run.budget.div_ceil(WEIGHED).max(1),
            weighed: 0,
            state_bytes: 0,
            seconds: 0.0,
        })
    }

    fn look(&mut self, evaluations: u64, optimizer: &mut dyn Optimizer) -> Result<()> {
        let began = Instant::now();
        if self.examiner.is_some() && evaluations / self.every > self.judged / self.every {
            self.judge(evaluations, optimizer)?;
        }
        if evaluations / self.weigh_every > self.weighed / self.weigh_every {
            self.weighed = evaluations;
            self.weigh(optimizer)?;
        }
        self.seconds += began.elapsed().as_secs_f64();
        Ok(())
    }

    fn judge(&mut self, evaluations: u64, optimizer: &mut dyn Optimizer) -> Result<()> {
        let Some(examiner) = &mut self.examiner else { return Ok(()) };
        self.judged = evaluations;
        let figures = examiner.examine(&optimizer.answer()?)?;
        if self.figures.last().is_none_or(|(at, _)| *at < evaluations) {
            self.figures.push((evaluations, figures.into_iter().map(|f| Some(f).filter(|f| f.is_finite())).collect()));
        }
        Ok(())
    }

    fn weigh(&mut self, optimizer: &mut dyn Optimizer) -> Result<()> {
        self.state_bytes = self.state_bytes.max(State::of(optimizer)?.bytes() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{self, Options};

    #[test]
    fn who_runs_is_told_for_how_long() -> Result<()> {
        let (entry, options) = problem::resolve("sphere/d5", &Options::default())?;
        let problem = entry.build(&options)?;
        let end = |spec: &str| -> Result<Option<f64>> {
            let run = Run { spec: &spec.parse()?, problem: &*problem, address: "sphere/d5", seed: 1, budget: 1000 };
            Ok(run.go(&AtomicBool::new(false), &|_| ()).map(|record| record.lowest()))
        };
        let told = end("jso")?;
        assert!(told.is_some() && told == end(r#"{"name":"jso","evaluations":1000}"#)?);
        assert!(told != end(r#"{"name":"jso","evaluations":90000}"#)?);
        Ok(())
    }
}
