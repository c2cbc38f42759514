//! One run: steps, the curve of it, checkpoints, and an orderly end.

#[cfg(test)]
mod tests;

use std::{
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use moths::{
    Checkpoint, CowTensor, Horizon, Key, Objective, Optimizer, Spec, Stop,
    objective::layer::{Best, Pool},
    registry,
    run::{Parts, Reason, Tally, minimize_from},
};

use crate::{
    Error, Result,
    curve::{Curve, Row},
    lives::{Life, Lives},
    plan::Plan,
    problem::{self, Answer, Examiner, Problem},
};

/// What the note of a checkpoint says of births: how many it holds.
const BIRTHS: &str = "births";

/// A run of a [`Plan`]: what has to be saved, and what it is run on.
pub struct Session {
    plan: Plan,
    /// The optimizer with what the length of the run decides.
    planned: Spec,
    threads: usize,
    answer: Answer,
    optimizer: Box<dyn Optimizer>,
    objective: Best<Box<dyn Objective + Send>>,
    examiner: Box<dyn Examiner>,
    tally: Tally,
    curve: Curve,
    lives: Lives,
}

/// Where checkpoints go.
#[derive(Clone, Debug)]
pub struct Saving {
    /// The file, replaced each time.
    pub path: PathBuf,
    /// After how many evaluations each time.
    pub every: u64,
    /// What the caller wants to find in it again.
    pub caller: serde_json::Value,
}

/// Sees a run pass by.
pub trait Audience: Send {
    /// After every step.
    fn step(&mut self, _tally: &Tally) {}
    /// These began in the last step.
    fn births(&mut self, _lives: &[Life]) {}
    /// The answer was judged.
    fn row(&mut self, _row: &Row) {}
    /// A checkpoint was written, or could not be. The run goes on either way.
    fn saved(&mut self, _saving: &Saving, _tally: &Tally, _outcome: &Result<()>) {}
}

/// Nobody looks on.
impl Audience for () {}

/// What a run needs beside its plan.
pub struct Surroundings<'a> {
    /// Where checkpoints go, if anywhere.
    pub saving: Option<Saving>,
    /// End after so many seconds in all.
    pub seconds: Option<f64>,
    /// Who looks on.
    pub audience: &'a mut dyn Audience,
    /// Set to end the run after the step it is in.
    pub interrupted: &'a AtomicBool,
}

/// How a run ended.
#[derive(Debug)]
pub struct Summary {
    /// Why it ended; `None` when it was interrupted.
    pub reason: Option<Reason>,
    /// Steps, evaluations, seconds, lowest loss.
    pub tally: Tally,
    /// The curve, with a last row for the answer.
    pub curve: Curve,
    /// Who was born in it.
    pub lives: Lives,
    /// Which point is handed over, and was judged.
    pub answer: Answer,
    /// That point \[d\], in search coordinates.
    pub point: CowTensor,
    /// It as parameter values \[d\].
    pub values: CowTensor,
    /// What the optimizer has decided and why, if it decides.
    pub explanation: Option<String>,
    /// Why the last checkpoint could not be written.
    pub unsaved: Option<Error>,
}

impl Summary {
    /// The last row: the figures of the answer.
    pub fn last(&self) -> &Row {
        self.curve.rows().last().expect("a summary has a last row")
    }
}

impl Session {
    /// The beginning of a run, with so many replicas of the objective side by side.
    ///
    /// # Errors
    /// [`Error::Unknown`] and [`Error::Invalid`] for a problem or optimizer that cannot be had.
    pub fn new(plan: Plan, threads: usize) -> Result<Self> {
        let problem = problem::find(&plan.problem)?.build(&plan.options)?;
        Self::of(plan, &*problem, threads)
    }

    /// [`Session::new`] for a problem that is there already. It must be the plan's.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn of(plan: Plan, problem: &dyn Problem, threads: usize) -> Result<Self> {
        let objective: Box<dyn Objective + Send> = match threads {
            1 => problem.objective(plan.seed)?,
            _ => Box::new(Pool::new((0..threads).map(|_| problem.objective(plan.seed)).collect::<Result<_>>()?)?),
        };
        // The initial point follows from the seed itself: noise takes another branch.
        let planned = registry::planned(&plan.optimizer, objective.space(), Horizon::from(plan.horizon).on(&*objective))?;
        let optimizer = registry::build(&planned, objective.space(), Key::new(plan.seed).fold(1))?;
        Ok(Self {
            threads,
            planned,
            answer: problem.answer(),
            optimizer,
            objective: Best::new(objective),
            examiner: problem.examiner(plan.seed)?,
            tally: Tally::default(),
            curve: Curve::new(problem.measures(), plan.evaluations),
            lives: Lives::default(),
            plan,
        })
    }

    /// The plan it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many replicas of the objective evaluate side by side.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// What it has used and seen so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The curve so far.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// How many parameters are searched.
    pub fn dim(&self) -> usize {
        self.objective.space().dim()
    }

    /// Goes on where a checkpoint of the same plan was taken, or of one with another budget.
    ///
    /// # Errors
    /// [`Error::File`] when it does not fit, and nothing has then changed; [`Error::Invalid`] when it is of another plan, or has used more than
    /// the budget.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let space = self.objective.space().clone();
        let noted = Plan::of(checkpoint)?;
        let Plan { evaluations, horizon, target, .. } = self.plan;
        let options = noted.options.moved_to(&self.plan.options);
        if (Plan { options, evaluations, horizon, target, ..noted.clone() }) != self.plan {
            return Err(Error::invalid("checkpoint", noted.address(), "one of this problem, optimizer and seed"));
        }
        // What was built then: the length of the run may be another now, and concerns no state.
        let built = registry::planned(&noted.optimizer, &space, Horizon::from(noted.horizon).on(&self.objective))?;
        let born = !checkpoint.note()[BIRTHS].is_null();
        checkpoint.restore(&built, &space, &mut self.parts(born))?;
        let (used, budget) = (self.tally.evaluations, self.plan.evaluations);
        if used > budget {
            return Err(Error::invalid("evaluations", budget, format!("at least {used}: so many the run has used already")));
        }
        if self.tally.steps > used {
            return Err(Error::invalid(
                "checkpoint",
                format!("{} steps", self.tally.steps),
                format!("no more steps than evaluations, {used}"),
            ));
        }
        // Data move on once a step.
        if self.objective.stochastic() { self.objective.skip(self.tally.steps) } else { Ok(()) }
    }

    /// Births are a part only where there were any, and the note then says so.
    fn parts(&mut self, born: bool) -> Vec<(&'static str, &mut dyn moths::persist::Persist)> {
        let mut parts: Vec<(_, &mut dyn moths::persist::Persist)> = vec![
            ("optimizer", &mut self.optimizer),
            ("best", &mut self.objective),
            ("tally", &mut self.tally),
            ("curve", &mut self.curve),
        ];
        if born {
            parts.push(("lives", &mut self.lives));
        }
        parts
    }

    /// Runs to the end.
    ///
    /// The steps depend on nothing but the plan: not on when checkpoints are taken, rows are made or anybody looks on.
    ///
    /// # Errors
    /// What a step fails with. A checkpoint that cannot be written ends no run; see [`Summary::unsaved`].
    pub fn run(mut self, around: Surroundings<'_>) -> Result<Summary> {
        if self.threads > 1 {
            return self.run_here(around);
        }
        // One thread means one: neither candle nor a kernel takes another. A system that gives none has no other to take.
        match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
            Ok(confined) => confined.install(|| self.run_here(around)),
            Err(_) => self.run_here(around),
        }
    }

    fn run_here(&mut self, mut around: Surroundings<'_>) -> Result<Summary> {
        let mut saved_at = self.tally.evaluations;
        self.judge_if_due(&mut around)?;
        let reason = loop {
            let reason = self.advance(saved_at, &mut around)?;
            self.judge_if_due(&mut around)?;
            if reason != Reason::Observer {
                break Some(reason);
            }
            if around.interrupted.load(Ordering::Relaxed) {
                break None;
            }
            if is_due(&around.saving, saved_at, self.tally.evaluations) {
                saved_at = self.tally.evaluations;
                self.save(&mut around)?;
            }
        };
        let unsaved = self.save(&mut around)?;
        self.conclude(reason, unsaved)
    }

    /// Steps until something is due.
    fn advance(&mut self, saved_at: u64, around: &mut Surroundings<'_>) -> Result<Reason> {
        // The best point is kept here, so that a checkpoint has it.
        let mut stop = Stop::evaluations(self.plan.evaluations).without_best();
        stop = self.plan.target.into_iter().fold(stop, Stop::or_target);
        stop = around.seconds.into_iter().fold(stop, Stop::or_seconds);
        let (curve, saving, audience) = (&self.curve, &around.saving, &mut around.audience);
        let lives = &mut self.lives;
        let outcome = minimize_from(self.tally.clone(), &mut *self.optimizer, &mut self.objective, &stop, |progress| {
            audience.step(progress.tally);
            let born = lives.add(&progress.report.births, progress.tally);
            if !born.is_empty() {
                audience.births(born);
            }
            let used = progress.tally.evaluations;
            let due = curve.is_due(used) || is_due(saving, saved_at, used) || around.interrupted.load(Ordering::Relaxed);
            Ok(if due { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        self.tally = outcome.tally;
        Ok(outcome.reason)
    }

    fn deployed(&self) -> Result<(Answer, CowTensor)> {
        match (self.answer, self.objective.best()) {
            (Answer::Best, Some((_, best))) => Ok((Answer::Best, best.clone())),
            _ => Ok((Answer::Optimizers, self.optimizer.answer()?)),
        }
    }

    fn judge_if_due(&mut self, around: &mut Surroundings<'_>) -> Result<()> {
        if self.curve.is_due(self.tally.evaluations) {
            let row = Row::of(&self.tally, self.examiner.examine(&self.deployed()?.1)?);
            around.audience.row(&row);
            self.curve.push(row);
        }
        Ok(())
    }

    /// Writes a checkpoint, if any are wanted; gives the reason when that fails.
    fn save(&mut self, around: &mut Surroundings<'_>) -> Result<Option<Error>> {
        let Some(saving) = &around.saving else { return Ok(None) };
        let (spec, mut note) = (self.planned.clone(), self.plan.note(&saving.caller));
        let (space, born) = (self.objective.space().clone(), !self.lives.is_empty());
        if born {
            note[BIRTHS] = self.lives.all().len().into();
        }
        let parts: &mut Parts<'_, '_> = &mut self.parts(born);
        let outcome = Checkpoint::take(&spec, &space, parts)?.with_note(note).save(&saving.path);
        around.audience.saved(saving, &self.tally, &outcome);
        Ok(outcome.err())
    }

    fn conclude(&mut self, reason: Option<Reason>, unsaved: Option<Error>) -> Result<Summary> {
        let (answer, point) = self.deployed()?;
        let last = Row::of(&self.tally, self.examiner.examine(&point)?);
        let values = self.objective.space().decode(&point)?;
        let (tally, curve) = (self.tally.clone(), self.curve.clone().ending_with(last));
        let explanation = self.optimizer.explain();
        Ok(Summary { reason, tally, curve, lives: self.lives.clone(), answer, point, values, explanation, unsaved })
    }
}

fn is_due(saving: &Option<Saving>, saved_at: u64, used: u64) -> bool {
    saving.as_ref().is_some_and(|saving| used / saving.every > saved_at / saving.every)
}
