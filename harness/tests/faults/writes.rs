//! Writes that fail: the old file is whole, the result is printed, and the shell is told.

use std::{fs, process::Command};

use moths::Checkpoint;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{Tested, leftovers, run, said, shell};

/// No file may grow beyond so many blocks: a write beyond fails, as on a full disk.
fn full_beyond(blocks: u32) -> String {
    format!("trap '' XFSZ; ulimit -f {blocks}")
}

fn end(stdout: &[u8]) -> Result<Value, Box<dyn std::error::Error>> {
    let text = std::str::from_utf8(stdout)?;
    Ok(serde_json::from_str(text.lines().next_back().ok_or("silence")?)?)
}

const RUN: &str = "minimize sphere --dim 300 --optimizer pso --json";

#[test]
fn a_checkpoint_that_cannot_be_replaced_stays_whole() -> Tested {
    let place = tempdir()?;
    said(&place, &format!("{RUN} --evaluations 2000 --checkpoint run.ckpt"))?;
    let old = fs::read(place.path().join("run.ckpt"))?;
    let blocks = (old.len() / 512) as u32;
    for blocks in [1, 2, blocks / 2, blocks - 1] {
        let more = "minimize --resume run.ckpt --evaluations 4000 --json";
        let output = shell(&place, &full_beyond(blocks), more, "")?;
        let err = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains("no checkpoint at run.ckpt: run.ckpt: ") && !err.contains("panicked"), "{err}");
        let end = end(&output.stdout)?;
        assert!(end["event"] == "end" && end["evaluations"].as_u64() > Some(3000), "{end}");
        assert!(fs::read(place.path().join("run.ckpt"))? == old, "{blocks} blocks");
        assert!(leftovers(place.path())?.is_empty());
    }
    Ok(())
}

#[test]
fn a_result_is_printed_when_its_files_cannot_be_written() -> Tested {
    let place = tempdir()?;
    let cases = [
        (format!("{RUN} --evaluations 5000 --out out"), ["curve.csv", "curve.svg"].as_slice()),
        (
            "race sphere --optimizers pso --seeds 1 --evaluations 5000 --json --out out".into(),
            &["runs.jsonl", "race.html", "race.csv", "race.svg"],
        ),
    ];
    for (line, files) in cases {
        let output = shell(&place, &full_beyond(1), &line, "")?;
        let end = end(&output.stdout)?;
        assert!(end["loss"].is_number() || end["leaderboard"][0]["quartiles"]["loss"].is_array(), "{end}");
        assert_eq!(end["complete"].as_bool(), line.starts_with("race").then_some(false), "{end}");
        let err = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{line}: {err}");
        for (said, file) in err.lines().zip(files) {
            assert!(said.starts_with("moths: ") && said.contains(file), "{line}: {err}");
        }
        assert_eq!(err.lines().count(), files.len(), "{line}: {err}");
        assert!(leftovers(place.path())?.is_empty());
    }
    // What was run is there; only its pictures were not.
    let line = "race sphere --optimizers pso,random-search --seeds 2 --evaluations 300 --json --out race";
    let whole = run(&place, line)?;
    assert!(whole.status.success());
    let old = fs::read(place.path().join("race/race.html"))?;
    let output = shell(&place, &full_beyond(8), line, "")?;
    let err = String::from_utf8(output.stderr)?;
    assert!(output.status.code() == Some(2) && err.lines().all(|line| line.contains("race/race.")), "{err}");
    assert_eq!(end(&output.stdout)?["leaderboard"], end(&whole.stdout)?["leaderboard"]);
    assert_eq!(end(&output.stdout)?["complete"], true, "every run is there");
    assert_eq!(fs::read(place.path().join("race/race.html"))?, old);
    Ok(())
}

/// Can `strace` make calls of a program fail here?
fn strace() -> bool {
    let traced = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    traced.is_ok_and(|status| status.success())
}

/// A run whose n-th call of this kind fails.
fn failing(place: &TempDir, call: &str, error: &str, n: u32, line: &str) -> std::io::Result<std::process::Output> {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:error={error}:when={n}")]);
    command.arg(env!("CARGO_BIN_EXE_moths")).args(line.split_whitespace()).current_dir(place).output()
}

#[test]
fn whichever_call_fails_the_checkpoint_is_whole() -> Tested {
    if !strace() {
        println!("no strace here: calls do not fail");
        return Ok(());
    }
    let place = tempdir()?;
    said(&place, "minimize sphere --dim 20 --optimizer pso --evaluations 1000 --checkpoint good.ckpt")?;
    let old = fs::read(place.path().join("good.ckpt"))?;
    let more = "minimize --resume run.ckpt --evaluations 3000 --every 500 --json";
    let mut refused = 0;
    for (call, error) in
        [("write", "ENOSPC"), ("write", "EIO"), ("fsync", "EIO"), ("/^rename", "EIO"), ("flock", "ENOLCK"), ("/^open", "EMFILE")]
    {
        for n in 1..=14 {
            fs::write(place.path().join("run.ckpt"), &old)?;
            let output = failing(&place, call, error, if call == "/^open" { 40 + n } else { n }, more)?;
            let err = String::from_utf8(output.stderr)?;
            assert!(
                [Some(0), Some(2)].contains(&output.status.code()) && !err.contains("panicked"),
                "{call} {n}: {:?} {err}",
                output.status
            );
            assert!(output.status.success() || err.lines().all(|line| line.starts_with("moths: ")), "{call} {n}: {err}");
            refused += u32::from(!output.status.success());
            let there = Checkpoint::open(place.path().join("run.ckpt"))?;
            assert!(there.note()["plan"].is_object(), "{call} {n}");
            said(&place, more)?;
            assert!(leftovers(place.path())?.is_empty(), "{call} {n}");
        }
    }
    assert!(refused > 0, "nothing failed");
    Ok(())
}
