//! Many runs of equal length: who is better?

mod record;
mod standing;

use std::{
    collections::HashSet,
    ops::ControlFlow,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use moths::{Spec, run::Tally};

use crate::{
    Error, Result,
    curve::Curve,
    heats::{Spectator, share_out},
    lives::Lives,
    plan::Plan,
    problem::{self, Problem},
    session::{Audience, Session, Summary, Surroundings},
    store::{Opened, Store},
};
pub use record::{Manifest, Record};
pub use standing::{Racer, Run, Standing};

/// Optimizers that run on one problem, each with the same seeds and evaluations.
#[derive(Clone, Debug)]
pub struct Race {
    /// The problem.
    pub problem: String,
    /// What it is built with.
    pub options: problem::Options,
    /// Who runs.
    pub racers: Vec<Spec>,
    /// The seeds are 1 to this.
    pub seeds: u64,
    /// The budget of each run.
    pub evaluations: u64,
}

/// A run that is over.
#[derive(Debug)]
pub struct Heat {
    /// Who ran.
    pub racer: Spec,
    /// Its seed.
    pub seed: u64,
    /// Its curve, or why it failed.
    pub outcome: std::result::Result<Curve, String>,
    /// Who was born in it; nobody, if it failed.
    pub lives: Lives,
}

impl Race {
    /// The problem with its options: `bbob/f08/d10/i3`.
    pub fn address(&self) -> String {
        self.options.address(&self.problem)
    }

    /// Finds out what is wrong with the problem or with an optimizer before anything runs.
    ///
    /// # Errors
    /// [`Error::Unknown`] and [`Error::Invalid`].
    pub fn check(&self) -> Result<Box<dyn Problem>> {
        let problem = problem::find(&self.problem)?.build(&self.options)?;
        self.racers.iter().try_for_each(|racer| Session::of(self.plan(racer, 1), &*problem, 1).map(drop))?;
        Ok(problem)
    }

    /// Runs all, so many at a time, each on one thread.
    ///
    /// # Errors
    /// As [`Race::check`]; a run that fails later fails alone.
    pub fn run(self, threads: usize, spectator: &dyn Spectator<Heat>, interrupted: &AtomicBool) -> Result<Standing> {
        self.go(vec![], threads, spectator, interrupted, &mut |_, _| Ok(()))
    }

    /// Opens the folder that keeps the runs, or makes it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(&self, folder: &Path) -> Result<Opened<Record>> {
        Store::open(folder, &Manifest::of(self), |_| None)
    }

    /// [`Race::run`] of what the folder does not hold yet; every run is kept there as soon as it is over. Gives the store too, which is
    /// held as long as anything is written beside it.
    ///
    /// # Errors
    /// As [`Race::run`]. A run that cannot be kept ends nothing; see [`Standing::unkept`].
    pub fn go_on(
        self,
        Opened { mut store, runs, .. }: Opened<Record>,
        threads: usize,
        spectator: &dyn Spectator<Heat>,
        interrupted: &AtomicBool,
    ) -> Result<(Standing, Store<Record>)> {
        let measures = self.check()?.measures().to_vec();
        let done: Vec<Heat> = runs.into_iter().filter_map(|run| run.heat(&measures, self.evaluations)).collect();
        let mut standing =
            self.go(done, threads, spectator, interrupted, &mut |race, heat| store.append(&Record::of(race, heat)))?;
        standing.unkept = standing.unkept.or_else(|| store.sync().err());
        Ok((standing, store))
    }

    /// How many runs it is.
    pub fn runs(&self) -> u64 {
        self.seeds.saturating_mul(self.racers.len() as u64)
    }

    /// How many of its runs are among these.
    pub fn done(&self, runs: &[Record]) -> u64 {
        let there: HashSet<_> = runs.iter().map(|run| key(&run.optimizer, run.seed)).collect();
        self.heats().filter(|(racer, seed)| there.contains(&key(racer, *seed))).count() as u64
    }

    fn go(
        self,
        mut done: Vec<Heat>,
        threads: usize,
        spectator: &dyn Spectator<Heat>,
        interrupted: &AtomicBool,
        keep: &mut (dyn FnMut(&Self, &Heat) -> Result<()> + Send),
    ) -> Result<Standing> {
        let problem = self.check()?;
        let mut there = HashSet::new();
        // The folder may hold more than was asked for now, and nothing counts twice.
        done.retain(|heat| heat.seed <= self.seeds && there.insert(key(&heat.racer, heat.seed)));
        let heats: Vec<(&Spec, u64)> = self.heats().filter(|(racer, seed)| !there.contains(&key(racer, *seed))).collect();
        let kept = Mutex::new((done, keep, None));
        share_out(&vec![(); threads.max(1)], &heats, interrupted, |(), &(racer, seed)| {
            let session = Session::of(self.plan(racer, seed), &*problem, 1);
            let Some(outcome) = session.and_then(|session| follow(session, spectator, interrupted)).transpose() else {
                return ControlFlow::Break(());
            };
            let (outcome, lives) = match outcome {
                Ok(summary) => (Ok(summary.curve), summary.lives),
                Err(error) => (Err(first_line(&error)), Lives::default()),
            };
            let heat = Heat { racer: racer.clone(), seed, outcome, lives };
            let (done, keep, unkept) = &mut *kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            spectator.finished(&heat);
            if let Err(error) = keep(&self, &heat) {
                // It counts all the same. Of several that cannot be kept, the first is the reason.
                unkept.get_or_insert(error);
            }
            done.push(heat);
            ControlFlow::Continue(())
        });
        let (done, _, unkept) = kept.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        let standing = self.rank(problem.measures().to_vec(), done, interrupted.load(Ordering::Relaxed));
        Ok(Standing { unkept, ..standing })
    }

    /// Seed by seed, so that an early end has seen every racer equally often.
    fn heats(&self) -> impl Iterator<Item = (&Spec, u64)> {
        (1..=self.seeds).flat_map(|seed| self.racers.iter().map(move |racer| (racer, seed)))
    }

    fn plan(&self, racer: &Spec, seed: u64) -> Plan {
        Plan {
            problem: self.problem.clone(),
            options: self.options.clone(),
            optimizer: racer.clone(),
            seed,
            evaluations: self.evaluations,
            horizon: Some(self.evaluations),
            target: None,
        }
    }
}

/// Tells a spectator of the evaluations of one run.
struct Seat<'a> {
    spectator: &'a dyn Spectator<Heat>,
    seen: u64,
}

impl Audience for Seat<'_> {
    fn step(&mut self, tally: &Tally) {
        self.spectator.used(tally.evaluations - self.seen);
        self.seen = tally.evaluations;
    }
}

/// None of a run that was interrupted.
fn follow(session: Session, spectator: &dyn Spectator<Heat>, interrupted: &AtomicBool) -> Result<Option<Summary>> {
    let audience = &mut Seat { spectator, seen: 0 };
    let summary = session.run(Surroundings { saving: None, seconds: None, audience, interrupted })?;
    Ok(summary.reason.is_some().then_some(summary))
}

/// What tells a run from others of the race.
fn key(racer: &Spec, seed: u64) -> (String, u64) {
    (racer.to_string(), seed)
}

/// Errors of candle may carry a backtrace behind it.
fn first_line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or("failed").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn race(racers: &[&str]) -> Race {
        let racers = racers.iter().map(|text| text.parse().expect("a spec")).collect();
        Race { problem: "sphere".into(), options: Default::default(), racers, seeds: 2, evaluations: 1000 }
    }

    #[test]
    fn the_better_one_is_first_whatever_the_threads() -> Result<()> {
        let never = AtomicBool::new(false);
        let run = |threads| race(&["random-search", "sep-cma-es"]).run(threads, &(), &never);
        let standing = run(2)?;
        assert_eq!([standing.racers[0].label.as_str(), standing.racers[1].label.as_str()], ["sep-cma-es", "random-search"]);
        let figures = |standing: &Standing| standing.racers.iter().map(|r| r.quartiles(1)).collect::<Vec<_>>();
        assert_eq!(figures(&standing), figures(&run(1)?));
        assert!(standing.csv()?.starts_with("problem,optimizer,seed,evaluations,seconds,measure,value\nsphere,sep-cma-es,1,0,"));
        Ok(())
    }

    #[test]
    fn every_racer_is_told_how_long_the_race_is() -> Result<()> {
        let never = AtomicBool::new(false);
        let said = |evaluations: u64| format!(r#"{{"name":"jso","evaluations":{evaluations}}}"#);
        let standing = race(&["jso", &said(1000), &said(90_000)]).run(1, &(), &never)?;
        let end = |evaluations: Option<u64>| {
            let said = |racer: &&Racer| racer.spec.settings.get("evaluations").and_then(serde_json::Value::as_u64) == evaluations;
            standing.racers.iter().find(said).and_then(|racer| racer.quartiles(1))
        };
        assert!(end(None).is_some() && end(None) == end(Some(1000)) && end(None) != end(Some(90_000)));
        Ok(())
    }

    #[test]
    fn who_cannot_run_is_last() -> Result<()> {
        let never = AtomicBool::new(false);
        let standing = race(&["backprop", "spsa"]).run(1, &(), &never)?;
        assert_eq!((standing.racers[1].label.as_str(), standing.racers[1].failures.len()), ("backprop", 2));
        assert!(race(&["spsaa"]).run(1, &(), &never).is_err());
        Ok(())
    }
}
