//! Runs that are killed, interrupted, and gone on with.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{LINE, prepared, read, sentences};
use crate::support::{Tested, events, interrupted, last, moths, refusal, timeless};

/// Starts a run, kills it (as `kill -9` does) after its third checkpoint, and goes on.
pub(crate) fn killed_and_resumed(place: &TempDir, line: &str) -> Result<Value, Box<dyn Error>> {
    let mut child = moths(place, &format!("{line} --json")).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    for _ in 0..3 {
        let checkpoint = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("\"checkpoint\",\"path\"")));
        checkpoint.ok_or("the run was over before it could be killed")??;
    }
    child.kill()?;
    assert_eq!(child.wait()?.code(), None);
    let told = events(place, &format!("{line} --resume"))?;
    assert!(told[0]["resumed_at"].as_u64() > Some(0), "{}", told[0]);
    Ok(last(told))
}

#[test]
fn a_killed_run_goes_on_to_the_same_bits() -> Tested {
    let place = prepared()?;
    let flat = r#"{"name":"backprop","descent":{"name":"adamw","rate":0.001}}"#;
    for (optimizer, evaluations) in [("mezo", 2000), (flat, 1500), ("open-es", 2000)] {
        let line = format!("{LINE} --evaluations {evaluations} --every 100 --optimizer {optimizer}");
        let whole = last(events(&place, &format!("{line} --out whole --overwrite"))?);
        let _ = fs::remove_dir_all(place.path().join("parts"));
        let parts = killed_and_resumed(&place, &format!("{line} --out parts"))?;
        for field in ["loss_bits", "lowest_bits", "evaluations", "steps", "log_bytes"] {
            assert_eq!(whole[field], parts[field], "{optimizer}: {field}");
        }
        let same = |file: &str| -> Result<bool, Box<dyn Error>> {
            Ok(read(&place, &format!("whole/{file}"))? == read(&place, &format!("parts/{file}"))?)
        };
        assert!(same("tuned.safetensors")? && (optimizer != "mezo" || same("tune.journal")?), "{optimizer}");
        let csv = |folder: &str| timeless(&place.path().join(folder).join("curve.csv"));
        assert_eq!(csv("whole")?, csv("parts")?, "{optimizer}");
    }
    Ok(())
}

#[test]
fn a_run_is_not_lost_and_goes_on_as_itself_alone() -> Tested {
    let place = prepared()?;
    let line = format!("{LINE} --out run --evaluations 200");
    let first = last(events(&place, &line)?);
    assert!(refusal(&place, &line)?.contains("is of a run: go on with --resume"));
    let again = last(events(&place, &format!("{line} --resume"))?);
    assert_eq!(again["loss_bits"], first["loss_bits"]);
    let differs = [
        ("--seed 2", "--seed = 2: the run that is to go on was started with 1"),
        ("--batch 8", "--batch = 8: the run that is to go on was started with 16"),
        ("--train head.*", "--train = "),
        ("--optimizer backprop", "--optimizer = "),
        ("--set rate=0.01", "--optimizer = "),
    ];
    for (flag, why) in differs {
        let refused = refusal(&place, &format!("{line} --resume {flag}"))?;
        assert!(refused.contains(why), "{flag}: {refused}");
    }
    let refused = refusal(&place, &format!("{LINE} --out run --resume --evaluations 100"))?;
    assert!(refused.contains("at least 200"), "{refused}");
    let more = last(events(&place, &format!("{LINE} --out run --resume --evaluations 300"))?);
    assert_eq!(more["evaluations"], 300);
    fs::write(place.path().join("data.tsv"), sentences(13))?;
    assert!(refusal(&place, &format!("{LINE} --out run --resume --evaluations 300"))?.contains("--data = "));
    Ok(())
}

/// Judging what comes after is not waited for: of a quantised model it takes minutes.
#[cfg(unix)]
#[test]
fn an_interrupted_run_ends_without_judging() -> Tested {
    let place = prepared()?;
    let line = "finetune --base base --data data.tsv --held-out many.tsv --head drawn --every 100 --evaluations 1000000000";
    fs::write(place.path().join("many.tsv"), sentences(20_000))?;
    let rest = interrupted(&place, &format!("{line} --out before"), "in place:")?;
    assert_eq!(rest, "interrupted before the first step; the same command with --overwrite begins again");
    fs::write(place.path().join("many.tsv"), sentences(600))?;
    let line = format!("{line} --out before");
    assert!(refusal(&place, &line)?.contains("--overwrite"));
    let rest = interrupted(&place, &format!("{line} --overwrite"), "evaluations  lowest")?;
    assert!(rest.ends_with("interrupted; the same command with --resume goes on where this one ended"), "{rest}");
    assert!(!rest.contains("sentences right") && place.path().join("before/tuned.safetensors").is_file(), "{rest}");
    let end = last(events(&place, &format!("{line} --resume --minutes 0.01"))?);
    assert_eq!((&end["reason"], &end["sets"][0]["examples"]), (&"time is up".into(), &1200.into()));
    Ok(())
}
