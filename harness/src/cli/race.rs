//! `moths race`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Ending, contestants, mishaps::Mishaps, table::table, watch::Hall};
use crate::{
    Result,
    bench::compare::p_text,
    curve::Curve,
    files,
    heats::Spectator,
    interrupt,
    label::words,
    output::{self, Console, grouped, harmless, warn},
    problem::{self, Options},
    race::{Heat, Race, Racer, Standing},
    report, threads,
    whole::whole,
};

/// What is made from the runs.
const FILES: [&str; 3] = ["race.html", "race.csv", "race.svg"];

#[derive(clap::Args)]
pub(super) struct Args {
    /// A model or a function; `moths list problems` names them
    problem: String,
    #[command(flatten)]
    options: Options,
    /// Names with commas between them, or a JSON list of names and objects [default: all that need no gradient]
    #[arg(long, value_name = "NAMES|JSON")]
    optimizers: Option<String>,
    /// Runs of each optimizer, with seeds 1, 2, ...
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = whole::<u64, 1, 10_000>)]
    seeds: u64,
    /// Loss evaluations of each run [default: what the problem says]
    #[arg(long, value_name = "N", value_parser = whole::<u64, 1, { u64::MAX }>)]
    evaluations: Option<u64>,
    /// Runs side by side; changes no result [default: all cores]
    #[arg(long, value_name = "T", value_parser = whole::<u16, 1, 1024>)]
    threads: Option<u16>,
    /// The folder for the report; runs that are in it are not run again [default: moths-out/race-PROBLEM]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: Args, command: &str, console: Console) -> Result<Ending> {
    let (entry, options) = problem::resolve(&args.problem, &args.options)?;
    let problem = entry.build(&options)?;
    let evaluations = args.evaluations.unwrap_or_else(|| problem.default_evaluations());
    let racers = args.optimizers.as_deref().map_or_else(|| Ok(contestants::derivative_free()), contestants::listed)?;
    let race = Race { problem: entry.name, options, racers, seeds: args.seeds, evaluations };
    race.check()?;
    let out = args.out.unwrap_or_else(|| PathBuf::from("moths-out").join(format!("race-{}", files::file_name(&race.address()))));
    files::prepare_folder(&out, &FILES)?;
    let opened = race.open(&out)?;
    opened.damage.iter().for_each(warn);
    interrupt::listen();

    let threads = args.threads.map_or_else(threads::cores, usize::from);
    let done = race.done(&opened.runs);
    announce(&race, done, threads, console)?;
    let open = race.runs().saturating_sub(done);
    let hall = Hall::new(race.evaluations.saturating_mul(open), console);
    // The folder is held until its files are written.
    let (standing, _store) = race.go_on(opened, threads, &hall, interrupt::asked())?;
    drop(hall);
    Ok(conclude(standing, command, &FILES.map(|name| out.join(name)), console))
}

/// Prints what came of it before anything else can fail, and then writes what is made from it.
fn conclude(mut standing: Standing, command: &str, files: &[PathBuf; 3], console: Console) -> Ending {
    let mut mishaps = Mishaps::default();
    if standing.interrupted && standing.racers.iter().all(|racer| racer.over() == 0) {
        mishaps.note(Ending::Interrupted.without_runs(console));
        mishaps.note(standing.unkept.map_or(Ok(()), Err));
        return mishaps.ending(Ending::Interrupted);
    }
    mishaps.note(print(&standing, files, console));
    mishaps.note(standing.unkept.take().map_or(Ok(()), Err));
    let contents = [report::html(&standing, command), standing.csv(), report::race::svg(&standing)];
    for (path, content) in files.iter().zip(contents) {
        mishaps.note(content.and_then(|content| files::replace_file(path, content)));
    }
    mishaps.ending(if standing.interrupted { Ending::Interrupted } else { Ending::Done })
}

fn announce(race: &Race, done: u64, threads: usize, console: Console) -> Result<()> {
    console.object(&json!({
        "event": "start", "problem": race.problem, "options": race.options, "optimizers": race.racers, "seeds": race.seeds,
        "evaluations": race.evaluations, "runs_done_before": done, "threads": threads,
    }))?;
    let (optimizers, evaluations) = (race.racers.len(), grouped(race.evaluations));
    let before = if done > 0 { format!("; {} runs are there already", grouped(done)) } else { String::new() };
    let seeds = race.seeds;
    console.line(format!("{}: {optimizers} optimizers, {seeds} seeds, {evaluations} evaluations a run{before}", race.address()))
}

impl Spectator<Heat> for Hall {
    fn used(&self, evaluations: u64) {
        self.bar.inc(evaluations);
    }

    fn finished(&self, Heat { racer, seed, outcome, .. }: &Heat) {
        let mut event = json!({ "event": "run", "optimizer": racer, "seed": seed });
        let said = match outcome {
            Ok(curve) => told(curve, &mut event),
            Err(why) => {
                event["error"] = json!(why);
                why.clone()
            }
        };
        let _ = self.console.object(&event);
        if !self.console.is_terminal() {
            let _ = self.console.line(format!("{}, seed {seed}: {said}", words(racer)));
        }
    }
}

/// The last figures of a run, for people and for scripts.
fn told(curve: &Curve, event: &mut Value) -> String {
    let Some(last) = curve.rows().last() else { return String::new() };
    event["evaluations"] = json!(last.evaluations);
    event["seconds"] = json!(last.seconds);
    event["lowest"] = json!(last.lowest);
    let figures = curve.measures().iter().zip(&last.figures);
    let words = figures.map(|(measure, figure)| {
        event[measure.name] = json!(figure);
        format!("{} {}", measure.label(), measure.text(*figure))
    });
    words.collect::<Vec<_>>().join(", ")
}

fn print(standing: &Standing, paths: &[PathBuf; 3], console: Console) -> Result<()> {
    leaderboard(standing, console)?;
    let [html, csv, svg] = paths.each_ref().map(|path| files::json(path));
    let over: u64 = standing.racers.iter().map(Racer::over).sum();
    let missing = match &standing.unkept {
        Some(_) => Ending::Unwritten,
        None if standing.interrupted => Ending::Interrupted,
        None => Ending::Done,
    };
    console.object(&json!({
        "event": "end", "leaderboard": places(standing), "report": html, "csv": csv, "picture": svg,
        "interrupted": standing.interrupted, "complete": over == standing.race.runs() && standing.unkept.is_none(),
    }))?;
    let [html, csv, svg] = paths.each_ref().map(|path| files::words(path));
    console.line(format!("report         {html}\nfigures        {csv}\npicture        {svg}"))?;
    missing.missing().map_or(Ok(()), |why| console.line(why))
}

fn leaderboard(standing: &Standing, console: Console) -> Result<()> {
    let Some((m, measure)) = standing.measures.iter().enumerate().next_back() else { return Ok(()) };
    let mut rows = table(["", "optimizer", &measure.label(), "quartiles", "against the first", "loss", "seconds"]);
    for (place, (racer, p)) in standing.racers.iter().zip(standing.chances()).enumerate() {
        let place = (place + 1).to_string();
        match (racer.quartiles(m), racer.quartiles(0)) {
            (Some([lower, median, upper]), Some([_, loss, _])) => {
                let quartiles = format!("{} to {}", measure.text(lower), measure.text(upper));
                let seconds = report::seconds(racer).map_or_else(|| "-".to_owned(), |s| format!("{s:.1}"));
                let p = p.map_or_else(|| "-".to_owned(), p_text);
                rows.add_row([place, racer.label.clone(), measure.text(median), quartiles, p, output::number(loss), seconds]);
            }
            _ => {
                rows.add_row([place, racer.label.clone(), "-".into(), "-".into(), "-".into(), "-".into()]);
            }
        }
    }
    console.line(rows)?;
    standing.racers.iter().filter_map(failures).try_for_each(|failed| console.line(failed))
}

/// How many runs failed, those too that were in the folder before, and why the first did.
fn failures(racer: &Racer) -> Option<String> {
    let first = harmless(racer.failures.first()?, false);
    Some(format!("{} of {} runs of {} failed; {first}", racer.failures.len(), racer.over(), racer.label))
}

fn places(standing: &Standing) -> Vec<Value> {
    let place = |(racer, p): (&Racer, Option<f64>)| {
        let quartiles =
            standing.measures.iter().enumerate().map(|(m, measure)| (measure.name.to_owned(), json!(racer.quartiles(m))));
        json!({
            "optimizer": racer.spec, "quartiles": quartiles.collect::<serde_json::Map<_, _>>(), "failures": racer.failures, "p_against_the_first": p,
            "seconds": report::seconds(racer),
        })
    };
    standing.racers.iter().zip(standing.chances()).map(place).collect()
}
