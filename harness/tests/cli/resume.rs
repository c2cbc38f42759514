//! Runs that go on: after a kill, after Ctrl-C, with a larger budget.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{Tested, events, facts, interrupted, last, moths, refusal, said, timeless};

/// Starts a run, kills it (as `kill -9` does) after its second checkpoint, and gives the events of the run that goes on.
fn killed_and_resumed(place: &TempDir, line: &str, checkpoint: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut child =
        moths(place, &format!("{line} --json --checkpoint {checkpoint} --overwrite")).stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let mut checkpoints = 0;
    for line in lines {
        let event: Value = serde_json::from_str(&line?)?;
        assert_ne!(event["event"], "end", "the run was over before it could be killed");
        checkpoints += u32::from(event["event"] == "checkpoint");
        if checkpoints == 2 {
            break;
        }
    }
    child.kill()?;
    assert_eq!(child.wait()?.code(), None);
    events(place, &format!("train --resume {checkpoint}").replace("train", line.split_whitespace().next().unwrap_or_default()))
}

#[test]
fn a_killed_run_goes_on_to_the_same_bits() -> Tested {
    let place = tempdir()?;
    let runs = [
        ("train digits --evaluations 6000 --every 500", "--out whole", "--out parts"),
        ("minimize rastrigin --dim 40 --optimizer pso --evaluations 400000 --every 20000", "--out whole", "--out parts"),
        ("minimize rastrigin --dim 10 --optimizer restart --evaluations 300000 --every 10000", "--out whole", "--out parts"),
        ("minimize rastrigin --dim 40 --optimizer l-shade --evaluations 400000 --every 20000", "--out whole", "--out parts"),
        ("train digits --optimizer asebo --evaluations 6000 --every 500", "--out whole", "--out parts"),
    ];
    for (line, whole, parts) in runs {
        let end = last(events(&place, &format!("{line} {whole}"))?);
        let resumed = killed_and_resumed(&place, &format!("{line} {parts}"), "run.ckpt")?;
        assert!(resumed[0]["resumed_at"].as_u64() > Some(0), "{line}");
        let again = last(resumed);
        for field in ["loss_bits", "lowest_bits", "evaluations", "steps"] {
            assert_eq!(end[field], again[field], "{line}: {field}");
        }
        let csv = |folder: &str| timeless(&place.path().join(folder).join("curve.csv"));
        assert_eq!(csv("whole")?, csv("parts")?, "{line}");
        // A finished run resumed says the same again.
        let command = line.split_whitespace().next().unwrap_or_default();
        assert_eq!(last(events(&place, &format!("{command} --resume run.ckpt"))?)["loss_bits"], end["loss_bits"]);
    }
    Ok(())
}

/// Who was born before the kill and after it: once each, in the file and among the events.
#[test]
fn births_are_told_once_whatever_happens_between() -> Tested {
    let place = tempdir()?;
    let line =
        r#"minimize rastrigin --dim 40 --optimizer {"name":"optimizer-swarm","size":4,"old":3,"die_after":3,"mutation":0.5}"#;
    let line = format!("{line} --evaluations 40000 --every 500");
    let lives = |out: &str| -> Result<Vec<Value>, Box<dyn Error>> {
        let text = std::fs::read_to_string(place.path().join(out).join("lives.jsonl"))?;
        Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    };
    let births = |events: &[Value]| -> Vec<Value> {
        let mut births: Vec<Value> = events.iter().filter(|event| event["event"] == "birth").cloned().collect();
        births.iter_mut().filter_map(Value::as_object_mut).for_each(|birth| drop(birth.remove("event")));
        births
    };
    let told = events(&place, &format!("{line} --out whole"))?;
    let all = lives("whole")?;
    assert!(births(&told) == all && all.len() > 100 && last(told)["lives"] == "whole/lives.jsonl", "{}", all.len());
    assert_eq!(all[3], serde_json::json!({ "evaluations": 0, "life": 3, "place": 3, "parents": [], "spec": "random-grad" }));
    let resumed = killed_and_resumed(&place, &format!("{line} --out parts"), "run.ckpt")?;
    assert!(all.ends_with(&births(&resumed)) && births(&resumed).len() < all.len());
    assert_eq!(lives("parts")?, all);
    Ok(())
}

#[test]
fn a_finished_run_is_given_more() -> Tested {
    let place = tempdir()?;
    let runs = [
        ("minimize rastrigin --dim 5", "--optimizer jso", true),
        ("minimize ackley --dim 5", "--optimizer simulated-annealing", true),
        ("minimize ackley --dim 5", "--optimizer spsa", true),
        ("minimize rosenbrock --dim 5", "--optimizer sep-cma-es", false),
        ("train digits", "", true),
    ];
    for (problem, optimizer, has_a_length) in runs {
        let command = problem.split_whitespace().next().unwrap_or_default();
        let short =
            last(events(&place, &format!("{problem} {optimizer} --evaluations 2000 --checkpoint short.ckpt --overwrite"))?);
        let more = format!("{command} --resume short.ckpt --checkpoint long.ckpt --overwrite --evaluations 5000");
        let held = events(&place, &more)?;
        assert_eq!((&held[0]["evaluations"], &held[0]["horizon"]), (&5000.into(), &2000.into()), "{more}");
        let held = last(held);
        assert!(held["evaluations"].as_u64() > short["evaluations"].as_u64(), "{held}");
        // Schedules stay at their ends: the run is one that was meant to be as long as the first.
        let whole = last(events(&place, &format!("{problem} {optimizer} --evaluations 5000 --horizon 2000"))?);
        assert_eq!(facts(&held), facts(&whole), "{problem} {optimizer}");
        let again = last(events(&place, &format!("{command} --resume long.ckpt"))?);
        assert_eq!(facts(&again), facts(&held), "{problem} {optimizer}");

        let stretched = events(&place, &format!("{more} --extend"))?;
        assert_eq!(stretched[0]["horizon"], 5000);
        let told = last(events(&place, &format!("{problem} {optimizer} --evaluations 5000"))?);
        let differ = |other: &Value| facts(&held) != facts(other);
        assert_eq!((differ(&last(stretched)), differ(&told)), (has_a_length, has_a_length), "{problem} {optimizer}");
    }
    Ok(())
}

/// `--device` says where losses are computed, and nothing of the run.
#[test]
fn a_run_goes_on_elsewhere() -> Tested {
    let place = tempdir()?;
    events(&place, "train digits --evaluations 1000 --checkpoint begun.ckpt")?;
    let more = |rest: &str| -> Result<Value, Box<dyn Error>> {
        Ok(last(events(
            &place,
            &format!("train --resume begun.ckpt --checkpoint more.ckpt --overwrite --evaluations 2000 {rest}"),
        )?))
    };
    assert_eq!(facts(&more("")?), facts(&more("--device cpu")?));
    Ok(())
}

#[test]
fn a_stretched_run_that_is_killed_goes_on_to_the_same_bits() -> Tested {
    let place = tempdir()?;
    said(&place, "minimize rastrigin --dim 40 --optimizer jso --evaluations 4000 --checkpoint short.ckpt")?;
    let line = "minimize --resume short.ckpt --evaluations 400000 --extend --every 20000";
    let end = last(events(&place, &format!("{line} --checkpoint long.ckpt"))?);
    let resumed = killed_and_resumed(&place, line, "run.ckpt")?;
    assert_eq!(resumed[0]["horizon"], 400_000);
    assert_eq!(facts(&end), facts(&last(resumed)));
    Ok(())
}

#[test]
#[cfg(unix)]
fn control_c_saves_and_sums_up() -> Tested {
    let place = tempdir()?;
    let line = "train digits --optimizer spsa --evaluations 1000000 --checkpoint run.ckpt --json";
    let mut child = moths(&place, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("progress")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    let rest: Vec<Value> = lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<Result<_, Box<dyn Error>>>()?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.lines().count() == 1 && said.contains("the step that is being taken is finished first"), "{said}");
    let end = &last(rest);
    assert!(end["event"] == "end" && end["reason"] == "interrupted" && place.path().join("run.ckpt").is_file(), "{end}");
    assert!(place.path().join(end["curve_csv"].as_str().ok_or("no curve")?).is_file());
    Ok(())
}

/// What a checkpoint says of folders elsewhere is not believed: whoever goes on must say it again, and is told so.
#[test]
#[cfg(unix)]
fn an_interrupted_run_says_all_that_goes_on() -> Tested {
    let place = tempdir()?;
    fs::create_dir(place.path().join("sub"))?;
    let elsewhere = place.path().join("elsewhere");
    let elsewhere = elsewhere.to_str().ok_or("no text")?;
    for (i, (out, more)) in [("here", ""), (elsewhere, elsewhere), ("sub/../other", "sub/../other")].into_iter().enumerate() {
        let begun = format!("minimize sphere --optimizer random-search --checkpoint {i}.ckpt --out {out}");
        let rest = interrupted(&place, &format!("{begun} --evaluations 1000000000"), "random-search on")?;
        let flags = if more.is_empty() { format!("--resume {i}.ckpt") } else { format!("--resume {i}.ckpt --out {more}") };
        assert!(rest.ends_with(&format!("\ninterrupted; {flags} goes on where this one ended")), "{rest}");
        let hint = refusal(&place, &begun)?;
        let folder = if more.is_empty() { "" } else { " --out DIR" };
        assert!(hint.contains(&format!("go on with --resume {i}.ckpt{folder}, ")), "{hint}");
        said(&place, &format!("minimize {flags} --seconds 0.01"))?;
    }
    Ok(())
}
