//! `moths report`.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::Ending;
use crate::{
    Error, Result,
    bench::Results,
    files,
    output::{Console, grouped, warn},
    report,
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Results folders of `moths bench`; several are shown side by side
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// The file to write [default: report.html in the first folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The optimizer that all others are compared with
    #[arg(long, value_name = "LABEL")]
    baseline: Option<String>,
}

pub(super) fn run(args: Args, console: Console) -> Result<Ending> {
    let results = Results::open(&args.folders)?;
    results.damage.iter().for_each(warn);
    let html = report::bench::html(&results, args.baseline.as_deref())?;
    let out = args.out.unwrap_or_else(|| args.folders[0].join("report.html"));
    check_report(&out)?;
    files::replace_file(&out, &html)?;
    let (optimizers, problems, runs) = (results.optimizers.len(), results.problems.len(), results.all().count());
    console.object(
        &json!({ "event": "end", "report": files::json(&out), "optimizers": optimizers, "problems": problems, "runs": runs }),
    )?;
    let [problems, runs] = [problems, runs].map(|n| grouped(n as u64));
    console.line(format!("{}: {optimizers} optimizers on {problems} problems, {runs} runs", results.suite))?;
    console.line(format!("report         {}", files::words(&out)))?;
    Ok(Ending::Done)
}

/// What every page of ours begins with.
const PAGE: &[u8] = b"<!doctype html>";

/// A page takes the place of a page, and of nothing else.
fn check_report(out: &Path) -> Result<()> {
    let mut head = [0; PAGE.len()];
    let Ok(mut there) = File::open(out) else { return Ok(()) };
    // Of what is no file, replacing it says so.
    if there.metadata().is_ok_and(|meta| !meta.is_file()) || there.read_exact(&mut head).is_ok() && head == *PAGE {
        return Ok(());
    }
    Err(Error::File { path: out.into(), why: "is no HTML page, and will not be replaced by one: name another file".into() })
}
