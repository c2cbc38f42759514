//! Files of a run: what is replaced and what is not, who writes, and what a checkpoint may say.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use moths::Checkpoint;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::support::{Tested, events, last, leftovers, moths, refusal, run, said};

const SHORT: &str = "minimize sphere --evaluations 500";

#[test]
fn a_checkpoint_that_is_there_is_not_lost() -> Tested {
    let place = tempdir()?;
    said(&place, &format!("{SHORT} --checkpoint run.ckpt"))?;
    let first = fs::read(place.path().join("run.ckpt"))?;
    let same = refusal(&place, &format!("{SHORT} --checkpoint run.ckpt"))?;
    assert!(same.contains("run.ckpt: is a checkpoint of this run: go on with --resume run.ckpt, name another file"), "{same}");
    let other = refusal(&place, &format!("{SHORT} --seed 2 --checkpoint run.ckpt"))?;
    assert!(other.contains("is a checkpoint of another run") && other.contains("--overwrite"), "{other}");
    said(&place, &format!("{SHORT} --seed 2 --checkpoint other.ckpt"))?;
    let taken = refusal(&place, "minimize --resume other.ckpt --checkpoint run.ckpt")?;
    assert!(taken.contains("is a checkpoint of another run"), "{taken}");
    for (name, bytes) in [("notes.txt", &b"precious"[..]), ("empty", b""), ("cut.ckpt", &first[..first.len() / 2])] {
        fs::write(place.path().join(name), bytes)?;
        for (flags, why) in
            [("", "; it will not be replaced"), ("--overwrite", "; --overwrite replaces what is a whole checkpoint only")]
        {
            let refused = refusal(&place, &format!("{SHORT} --checkpoint {name} {flags}"))?;
            assert!(refused.contains(&format!("{why}: delete it, or name another file")), "{refused}");
        }
        assert_eq!(fs::read(place.path().join(name))?, bytes);
    }
    assert_eq!(fs::read(place.path().join("run.ckpt"))?, first);
    said(&place, "minimize --resume run.ckpt --checkpoint ./run.ckpt")?;
    said(&place, &format!("{SHORT} --seed 2 --checkpoint run.ckpt --overwrite"))?;
    assert!(refusal(&place, "minimize --resume run.ckpt --seed 1")?.contains("--seed = 1"));
    assert!(refusal(&place, &format!("{SHORT} --overwrite"))?.contains("--checkpoint"));
    assert!(leftovers(place.path())?.is_empty());
    Ok(())
}

/// A run that goes on until it is killed.
fn endless(place: &TempDir, line: &str) -> Result<Child, Box<dyn Error>> {
    let mut child = moths(place, &format!("{line} --evaluations 1000000000 --json")).stdout(Stdio::piped()).spawn()?;
    let mut first = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut first)?;
    assert_eq!(serde_json::from_str::<Value>(&first)?["event"], "start");
    Ok(child)
}

#[test]
fn one_program_writes_a_file_at_a_time() -> Tested {
    let place = tempdir()?;
    // Pure chance never comes to an end of its own.
    let (bench, race) = ("bench sphere --optimizers random-search", "race sphere --optimizers random-search");
    let minimize = "minimize sphere --optimizer random-search";
    let long = "--evaluations 1000000000";
    let cases = [
        (
            format!("{minimize} --checkpoint run.ckpt --out one"),
            "minimize ackley --checkpoint run.ckpt --out two".into(),
            "run.ckpt",
        ),
        (format!("{minimize} --out three"), "minimize ackley --out three".into(), "curve.csv"),
        (format!("{race} --out four"), format!("{race} {long} --out four"), "runs.jsonl"),
        (format!("{bench} --out five"), format!("{bench} {long} --out five"), "runs.jsonl"),
    ];
    for (first, second, file) in cases {
        let mut child = endless(&place, &first)?;
        let refused = refusal(&place, &second);
        child.kill()?;
        child.wait()?;
        let refused = refused?;
        assert!(refused.contains(file) && refused.contains("another program is writing it"), "{refused}");
    }
    // What was killed holds nothing, and the next start cleans up.
    assert!(!leftovers(place.path())?.is_empty());
    said(&place, "minimize sphere --evaluations 500 --checkpoint run.ckpt --overwrite --out one")?;
    said(&place, "minimize sphere --evaluations 500 --out three")?;
    let left = leftovers(place.path())?;
    assert!(
        left.iter().all(|path| path.starts_with(place.path().join("four")) || path.starts_with(place.path().join("five"))),
        "{left:?}"
    );
    Ok(())
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("precious"), "kept")?;
    let cases = [
        ("curve.csv", SHORT),
        ("curve.svg", SHORT),
        ("race.csv", "race sphere --optimizers pso --seeds 1 --evaluations 500"),
        ("race.json", "race sphere --optimizers pso --seeds 1 --evaluations 500"),
        ("runs.jsonl", "race sphere --optimizers pso --seeds 1 --evaluations 500"),
        ("runs.jsonl", "bench sphere --optimizers pso --dims 2 --seeds 1"),
        ("bench.json", "bench sphere --optimizers pso --dims 2 --seeds 1"),
        ("report.html", "bench sphere --optimizers pso --dims 2 --seeds 1"),
        ("traces.csv", "bench sphere --optimizers pso --dims 2 --seeds 1"),
    ];
    for (i, (file, line)) in cases.into_iter().enumerate() {
        fs::create_dir(place.path().join(format!("out{i}")))?;
        std::os::unix::fs::symlink("../precious", place.path().join(format!("out{i}/{file}")))?;
        let refused = refusal(&place, &format!("{line} --out out{i}"))?;
        assert!(refused.contains(&format!("{file}: is no regular file, and will not be replaced")), "{refused}");
    }
    assert_eq!(fs::read_to_string(place.path().join("precious"))?, "kept");
    Ok(())
}

/// Whoever goes on from a link has not said that anything should be replaced.
#[cfg(unix)]
#[test]
fn a_link_is_gone_on_from_to_somewhere_else() -> Tested {
    let place = tempdir()?;
    said(&place, &format!("{SHORT} --checkpoint run.ckpt"))?;
    for (link, to) in [("latest", "run.ckpt"), ("dangling", "nothing")] {
        std::os::unix::fs::symlink(to, place.path().join(link))?;
    }
    let (more, elsewhere) = ("minimize --evaluations 900", "name the file itself, or --checkpoint for where the run goes on");
    let refused = refusal(&place, &format!("{more} --resume latest"))?;
    assert!(refused.contains(&format!("latest: is no regular file, and will not be replaced: {elsewhere}")), "{refused}");
    for line in [&format!("{SHORT} --checkpoint latest"), &format!("{more} --resume run.ckpt --checkpoint latest")] {
        let refused = refusal(&place, line)?;
        assert!(refused.trim_end().ends_with("latest: is no regular file, and will not be replaced"), "{refused}");
    }
    for there in ["dangling", ".", "missing"] {
        assert!(!refusal(&place, &format!("{more} --resume {there}"))?.contains("--checkpoint"));
    }
    said(&place, &format!("{more} --resume latest --checkpoint next.ckpt"))?;
    said(&place, &format!("{more} --resume latest --checkpoint run.ckpt"))?;
    assert!(fs::symlink_metadata(place.path().join("latest"))?.is_symlink());
    Ok(())
}

#[cfg(unix)]
#[test]
fn files_have_the_modes_that_the_user_gives_files() -> Tested {
    use std::os::unix::fs::PermissionsExt;
    let place = tempdir()?;
    let mode =
        |file: &str| -> Result<u32, Box<dyn Error>> { Ok(fs::metadata(place.path().join(file))?.permissions().mode() & 0o777) };
    for (mask, expected) in [("022", 0o644), ("027", 0o640), ("077", 0o600), ("000", 0o666)] {
        let line = format!("{SHORT} --checkpoint {mask}.ckpt --out {mask}");
        assert!(crate::support::shell(&place, &format!("umask {mask}"), &line, "")?.status.success());
        for file in [format!("{mask}.ckpt"), format!("{mask}/curve.csv"), format!("{mask}/curve.svg")] {
            assert_eq!(mode(&file)?, expected, "{file}");
        }
    }
    fs::set_permissions(place.path().join("022.ckpt"), fs::Permissions::from_mode(0o600))?;
    said(&place, "minimize --resume 022.ckpt --evaluations 900")?;
    assert_eq!(mode("022.ckpt")?, 0o600);
    Ok(())
}

#[cfg(unix)]
#[test]
fn paths_need_not_be_text() -> Tested {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let place = tempdir()?;
    let [out, checkpoint] = [&b"out\xff"[..], b"run\xfe.ckpt"].map(OsStr::from_bytes);
    let go = |line: &str, flags: &[&OsStr]| moths(&place, line).args(flags).output();
    let [to, keep, resume] = ["--out", "--checkpoint", "--resume"].map(OsStr::new);
    for line in ["--json", ""] {
        let output = go(&format!("{SHORT} {line} --overwrite"), &[to, out, keep, checkpoint])?;
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    fs::remove_dir_all(place.path().join(out))?;
    // The note in the checkpoint has the very path.
    let output = go("minimize --evaluations 900 --json", &[resume, checkpoint])?;
    assert!(output.status.success() && place.path().join(out).join("curve.csv").is_file(), "{output:?}");
    for line in [
        "bench sphere --optimizers pso --dims 2 --seeds 1 --json",
        "race ackley --optimizers pso --seeds 1 --evaluations 500 --json",
    ] {
        let output = go(line, &[to, OsStr::from_bytes(&[line.as_bytes()[0], 0xff])])?;
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert!(String::from_utf8(output.stdout)?.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    }
    let folder = OsStr::from_bytes(b"data\xff");
    let output = go("train mnist-cnn --json", &[OsStr::new("--data"), folder])?;
    let err = String::from_utf8(output.stderr)?;
    assert!(output.status.code() == Some(2) && err.lines().count() == 1 && err.contains("data\u{fffd}"), "{err}");
    Ok(())
}

/// A checkpoint of ours with something else in its note.
fn noted(place: &TempDir, name: &str, change: impl FnOnce(&mut Value)) -> Tested {
    let there = Checkpoint::open(place.path().join("good.ckpt"))?;
    let mut note = there.note().clone();
    change(&mut note);
    Ok(there.with_note(note).save(place.path().join(name))?)
}

#[test]
fn a_checkpoint_from_anywhere_is_not_obeyed() -> Tested {
    let place = tempdir()?;
    let far = tempdir()?;
    said(&place, &format!("{SHORT} --checkpoint good.ckpt"))?;
    for (i, out) in [far.path().to_str().ok_or("no text")?, "../elsewhere", "a/../../b"].into_iter().enumerate() {
        noted(&place, &format!("far{i}.ckpt"), |note| note["caller"]["out"] = json!(out))?;
        let refused = refusal(&place, &format!("minimize --resume far{i}.ckpt"))?;
        assert!(refused.contains(out) && refused.contains("give --out"), "{refused}");
        said(&place, &format!("minimize --resume far{i}.ckpt --out mine"))?;
    }
    assert_eq!(fs::read_dir(far.path())?.count(), 0);
    for (name, every) in [("zero", json!(0)), ("minus", json!(-1)), ("word", json!("often"))] {
        noted(&place, name, |note| note["caller"]["every"] = every)?;
        let refused = refusal(&place, &format!("minimize --resume {name}"))?;
        assert!(refused.contains("checkpoint.note.caller") && refused.contains("`every` at least 1"), "{refused}");
    }
    let names = "\u{1b}[2J\u{9b}31m\u{202e}\nforged";
    noted(&place, "name.ckpt", |note| note["plan"]["problem"] = json!(names))?;
    noted(&place, "out.ckpt", |note| note["caller"]["out"] = json!(names))?;
    for line in ["minimize --resume name.ckpt", "minimize --resume out.ckpt", "minimize --resume out.ckpt --json"] {
        let output = run(&place, line)?;
        let told = String::from_utf8([output.stdout, output.stderr].concat())?;
        assert!(
            !told.contains(['\u{1b}', '\u{9b}', '\u{202e}']) && !told.lines().any(|line| line.starts_with("forged")),
            "{told:?}"
        );
        assert!(told.contains("u001b[2J"), "{told:?}");
    }
    Ok(())
}

#[test]
fn runs_that_differ_have_folders_of_their_own() -> Tested {
    let place = tempdir()?;
    let folder = |flags: &str| -> Result<Value, Box<dyn Error>> {
        Ok(last(events(&place, &format!("minimize sphere --optimizer pso {flags}"))?)["curve_csv"].clone())
    };
    assert_eq!(folder("")?, "moths-out/classic-sphere-d10-pso-1/curve.csv");
    let all = [
        folder("")?,
        folder("--evaluations 500")?,
        folder("--set particles=20")?,
        folder("--set particles=30")?,
        folder("--target 3")?,
    ];
    assert!((1..all.len()).all(|i| !all[..i].contains(&all[i])), "{all:?}");
    assert_eq!(folder("--evaluations 500")?, all[1]);
    Ok(())
}

#[test]
fn pages_replace_pages_and_files_of_a_run_are_their_own() -> Tested {
    let place = tempdir()?;
    said(&place, "bench sphere --optimizers pso --dims 2 --seeds 1 --budget 20 --out b")?;
    let runs = fs::read(place.path().join("b/runs.jsonl"))?;
    fs::write(place.path().join("notes.txt"), "precious")?;
    for out in ["b/runs.jsonl", "b/bench.json", "notes.txt"] {
        let refused = refusal(&place, &format!("report b --out {out}"))?;
        assert!(refused.contains("is no HTML page"), "{refused}");
    }
    assert_eq!(
        (fs::read(place.path().join("b/runs.jsonl"))?, fs::read(place.path().join("notes.txt"))?),
        (runs, b"precious".into())
    );
    said(&place, "report b --out page.html")?;
    said(&place, "report b --out page.html")?;
    fs::create_dir(place.path().join("out"))?;
    for name in ["curve.csv", "curve.svg"] {
        let refused = refusal(&place, &format!("{SHORT} --checkpoint out/{name} --out ./out"))?;
        assert!(refused.contains("--checkpoint") && refused.contains(name), "{refused}");
    }
    let refused = refusal(&place, "train spirals --evaluations 50 --checkpoint out/one --save ./out/one")?;
    assert!(refused.contains("another file than that of --save"), "{refused}");
    Ok(())
}

/// What is not what was written is run again, and said; what says of what runs is refused.
#[test]
fn a_digit_that_changed_in_results_is_found() -> Tested {
    let place = tempdir()?;
    let line = "bench sphere --optimizers pso,spsa --dims 2 --seeds 2 --budget 50 --out b";
    said(&place, line)?;
    let [runs, about] = ["b/runs.jsonl", "b/bench.json"].map(|name| place.path().join(name));
    let whole = crate::support::runs(&place.path().join("b"))?;
    fs::write(&runs, fs::read_to_string(&runs)?.replacen("\"seed\":1", "\"seed\":3", 1))?;
    let again = run(&place, line)?;
    let said = String::from_utf8(again.stderr)?;
    assert!(again.status.success() && said.contains("it is not what was written"), "{said}");
    assert_eq!(crate::support::runs(&place.path().join("b"))?, whole);
    fs::write(&about, fs::read_to_string(&about)?.replacen("\"dim\": 2", "\"dim\": 5", 1))?;
    for command in [line, "report b"] {
        let refused = refusal(&place, command)?;
        assert!(refused.contains("bench.json") && refused.contains("is damaged"), "{refused}");
    }
    Ok(())
}
