//! `moths tune`: programs of a few lines, which are killed, hang, fail and go on.

mod processes;
mod resume;
mod search;

use std::{error::Error, fs};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::said;

/// Lowest, 0, at lr = 0.01, n = 5, c = b.
const QUADRATIC: &str = r#"
sleep "${PAUSE:-0}"
awk -v lr="$1" -v n="$2" -v c="$3" 'BEGIN {
    l = log(lr) / log(10) + 2; f = l * l + (n - 5) ^ 2 / 10 + (c == "b" ? 0 : 1)
    printf "{\"step\": 1, \"eval\": {\"loss\": 9}}\nearly %.17g\n{\"eval\": {\"loss\": %.17g}}\nlate %.17g\n", f + 1, f, f
}'
"#;
/// It, and what of it is tuned.
const PLACES: &str = "-- sh quadratic.sh {lr:log:1e-5..1} {n:1..8} {c:a|b|c}";

fn prepared() -> Result<TempDir, Box<dyn Error>> {
    let place = tempdir()?;
    fs::write(place.path().join("quadratic.sh"), QUADRATIC)?;
    Ok(place)
}

/// The JSON objects of a run that succeeds: what stands behind the command would be part of it.
fn events(place: &TempDir, line: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let out = said(place, &line.replacen("tune", "tune --json", 1))?;
    Ok(out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// The trials of a folder without their clocks, by number.
fn trials(place: &TempDir, folder: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let text = fs::read_to_string(place.path().join(folder).join("trials.jsonl"))?;
    let mut trials: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for trial in &mut trials {
        let trial = trial.as_object_mut().ok_or("no object")?;
        trial.remove("check");
        trial.remove("seconds");
        // Of a search that asks at once it is a matter of clocks, too.
        trial.remove("asked");
    }
    trials.sort_by_key(|trial| trial["trial"].as_u64());
    Ok(trials)
}
