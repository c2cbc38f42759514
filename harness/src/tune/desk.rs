//! Which command is next: whatever the search asks for, in batches or one by one.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    time::Instant,
};

use moths::run::{Desk as Seats, Reason};
use serde_json::{Map, Value};

use super::{
    log::Trial,
    run::Around,
    search::{Next, Search},
    template::Template,
};
use crate::{Error, Result};

/// A candidate that is to be evaluated.
pub(super) struct Job {
    pub(super) trial: u64,
    pub(super) settings: Map<String, Value>,
}

/// What came of a command, and the end of what it wrote to standard error; `None` where it was not started, or ended because somebody said so.
pub(super) type Ran = Option<(Trial, Vec<u8>)>;

/// What is asked, what is under way and what is known.
pub(super) struct Desk<'a, 'b> {
    pub(super) search: Search,
    pub(super) template: &'a Template,
    pub(super) around: &'a mut Around<'b>,
    pub(super) began: Instant,
    /// Trials that have ended, by their number.
    pub(super) done: BTreeMap<u64, Trial>,
    /// Those of an earlier run, in the order in which they ended, as far as that matters.
    history: VecDeque<u64>,
    /// Candidates that have been asked for.
    asked: u64,
    queue: VecDeque<Job>,
    /// Points of somebody else's, which are the first trials.
    tries: Vec<Map<String, Value>>,
    /// How many proposals may still be one of these.
    looks: usize,
    /// By which numbers the search knows the trials whose losses it waits for.
    waiting: BTreeMap<u64, u64>,
    pub(super) reason: Option<Reason>,
}

impl<'a, 'b> Desk<'a, 'b> {
    /// At the beginning, or with the trials of an earlier run in the order in which they ended.
    ///
    /// # Errors
    /// [`Error::File`] for trials that are of other settings.
    pub(super) fn new(
        search: Search,
        template: &'a Template,
        tries: Vec<Map<String, Value>>,
        earlier: Vec<Trial>,
        around: &'a mut Around<'b>,
    ) -> Result<Self> {
        let own = tries.len();
        let order = earlier.iter().map(|trial| trial.trial).filter(|trial| *trial > own as u64);
        let history = if search.is_asynchronous() { order.collect() } else { VecDeque::new() };
        let mut desk = Self {
            search,
            template,
            began: Instant::now(),
            around,
            done: earlier.into_iter().map(|trial| (trial.trial, trial)).collect(),
            history,
            asked: 0,
            queue: VecDeque::new(),
            looks: own + 1, // the start of the search is looked at, too
            tries: vec![],
            waiting: BTreeMap::new(),
            reason: None,
        };
        for settings in &tries {
            desk.number(settings.clone())?;
        }
        desk.tries = tries;
        Ok(desk)
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.around.interrupted.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Are the losses of somebody's own points known?
    fn is_tried(&self) -> bool {
        (1..=self.tries.len() as u64).all(|trial| self.done.contains_key(&trial))
    }

    /// Asks for more; `false` where there is nothing to ask for, now or ever.
    fn ask(&mut self) -> Result<bool> {
        if !self.is_tried() {
            return Ok(false);
        }
        // What happened before happens again, in its order.
        if let Some(trial) = self.history.front().copied() {
            let asked = self.done.get(&trial).and_then(|trial| trial.asked).unwrap_or(trial).max(trial);
            if self.asked >= asked {
                self.history.pop_front();
                self.tell(trial)?;
                return Ok(true);
            }
        } else if self.is_over() {
            return Ok(false);
        }
        match self.search.next()? {
            Next::Wait => Ok(false),
            Next::Step(converged) => {
                self.looks = 0; // suggestions are looked at in the first step
                self.reason = converged.map(|why| Reason::Converged(why.into()));
                Ok(self.reason.is_none())
            }
            Next::Evaluate(number, point) => self.take(number, &point).map(|()| true),
        }
    }

    /// A candidate of the search becomes a trial, unless it is known.
    fn take(&mut self, number: u64, point: &[f64]) -> Result<()> {
        let settings = self.template.named(point);
        let known = self.tries.iter().position(|known| *known == settings).filter(|_| self.looks > 0);
        if self.search.is_asynchronous() {
            self.looks = self.looks.saturating_sub(1);
        }
        if let Some(i) = known {
            return self.search.tell(number, self.loss(i as u64 + 1));
        }
        let trial = self.number(settings)?;
        self.waiting.insert(trial, number);
        // Of a search that waits for all losses of a batch the order is of no account.
        if self.done.contains_key(&trial) && !self.search.is_asynchronous() { self.tell(trial) } else { Ok(()) }
    }

    /// The search hears of a trial that has ended.
    fn tell(&mut self, trial: u64) -> Result<()> {
        match self.waiting.remove(&trial) {
            Some(number) => self.search.tell(number, self.loss(trial)),
            None => Ok(()),
        }
    }

    /// Can no further candidate be evaluated?
    pub(super) fn is_over(&mut self) -> bool {
        if self.reason.is_none() && self.asked >= self.around.budget {
            self.reason = Some(Reason::Evaluations);
        }
        if self.reason.is_none() && self.is_late() {
            self.reason = Some(Reason::Seconds);
        }
        self.reason.is_some()
    }

    fn is_late(&self) -> bool {
        self.around.time.is_some_and(|time| self.began.elapsed() >= time)
    }

    /// A candidate becomes a trial, which is run unless it is known.
    fn number(&mut self, settings: Map<String, Value>) -> Result<u64> {
        self.asked += 1;
        match self.done.get(&self.asked) {
            Some(done) => same(done, &settings, self.around.log.path())?,
            None if self.asked <= self.around.budget => self.queue.push_back(Job { trial: self.asked, settings }),
            None => {}
        }
        Ok(self.asked)
    }

    /// NaN of one that failed.
    fn loss(&self, trial: u64) -> f64 {
        self.done.get(&trial).and_then(|trial| trial.loss).unwrap_or(f64::NAN)
    }
}

impl Seats for Desk<'_, '_> {
    type Job = Job;
    type Done = Ran;

    fn next(&mut self) -> Result<Option<Job>> {
        loop {
            if self.is_interrupted() {
                return Ok(None);
            }
            if !self.queue.is_empty() && self.is_late() {
                // What waits is not evaluated, however many were asked for.
                self.reason = Some(Reason::Seconds);
                return Ok(None);
            }
            // Nothing is begun, and nothing new is told, before what happened has happened again.
            let again = self.is_tried() && !self.history.is_empty();
            if !again && let Some(job) = self.queue.pop_front() {
                return Ok(Some(job));
            }
            if self.reason.is_some() || !self.ask()? {
                return Ok(None);
            }
        }
    }

    fn done(&mut self, ran: Ran) -> Result<()> {
        let Some((mut trial, errors)) = ran else { return Ok(()) };
        // From this, and the order of the lines, follows what was known when each candidate was asked for.
        trial.asked = self.search.is_asynchronous().then_some(self.asked);
        self.around.log.add(&trial)?;
        (self.around.audience)(&trial, &String::from_utf8_lossy(&errors));
        let number = trial.trial;
        self.done.insert(number, trial);
        self.tell(number)
    }
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
