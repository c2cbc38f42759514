//! What is searched, by what losses, and what is told of it.

use std::{error::Error, fs, process::Command};

use serde_json::Value;
use tempfile::tempdir;

use super::{PLACES, events, prepared, trials};
use crate::support::{Tested, last, leftovers, refusal, run, said};

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
