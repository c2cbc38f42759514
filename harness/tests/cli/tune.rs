//! `moths tune`: programs of a few lines, which are killed, hang, fail and go on.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{Tested, interrupted, last, leftovers, moths, refusal, run, said};

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

/// Is the process whose number stands in this file gone, or will it be soon? A zombie is.
fn is_there(file: &Path) -> Result<bool, Box<dyn Error>> {
    let number = fs::read_to_string(file)?;
    let number = number.trim();
    let there = Command::new("kill").args(["-0", number]).stderr(Stdio::null()).status()?.success();
    let zombie = fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    Ok(there && !zombie)
}

fn is_gone(file: &Path) -> Result<bool, Box<dyn Error>> {
    let began = Instant::now();
    while is_there(file)? {
        if began.elapsed() > Duration::from_secs(10) {
            return Ok(false);
        }
        sleep(Duration::from_millis(50));
    }
    Ok(true)
}

#[test]
fn the_minimum_is_found() -> Tested {
    let place = prepared()?;
    let told = events(&place, &format!("tune --budget 80 --out out {PLACES}"))?;
    let trial = |event: &&Value| event["event"] == "trial";
    let losses: Vec<f64> = told.iter().filter(trial).filter_map(|trial| trial["loss"].as_f64()).collect();
    let lowest = |losses: &[f64]| losses.iter().copied().fold(f64::INFINITY, f64::min);
    let end = last(told);
    assert_eq!(losses.len(), 80);
    assert_eq!(end["lowest"], lowest(&losses));
    assert!(lowest(&losses) < 0.1 && lowest(&losses) < 0.5 * lowest(&losses[..8]), "{end}");
    assert_eq!([&end["settings"]["c"], &end["evaluations"], &end["failed"]], [&Value::from("b"), &80.into(), &0.into()]);
    // The command that is told is the one that has this loss.
    let line = end["command"].as_str().ok_or("no command")?;
    let output = Command::new("sh").args(["-c", line]).current_dir(place.path()).output()?;
    let printed = String::from_utf8(output.stdout)?;
    assert_eq!(printed.trim().rsplit(' ').next().map(str::parse), Some(Ok(lowest(&losses))), "{line}: {printed}");
    let best: Value = serde_json::from_slice(&fs::read(place.path().join("out/best.json"))?)?;
    assert_eq!([&best["settings"], &best["command"], &best["trial"]], [&end["settings"], &end["command"], &end["trial"]]);
    assert!(leftovers(place.path())?.is_empty());
    Ok(())
}

#[test]
fn commands_side_by_side_have_the_same_settings() -> Tested {
    let place = prepared()?;
    for optimizer in ["auto", "de", "cma-es"] {
        said(&place, &format!("tune --budget 40 --optimizer {optimizer} --out {optimizer}-1 {PLACES}"))?;
        said(&place, &format!("tune --budget 40 --optimizer {optimizer} --out {optimizer}-2 --jobs 2 {PLACES}"))?;
        let [one, two] = ["1", "2"].map(|jobs| trials(&place, &format!("{optimizer}-{jobs}")));
        let (one, two) = (one?, two?);
        assert_eq!(one, two, "{optimizer}");
        assert!(one.iter().map(|trial| &trial["trial"]).eq(&(1..=40).map(Value::from).collect::<Vec<_>>()), "{optimizer}");
    }
    Ok(())
}

#[test]
fn the_loss_is_found_where_it_stands() -> Tested {
    let place = prepared()?;
    let lowest = |name: &str, flags: &str| -> Result<Value, Box<dyn Error>> {
        Ok(last(events(&place, &format!("tune --budget 12 --optimizer random-search --out {name} {flags} {PLACES}"))?))
    };
    let plain = lowest("last", "")?;
    assert_eq!(lowest("late", "--loss-from late[[:space:]](.*)")?["lowest"], plain["lowest"]);
    assert_eq!(lowest("json", "--loss-from json:eval.loss")?["lowest"], plain["lowest"]);
    let early = lowest("early", "--loss-from early[[:space:]]([-+0-9.e]+)")?;
    let gap = early["lowest"].as_f64().zip(plain["lowest"].as_f64()).map(|(early, plain)| early - plain);
    assert!(gap.is_some_and(|gap| (gap - 1.0).abs() < 1e-9), "{early}");
    let highest = lowest("highest", "--maximize")?;
    let all = trials(&place, "last")?;
    let most = all.iter().filter_map(|trial| trial["loss"].as_f64()).fold(f64::NEG_INFINITY, f64::max);
    assert_eq!(highest["lowest"], -most);
    Ok(())
}

#[test]
fn candidates_that_fail_do_not_end_a_run() -> Tested {
    let place = tempdir()?;
    let script = "echo \"no luck with $1\" >&2\ncase $1 in 1) exit 3;; 2) ;; 3) echo nan;; *) echo $1;; esac";
    fs::write(place.path().join("luck.sh"), script)?;
    let output = run(&place, "tune --budget 40 --optimizer random-search --out out -- sh luck.sh {n:1..5}")?;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    assert!(output.status.success() && out.contains("lowest    4.00000"), "{out}{err}");
    let all = trials(&place, "out")?;
    let why = |n: u64| all.iter().find(|trial| trial["settings"]["n"] == n).map(|trial| trial["failed"].clone());
    assert_eq!(why(1), Some("it ended with exit status: 3".into()));
    assert_eq!(why(2), Some("it printed no number".into()));
    assert_eq!([why(3), why(4)], [Some("its loss is NaN".into()), Some(Value::Null)]);
    let first = all.iter().find(|trial| trial["loss"].is_null()).ok_or("none failed")?;
    let shown = format!("  no luck with {}", first["settings"]["n"]);
    assert!(err.lines().count() == 2 && err.contains(&shown) && err.contains("failed: it"), "{err}");
    let failed = all.iter().filter(|trial| trial["loss"].is_null()).count();
    assert!(out.contains(&format!("40, of which {failed} failed")), "{out}");
    Ok(())
}

#[test]
fn a_run_in_which_all_fail_says_why() -> Tested {
    let place = tempdir()?;
    for program in ["false", "true"] {
        let output = run(&place, &format!("tune --budget 5 --out {program} -- {program} {{x:0..1}}"))?;
        let err = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains("trial 1 failed: it") && err.contains("it wrote nothing to standard error"), "{err}");
        assert!(err.contains("all 5 evaluations failed") && !err.contains("panicked"), "{err}");
    }
    let missing = refusal(&place, "tune --budget 5 --out missing -- ./nobody {x:0..1}")?;
    assert!(missing.contains("./nobody: No such file"), "{missing}");
    Ok(())
}

/// A program that starts another one, and neither ends when it is asked to.
const STUBBORN: &str = "trap '' TERM\nsleep 1000 &\necho $! > child-$MOTHS_TRIAL\necho $$ > self-$MOTHS_TRIAL\necho 1 $1\nwait\n";

#[test]
fn programs_that_hang_leave_nothing_behind() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("hang.sh"), STUBBORN)?;
    let output = run(&place, "tune --budget 2 --jobs 2 --timeout 0.4 --out out -- sh hang.sh {x:0..1}")?;
    assert_eq!(output.status.code(), Some(2));
    let all = trials(&place, "out")?;
    assert!(
        all.len() == 2 && all.iter().all(|trial| trial["failed"].as_str().is_some_and(|why| why.contains("within its time")))
    );
    for file in ["child-1", "self-1", "child-2", "self-2"] {
        assert!(is_gone(&place.path().join(file))?, "{file}");
    }
    // What a program that ends leaves running is ended too, and is not waited for.
    fs::write(place.path().join("fork.sh"), "sleep 1000 &\necho $! > forked-$MOTHS_TRIAL\necho $1\n")?;
    let end = last(events(&place, "tune --budget 2 --out forked -- sh fork.sh {x:0..1}")?);
    assert_eq!(end["failed"], 0);
    assert!(is_gone(&place.path().join("forked-1"))? && is_gone(&place.path().join("forked-2"))?);
    Ok(())
}

#[test]
fn an_interrupted_run_ends_its_commands_and_goes_on() -> Tested {
    let place = prepared()?;
    let mut hang = STUBBORN.replace("echo 1 $1\nwait", "[ -e go ] || wait");
    hang.push_str("exec sh quadratic.sh \"$@\"\n");
    fs::write(place.path().join("hang.sh"), hang)?;
    let line = "tune --budget 9 --jobs 2 --out out -- sh hang.sh {lr:log:1e-5..1} {n:1..8} {c:a|b|c}";
    let mut child = moths(&place, line).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    while !["self-1", "self-2"].iter().all(|file| place.path().join(file).exists()) {
        sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    assert_eq!(child.wait()?.code(), Some(130));
    for file in ["child-1", "self-1", "child-2", "self-2"] {
        assert!(is_gone(&place.path().join(file))?, "{file}");
    }
    assert!(trials(&place, "out")?.is_empty(), "what was ended is no trial");
    fs::write(place.path().join("go"), "")?;
    let end = last(events(&place, &line.replace("--out", "--resume --out"))?);
    assert_eq!([&end["evaluations"], &end["failed"]], [&9, &0]);
    let rest = interrupted(&place, &format!("tune --budget 1000000 --out more {PLACES}"), "    3 ")?;
    assert!(rest.ends_with("interrupted; the same command with --resume goes on where this one ended"), "{rest}");
    Ok(())
}

/// Kills a run (as `kill -9` does) when so many trials have ended.
fn killed(place: &TempDir, line: &str, after: usize) -> Tested {
    let mut child = moths(place, &line.replacen("tune", "tune --json", 1)).env("PAUSE", "0.01").stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let trials = lines.map_while(Result::ok).filter(|line| line.contains("\"event\":\"trial\"")).take(after).count();
    child.kill()?;
    assert_eq!((child.wait()?.code(), trials), (None, after), "it was over before it could be killed");
    Ok(())
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

/// By `kill -9`, and by a second Ctrl-C, after which nobody waits for the commands.
#[test]
fn commands_end_when_moths_is_killed() -> Tested {
    for (signals, code) in [(&["-KILL"][..], None), (&["-INT", "-INT"], Some(130))] {
        let place = tempdir()?;
        fs::write(place.path().join("hang.sh"), STUBBORN)?;
        let mut command = moths(&place, "tune --budget 2 --out out -- sh hang.sh {x:0..1}");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        while !place.path().join("self-1").exists() {
            sleep(Duration::from_millis(20));
        }
        for signal in signals {
            assert!(Command::new("kill").args([signal, &*child.id().to_string()]).status()?.success());
            sleep(Duration::from_millis(200));
        }
        assert_eq!(child.wait()?.code(), code);
        if signals.len() > 1 {
            // At once: who waits for the two seconds of those that are asked first finds them here.
            sleep(Duration::from_millis(700));
            assert!(!is_there(&place.path().join("self-1"))? && !is_there(&place.path().join("child-1"))?);
        }
        assert!(is_gone(&place.path().join("child-1"))? && is_gone(&place.path().join("self-1"))?, "{signals:?}");
    }
    Ok(())
}

#[test]
fn points_of_ones_own_come_first() -> Tested {
    let place = prepared()?;
    let points = "--try lr=0.01,n=5,c=b --try c=a,n=1,lr=1e-5";
    for optimizer in ["cma-es", "nelder-mead", "auto"] {
        let told = events(&place, &format!("tune --budget 20 --optimizer {optimizer} --out {optimizer} {points} {PLACES}"))?;
        let end = last(told);
        assert_eq!([&end["trial"], &end["evaluations"]], [&1, &20], "{optimizer}: {end}");
        let all = trials(&place, optimizer)?;
        let settings = |lr: f64, n: u64, c: &str| serde_json::json!({ "lr": lr, "n": n, "c": c });
        assert_eq!([&all[0]["settings"], &all[1]["settings"]], [&settings(0.01, 5, "b"), &settings(1e-5, 1, "a")], "{optimizer}");
        let again = all[2..12].iter().filter(|trial| trial["settings"] == all[0]["settings"]).count();
        assert_eq!(again, 0, "{optimizer}: what is known is not evaluated again");
    }
    // Who takes suggestions learns from them: what it asks next is another thing.
    said(&place, &format!("tune --budget 20 --optimizer cma-es --out alone {PLACES}"))?;
    let [with, alone] = ["cma-es", "alone"].map(|folder| trials(&place, folder));
    let settings = |trials: &[Value]| trials.iter().map(|trial| trial["settings"].clone()).collect::<Vec<_>>();
    assert_ne!(settings(&with?)[12..18], settings(&alone?)[10..16]);
    Ok(())
}

#[test]
fn the_command_is_told_in_words_and_in_variables() -> Tested {
    let place = tempdir()?;
    let script = "[ \"$1\" = \"--x=$MOTHS_x,$MOTHS_b\" ] || exit 1\necho \"$MOTHS_SEED.$MOTHS_TRIAL\"\ncat\n";
    fs::write(place.path().join("told.sh"), script)?;
    let command = "-- sh told.sh --x={x:log:1e-9..1},{b:bool} {{{x}}}";
    let end = last(events(&place, &format!("tune --budget 4 --seed 7 --out out --maximize {command}"))?);
    assert_eq!([&end["failed"], &end["trial"]], [&0, &4], "{end}");
    assert_eq!(end["lowest"], -7.4);
    Ok(())
}

#[test]
fn what_is_wrong_is_said_in_a_line() -> Tested {
    let place = tempdir()?;
    let cases = [
        ("-- true", "COMMAND = true: has nothing to tune: write {x:1e-3..1}"),
        ("-- true {x:1..a}", "placeholder = {x:1..a}: `a` is no finite number; write {x:1e-3..1}"),
        ("-- true {x:log:0..1}", "a logarithmic scale has no 0"),
        ("-- true {x", "placeholder = {x: a brace stands alone"),
        ("-- true {x:0..1} {y}", "unknown placeholder `y`; valid are `x`"),
        ("--loss-from [0-9]+ -- true {x:0..1}", "--loss-from = [0-9]+: a pattern has a group"),
        ("--loss-from json: -- true {x:0..1}", "write json:FIELD"),
        ("--try y=1 -- true {x:0..1}", "unknown setting of --try `y`"),
        ("--try x=2 -- true {x:0..1}", "--try = x=2: an integer from 0 to 1"),
        ("--optimizer psoo -- true {x:0..1}", "did you mean `pso`?"),
        ("--optimizer backprop -- true {x:0..1}", "backprop"),
        ("--timeout 0 -- true {x:0..1}", "write a number > 0"),
        ("--jobs 0 -- true {x:0..1}", "--jobs"),
        ("--resume -- true {x:0..1}", "a folder with a run in it"),
        ("true {x:0..1}", "unexpected argument"),
        ("", "COMMAND"),
    ];
    for (line, why) in cases {
        let refused = refusal(&place, &format!("tune --out new {line}"))?;
        assert!(refused.contains(why), "moths tune {line}: {refused}");
        assert!(!place.path().join("new").exists(), "{line}: nothing is made before all is well");
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

/// A system that goes down tells all at once: the commands were not at fault, and are run again.
#[test]
fn commands_that_end_with_everything_have_not_failed() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("wait.sh"), "echo $$ > self-$MOTHS_TRIAL\nexec sleep 100\n")?;
    let mut command = moths(&place, "tune --budget 2 --out out -- sh wait.sh {x:0..1}");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let file = place.path().join("self-1");
    while !file.exists() || fs::read_to_string(&file)?.is_empty() {
        sleep(Duration::from_millis(20));
    }
    let number = fs::read_to_string(&file)?;
    assert!(Command::new("kill").args(["-TERM", number.trim(), &*child.id().to_string()]).status()?.success());
    child.wait()?;
    assert_eq!(fs::read_to_string(place.path().join("out/trials.jsonl"))?, "");
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

/// The quadratic, by commands of which every third is slow.
const UNEVEN: &str = "[ $((MOTHS_TRIAL % 3)) = 1 ] && sleep 0.1\nexec sh quadratic.sh \"$@\"\n";

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

/// Prints its number eight times, and rests after the third; what it starts would stay there, and what it prints when it is asked to end is no loss.
const SLOW: &str = "trap 'echo loss -1000; exit' TERM\nsleep 1000 &\necho $! > child-$MOTHS_TRIAL\n[ \"$2\" ] && x=-$1 || x=$1\nprintf 'loss %s\\nloss %s\\nloss %s\\n' $x $x $x\nsleep 0.6\n\
                    for i in 1 2 3 4 5; do echo loss $x; done\n";

#[test]
fn what_does_worse_than_others_is_stopped() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("slow.sh"), SLOW)?;
    for (rule, more) in [("median", ""), ("asha", ""), ("median", "--maximize")] {
        let out = format!("{rule}{more}");
        let high = if more.is_empty() { "" } else { "high" };
        let line = |budget: u32| format!("tune --budget {budget} --optimizer random-search --stop {rule} {more} --out {out}");
        let command = format!("-- sh slow.sh {{x:0.0..1}} {high}");
        // In two parts: what was printed before is known to the second.
        said(&place, &format!("{} {command}", line(6)))?;
        let end = last(events(&place, &format!("{} --resume {command}", line(11)))?);
        let (mut finished, mut all): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
        for trial in trials(&place, &out)? {
            let x = trial["settings"]["x"].as_f64().ok_or("no x")?;
            all.push(x);
            finished.sort_by(f64::total_cmp);
            let lower = all.iter().filter(|other| **other < x).count();
            let worse = if rule == "median" {
                finished.get(finished.len() / 2).is_some_and(|median| x > *median)
            } else {
                lower >= all.len().div_ceil(3)
            };
            let stops = finished.len() >= 5 && worse;
            assert_eq!(trial["stopped"] == true, stops, "{out}: {trial}");
            let loss = trial["loss"].as_f64().ok_or("no loss")?;
            assert!(
                (loss - x).abs() < 1e-12
                    && trial["losses"].as_array().is_some_and(|losses| losses.len() == if stops { 3 } else { 8 }),
                "{trial}"
            );
            if stops {
                assert!(is_gone(&place.path().join(format!("child-{}", trial["trial"])))?, "{trial}");
            } else {
                finished.push(x);
            }
        }
        assert!(end["stopped"].as_u64().is_some_and(|stopped| (2..6).contains(&stopped)), "{end}");
        assert_eq!(end["lowest"].as_f64(), finished.iter().copied().min_by(f64::total_cmp), "of those that ended by themselves");
    }
    let refused = refusal(&place, "tune --stop best --out new -- true {x:0..1}")?;
    assert!(refused.contains("write median or asha"), "{refused}");
    let other =
        refusal(&place, "tune --budget 20 --optimizer random-search --stop asha --resume --out median -- sh slow.sh {x:0.0..1}")?;
    assert!(other.contains("--stop = \"asha\": the run that is to go on was started with \"median\""), "{other}");
    Ok(())
}

#[test]
fn a_run_leaves_a_page() -> Tested {
    let place = tempdir()?;
    fs::write(
        place.path().join("page.sh"),
        "[ $1 = '<b>' ] && exit 3\n[ -e folder/tune.html ] && cp folder/tune.html seen-$MOTHS_TRIAL\necho 0.$MOTHS_TRIAL\n",
    )?;
    let output =
        run(&place, "tune --budget 12 --optimizer random-search --out folder -- sh page.sh {c:<b>|plain} {x:log:1e-3..1}")?;
    assert!(output.status.success(), "{output:?}");
    let page = fs::read_to_string(place.path().join("folder/tune.html"))?;
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for wanted in
        ["id=\"progress\"", "id=\"importance\"", "id=\"settings\"", "id=\"trials\"", "&lt;b&gt;", "it ended with exit status: 3"]
    {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(!page.contains("<b></td>") && !page.contains("<td><b>") && !page.contains("under way"));
    let all = trials(&place, "folder")?;
    let failed = all.iter().filter(|trial| trial["loss"].is_null()).count();
    assert_eq!(page.matches("<circle").count() + page.matches("class=\"cross\" d").count(), 12);
    assert!(failed > 0 && page.matches("class=\"cross\" d").count() == failed);
    let early =
        fs::read_dir(place.path())?.filter_map(Result::ok).find(|file| file.file_name().to_string_lossy().starts_with("seen-"));
    let early = fs::read_to_string(early.ok_or("no page while it ran")?.path())?;
    assert!(early.contains("under way") && early.ends_with("</html>\n"), "a whole page at any time");
    Ok(())
}
