//! One run, to its end.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use moths::run::Reason;
use serde_json::{Map, Value};

use super::{
    jobs::side_by_side,
    log::{Log, Trial},
    loss::LossFrom,
    plan::Plan,
    program::{self, Ended},
    search::{Next, Search},
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
    /// Trials that have ended, by their number.
    done: BTreeMap<u64, Trial>,
    /// Candidates that have been asked for.
    asked: u64,
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
    /// The trial of the lowest loss, the first of several; `None` where all failed.
    pub fn best(&self) -> Option<&Trial> {
        best(&self.trials)
    }

    /// How many candidates failed.
    pub fn failed(&self) -> usize {
        self.trials.iter().filter(|trial| trial.loss.is_none()).count()
    }
}

fn best(trials: &[Trial]) -> Option<&Trial> {
    let losses = trials.iter().filter_map(|trial| Some((trial, trial.loss?)));
    losses.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(trial, _)| trial)
}

/// A candidate that is to be evaluated.
struct Job {
    trial: u64,
    settings: Map<String, Value>,
}

/// What is known of a candidate.
enum Candidate {
    /// It is one of somebody's own points, with this number: nothing is evaluated again.
    Known(u64),
    Asked(u64, Map<String, Value>),
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
        let mut search = Search::new(template.space()?, &plan.optimizer, plan.seed, plan.horizon, &points)?;
        search.next()?;
        let tries = points.iter().map(|point| template.named(point)).collect();
        let loss = loss.unwrap_or(LossFrom::Last);
        Ok(Self { plan, template, loss, search, tries, done: BTreeMap::new(), asked: 0 })
    }

    /// What it is a run of.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The command with places for settings.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Trials that ended before: they are not run again.
    pub fn remember(&mut self, trials: Vec<Trial>) {
        self.done.extend(trials.into_iter().map(|trial| (trial.trial, trial)));
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// [`Error::AllFailed`]; [`Error::Invalid`] for a budget that is used up already; [`Error::File`] for trials that were remembered and are of other
    /// settings; [`Error::Io`] where a command cannot be started, or a trial not be written; what a step fails with.
    pub fn run(mut self, mut around: Around<'_>) -> Result<Summary> {
        let began = Instant::now();
        let used = self.done.keys().next_back().copied().unwrap_or(0);
        if used > around.budget {
            let valid = format!("at least {used}: so many the run has used already");
            return Err(Error::invalid("--budget", around.budget, valid));
        }
        let tries = std::mem::take(&mut self.tries);
        let asked = tries.iter().map(|settings| self.number(settings.clone())).collect();
        self.evaluate(asked, began, &mut around)?;
        let mut reason = self.over(began, &around);
        let mut known = tries;
        while reason.is_none() && !interrupted(&around) {
            let ended = match self.search.next()? {
                Next::Step(converged) => {
                    known.clear(); // suggestions are looked at in the first step
                    converged.map(|why| Reason::Converged(why.into()))
                }
                Next::Evaluate(points) => {
                    let asked = points.iter().map(|point| self.candidate(point, &known)).collect();
                    if let Some(losses) = self.evaluate(asked, began, &mut around)? {
                        self.search.tell(losses)?;
                    }
                    None
                }
            };
            reason = ended.or_else(|| self.over(began, &around));
        }
        self.conclude(reason.filter(|_| !interrupted(&around)))
    }

    /// Why no further candidate can be evaluated.
    fn over(&self, began: Instant, around: &Around<'_>) -> Option<Reason> {
        if self.asked >= around.budget {
            return Some(Reason::Evaluations);
        }
        around.time.is_some_and(|time| began.elapsed() >= time).then_some(Reason::Seconds)
    }

    fn candidate(&mut self, point: &[f64], known: &[Map<String, Value>]) -> Candidate {
        let settings = self.template.named(point);
        match known.iter().position(|known| *known == settings) {
            Some(i) => Candidate::Known(i as u64 + 1),
            None => self.number(settings),
        }
    }

    fn number(&mut self, settings: Map<String, Value>) -> Candidate {
        self.asked += 1;
        Candidate::Asked(self.asked, settings)
    }

    /// The losses of these candidates, NaN for those that failed; `None` if not all of them could be evaluated.
    fn evaluate(&mut self, asked: Vec<Candidate>, began: Instant, around: &mut Around<'_>) -> Result<Option<Vec<f64>>> {
        let mut numbers = vec![];
        let mut jobs = vec![];
        for candidate in asked {
            match candidate {
                Candidate::Known(trial) => numbers.push(trial),
                Candidate::Asked(trial, settings) => {
                    numbers.push(trial);
                    match self.done.get(&trial) {
                        Some(done) => same(done, &settings, around.log.path())?,
                        None if trial <= around.budget => jobs.push(Job { trial, settings }),
                        None => {}
                    }
                }
            }
        }
        self.work(jobs, began, around)?;
        let loss = |trial: &u64| Some(self.done.get(trial)?.loss.unwrap_or(f64::NAN));
        Ok(numbers.iter().map(loss).collect())
    }

    /// Evaluates candidates side by side, as long as there is time.
    fn work(&mut self, jobs: Vec<Job>, began: Instant, around: &mut Around<'_>) -> Result<()> {
        let halt = AtomicBool::new(false);
        let (timeout, time, interrupted) = (around.timeout, around.time, around.interrupted);
        let (plan, template, loss) = (&self.plan, &self.template, &self.loss);
        let stop = || halt.load(Ordering::Relaxed) || interrupted.load(Ordering::Relaxed);
        let late = || time.is_some_and(|time| began.elapsed() >= time);
        let work = |job: Job| {
            if stop() || late() {
                return Ok(None);
            }
            let words = template.words(&job.settings);
            let variables = template.variables(&job.settings, plan.seed, job.trial);
            let started = |source| Error::Io { path: words.first().cloned().unwrap_or_default().into(), source };
            let ran = program::run(&words, variables, timeout, stop).map_err(started)?;
            Ok(outcome(&ran, loss).map(|loss| (ended(job, loss, ran.seconds, plan.maximize), ran.errors)))
        };
        let (done, log, audience) = (&mut self.done, &mut around.log, &mut around.audience);
        side_by_side(jobs, around.jobs, &halt, work, |ran: Option<(Trial, Vec<u8>)>| {
            let Some((trial, errors)) = ran else { return Ok(()) };
            log.add(&trial)?;
            audience(&trial, &String::from_utf8_lossy(&errors));
            done.insert(trial.trial, trial);
            Ok(())
        })
    }

    fn conclude(mut self, reason: Option<Reason>) -> Result<Summary> {
        let trials: Vec<Trial> = std::mem::take(&mut self.done).into_values().collect();
        if let (Some(reason), None, false) = (&reason, best(&trials), trials.is_empty()) {
            return Err(Error::AllFailed { evaluations: trials.len() as u64, reason: reason.clone() });
        }
        Ok(Summary { reason, trials, explanation: self.search.explain() })
    }
}

fn interrupted(around: &Around<'_>) -> bool {
    around.interrupted.load(Ordering::Relaxed)
}

/// A trial that was remembered must be of the settings that are asked for now.
fn same(done: &Trial, settings: &Map<String, Value>, log: &Path) -> Result<()> {
    if done.settings == *settings {
        return Ok(());
    }
    let why = format!(
        "trial {} is of {}, and this run asks for {}: its trials are not those of this run",
        done.trial,
        Value::Object(done.settings.clone()),
        Value::Object(settings.clone())
    );
    Err(Error::File { path: log.into(), why })
}

/// The number that a program printed, or why it failed; `None` where it was ended because somebody said so.
fn outcome(ran: &program::Ran, loss: &LossFrom) -> Option<std::result::Result<f64, String>> {
    match ran.ended {
        Ended::Stopped => None,
        Ended::TimedOut => Some(Err(format!("it did not end within its time, and was ended after {:.1} s", ran.seconds))),
        Ended::Itself(status) if !status.success() => Some(Err(format!("it ended with {status}"))),
        Ended::Itself(_) => Some(loss.read(&ran.output)),
    }
}

fn ended(job: Job, printed: std::result::Result<f64, String>, seconds: f64, maximize: bool) -> Trial {
    let sign = if maximize { -1.0 } else { 1.0 };
    let (loss, failed) = printed.map_or_else(|why| (None, Some(why)), |number| (Some(sign * number), None));
    Trial { trial: job.trial, settings: job.settings, loss, failed, seconds }
}
