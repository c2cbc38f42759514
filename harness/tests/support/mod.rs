//! What tests of the built binary have in common.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) type Tested = Result<(), Box<dyn Error>>;

/// `moths` in a folder of its own.
pub(crate) fn moths(place: &TempDir, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moths"));
    command.current_dir(place.path()).args(line.split_whitespace());
    // The threads of candle's quantised products wait by spinning, which holds up whoever else is tested beside.
    command.env("CANDLE_NUM_THREADS", "1");
    command
}

pub(crate) fn run(place: &TempDir, line: &str) -> Result<Output, Box<dyn Error>> {
    Ok(moths(place, line).output()?)
}

/// Standard output of a run that succeeds and says nothing on standard error.
pub(crate) fn said(place: &TempDir, line: &str) -> Result<String, Box<dyn Error>> {
    let output = run(place, line)?;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    assert!(output.status.success() && err.is_empty(), "moths {line}: {} {err}", output.status);
    Ok(out)
}

/// The JSON objects of a run that succeeds: nothing else may stand there.
pub(crate) fn events(place: &TempDir, line: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let out = said(place, &format!("{line} --json"))?;
    let events: Vec<Value> = out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert!(events.iter().all(Value::is_object) && !events.is_empty(), "moths {line}: {out}");
    Ok(events)
}

pub(crate) fn last(events: Vec<Value>) -> Value {
    events.into_iter().next_back().unwrap_or_default()
}

/// The one line on standard error of a run that is refused.
pub(crate) fn refusal(place: &TempDir, line: &str) -> Result<String, Box<dyn Error>> {
    let output = run(place, line)?;
    let err = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(2), "moths {line}: {err}");
    assert_eq!(err.lines().count(), 1, "moths {line}: {err}");
    assert!(!err.contains("panicked") && err.starts_with("moths: "), "moths {line}: {err}");
    Ok(err)
}

/// A CSV without the column of seconds.
pub(crate) fn timeless(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let without =
        |line: &str| line.split(',').enumerate().filter(|(i, _)| *i != 1).map(|(_, cell)| cell.to_owned() + ",").collect();
    Ok(text.lines().map(without).collect())
}

/// What tells whether two runs were the same: bits of the losses, and what they took.
pub(crate) fn facts(end: &Value) -> [&Value; 4] {
    ["loss_bits", "lowest_bits", "evaluations", "steps"].map(|field| &end[field])
}

/// `moths` in a shell, after these commands and with these redirections.
pub(crate) fn shell(place: &TempDir, before: &str, line: &str, redirections: &str) -> Result<Output, Box<dyn Error>> {
    let script = format!("{before}\nexec {} {line} {redirections}", env!("CARGO_BIN_EXE_moths"));
    Ok(Command::new("sh").arg("-c").arg(&script).current_dir(place).output()?)
}

/// Standard output of a run that is asked to end as soon as it has said this.
#[cfg(unix)]
pub(crate) fn interrupted(place: &TempDir, line: &str, begun: &str) -> Result<String, Box<dyn Error>> {
    let mut child = moths(place, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(begun)));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    let rest: Vec<String> = lines.collect::<Result<_, _>>()?;
    assert_eq!(child.wait()?.code(), Some(130), "moths {line}: {rest:?}");
    Ok(rest.join("\n"))
}

/// The runs of a folder without their clocks, sorted: equal benches and races have equal ones.
pub(crate) fn runs(folder: &Path) -> Result<Vec<Value>, Box<dyn Error>> {
    let text = fs::read_to_string(folder.join("runs.jsonl"))?;
    let mut runs: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for run in &mut runs {
        let run = run.as_object_mut().ok_or("no object")?;
        run.remove("check");
        run.remove("optimizer_seconds");
        run.remove("objective_seconds");
        let rows = run.get_mut("rows").and_then(Value::as_array_mut);
        rows.into_iter().flatten().for_each(|row| row[1] = Value::Null);
    }
    runs.sort_by_key(Value::to_string);
    Ok(runs)
}

/// What writers have left in a folder and those in it: temporary files and folders, and locks.
pub(crate) fn leftovers(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut left = vec![];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if [".moths-", ".tmp"].iter().any(|ours| entry.file_name().to_string_lossy().starts_with(ours)) {
            left.push(entry.path());
        } else if entry.file_type()?.is_dir() {
            left.extend(leftovers(&entry.path())?);
        }
    }
    Ok(left)
}
