//! `moths bench`.

use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use crate::noisy::Noise;
use comfy_table::Table;
use moths::Spec;
use serde_json::json;

use super::{Ending, contestants, mishaps::Mishaps, numbers::Numbers, table::table, watch::Hall};
use crate::{
    Error, Result,
    bench::{self, Bench, Budget, Manifest, Record, Results, manifest::FORMAT, plan::Load},
    files,
    heats::Spectator,
    interrupt,
    output::{Console, grouped, harmless, warn},
    problem::{self, Entry, Options},
    report, threads,
    whole::whole,
};

/// Evaluations for each parameter of a function where nobody says.
const PER_DIMENSION: u64 = 100;
/// The page that shows what came of it.
const REPORT: &str = "report.html";
/// The folder for `cocopp`.
const COCO: &str = "coco";
/// Runs on each problem that comes in one instance only.
const SEEDS: u64 = 3;

#[derive(clap::Args)]
pub(super) struct Args {
    /// A suite (bbob, bbob-mixint, classic, control, discrete, net), or problems with commas between them; what reads files needs --data
    suite: String,
    /// Names with commas between them, or a JSON list of names and objects [default: the whole registry]
    #[arg(long, value_name = "NAMES|JSON")]
    optimizers: Option<String>,
    #[command(flatten)]
    course: CourseFlags,
    /// The folder for results; runs that are in it are not run again [default: moths-out/bench-SUITE]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// On what, for how long, and how many at a time.
#[derive(clap::Args)]
pub(super) struct CourseFlags {
    /// Numbers of variables: 2,5,10 [default: 10]
    #[arg(long, value_name = "LIST")]
    dims: Option<Numbers>,
    /// Instances of each function: 1-15 [default: 1]
    #[arg(long, value_name = "LIST")]
    instances: Option<Numbers>,
    /// Runs of each optimizer on each problem, with seeds 1, 2, ... [default: 1 where there are instances, else 3]
    #[arg(long, value_name = "N", value_parser = whole::<u64, 1, 10_000>)]
    pub(super) seeds: Option<u64>,
    /// Loss evaluations of a run, for each parameter [default: 100 for functions]
    #[arg(long, value_name = "N", value_parser = whole::<u64, 1, { u64::MAX }>, conflicts_with = "evaluations")]
    budget: Option<u64>,
    /// Loss evaluations of a run [default: what the problem says, for models]
    #[arg(long, value_name = "N", value_parser = whole::<u64, 1, { u64::MAX }>)]
    evaluations: Option<u64>,
    /// Hold out part of the training data and measure accuracy on it, not on the test data: for choosing settings
    #[arg(long)]
    validate: bool,
    /// The folder with the data of problems whose data are not part of this program
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Lay noise over all losses: gaussian, uniform or cauchy, or one of these with -severe; answers are judged without it
    #[arg(long, value_name = "NOISE")]
    noise: Option<Noise>,
    /// Runs side by side; changes no result [default: all cores]
    #[arg(long, value_name = "T", value_parser = whole::<u16, 1, 1024>)]
    threads: Option<u16>,
}

pub(super) fn run(args: Args, console: Console) -> Result<Ending> {
    let optimizers = args.optimizers.as_deref().map_or_else(|| Ok(contestants::everyone()), contestants::listed)?;
    let bench = args.course.bench(&args.suite, &optimizers)?;
    let out =
        args.out.unwrap_or_else(|| PathBuf::from("moths-out").join(format!("bench-{}", args.suite.replace(['/', ','], "-"))));
    files::prepare_folder(&out, &[&[REPORT], &bench::tidy::FILES[..]].concat())?;
    bench::coco::clean(&out.join(COCO));
    let ending = args.course.run(&bench, &out, console)?;
    let results = Results::open(std::slice::from_ref(&out))?;
    results.damage.iter().for_each(warn);
    if ending != Ending::Done && results.all().next().is_none() {
        ending.without_runs(console)?;
        return Ok(ending);
    }
    Ok(conclude(&results, &out, ending, console))
}

/// Prints what came of it before anything else can fail, and then writes what is made from it.
fn conclude(results: &Results, out: &Path, ending: Ending, console: Console) -> Ending {
    let mut mishaps = Mishaps::default();
    mishaps.note(console.line(standing(results)));
    for failed in failures(results) {
        mishaps.note(console.line(failed));
    }
    let report = out.join(REPORT);
    let html = report::bench::html(results, None);
    let report = mishaps.note(html.and_then(|html| files::replace_file(&report, html))).map(|()| report);
    let tables = mishaps.note(bench::tidy::export(results, out)).unwrap_or_default();
    let coco = mishaps.note(bench::coco::export(results, &out.join(COCO))).unwrap_or_default();
    let paths = |paths: &[PathBuf]| paths.iter().map(|path| files::json(path)).collect::<Vec<_>>();
    mishaps.note(console.object(&json!({
        "event": "end", "report": report.as_deref().map(files::json), "tables": paths(&tables), "coco": paths(&coco),
        "interrupted": ending == Ending::Interrupted, "complete": ending == Ending::Done,
    })));
    let coco = if coco.is_empty() { vec![] } else { vec![out.join(COCO)] };
    let report: Vec<PathBuf> = report.into_iter().collect();
    for (what, paths) in [("report", &report), ("tables", &tables), ("for cocopp", &coco)] {
        if !paths.is_empty() {
            mishaps.note(console.line(format!("{what:<14} {}", words(paths))));
        }
    }
    if let Some(missing) = ending.missing() {
        mishaps.note(console.line(missing));
    }
    mishaps.ending(ending)
}

fn words(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| files::words(path)).collect();
    names.join(", ")
}

impl CourseFlags {
    /// The bench of these optimizers on a suite, or on problems with commas between them.
    pub(super) fn bench(&self, suite: &str, optimizers: &[Spec]) -> Result<Bench> {
        let options = Options { validate: self.validate, data: self.data.clone(), noise: self.noise, ..Options::default() };
        let (dims, instances) = (self.dims.as_ref().map(Numbers::of::<u32>), self.instances.as_ref().map(Numbers::of::<u32>));
        let dims: Vec<usize> = dims.unwrap_or_default().into_iter().map(|d| d as usize).collect();
        let entries = entries(suite, self.data.is_some())?;
        let sized = entries.iter().all(|(entry, _)| entry.defaults.dim.is_some());
        let numbered = entries.iter().all(|(entry, _)| entry.defaults.instance.is_some());
        let addresses = bench::plan::addresses(&entries, &dims, &instances.unwrap_or_default())?;
        let manifest = Manifest {
            format: FORMAT,
            program: Manifest::this_program(),
            suite: suite.into(),
            optimizers: optimizers.iter().map(bench::plan::contestant).collect::<Result<_>>()?,
            problems: vec![],
            budget: match (self.budget, self.evaluations) {
                (Some(factor), _) => Budget::PerDimension(factor),
                (None, Some(evaluations)) => Budget::Evaluations(evaluations),
                (None, None) if sized => Budget::PerDimension(PER_DIMENSION),
                (None, None) => Budget::Usual,
            },
            seeds: self.seeds.unwrap_or(if numbered { 1 } else { SEEDS }),
            options,
        };
        Bench::new(manifest, &addresses)
    }

    /// Runs what the folder does not hold yet, and shows how it goes. Why a run could not be kept is said, and ends it.
    pub(super) fn run(&self, bench: &Bench, folder: &Path, console: Console) -> Result<Ending> {
        let threads = self.threads.map_or_else(threads::cores, usize::from);
        let opened = bench.open(folder)?;
        opened.damage.iter().for_each(warn);
        let (open, done) = bench.load(&opened.runs);
        interrupt::listen();
        announce(bench, open, done, threads, console)?;
        let hall = Hall::new(open.evaluations, console);
        let outcome = bench.go_on(opened, threads, &hall, interrupt::asked());
        drop(hall);
        let mut mishaps = Mishaps::default();
        mishaps.note(outcome);
        Ok(mishaps.ending(if interrupt::asked().load(Ordering::Relaxed) { Ending::Interrupted } else { Ending::Done }))
    }
}

/// The entries a suite has, but for those whose data are not there; or all that are named, with what the names say beyond.
fn entries(suite: &str, data: bool) -> Result<Vec<(Entry, Options)>> {
    if let Ok(suite) = problem::suite(suite) {
        let entries = suite.entries().into_iter().filter(|e| !e.hidden && (data || !e.reads_files));
        return Ok(entries.map(|entry| (entry, Options::default())).collect());
    }
    let named = |name: &str| match problem::read(name.trim(), &Options::default()) {
        Err(Error::Unknown { .. }) if !name.contains('/') => Err(problem::neither_suite_nor_problem(name.trim())),
        read => read,
    };
    suite.split(',').map(named).collect()
}

fn announce(bench: &Bench, open: Load, done: Load, threads: usize, console: Console) -> Result<()> {
    let manifest = bench.manifest();
    console.object(&json!({
        "event": "start", "suite": manifest.suite, "optimizers": manifest.optimizers.iter().map(|c| &c.label).collect::<Vec<_>>(),
        "problems": manifest.problems.len(), "budget": manifest.budget, "seeds": manifest.seeds, "runs": open.runs,
        "evaluations": open.evaluations, "runs_done_before": done.runs, "threads": threads,
    }))?;
    let before = if done.runs > 0 { format!(", {} more are there already", grouped(done.runs)) } else { String::new() };
    console.line(format!(
        "{}: {} optimizers on {} problems, {}: {} runs{before}",
        manifest.suite,
        manifest.optimizers.len(),
        grouped(manifest.problems.len() as u64),
        manifest.budget,
        grouped(open.runs),
    ))
}

impl Spectator<Record> for Hall {
    fn used(&self, evaluations: u64) {
        self.bar.inc(evaluations);
    }

    fn finished(&self, record: &Record) {
        // A run that ended early leaves nothing for the bar to wait for.
        self.bar.inc(record.budget.saturating_sub(record.evaluations));
        if record.failed {
            let Record { optimizer, problem, seed, ending, .. } = record;
            self.bar.suspend(|| warn(format!("{optimizer} on {problem}, seed {seed}: {ending}")));
        }
        let _ = self.console.object(&json!({
            "event": "run", "optimizer": record.optimizer, "problem": record.problem, "seed": record.seed,
            "evaluations": record.evaluations, "lowest": record.lowest(), "ending": record.ending, "failed": record.failed,
        }));
    }
}

/// Which runs failed, a line for each optimizer: of those that were there before nothing else tells.
fn failures(results: &Results) -> impl Iterator<Item = String> {
    results.optimizers.iter().filter_map(|who| {
        let runs: Vec<&Record> = results.problems.iter().flat_map(|on| results.runs(&who.label, &on.address)).collect();
        let failed = runs.iter().filter(|run| run.failed).count();
        let Record { problem, seed, ending, .. } = runs.iter().find(|run| run.failed)?;
        let first = harmless(&format!("{problem}, seed {seed}: {ending}"), false).into_owned();
        Some(format!("{failed} of {} runs of {} failed; {first}", runs.len(), who.label))
    })
}

/// Who did how well: the share of targets in every dimension, or the last measure of every problem. The best is marked.
fn standing(results: &Results) -> Table {
    let columns = bench::standing::columns(results);
    let mut rows = table([]);
    rows.set_header(std::iter::once("optimizer").chain(columns.iter().map(|column| &*column.title)));
    let figures = |label: &str| -> Vec<Option<f64>> { columns.iter().map(|column| column.figure(results, label)).collect() };
    let all: Vec<(&str, Vec<Option<f64>>)> = results.optimizers.iter().map(|c| (&*c.label, figures(&c.label))).collect();
    let best = |c: usize| all.iter().filter_map(|(_, row)| row[c]).min_by(|a, b| columns[c].measure.kind.compare(*a, *b));
    let best: Vec<Option<f64>> = (0..columns.len()).map(best).collect();
    for (label, row) in &all {
        let cell = |(c, figure): (usize, &Option<f64>)| match figure {
            None => "-".to_owned(),
            Some(value) if *figure == best[c] => format!("{} *", columns[c].measure.kind.text(*value)),
            Some(value) => columns[c].measure.kind.text(*value),
        };
        rows.add_row(std::iter::once((*label).to_owned()).chain(row.iter().enumerate().map(cell)));
    }
    rows
}
