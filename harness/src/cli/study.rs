//! `moths study`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{Ending, mishaps::Mishaps, watch::Hall};
use crate::{
    Error, Result, files, interrupt,
    output::{Console, grouped, warn},
    race::{Race, Record, Standing},
    store::{Opened, Store},
    study::{self, Study},
    threads,
    whole::whole,
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The name of a study, or a file of JSON
    study: String,
    /// Runs side by side; changes no result [default: all cores]
    #[arg(long, value_name = "T", value_parser = whole::<u16, 1, 1024>)]
    threads: Option<u16>,
    /// The folder for the runs; those that are in it are not run again [default: moths-out/study-NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The page that the tables are written into [default: docs/NAME.md]
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

pub(super) fn run(args: Args, console: Console) -> Result<Ending> {
    let (name, study) = Study::find(&args.study)?;
    let races = study.races()?;
    let page = args.page.unwrap_or_else(|| Path::new("docs").join(format!("{name}.md")));
    let old = old(&page)?;
    // Whoever cannot be written to says so before hours of runs.
    study::drawn(&page, old.as_deref(), &name, &study, "")?;
    let out = args.out.unwrap_or_else(|| PathBuf::from("moths-out").join(format!("study-{}", files::file_name(&name))));
    let folders: Vec<PathBuf> = races.iter().map(|race| out.join(study::folder(race))).collect();
    let opened = races.iter().zip(&folders).map(|(race, folder)| race.open(folder)).collect::<Result<Vec<_>>>()?;
    interrupt::listen();

    let threads = args.threads.map_or_else(threads::cores, usize::from);
    let hall = announce(&name, &races, &opened, threads, console)?;
    let (mut standings, mut held) = (vec![], vec![]);
    for (race, opened) in races.into_iter().zip(opened) {
        let (standing, store): (Standing, Store<Record>) = race.go_on(opened, threads, &hall, interrupt::asked())?;
        standings.push(standing);
        held.push(store);
    }
    drop(hall);
    conclude(&name, &study, standings, &page, console)
}

/// The page as it is; none where there is no such file.
fn old(page: &Path) -> Result<Option<String>> {
    match fs::read_to_string(page) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(|source| Error::Io { path: page.into(), source }),
    }
}

/// Says what is to be run, and opens the hall to watch it from.
fn announce(name: &str, races: &[Race], opened: &[Opened<Record>], threads: usize, console: Console) -> Result<Hall> {
    opened.iter().flat_map(|opened| &opened.damage).for_each(warn);
    let all: u64 = races.iter().map(Race::runs).sum();
    let pairs = || races.iter().zip(opened);
    let done: u64 = pairs().map(|(race, opened)| race.done(&opened.runs)).sum();
    let left = pairs().map(|(race, opened)| (race.runs() - race.done(&opened.runs)).saturating_mul(race.evaluations));
    let evaluations = left.fold(0, u64::saturating_add);
    console.object(&json!({ "event": "start", "study": name, "runs": all, "runs_done_before": done, "threads": threads }))?;
    let before = if done > 0 { format!("; {} are there already", grouped(done)) } else { String::new() };
    console.line(format!("{name}: {} runs{before}", grouped(all)))?;
    Ok(Hall::new(evaluations, console))
}

/// Prints the tables, and draws the page if no run is missing.
fn conclude(name: &str, study: &Study, mut standings: Vec<Standing>, page: &Path, console: Console) -> Result<Ending> {
    let mut mishaps = Mishaps::default();
    let interrupted = standings.iter().any(|standing| standing.interrupted);
    let unkept: Vec<Error> = standings.iter_mut().filter_map(|standing| standing.unkept.take()).collect();
    let complete = !interrupted && unkept.is_empty();
    for error in unkept {
        mishaps.note::<()>(Err(error));
    }
    let sections = study::tables(study, &standings)?;
    mishaps.note(console.line(&sections));
    if complete {
        let text = old(page).and_then(|old| study::drawn(page, old.as_deref(), name, study, &sections));
        let folder = page.parent().filter(|folder| !folder.as_os_str().is_empty());
        mishaps.note(folder.map_or(Ok(()), files::make_folder));
        mishaps.note(text.and_then(|text| files::replace_file(page, text)));
    }
    let ending = mishaps.ending(if interrupted { Ending::Interrupted } else { Ending::Done });
    console.object(&json!({
        "event": "end", "tables": sections, "page": files::json(page), "interrupted": interrupted, "complete": complete,
    }))?;
    console.line(ending.missing().map_or_else(|| format!("page           {}", files::words(page)), str::to_owned))?;
    Ok(ending)
}
