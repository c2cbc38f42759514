//! Results as CSV files in tidy form: one observation a row, one variable a column, nothing to be taken apart.
//!
//! | file | a row |
//! |---|---|
//! | `runs.csv` | a run, with what it was and what came of it |
//! | `traces.csv` | a step of the staircase of a run: after so many evaluations, the lowest gap was this |
//! | `figures.csv` | a figure of an answer, on the way or at the end |
//!
//! Where the minimum is known there is a gap and no loss, otherwise a loss and no gap; what is not there, or no number, is empty.
//! Runs are told apart by optimizer, problem and seed, in all files.

use std::path::{Path, PathBuf};

use moths::durable::replace_file;
use serde::Serialize;

use super::{Record, Results, Subject, targets};
use crate::{Error, Result};

/// The files that there may be.
pub const FILES: [&str; 3] = ["runs.csv", "traces.csv", "figures.csv"];

#[derive(Serialize)]
struct Run<'a> {
    optimizer: &'a str,
    problem: &'a str,
    function: &'a str,
    group: &'a str,
    dim: usize,
    instance: Option<u32>,
    seed: u64,
    budget: u64,
    evaluations: u64,
    steps: u64,
    gap: Option<f64>,
    loss: Option<f64>,
    share_of_targets: Option<f64>,
    ending: &'a str,
    failed: bool,
    microseconds_a_candidate: f64,
    microseconds_an_evaluation: f64,
    state_bytes: u64,
}

#[derive(Serialize)]
struct Step<'a> {
    optimizer: &'a str,
    problem: &'a str,
    seed: u64,
    evaluations: u64,
    gap: Option<f64>,
    loss: Option<f64>,
}

#[derive(Serialize)]
struct Judgement<'a> {
    optimizer: &'a str,
    problem: &'a str,
    seed: u64,
    evaluations: u64,
    measure: &'a str,
    value: Option<f64>,
}

/// Writes the files into this folder, and gives the paths of those that have rows; the others are not written.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] where something stands in the way that is no file.
pub fn export(results: &Results, folder: &Path) -> Result<Vec<PathBuf>> {
    let runs = results.all().map(|(_, subject, run)| row(subject, run));
    let steps = results.all().flat_map(|(_, subject, run)| steps(subject, run));
    let figures = results.all().flat_map(|(_, subject, run)| judgements(subject, run));
    let [of_runs, of_steps, of_figures] = FILES.map(|file| folder.join(file));
    let written = [write(of_runs, runs)?, write(of_steps, steps)?, write(of_figures, figures)?];
    Ok(written.into_iter().flatten().collect())
}

fn row<'a>(subject: &'a Subject, run: &'a Record) -> Run<'a> {
    let (gap, loss) = told_apart(subject, run.lowest());
    Run {
        optimizer: &run.optimizer,
        problem: &run.problem,
        function: &subject.name,
        group: &subject.group,
        dim: subject.dim,
        instance: instance(subject),
        seed: run.seed,
        budget: run.budget,
        evaluations: run.evaluations,
        steps: run.steps,
        gap,
        loss,
        share_of_targets: subject.gaps.then(|| targets::share(run)),
        ending: &run.ending,
        failed: run.failed,
        microseconds_a_candidate: run.microseconds_a_candidate(),
        microseconds_an_evaluation: 1e6 * run.objective_seconds / run.evaluations.max(1) as f64,
        state_bytes: run.state_bytes,
    }
}

fn steps<'a>(subject: &'a Subject, run: &'a Record) -> impl Iterator<Item = Step<'a>> {
    run.trace.steps().iter().map(|(evaluations, lowest)| {
        let (gap, loss) = told_apart(subject, *lowest);
        Step { optimizer: &run.optimizer, problem: &run.problem, seed: run.seed, evaluations: *evaluations, gap, loss }
    })
}

fn judgements<'a>(subject: &'a Subject, run: &'a Record) -> impl Iterator<Item = Judgement<'a>> {
    run.figures.iter().flat_map(|(evaluations, figures)| {
        subject.measures.iter().zip(figures).map(|(measure, value)| Judgement {
            optimizer: &run.optimizer,
            problem: &run.problem,
            seed: run.seed,
            evaluations: *evaluations,
            measure: &measure.name,
            value: *value,
        })
    })
}

/// The gap, or the loss.
fn told_apart(subject: &Subject, lowest: f64) -> (Option<f64>, Option<f64>) {
    let lowest = Some(lowest).filter(|lowest| lowest.is_finite());
    if subject.gaps { (lowest, None) } else { (None, lowest) }
}

/// The number behind the `i` of an address.
fn instance(subject: &Subject) -> Option<u32> {
    subject.address.strip_prefix(&subject.name)?.split('/').find_map(|part| part.strip_prefix('i')?.parse().ok())
}

fn write<T: Serialize>(path: PathBuf, rows: impl Iterator<Item = T>) -> Result<Option<PathBuf>> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(None);
    }
    let io = |source: std::io::Error| Error::Io { path: path.clone(), source };
    replace_file(&path, |out| {
        let mut writer = csv::Writer::from_writer(out);
        rows.try_for_each(|row| writer.serialize(row)).map_err(|e| io(e.into()))?;
        writer.flush().map_err(io)
    })?;
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        bench::{Budget, Contestant, Judged, Manifest, manifest::FORMAT},
        problem::{Figure, Options},
    };

    fn subject(address: &str, name: &str, gaps: bool) -> Subject {
        let measures = vec![Judged { name: "loss".into(), kind: Figure::Loss }];
        Subject { address: address.into(), name: name.into(), summary: String::new(), group: "g".into(), dim: 2, gaps, measures }
    }

    fn record(problem: &str, trace: &[(u64, f64)]) -> Record {
        let trace = trace.iter().copied().collect();
        Record {
            optimizer: "a, b".into(),
            problem: problem.into(),
            seed: 1,
            budget: 9,
            evaluations: 8,
            trace,
            ..Record::default()
        }
    }

    fn results(records: Vec<Record>) -> Results {
        let manifest = Manifest {
            format: FORMAT,
            program: Manifest::this_program(),
            suite: "s".into(),
            optimizers: vec![Contestant { label: "a, b".into(), spec: None, about: String::new() }],
            problems: vec![subject("s/f/d2/i3", "s/f", true), subject("net/n", "net/n", false)],
            budget: Budget::Evaluations(9),
            seeds: 1,
            options: Options::default(),
        };
        Results::of(vec![(manifest, records)]).expect("one folder")
    }

    fn export_of(records: Vec<Record>) -> Vec<(String, Vec<String>)> {
        let place = tempfile::tempdir().expect("a folder");
        let read = |path: PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("written").lines().map(str::to_owned).collect())
        };
        export(&results(records), place.path()).expect("exported").into_iter().map(read).collect()
    }

    #[test]
    fn every_observation_is_a_row() {
        let model = Record { figures: vec![(4, vec![Some(0.5)]), (8, vec![None])], ..record("net/n", &[(2, 1.5)]) };
        let files = export_of(vec![record("s/f/d2/i3", &[(1, 150.0), (3, 1e-9)]), model]);
        let [(runs, first), (traces, second), (figures, third)] = &files[..] else { panic!("{files:?}") };
        assert_eq!([runs, traces, figures], ["runs.csv", "traces.csv", "figures.csv"]);
        assert_eq!(
            first[0],
            "optimizer,problem,function,group,dim,instance,seed,budget,evaluations,steps,gap,loss,share_of_targets,ending,failed,\
             microseconds_a_candidate,microseconds_an_evaluation,state_bytes"
        );
        assert_eq!(first[1], "\"a, b\",s/f/d2/i3,s/f,g,2,3,1,9,8,0,1e-9,,1.0,,false,0.0,0.0,0");
        assert_eq!(first[2], "\"a, b\",net/n,net/n,g,2,,1,9,8,0,,1.5,,,false,0.0,0.0,0");
        assert_eq!(second[0], "optimizer,problem,seed,evaluations,gap,loss");
        assert_eq!(second[1..], ["\"a, b\",s/f/d2/i3,1,1,150.0,", "\"a, b\",s/f/d2/i3,1,3,1e-9,", "\"a, b\",net/n,1,2,,1.5"]);
        assert_eq!(third[1..], ["\"a, b\",net/n,1,4,loss,0.5", "\"a, b\",net/n,1,8,loss,"]);
    }

    #[test]
    fn files_without_rows_are_not_written() {
        assert_eq!(export_of(vec![]), []);
        let names: Vec<String> = export_of(vec![record("s/f/d2/i3", &[])]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["runs.csv"]);
    }
}
