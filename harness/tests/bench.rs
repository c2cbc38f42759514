//! `moths bench`, through the built binary: what a results folder survives.

#[allow(dead_code, reason = "shared by several tests: each takes what it needs")]
mod support;

use std::{
    error::Error,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use moths::Key;
use serde_json::Value;
use support::{Tested, leftovers, moths, refusal, run, runs, said, shell};
use tempfile::tempdir;

const SMALL: &str = "bench sphere,rastrigin --optimizers pso,sep-cma-es,random-search --dims 2,5 --seeds 3 --budget 50";

#[test]
fn a_bench_depends_on_nothing_but_its_plan() -> Tested {
    let place = tempdir()?;
    said(&place, &format!("{SMALL} --threads 1 --out one"))?;
    said(&place, &format!("{SMALL} --threads 3 --out three"))?;
    let one = runs(&place.path().join("one"))?;
    assert_eq!((one.len(), &one), (36, &runs(&place.path().join("three"))?));
    for run in &one {
        let budget = run["budget"].as_u64().ok_or("no budget")?;
        assert!(run["evaluations"].as_u64().is_some_and(|used| used > 0 && used <= budget), "{run}");
        assert!(budget == 100 || budget == 250);
    }
    Ok(())
}

#[test]
fn what_is_there_is_not_run_again() -> Tested {
    let place = tempdir()?;
    let folder = place.path().join("out");
    said(&place, "bench sphere --optimizers pso --dims 2 --seeds 2 --out out")?;
    let first = fs::read_to_string(folder.join("runs.jsonl"))?;
    let start = said(&place, "bench sphere,ackley --optimizers pso,spsa --dims 2,3 --seeds 3 --out out --json")?;
    let start: Value = serde_json::from_str(start.lines().next().ok_or("silence")?)?;
    assert_eq!((&start["runs_done_before"], &start["runs"]), (&2.into(), &22.into()));
    let all = fs::read_to_string(folder.join("runs.jsonl"))?;
    assert!(all.starts_with(&first) && all.lines().count() == 24, "old runs stay as they are");
    said(&place, "bench sphere,ackley --optimizers pso,spsa --dims 2,3 --seeds 3 --out fresh")?;
    assert_eq!(runs(&folder)?, runs(&place.path().join("fresh"))?);
    Ok(())
}

#[test]
fn a_killed_bench_goes_on() -> Tested {
    let place = tempdir()?;
    let line = "bench ackley,levy --optimizers pso,sep-cma-es --dims 5 --seeds 20 --budget 2000 --threads 2";
    said(&place, &format!("{line} --out whole"))?;
    let file = place.path().join("killed/runs.jsonl");
    let mut child = moths(&place, &format!("{line} --out killed")).stdout(Stdio::null()).spawn()?;
    let began = Instant::now();
    while fs::metadata(&file).map_or(0, |meta| meta.len()) < 5000 && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()?;
    // A kill in the middle of a line leaves half of one.
    let mut text = fs::read(&file)?;
    let half = text.len() - 40;
    text.truncate(half);
    fs::write(&file, &text)?;
    said(&place, &format!("{line} --out killed"))?;
    assert_eq!(runs(&place.path().join("killed"))?, runs(&place.path().join("whole"))?);
    Ok(())
}

/// A file that must not grow stands for a disk that is full: both fail in the middle of a write.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_whole_runs() -> Tested {
    let place = tempdir()?;
    let moths = env!("CARGO_BIN_EXE_moths");
    // Blocks of 512 bytes; without the signal, the write itself fails.
    let script = format!("trap '' XFSZ; ulimit -f 16; exec {moths} {SMALL} --out full");
    let output = Command::new("sh").arg("-c").arg(&script).current_dir(&place).output()?;
    let text = String::from_utf8(output.stderr.clone())?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text.contains("full/runs.jsonl"), "{text}");
    let told = String::from_utf8(output.stdout)?;
    assert!(told.trim_end().ends_with("not all runs could be kept; the same command goes on where this one ended"), "{told}");
    let output = shell(&place, "trap '' XFSZ; ulimit -f 16", &format!("{SMALL} --json --out json"), "")?;
    assert_eq!(ended(&output)?, (Value::from(false), Value::from(false)));
    let file = fs::read_to_string(place.path().join("full/runs.jsonl"))?;
    assert!(file.len() <= 16 * 512 && file.ends_with('\n'), "{}", file.len());
    assert!((3..36).contains(&runs(&place.path().join("full"))?.len()));
    said(&place, &format!("{SMALL} --out full"))?;
    said(&place, &format!("{SMALL} --out whole"))?;
    assert_eq!(runs(&place.path().join("full"))?, runs(&place.path().join("whole"))?);
    Ok(())
}

/// Whether the end says that it was interrupted, and that all runs are there.
fn ended(output: &Output) -> Result<(Value, Value), Box<dyn Error>> {
    let text = std::str::from_utf8(&output.stdout)?;
    let end: Value = serde_json::from_str(text.lines().next_back().ok_or("silence")?)?;
    assert_eq!(end["event"], "end", "{end}");
    Ok((end["interrupted"].clone(), end["complete"].clone()))
}

#[cfg(unix)]
#[test]
fn a_bench_that_keeps_nothing_says_so() -> Tested {
    let place = tempdir()?;
    let line = "bench sphere --optimizers pso --dims 2 --seeds 1 --out out";
    assert_eq!(ended(&run(&place, &format!("{line} --json"))?)?, (Value::from(false), Value::from(true)));
    let files = ["report.html", "runs.csv", "traces.csv"];
    for file in files {
        fs::remove_file(place.path().join("out").join(file))?;
    }
    fs::write(place.path().join("out/runs.jsonl"), "")?;
    let full = |line: &str| shell(&place, "trap '' XFSZ; ulimit -f 0", line, "");
    let output = full(line)?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stdout)?;
    assert!(told.ends_with("no run could be kept; the same command begins again\n"), "{told}");
    let output = full(&format!("{line} --json"))?;
    assert_eq!(ended(&output)?, (Value::from(false), Value::from(false)));
    assert!(files.iter().all(|file| !place.path().join("out").join(file).exists()));
    Ok(())
}

#[test]
fn runs_that_failed_before_are_told_of() -> Tested {
    let place = tempdir()?;
    let line = r#"bench net/spirals --optimizers ["pso",{"name":"random-search","candidates":500}] --evaluations 100 --seeds 2"#;
    let failed = "2 of 2 runs of random-search (candidates = 500) failed; net/spirals, seed 1: evaluations = 100: at least 500";
    for warnings in [2, 0] {
        let output = run(&place, line)?;
        let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        assert!(output.status.success() && err.lines().count() == warnings, "{err}");
        assert!(out.contains(failed) && !out.contains("runs of pso failed"), "{out}");
    }
    Ok(())
}

#[test]
fn wrong_folders_are_refused_and_left_alone() -> Tested {
    let place = tempdir()?;
    let folder = place.path().join("old");
    said(&place, "bench sphere --optimizers pso --dims 2 --seeds 1 --out old")?;
    let again = "bench sphere --optimizers spsa --dims 2 --seeds 1";
    let manifest = unchecked(&folder)?;
    let runs = fs::read(folder.join("runs.jsonl"))?;
    let cases = [
        (manifest.replace("\"format\": 1", "\"format\": 2"), "has format 2, written by moths 0.1.0; this program reads format 1"),
        (manifest.replace("moths 0.1.0", "moths 0.0.9"), "the folder holds runs of moths 0.0.9"),
        ("{}".to_owned(), "bench.json"),
        ("moths".to_owned(), "bench.json"),
    ];
    for (text, why) in cases {
        fs::write(folder.join("bench.json"), &text)?;
        let refused = refusal(&place, &format!("{again} --out old"))?;
        assert!(refused.contains(why), "{refused}");
        assert_eq!((fs::read_to_string(folder.join("bench.json"))?, fs::read(folder.join("runs.jsonl"))?), (text, runs.clone()));
    }
    fs::write(folder.join("bench.json"), &manifest)?;
    assert!(refusal(&place, &format!("{again} --budget 7 --out old"))?.contains("the folder holds runs of 100 x D evaluations"));
    fs::write(place.path().join("file"), "")?;
    assert!(refusal(&place, &format!("{again} --out file"))?.contains("file"));
    Ok(())
}

#[test]
fn who_cannot_run_on_a_problem_runs_on_the_others() -> Tested {
    let place = tempdir()?;
    let line = "bench spirals,binary,heaviside --optimizers backprop,random-search --evaluations 20 --seeds 1 --out out";
    let table = said(&place, line)?;
    let runs = runs(&place.path().join("out"))?;
    let of = |name: &str| runs.iter().filter(|run| run["optimizer"] == name).map(|run| &run["problem"]).collect::<Vec<_>>();
    assert_eq!((of("backprop"), of("random-search").len()), (vec![&Value::from("net/spirals")], 3), "{table}");
    assert!(runs.iter().all(|run| run["failed"].is_null() && run["figures"].as_array().is_some_and(|f| !f.is_empty())));
    Ok(())
}

#[test]
fn wrong_words_get_the_nearest() -> Tested {
    let place = tempdir()?;
    let cases = [
        ("bench bbbob", "did you mean `bbob`?"),
        ("bench clasic", "did you mean `classic`?"),
        ("bench spher", "did you mean `sphere`?"),
        ("bench classic --optimizers psoo", "did you mean `pso`?"),
        ("bench digits --dims 5", "--dims = 5"),
        ("bench sphere --instances 2", "--instances = 2"),
        ("bench classic --dims 1", "--dim = 1: an integer from 2"),
        ("bench classic --dims 2,x", "neither a number nor a range"),
        ("bench classic --budget 0", "--budget"),
        ("bench classic --budget 10 --evaluations 10", "--evaluations"),
        ("bench classic --validate", "--validate"),
    ];
    for (line, word) in cases {
        let refused = refusal(&place, line)?;
        assert!(refused.contains(word), "moths {line}: {refused}");
    }
    assert_eq!(fs::read_dir(place.path())?.count(), 0, "nothing is written before all is right");
    Ok(())
}

/// The manifest of a folder as another program would write it, without a checksum.
fn unchecked(folder: &Path) -> Result<String, Box<dyn Error>> {
    let text = fs::read_to_string(folder.join("bench.json"))?;
    Ok(text.lines().filter(|line| !line.trim_start().starts_with("\"check\"")).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_lost_manifest_mixes_nothing() -> Tested {
    let place = tempdir()?;
    let folder = place.path().join("out");
    let line = "bench sphere --optimizers pso --dims 2,3 --seeds 1 --out out";
    said(&place, line)?;
    let there = fs::read(folder.join("runs.jsonl"))?;
    let manifest = unchecked(&folder)?;
    fs::remove_file(folder.join("bench.json"))?;
    let refused = refusal(&place, &format!("{line} --budget 7"))?;
    assert!(refused.contains("runs.jsonl: is there without `bench.json`") && refused.contains("put that file back"), "{refused}");
    // The manifest of another bench does not help.
    fs::write(folder.join("bench.json"), manifest.replace("\"per_dimension\": 100", "\"per_dimension\": 7"))?;
    for line in [&format!("{line} --budget 7"), "report out"] {
        let refused = refusal(&place, line)?;
        // Whichever of the two dimensions was done first.
        let said = |run: u64| {
            refused.contains(&format!("line 1 is a run of {} evaluations, where `bench.json` says {}", 100 * run, 7 * run))
        };
        assert!(said(2) || said(3), "{refused}");
    }
    assert_eq!(fs::read(folder.join("runs.jsonl"))?, there);
    fs::write(folder.join("bench.json"), manifest)?;
    said(&place, line)?;
    assert_eq!(fs::read(folder.join("runs.jsonl"))?, there);
    Ok(())
}

#[test]
fn files_of_others_are_left_alone() -> Tested {
    let place = tempdir()?;
    for (i, content) in [&b"my notes"[..], b"{\"my\": 1}\n", b"\xff\xfe\n\n", b"\n"].into_iter().enumerate() {
        let folder = place.path().join(format!("out{i}"));
        fs::create_dir(&folder)?;
        fs::write(folder.join("runs.jsonl"), content)?;
        let refused = refusal(&place, &format!("bench sphere --optimizers pso --dims 2 --out out{i}"))?;
        assert!(refused.contains("nothing was changed"), "{refused}");
        assert_eq!(fs::read(folder.join("runs.jsonl"))?, content);
        assert_eq!(fs::read_dir(&folder)?.count(), 1);
    }
    Ok(())
}

#[test]
fn damaged_lines_are_moved_away_and_run_again() -> Tested {
    let place = tempdir()?;
    let folder = place.path().join("out");
    let line = "bench sphere,ackley --optimizers pso --dims 2 --seeds 3 --threads 1 --out out";
    said(&place, line)?;
    let whole = runs(&folder)?;
    let text = fs::read_to_string(folder.join("runs.jsonl"))?;
    let mut lines: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
    lines[1][7] = 0xff;
    lines[3].truncate(30);
    lines.insert(2, b"# a note of mine".to_vec());
    let damaged = [lines[1].clone(), lines[2].clone(), lines[4].clone()];
    // The last run has lost its end of line, and is whole.
    fs::write(folder.join("runs.jsonl"), lines.join(&b'\n'))?;

    let report = run(&place, "report out")?;
    let said = String::from_utf8(report.stderr)?;
    assert!(report.status.success() && said.lines().count() == 3 && said.contains("it is left out"), "{said}");
    let output = run(&place, line)?;
    let said = String::from_utf8(output.stderr)?;
    assert!(output.status.success(), "{said}");
    for (said, number) in said.lines().zip([2, 3, 5]) {
        let start = format!("moths: out/runs.jsonl: line {number} is not the record of a run");
        assert!(said.starts_with(&start) && said.ends_with("it was moved to out/runs.damaged.jsonl"), "{said}");
    }
    assert_eq!((said.lines().count(), runs(&folder)?), (3, whole));
    let aside = [damaged.join(&b'\n'), b"\n".to_vec()].concat();
    assert_eq!(fs::read(folder.join("runs.damaged.jsonl"))?, aside);
    // Once is enough, and what was moved before stays.
    assert!(run(&place, line)?.stderr.is_empty());
    let mut text = fs::read(folder.join("runs.jsonl"))?;
    text.extend([0; 20]);
    fs::write(folder.join("runs.jsonl"), text)?;
    assert!(run(&place, line)?.status.success());
    assert_eq!(fs::read(folder.join("runs.damaged.jsonl"))?, [aside, vec![0; 20], b"\n".to_vec()].concat());
    Ok(())
}

#[cfg(unix)]
#[test]
fn stopped_before_its_first_run_it_says_so() -> Tested {
    let place = tempdir()?;
    let line = "bench rastrigin --dims 40 --optimizers random-search --evaluations 1000000000 --seeds 1 --threads 1 --out out";
    // One that was killed while it wrote its end has left these.
    let killed = place.path().join("out/coco/.moths-new-pso/data_f8");
    fs::create_dir_all(&killed)?;
    fs::write(killed.join("bbobexp_f8_DIM2.dat"), "half")?;
    for file in ["report.html", "runs.csv", "traces.csv", "figures.csv"] {
        let tag = file.bytes().fold(Key::new(0), |key, byte| key.fold(u64::from(byte))).to_bits();
        fs::write(place.path().join(format!("out/.moths-{tag:016x}-abcdef.tmp")), "half")?;
    }
    assert_eq!(leftovers(place.path())?.len(), 5);
    let mut child = moths(&place, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let began = Instant::now();
    while !place.path().join("out/runs.jsonl").is_file() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300)); // the handler is there now
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?.success());
    assert_eq!(child.wait()?.code(), Some(130));
    let output = child.wait_with_output()?;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    assert!(out.contains("interrupted before the first run had ended; the same command begins again"), "{out}");
    assert!(err.lines().count() == 1 && err.contains("asked to end"), "{err}");
    assert!(!place.path().join("out/report.html").exists() && leftovers(place.path())?.is_empty());
    said(&place, &line.replace("--seeds 1", "--seeds 1 --json").replace("1000000000", "500").replace("out out", "out small"))?;
    Ok(())
}
