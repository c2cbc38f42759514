//! Who is better: racers from best to worst, and the CSV of their runs.

use std::cmp::Ordering as Order;

use moths::Spec;

use super::{Heat, Race};
use crate::{
    Error, Result,
    bench::statistics::{holm, mann_whitney, quartiles},
    curve::{self, Curve, Row},
    label::words,
    lives::Lives,
    problem::Measure,
};

/// Figures that differ by no more, for their size, are the same.
const ROUNDING: f64 = 1e-9;

/// What the runs of one optimizer came to.
#[derive(Debug)]
pub struct Racer {
    /// The optimizer.
    pub spec: Spec,
    /// Its name, with its settings where the name alone would not tell it from another.
    pub label: String,
    /// Its runs, in the order of their seeds.
    pub runs: Vec<Run>,
    /// Why runs of it failed.
    pub failures: Vec<String>,
}

/// A run that came to something.
#[derive(Debug)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// Its curve.
    pub curve: Curve,
    /// Who was born in it.
    pub lives: Lives,
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
    /// Why a run is not in the folder.
    pub unkept: Option<Error>,
}

impl Race {
    /// What these runs come to.
    pub(super) fn rank(self, measures: Vec<Measure>, mut done: Vec<Heat>, interrupted: bool) -> Standing {
        done.sort_by_key(|heat| heat.seed);
        let mut racers: Vec<Racer> = self.racers.iter().map(|spec| self.racer(spec)).collect();
        for Heat { racer, seed, outcome, lives } in done {
            let Some(racer) = racers.iter_mut().find(|one| one.spec == racer) else { continue };
            match outcome {
                Ok(curve) => racer.runs.push(Run { seed, curve, lives }),
                Err(why) => racer.failures.push(format!("seed {seed}: {why}")),
            }
        }
        if let Some(headline) = measures.last().copied() {
            racers.sort_by(|a, b| a.compare(b, headline, measures.len() - 1));
        }
        Standing { race: self, measures, racers, interrupted, unkept: None }
    }

    fn racer(&self, spec: &Spec) -> Racer {
        let alone = self.racers.iter().filter(|other| other.name == spec.name).count() == 1;
        let label = if alone { spec.name.clone() } else { words(spec) };
        Racer { spec: spec.clone(), label, runs: vec![], failures: vec![] }
    }
}

impl Racer {
    /// How many of its runs are over.
    pub fn over(&self) -> u64 {
        (self.runs.len() + self.failures.len()) as u64
    }

    /// The last row of every run.
    pub fn last_rows(&self) -> impl Iterator<Item = &Row> {
        self.runs.iter().filter_map(|run| run.curve.rows().last())
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
        quartiles(self.runs.iter().filter_map(|run| until(&run.curve)).collect())
    }

    fn compare(&self, other: &Self, measure: Measure, index: usize) -> Order {
        match (self.quartiles(index), other.quartiles(index)) {
            (Some(a), Some(b)) => measure.compare(a[1], b[1]),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

impl Standing {
    /// For every racer, how probable it is that one as good as the first would differ from it like this by chance: Mann and Whitney's p
    /// of the figures that rank, corrected for the number of racers (Holm). None for the first, and for who has no runs.
    pub fn chances(&self) -> Vec<Option<f64>> {
        let last = self.measures.len().saturating_sub(1);
        let figures = |racer: &Racer| racer.last_rows().map(|row| row.figures[last]).collect::<Vec<f64>>();
        let Some((first, others)) = self.racers.split_first() else { return vec![] };
        let first = figures(first);
        let tested: Vec<Option<f64>> = others
            .iter()
            .map(figures)
            .map(|other| (!first.is_empty() && !other.is_empty()).then(|| mann_whitney(&first, &other)))
            .collect();
        let mut corrected = holm(&tested.iter().flatten().copied().collect::<Vec<_>>()).into_iter();
        let others = tested.into_iter().map(|p| p.and_then(|_| corrected.next()));
        std::iter::once(None).chain(others).collect()
    }

    /// Does a later measure say the same as this one in all runs, but for a number that is added or for the sign? So does the gap of a
    /// function, which is its loss above the minimum.
    pub fn is_double(&self, measure: usize) -> bool {
        let rows = || self.racers.iter().flat_map(|racer| &racer.runs).flat_map(|run| run.curve.rows());
        let same = |other: usize| {
            let turned = if self.measures[measure].kind == self.measures[other].kind { 1.0 } else { -1.0 };
            let apart = |row: &Row| row.figures[measure] - turned * row.figures[other];
            let size = |row: &Row| row.figures[measure].abs().max(row.figures[other].abs()).max(1.0);
            let Some(first) = rows().map(apart).find(|apart| apart.is_finite()) else { return false };
            rows().all(|row| !apart(row).is_finite() || (apart(row) - first).abs() <= ROUNDING * size(row))
        };
        (measure + 1..self.measures.len()).any(same)
    }

    /// All curves in tidy form: one row a figure.
    ///
    /// # Errors
    /// When the CSV writer fails; in memory it does not.
    pub fn csv(&self) -> Result<String> {
        let head = ["problem", "optimizer", "seed", "evaluations", "seconds", "measure", "value"];
        let runs = self.racers.iter().flat_map(|racer| racer.runs.iter().map(move |run| (racer, run)));
        let body = runs.flat_map(|(racer, run)| {
            run.curve.rows().iter().flat_map(move |row| {
                let lowest = std::iter::once(("lowest", row.lowest));
                let figures = lowest.chain(self.measures.iter().map(|m| m.name).zip(row.figures.iter().copied()));
                figures.map(move |(name, value)| self.record(racer, run.seed, row, name, value))
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
