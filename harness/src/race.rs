//! Many runs of equal length: who is better?

use std::{
    cmp::Ordering as Order,
    ops::ControlFlow,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use moths::{Spec, Tally};

use crate::{
    Result,
    bench::statistics::quartiles,
    curve::{self, Curve, Row},
    heats::{Spectator, share_out},
    label::words,
    plan::Plan,
    problem::{self, Measure, Problem},
    session::{Audience, Session, Surroundings},
};

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

/// What the runs of one optimizer came to.
#[derive(Debug)]
pub struct Racer {
    /// The optimizer.
    pub spec: Spec,
    /// Its name, with its settings where the name alone would not tell it from another.
    pub label: String,
    /// The curves of its runs, with their seeds.
    pub runs: Vec<(u64, Curve)>,
    /// Why runs of it failed.
    pub failures: Vec<String>,
}

/// A race that is over: racers from best to worst.
#[derive(Debug)]
pub struct Standing {
    /// What was raced.
    pub race: Race,
    /// What was measured; the last ranks.
    pub measures: Vec<Measure>,
    /// From best to worst.
    pub racers: Vec<Racer>,
    /// Was it interrupted, so that runs are missing?
    pub interrupted: bool,
}

/// A run that is over.
#[derive(Debug)]
pub struct Heat {
    /// Who ran.
    pub racer: Spec,
    /// Its seed.
    pub seed: u64,
    /// Its curve, or why it failed.
    pub outcome: Result<Curve>,
}

impl Race {
    /// The problem with its options: `bbob/f08/d10/i3`.
    pub fn address(&self) -> String {
        self.options.address(&self.problem)
    }

    /// Finds out what is wrong with the problem or with an optimizer before anything runs.
    ///
    /// # Errors
    /// [`Error::Unknown`](crate::Error::Unknown) and [`Error::Invalid`](crate::Error::Invalid).
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
        let problem = self.check()?;
        // Seed by seed, so that an early end has seen every racer equally often.
        let heats: Vec<(usize, u64)> = (1..=self.seeds).flat_map(|seed| (0..self.racers.len()).map(move |r| (r, seed))).collect();
        let done = Mutex::new(vec![]);
        share_out(&vec![(); threads.max(1)], &heats, interrupted, |(), &(racer, seed)| {
            let plan = self.plan(&self.racers[racer], seed);
            let outcome = Session::of(plan, &*problem, 1).and_then(|session| follow(session, spectator, interrupted));
            if interrupted.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            let heat = Heat { racer: self.racers[racer].clone(), seed, outcome };
            spectator.finished(&heat);
            done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((racer, heat));
            ControlFlow::Continue(())
        });
        let measures = problem.measures().to_vec();
        let done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(self.rank(measures, done, interrupted.load(Ordering::Relaxed)))
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

    fn rank(self, measures: Vec<Measure>, mut done: Vec<(usize, Heat)>, interrupted: bool) -> Standing {
        done.sort_by_key(|(racer, heat)| (*racer, heat.seed));
        let mut racers: Vec<Racer> = self.racers.iter().map(|spec| self.racer(spec)).collect();
        for (racer, Heat { seed, outcome, .. }) in done {
            match outcome {
                Ok(curve) => racers[racer].runs.push((seed, curve)),
                Err(error) => racers[racer].failures.push(format!("seed {seed}: {error}")),
            }
        }
        if let Some(headline) = measures.last().copied() {
            racers.sort_by(|a, b| a.compare(b, headline, measures.len() - 1));
        }
        Standing { race: self, measures, racers, interrupted }
    }

    fn racer(&self, spec: &Spec) -> Racer {
        let alone = self.racers.iter().filter(|other| other.name == spec.name).count() == 1;
        let label = if alone { spec.name.clone() } else { words(spec) };
        Racer { spec: spec.clone(), label, runs: vec![], failures: vec![] }
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

fn follow(session: Session, spectator: &dyn Spectator<Heat>, interrupted: &AtomicBool) -> Result<Curve> {
    let audience = &mut Seat { spectator, seen: 0 };
    let summary = session.run(Surroundings { saving: None, seconds: None, audience, interrupted })?;
    Ok(summary.curve)
}

impl Racer {
    /// The last row of every run.
    pub fn last_rows(&self) -> impl Iterator<Item = &Row> {
        self.runs.iter().filter_map(|(_, curve)| curve.rows().last())
    }

    /// Quartiles of a figure at the end of the runs.
    pub fn quartiles(&self, measure: usize) -> Option<[f64; 3]> {
        quartiles(self.last_rows().map(|row| row.figures[measure]).collect())
    }

    /// Quartiles of a figure after so many evaluations: of each run the last row up to there.
    pub fn quartiles_at(&self, measure: usize, evaluations: u64) -> Option<[f64; 3]> {
        let until = |curve: &Curve| {
            let rows = curve.rows();
            rows[..rows.partition_point(|row| row.evaluations <= evaluations)].last().map(|row| row.figures[measure])
        };
        quartiles(self.runs.iter().filter_map(|(_, curve)| until(curve)).collect())
    }

    fn compare(&self, other: &Self, measure: Measure, index: usize) -> Order {
        match (self.quartiles(index), other.quartiles(index)) {
            (Some(a), Some(b)) => measure.compare(a[1], b[1]),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

impl Standing {
    /// All curves in tidy form: one row a figure.
    ///
    /// # Errors
    /// When the CSV writer fails; in memory it does not.
    pub fn csv(&self) -> Result<String> {
        let head = ["problem", "optimizer", "seed", "evaluations", "seconds", "measure", "value"];
        let runs = self.racers.iter().flat_map(|racer| racer.runs.iter().map(move |(seed, curve)| (racer, seed, curve)));
        let body = runs.flat_map(|(racer, seed, curve)| {
            curve.rows().iter().flat_map(move |row| {
                let lowest = std::iter::once(("lowest", row.lowest));
                let figures = lowest.chain(self.measures.iter().map(|m| m.name).zip(row.figures.iter().copied()));
                figures.map(move |(name, value)| self.record(racer, *seed, row, name, value))
            })
        });
        curve::table(head.map(str::to_owned).to_vec(), body)
    }

    fn record(&self, racer: &Racer, seed: u64, row: &Row, name: &str, value: f64) -> Vec<String> {
        let (seed, evaluations) = (seed.to_string(), row.evaluations.to_string());
        vec![
            self.race.address(),
            racer.spec.to_string(),
            seed,
            evaluations,
            curve::cell(row.seconds),
            name.to_owned(),
            curve::cell(value),
        ]
    }
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
