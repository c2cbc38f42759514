//! One run, to its end.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use moths::run::{Reason, side_by_side};
use serde_json::{Map, Value};

use super::{
    desk::{Desk, Job, Ran},
    log::{Log, Trial, best},
    loss::LossFrom,
    meter::{Losses, Meter},
    plan::Plan,
    program::{self, Ended, Watch},
    search::Search,
    stop::{Judge, Judged},
    template::Template,
    tries,
};
use crate::{Error, Result};

/// A run of a [`Plan`].
pub struct Run {
    plan: Plan,
    template: Template,
    loss: LossFrom,
    search: Search,
    /// Points of somebody's own.
    tries: Vec<Map<String, Value>>,
    /// Trials of an earlier run, in the order in which they ended.
    earlier: Vec<Trial>,
}

/// What a run needs beside its plan.
pub struct Around<'a> {
    /// How many trials there may be.
    pub budget: u64,
    /// How many commands run at a time.
    pub jobs: usize,
    /// How long a command may run.
    pub timeout: Option<Duration>,
    /// After so long no command is started.
    pub time: Option<Duration>,
    /// Where trials are written.
    pub log: Log,
    /// Set to end the run, and the commands that run.
    pub interrupted: &'a AtomicBool,
    /// Is shown every trial when it has ended, and the end of what it wrote to standard error.
    pub audience: &'a mut dyn FnMut(&Trial, &str),
}

/// How a run ended.
#[derive(Debug)]
pub struct Summary {
    /// Why it ended; `None` when it was interrupted.
    pub reason: Option<Reason>,
    /// The trials that have ended, in the order in which they were asked for.
    pub trials: Vec<Trial>,
    /// What the optimizer has decided and why, if it decides.
    pub explanation: Option<String>,
}

impl Summary {
    /// The trial of the lowest loss, the first of several, as [`best`] finds it.
    pub fn best(&self) -> Option<&Trial> {
        best(&self.trials)
    }

    /// How many were stopped before they ended.
    pub fn stopped(&self) -> usize {
        self.trials.iter().filter(|trial| trial.stopped).count()
    }

    /// How many candidates failed.
    pub fn failed(&self) -> usize {
        self.trials.iter().filter(|trial| trial.loss.is_none()).count()
    }
}

impl Run {
    /// The beginning of a run.
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::Unknown`] for a command, a point, an optimizer that cannot be had; what its first step fails with before it
    /// has evaluated anything.
    pub fn new(plan: Plan) -> Result<Self> {
        let template = Template::new(&plan.command)?;
        let from = plan.loss_from.as_deref().map(str::parse::<LossFrom>).transpose();
        let loss = from.map_err(|why| Error::invalid("--loss-from", plan.loss_from.clone().unwrap_or_default(), why))?;
        let points: Vec<Vec<f64>> = plan.r#try.iter().map(|text| tries::point(text, &template)).collect::<Result<_>>()?;
        let search = Search::new(template.space()?, &plan.optimizer, plan.seed, plan.horizon, &points)?;
        let tries = points.iter().map(|point| template.named(point)).collect();
        let loss = loss.unwrap_or(LossFrom::Last);
        Ok(Self { plan, template, loss, search, tries, earlier: vec![] })
    }

    /// What it is a run of.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The command with places for settings.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Trials that ended before, in the order in which they did: they are not run again.
    pub fn remember(&mut self, trials: Vec<Trial>) {
        self.earlier = trials;
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// [`Error::AllFailed`]; [`Error::Invalid`] for a budget that is used up already; [`Error::File`] for trials that were remembered and are of other
    /// settings; [`Error::Io`] where a command cannot be started, or a trial not be written; what a step fails with.
    pub fn run(self, mut around: Around<'_>) -> Result<Summary> {
        let used = self.earlier.iter().map(|trial| trial.trial).max().unwrap_or(0);
        if used > around.budget {
            let valid = format!("at least {used}: so many the run has used already");
            return Err(Error::invalid("--budget", around.budget, valid));
        }
        let Self { plan, template, loss, search, tries, earlier } = self;
        let (halt, interrupted) = (AtomicBool::new(false), around.interrupted);
        let judge = plan.stop.map(|rule| {
            let mut judge = Judge::new(rule);
            earlier.iter().for_each(|trial| judge.remember(trial));
            Mutex::new(judge)
        });
        let (jobs, timeout) = (around.jobs, around.timeout);
        let halted = || halt.load(Ordering::Relaxed) || interrupted.load(Ordering::Relaxed);
        let work = Work { plan: &plan, template: &template, loss: &loss, judge: judge.as_ref(), timeout, halted: &halted };
        let mut desk = Desk::new(search, &template, tries, earlier, &mut around)?;
        side_by_side(&mut desk, jobs, &halt, |job| work.on(job))?;
        desk.is_over();
        let (reason, mut search) = (desk.reason.take().filter(|_| !desk.is_interrupted()), desk.search);
        conclude(reason, desk.done.into_values().collect(), search.explain())
    }
}

fn conclude(reason: Option<Reason>, trials: Vec<Trial>, explanation: Option<String>) -> Result<Summary> {
    if let (Some(reason), None, false) = (&reason, best(&trials), trials.is_empty()) {
        return Err(Error::AllFailed { evaluations: trials.len() as u64, reason: reason.clone() });
    }
    Ok(Summary { reason, trials, explanation })
}

/// What becomes of a job, on whatever thread.
struct Work<'a> {
    plan: &'a Plan,
    template: &'a Template,
    loss: &'a LossFrom,
    judge: Option<&'a Mutex<Judge>>,
    timeout: Option<Duration>,
    halted: &'a (dyn Fn() -> bool + Sync),
}

impl Work<'_> {
    fn on(&self, job: Job) -> Result<Ran> {
        if (self.halted)() {
            return Ok(None);
        }
        let words = self.template.words(&job.settings);
        let variables = self.template.variables(&job.settings, self.plan.seed, job.trial);
        let (meter, losses) = self.judge.map(|_| Meter::new(self.loss.clone(), self.plan.maximize)).unzip();
        let (mut judged, mut condemned) = (Judged::default(), None);
        let hopeless = || {
            condemned = self.hopeless(losses.as_ref(), &mut judged);
            condemned.is_some()
        };
        let watch = Watch { listener: meter, hopeless, halt: self.halted };
        let started = |source| Error::Io { path: words.first().cloned().unwrap_or_default().into(), source };
        let ran = program::run(&words, variables, self.timeout, watch).map_err(started)?;
        // What it prints when it is asked to end is no loss.
        let losses = condemned.or_else(|| losses.map(|losses| losses.so_far().clone())).unwrap_or_default();
        let Some(outcome) = self.outcome(&ran, &losses) else { return Ok(None) };
        let trial = ended(job, outcome, &ran, &losses);
        if let Some(judge) = self.judge {
            judge.lock().unwrap_or_else(PoisonError::into_inner).ended(&trial, &judged);
        }
        Ok(Some((trial, ran.errors)))
    }

    /// The losses of a trial from which there is nothing to hope for.
    fn hopeless(&self, losses: Option<&Losses>, judged: &mut Judged) -> Option<Vec<f64>> {
        let (judge, losses) = self.judge.zip(losses)?;
        let mut judge = judge.lock().unwrap_or_else(PoisonError::into_inner);
        let losses = losses.so_far();
        judge.is_hopeless(&losses, judged).then(|| losses.clone())
    }

    /// What is minimised, or why it failed; `None` where it was ended because somebody said so.
    fn outcome(&self, ran: &program::Ran, losses: &[f64]) -> Option<std::result::Result<f64, String>> {
        let sign = if self.plan.maximize { -1.0 } else { 1.0 };
        match ran.ended {
            Ended::Halted => None,
            Ended::TimedOut => Some(Err(format!("it did not end within its time, and was ended after {:.1} s", ran.seconds))),
            Ended::Hopeless => {
                let last = losses.iter().rev().find(|loss| loss.is_finite()).copied();
                Some(last.ok_or_else(|| "it was stopped, and had printed no finite loss".into()))
            }
            Ended::Itself(status) if !status.success() => Some(Err(format!("it ended with {status}"))),
            Ended::Itself(_) => Some(self.loss.read(&ran.output).map(|number| sign * number)),
        }
    }
}

fn ended(job: Job, outcome: std::result::Result<f64, String>, ran: &program::Ran, losses: &[f64]) -> Trial {
    let (loss, failed) = outcome.map_or_else(|why| (None, Some(why)), |loss| (Some(loss), None));
    Trial {
        trial: job.trial,
        settings: job.settings,
        loss,
        failed,
        seconds: ran.seconds,
        asked: None,
        stopped: matches!(ran.ended, Ended::Hopeless),
        losses: losses.iter().map(|loss| loss.is_finite().then_some(*loss)).collect(),
    }
}
