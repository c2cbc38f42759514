//! `tune.html`, written again while a run goes on.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    Result, files,
    report::tune::Tuned,
    tune::{Plan, Template, Trial},
};

/// Between two pages, at least.
const PAUSE: Duration = Duration::from_secs(5);
/// And so many times as long as the last one took.
const TIMES: u32 = 20;

/// The page of a run.
pub(super) struct Page {
    path: PathBuf,
    plan: Plan,
    template: Template,
    trials: Vec<Trial>,
    /// When the next one is due.
    due: Instant,
}

impl Page {
    /// With the trials of an earlier run.
    pub(super) fn new(path: PathBuf, plan: &Plan, template: &Template, trials: Vec<Trial>) -> Self {
        Self { path, plan: plan.clone(), template: template.clone(), trials, due: Instant::now() }
    }

    /// A trial has ended. That a page cannot be written ends no run: the last one will say so.
    pub(super) fn see(&mut self, trial: &Trial) {
        self.trials.push(trial.clone());
        if Instant::now() >= self.due {
            let began = Instant::now();
            let _ = self.write(None);
            self.due = Instant::now() + PAUSE.max(began.elapsed() * TIMES);
        }
    }

    /// The whole file, or what was there before.
    ///
    /// # Errors
    /// As [`files::replace_file`].
    pub(super) fn write(&self, ended: Option<&str>) -> Result<()> {
        let tuned = Tuned { plan: &self.plan, template: &self.template, trials: &self.trials, ended };
        files::replace_file(&self.path, tuned.html()?)
    }
}
