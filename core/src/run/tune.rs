//! Settings by name, tuned by a closure on several threads.

use std::{collections::BTreeMap, sync::atomic::AtomicBool, time::Instant};

use super::{Desk, One, OneByOne, Reason, side_by_side};
use crate::{
    Error, Result,
    objective::Named,
    optimizer::{Horizon, Spec},
    rng::Key,
    space::Space,
    tensor::host,
};

/// A search for the settings of lowest loss: what `moths tune` does for programs, for a closure.
///
/// ```
/// use moths_core::{Leaf, Space, Spec, run::Tune};
///
/// # fn main() -> moths_core::Result<()> {
/// # if moths_core::registry::find("tpe").is_err() { return Ok(()) } // this crate alone registers nothing
/// let space = Space::new(vec![
///     Leaf::real("rate", [1]).bounds(1e-5, 1e-1).logarithmic(),
///     Leaf::integer("layers", [1], 1, 8),
///     Leaf::category("optimizer", [1], 2), // 0 is adam, 1 is sgd
///     Leaf::real("momentum", [1]).bounds(0.0, 1.0).when("optimizer", [1.0]),
/// ])?;
/// let found = Tune::new(Spec::new("tpe"), space, 60).jobs(4).run(|settings| {
///     let best = if settings.choice("optimizer")? == 0 { 1e-3 } else { 1e-2 };
///     let depth = settings.integer("layers")? as f64;
///     Ok((settings.real("rate")? / best).ln().powi(2) + (depth - 3.0).powi(2)) // train here
/// })?;
/// println!("{} at a rate of {}, after {} trials", found.loss(), found.settings().real("rate")?, found.trials.len());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Tune {
    optimizer: Spec,
    space: Space,
    evaluations: u64,
    jobs: usize,
    key: Key,
}

/// A candidate that was evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The values of all leaves, as the closure saw them.
    pub values: Vec<f64>,
    /// NaN where it failed.
    pub loss: f64,
    /// How long it took.
    pub seconds: f64,
}

/// What [`Tune::run`] found.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// All candidates, in the order in which they were asked for.
    pub trials: Vec<Trial>,
    /// Which of them has the lowest loss.
    pub best: usize,
    space: Space,
}

impl Tuned {
    /// The lowest loss.
    pub fn loss(&self) -> f64 {
        self.trials[self.best].loss
    }

    /// The settings of lowest loss, by name.
    pub fn settings(&self) -> Named<'_> {
        Named::over(&self.space, &self.trials[self.best].values)
    }
}

impl Tune {
    /// By this optimizer, over this space, in so many evaluations.
    pub fn new(optimizer: Spec, space: Space, evaluations: u64) -> Self {
        Self { optimizer, space, evaluations, jobs: 1, key: Key::new(1) }
    }

    /// So many evaluations at a time, each on a thread. An [`asynchronous`](crate::optimizer::Capabilities#structfield.asynchronous) optimizer gives whoever is free the
    /// next candidate at once; which one that is then depends on how long the others took. Any other fills a batch, and has the same candidates for
    /// any number of jobs.
    pub fn jobs(self, jobs: usize) -> Self {
        Self { jobs: jobs.max(1), ..self }
    }

    /// Another seed than 1: where all noise of the search comes from.
    pub fn seed(self, seed: u64) -> Self {
        Self { key: Key::new(seed), ..self }
    }

    /// Evaluates until the budget is spent, or the optimizer sees no point in going on. A loss of NaN, or an infinite one, says that a candidate failed.
    ///
    /// # Errors
    /// What the closure fails with, which ends the run; [`Error::AllFailed`]; [`Error::Invalid`] for a budget of 0; as
    /// [`registry::build_for`](crate::registry::build_for) and [`AskTell::ask`](crate::AskTell::ask).
    pub fn run(self, f: impl Fn(&Named<'_>) -> Result<f64> + Sync) -> Result<Tuned> {
        let Self { optimizer, space, evaluations, jobs, key } = self;
        if evaluations == 0 {
            return Err(Error::invalid("evaluations", evaluations, "at least 1"));
        }
        let horizon = Horizon::evaluations(evaluations);
        let search = OneByOne::new(&optimizer, &space, key, horizon)?;
        let mut work = Work { search, space: &space, left: evaluations, trials: BTreeMap::new(), reason: Reason::Evaluations };
        side_by_side(&mut work, jobs, &AtomicBool::new(false), |(number, values): Job| {
            let began = Instant::now();
            let loss = f(&Named::over(&space, &values))?;
            let loss = if loss.is_finite() { loss } else { f64::NAN };
            Ok((number, Trial { values, loss, seconds: began.elapsed().as_secs_f64() }))
        })?;
        let (trials, reason) = (work.trials.into_values().collect::<Vec<_>>(), work.reason);
        let losses = trials.iter().enumerate().filter(|(_, trial)| trial.loss.is_finite());
        let best = losses.min_by(|a, b| a.1.loss.total_cmp(&b.1.loss)).map(|(i, _)| i);
        match best {
            Some(best) => Ok(Tuned { trials, best, space }),
            None => Err(Error::AllFailed { evaluations: trials.len() as u64, reason }),
        }
    }
}

type Job = (u64, Vec<f64>);

struct Work<'a> {
    search: OneByOne,
    space: &'a Space,
    /// Evaluations that are left.
    left: u64,
    trials: BTreeMap<u64, Trial>,
    reason: Reason,
}

impl Desk for Work<'_> {
    type Job = Job;
    type Done = (u64, Trial);

    fn next(&mut self) -> Result<Option<Job>> {
        while self.left > 0 {
            match self.search.ask()? {
                One::Wait => return Ok(None),
                One::Step(report) => {
                    if let Some(why) = report.converged {
                        (self.left, self.reason) = (0, Reason::Converged(why.into()));
                    }
                }
                One::Evaluate(proposal) => {
                    self.left -= 1;
                    return Ok(Some((proposal.number, host::to_f64s(&*self.space.decode(&proposal.point)?)?)));
                }
            }
        }
        Ok(None)
    }

    fn done(&mut self, (number, trial): (u64, Trial)) -> Result<()> {
        self.search.tell(number, trial.loss)?;
        self.trials.insert(number, trial);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_evaluations_are_refused_by_their_name() -> Result<()> {
        let space = Space::bounded([(0.0, 1.0); 2])?;
        let refused = Tune::new(Spec::new("nobody"), space, 0).run(|_| Ok(0.0)).err().map(|e| e.to_string());
        assert!(refused.as_ref().is_some_and(|why| why.contains("evaluations = 0: at least 1")), "{refused:?}");
        Ok(())
    }
}
