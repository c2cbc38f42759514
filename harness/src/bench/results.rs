//! Folders read back: optimizers, problems and runs, side by side.

use std::{collections::HashMap, path::PathBuf};

use super::{Budget, Contestant, Manifest, Record, Subject};
use crate::{Error, Result, store};

/// The runs of one or several results folders.
#[derive(Clone, Debug)]
pub struct Results {
    /// What was asked for: `bbob`.
    pub suite: String,
    /// Who ran, folder by folder.
    pub optimizers: Vec<Contestant>,
    /// On what.
    pub problems: Vec<Subject>,
    /// For how long.
    pub budget: Budget,
    /// The programs that ran, with their versions.
    pub programs: Vec<String>,
    /// The most seeds of any folder.
    pub seeds: u64,
    /// What was wrong with lines that are no runs and were left out, a sentence each.
    pub damage: Vec<String>,
    runs: HashMap<(String, String), Vec<Record>>,
}

impl Results {
    /// Reads folders. What is in several of them counts once, the first one's.
    ///
    /// # Errors
    /// As [`store::read`]; [`Error::Invalid`] when the budgets differ, so that a comparison would be unfair.
    pub fn open(folders: &[PathBuf]) -> Result<Self> {
        let mut damaged = vec![];
        let read = folders.iter().map(|folder| {
            let (manifest, records, damage) = store::read::<Record>(folder)?;
            damaged.extend(damage);
            Ok((manifest, records))
        });
        let results = Self::of(read.collect::<Result<_>>()?)?;
        Ok(Self { damage: damaged, ..results })
    }

    /// [`Results::open`] of what was read already.
    ///
    /// # Errors
    /// As [`Results::open`].
    pub fn of(read: Vec<(Manifest, Vec<Record>)>) -> Result<Self> {
        let Some((first, _)) = read.first() else {
            return Err(Error::invalid("folders", "(none)", "at least one results folder"));
        };
        let mut results = Self {
            suite: first.suite.clone(),
            optimizers: vec![],
            problems: vec![],
            budget: first.budget,
            programs: vec![],
            seeds: 0,
            damage: vec![],
            runs: HashMap::new(),
        };
        read.into_iter().try_for_each(|(manifest, records)| results.add(manifest, records))?;
        results.runs.values_mut().for_each(|runs| runs.sort_by_key(|run| run.seed));
        Ok(results)
    }

    fn add(&mut self, manifest: Manifest, records: Vec<Record>) -> Result<()> {
        if manifest.budget != self.budget {
            let valid = format!("the same in all folders: the first has {}", self.budget);
            return Err(Error::invalid("budget", manifest.budget, valid));
        }
        if !self.programs.contains(&manifest.program) {
            self.programs.push(manifest.program);
        }
        self.seeds = self.seeds.max(manifest.seeds);
        for contestant in manifest.optimizers {
            if self.optimizers.iter().all(|c| c.label != contestant.label) {
                self.optimizers.push(contestant);
            }
        }
        for subject in manifest.problems {
            if self.problems.iter().all(|s| s.address != subject.address) {
                self.problems.push(subject);
            }
        }
        for record in records {
            let runs = self.runs.entry((record.optimizer.clone(), record.problem.clone())).or_default();
            if runs.iter().all(|run| run.seed != record.seed) {
                runs.push(record);
            }
        }
        Ok(())
    }

    /// The runs of an optimizer on a problem, by seed; none of what has not been run.
    pub fn runs(&self, optimizer: &str, problem: &str) -> &[Record] {
        self.runs.get(&(optimizer.to_owned(), problem.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// All runs, by optimizer, problem and seed, in the order of the manifests.
    pub fn all(&self) -> impl Iterator<Item = (&Contestant, &Subject, &Record)> {
        self.optimizers.iter().flat_map(move |contestant| {
            self.problems.iter().flat_map(move |subject| {
                self.runs(&contestant.label, &subject.address).iter().map(move |run| (contestant, subject, run))
            })
        })
    }
}
