//! Runs that were killed or ended go on as the runs they were, whatever the order in which their commands ended.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{PLACES, events, prepared, trials};
use crate::support::{Tested, last, moths, refusal, said};

/// The quadratic, by commands of which every third is slow.
const UNEVEN: &str = "[ $((MOTHS_TRIAL % 3)) = 1 ] && sleep 0.1\nexec sh quadratic.sh \"$@\"\n";

/// Kills a run (as `kill -9` does) when so many trials have ended.
fn killed(place: &TempDir, line: &str, after: usize) -> Tested {
    let mut child = moths(place, &line.replacen("tune", "tune --json", 1)).env("PAUSE", "0.01").stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let trials = lines.map_while(Result::ok).filter(|line| line.contains("\"event\":\"trial\"")).take(after).count();
    child.kill()?;
    assert_eq!((child.wait()?.code(), trials), (None, after), "it was over before it could be killed");
    Ok(())
}

/// The lines of a log, in their order, without their clocks.
fn lines(place: &TempDir, folder: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let text = fs::read_to_string(place.path().join(folder).join("trials.jsonl"))?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn settings(trials: &[Value]) -> Vec<&Value> {
    trials.iter().map(|trial| &trial["settings"]).collect()
}

#[test]
fn a_killed_run_goes_on_to_the_same_trials() -> Tested {
    let place = prepared()?;
    for optimizer in ["auto", "random-search", "cma-es"] {
        let flags = format!("tune --budget 50 --jobs 2 --try lr=1e-4,n=2,c=a --optimizer {optimizer}");
        let whole = last(events(&place, &format!("{flags} --out {optimizer}-whole {PLACES}"))?);
        let parts = format!("{optimizer}-parts");
        killed(&place, &format!("{flags} --out {parts} {PLACES}"), 7)?;
        // As if the power had failed in the middle of a line.
        let log = place.path().join(&parts).join("trials.jsonl");
        let kept = fs::read(&log)?;
        fs::write(&log, &kept[..kept.len() - 9])?;
        killed(&place, &format!("{flags} --resume --out {parts} {PLACES}"), 20)?;
        let told = events(&place, &format!("{flags} --resume --out {parts} {PLACES}"))?;
        let before = told[0]["resumed_at"].as_u64().ok_or("no number")?;
        let trial = |event: &&Value| event["event"] == "trial";
        assert!(before >= 26 && told.iter().filter(trial).count() as u64 == 50 - before, "{optimizer}: {before}");
        assert_eq!(trials(&place, &parts)?, trials(&place, &format!("{optimizer}-whole"))?, "{optimizer}");
        let end = last(told);
        for field in ["lowest", "settings", "command", "evaluations", "failed", "reason"] {
            assert_eq!(end[field], whole[field], "{optimizer}: {field}");
        }
    }
    Ok(())
}

#[test]
fn a_run_is_not_lost_and_goes_on_as_itself_alone() -> Tested {
    let place = prepared()?;
    let line = format!("tune --budget 10 --optimizer random-search --out out {PLACES}");
    said(&place, &line)?;
    assert!(refusal(&place, &line)?.contains("is of a run: go on with --resume"));
    let resumed = |flags: &str| line.replace("--out", &format!("--resume {flags} --out"));
    let whole = trials(&place, "out")?;
    said(&place, &resumed(""))?;
    assert_eq!(trials(&place, "out")?, whole, "a run that is over stays as it is");
    let cases = [
        (resumed("--seed 2"), "--seed = 2: the run that is to go on was started with 1"),
        (resumed("--maximize"), "--maximize = true"),
        (resumed("--set candidates=3"), "--optimizer = "),
        (resumed("--loss-from json:x"), "--loss-from = \"json:x\": the run that is to go on was started with null"),
        (resumed("").replace("1..8", "1..9"), "COMMAND = "),
        (resumed("").replace("--budget 10", "--budget 9"), "--budget = 9: at least 10"),
    ];
    for (line, why) in cases {
        let refused = refusal(&place, &line)?;
        assert!(refused.contains(why), "{line}: {refused}");
    }
    let more = last(events(&place, &resumed("").replace("--budget 10", "--budget 14"))?);
    assert_eq!(more["evaluations"], 14);
    assert_eq!(trials(&place, "out")?[..10], whole);
    let log = place.path().join("out/trials.jsonl");
    let text = fs::read_to_string(&log)?;
    fs::write(&log, text.replacen("\"loss\":", "\"loss\":1", 1))?;
    assert!(refusal(&place, &resumed(""))?.contains("trials.jsonl: line 1 is not the record of a trial"));
    fs::write(&log, text.replacen("\"n\":", "\"n\":1", 1).replace("\"check\":", "\"unchecked\":"))?;
    assert!(refusal(&place, &resumed(""))?.contains("line 1 is not the record of a trial"));
    said(&place, &line.replace("--out", "--overwrite --out"))?;
    assert_eq!(trials(&place, "out")?, whole);
    Ok(())
}

#[test]
fn who_searches_is_settled_at_the_beginning() -> Tested {
    let place = prepared()?;
    let line = |flags: &str| format!("tune {flags} {PLACES}");
    let start = |flags: &str| -> Result<Value, Box<dyn Error>> { Ok(events(&place, &line(flags))?.swap_remove(0)) };
    let first = start("--budget 3")?;
    assert!(place.path().join("moths-out/tune-sh-tpe-1/tune.json").exists());
    // As good as no time: the budget alone is another.
    let more = start("--budget 301 --minutes 1e-9 --resume")?;
    assert_eq!([&more["optimizer"], &more["resumed_at"]], [&first["optimizer"], &3.into()]);
    let many = start("--budget 301 --minutes 1e-9 --out many")?;
    assert_ne!(many["optimizer"], first["optimizer"]);
    let less = start("--budget 3 --minutes 1e-9 --out many --resume")?;
    assert_eq!(less["optimizer"], many["optimizer"]);
    let refused = refusal(&place, &line("--budget 301 --optimizer auto --out moths-out/tune-sh-tpe-1 --resume"))?;
    assert!(refused.contains("--optimizer = "), "{refused}");
    Ok(())
}

#[test]
fn points_that_there_was_no_time_for_end_a_run_by_time() -> Tested {
    let place = prepared()?;
    fs::write(place.path().join("rest.sh"), "sleep 0.5\nexec sh quadratic.sh \"$@\"\n")?;
    let points = "--try lr=0.01,n=5,c=b --try c=a,n=1,lr=1e-5";
    let command = PLACES.replace("quadratic.sh", "rest.sh");
    let end = last(events(&place, &format!("tune --budget 2 --minutes 0.005 {points} --out out {command}"))?);
    assert_eq!([&end["reason"], &end["evaluations"]], [&Value::from("time is up"), &1.into()]);
    Ok(())
}

#[test]
fn a_free_job_gets_the_next_candidate_at_once() -> Tested {
    let place = prepared()?;
    // The first command ends when the ninth does: it could never, did anybody wait for it.
    let gate = "[ $MOTHS_TRIAL = 1 ] && while [ ! -e go ]; do sleep 0.02; done\n[ $MOTHS_TRIAL = 9 ] && touch go\n";
    fs::write(place.path().join("gate.sh"), gate.to_owned() + "exec sh quadratic.sh \"$@\"\n")?;
    for optimizer in ["tpe", "random-search"] {
        let _ = fs::remove_file(place.path().join("go"));
        let command = PLACES.replace("quadratic.sh", "gate.sh");
        said(&place, &format!("tune --budget 12 --jobs 2 --timeout 60 --optimizer {optimizer} --out {optimizer} {command}"))?;
        let lines = lines(&place, optimizer)?;
        let first = lines.iter().position(|trial| trial["trial"] == 1).ok_or("no first")?;
        assert!(lines.len() == 12 && first >= 7, "{optimizer}: {first}");
        assert!(lines.iter().all(|trial| trial["failed"].is_null()), "{optimizer}");
        let asked: Vec<u64> = lines.iter().filter_map(|trial| trial["asked"].as_u64()).collect();
        assert!(
            asked.len() == 12 && asked.is_sorted() && asked[..8].iter().zip(2..).all(|(asked, there)| *asked == there),
            "{asked:?}"
        );
    }
    Ok(())
}

#[test]
fn the_order_of_a_run_is_the_run() -> Tested {
    let place = prepared()?;
    fs::write(place.path().join("uneven.sh"), UNEVEN)?;
    let command = PLACES.replace("quadratic.sh", "uneven.sh");
    for optimizer in ["tpe", "random-search"] {
        let flags = format!("tune --jobs 3 --try lr=1e-4,n=2,c=a --optimizer {optimizer}");
        let line = |budget: usize, out: &str| format!("{flags} --budget {budget} --out {out} {command}");
        said(&place, &line(40, optimizer))?;
        let all = trials(&place, optimizer)?;
        let log = fs::read(place.path().join(optimizer).join("trials.jsonl"))?;
        let kept = lines(&place, optimizer)?;
        let orderly = kept.iter().map(|trial| trial["trial"].as_u64()).is_sorted();
        assert!(!orderly, "{optimizer}: every trial ended in its turn, which shows nothing");
        // Killed after so many lines, those that ran are asked for again, and so is the one that came next.
        for ended in [4, 17, 29] {
            let out = format!("{optimizer}-{ended}");
            fs::create_dir(place.path().join(&out))?;
            fs::copy(place.path().join(optimizer).join("tune.json"), place.path().join(&out).join("tune.json"))?;
            let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').take(ended).collect();
            fs::write(place.path().join(&out).join("trials.jsonl"), lines.concat())?;
            let asked = kept[ended - 1]["asked"].as_u64().ok_or("not asked")? as usize;
            said(&place, &line(asked + 1, &out).replacen("tune", "tune --resume", 1))?;
            assert_eq!(settings(&trials(&place, &out)?), settings(&all[..=asked]), "{optimizer} after {ended}");
        }
        // With other trials on file nothing goes on.
        let out = place.path().join(format!("{optimizer}-4/trials.jsonl"));
        let text = fs::read_to_string(&out)?;
        let unchecked = |line: &str| format!("{{{}\n", &line["{'check':'0123456789abcdef',".len()..]);
        let other: String = text.lines().map(|line| unchecked(line).replace("\"lr\":0.", "\"lr\":0.1")).collect();
        fs::write(&out, other)?;
        let refused = refusal(&place, &line(40, &format!("{optimizer}-4")).replacen("tune", "tune --resume", 1))?;
        assert!(refused.contains("its trials are not those of this run"), "{refused}");
    }
    Ok(())
}

#[test]
fn a_killed_run_of_uneven_jobs_goes_on() -> Tested {
    let place = prepared()?;
    fs::write(place.path().join("uneven.sh"), UNEVEN)?;
    let command = PLACES.replace("quadratic.sh", "uneven.sh");
    let line = format!("tune --budget 40 --jobs 3 --optimizer tpe --out out {command}");
    killed(&place, &line, 9)?;
    let before = lines(&place, "out")?;
    let resumed = line.replace("--out", "--resume --out");
    killed(&place, &resumed, 12)?;
    let end = last(events(&place, &resumed)?);
    assert_eq!([&end["evaluations"], &end["failed"]], [&40, &0]);
    let after = lines(&place, "out")?;
    assert_eq!(after[..before.len()], before, "what is known stays");
    // Once more from the file alone: every candidate is compared with the one on file, in the order of events that it records.
    said(&place, &line.replace("--out", "--resume --out").replace("--jobs 3", "--jobs 1"))?;
    assert_eq!(lines(&place, "out")?, after);
    Ok(())
}
