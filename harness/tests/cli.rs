//! The built binary, from outside: every command, every kind of refusal, and a run that is killed.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

type Tested = Result<(), Box<dyn Error>>;

/// `moths` in a folder of its own.
fn moths(place: &TempDir, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moths"));
    command.current_dir(place.path()).args(line.split_whitespace());
    command
}

fn run(place: &TempDir, line: &str) -> Result<Output, Box<dyn Error>> {
    Ok(moths(place, line).output()?)
}

/// Standard output of a run that succeeds and says nothing on standard error.
fn said(place: &TempDir, line: &str) -> Result<String, Box<dyn Error>> {
    let output = run(place, line)?;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    assert!(output.status.success() && err.is_empty(), "moths {line}: {} {err}", output.status);
    Ok(out)
}

/// The JSON objects of a run that succeeds: nothing else may stand there.
fn events(place: &TempDir, line: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let out = said(place, &format!("{line} --json"))?;
    let events: Vec<Value> = out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert!(events.iter().all(Value::is_object) && !events.is_empty(), "moths {line}: {out}");
    Ok(events)
}

fn last(events: Vec<Value>) -> Value {
    events.into_iter().next_back().unwrap_or_default()
}

/// The one line on standard error of a run that is refused.
fn refusal(place: &TempDir, line: &str) -> Result<String, Box<dyn Error>> {
    let output = run(place, line)?;
    let err = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(2), "moths {line}: {err}");
    assert_eq!(err.lines().count(), 1, "moths {line}: {err}");
    assert!(!err.contains("panicked") && err.starts_with("moths: "), "moths {line}: {err}");
    Ok(err)
}

/// A CSV without the column of seconds.
fn timeless(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let without =
        |line: &str| line.split(',').enumerate().filter(|(i, _)| *i != 1).map(|(_, cell)| cell.to_owned() + ",").collect();
    Ok(text.lines().map(without).collect())
}

#[test]
fn list_and_show_know_everything() -> Tested {
    let place = tempdir()?;
    assert!(said(&place, "list")?.contains("open-es"));
    for (what, name) in [("optimizers", "id"), ("descents", "id"), ("problems", "name")] {
        let listed = events(&place, &format!("list {what}"))?;
        assert!(listed.len() > 3, "{what}");
        for entry in listed {
            let id = entry[name].as_str().unwrap_or_default();
            let shown = last(events(&place, &format!("show {id}"))?);
            assert_eq!(shown["summary"], entry["summary"]);
            assert!(said(&place, &format!("show {id}"))?.contains(entry["summary"].as_str().unwrap_or("missing")));
        }
    }
    let settings = said(&place, "show pso")?;
    assert!(["particles", "an integer >= ", "default"].iter().all(|word| settings.contains(word)), "{settings}");
    assert!(events(&place, "show pso")?[0]["settings"]["properties"]["particles"].is_object());
    Ok(())
}

#[test]
fn train_learns_and_leaves_its_curve() -> Tested {
    let place = tempdir()?;
    let events = events(&place, "train digits --optimizer open-es --set pairs=16 --evaluations 6000 --out here/there")?;
    assert_eq!((&events[0]["event"], &events[0]["parameters"]), (&"start".into(), &2410.into()));
    let end = last(events);
    assert!(end["test_accuracy"].as_f64() > Some(0.5), "{end}");
    assert_eq!((&end["event"], &end["curve_csv"]), (&"end".into(), &"here/there/curve.csv".into()));
    let csv = fs::read_to_string(place.path().join("here/there/curve.csv"))?;
    assert!(csv.starts_with("evaluations,seconds,lowest,loss,train_accuracy,test_accuracy\n0,"));
    assert!(csv.lines().count() > 100 && csv.lines().all(|line| line.split(',').count() == 6));
    let svg = fs::read_to_string(place.path().join("here/there/curve.svg"))?;
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.contains("test accuracy"));
    Ok(())
}

#[test]
fn train_needs_no_optimizer_and_threads_change_nothing() -> Tested {
    let place = tempdir()?;
    let bits = |flags: &str| -> Result<Value, Box<dyn Error>> {
        Ok(last(events(&place, &format!("train digits --evaluations 1500 {flags}"))?)["loss_bits"].clone())
    };
    let one = bits("--threads 1")?;
    assert_eq!((&one, &one), (&bits("--threads 3")?, &bits("")?));
    assert_ne!(one, bits("--seed 2")?);
    let validated = last(events(&place, "train digits --evaluations 500 --validate")?);
    assert!(validated["validation_accuracy"].is_number() && validated["test_accuracy"].is_null());
    Ok(())
}

#[test]
fn people_get_lines_and_a_summary() -> Tested {
    let place = tempdir()?;
    let said = said(&place, "minimize rosenbrock --dim 4 --optimizer pso --evaluations 3000")?;
    for word in [
        "pso on classic/rosenbrock/d4: 4 parameters, 3,000 evaluations, seed 1",
        "gap  ",
        "at  ",
        "moths-out/classic-rosenbrock-d4-pso-1/curve.csv",
    ] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    Ok(())
}

#[test]
fn every_function_is_minimised() -> Tested {
    let place = tempdir()?;
    let functions = events(&place, "list problems")?.into_iter().filter(|p| p["kind"] == "function");
    for function in functions.filter_map(|f| f["name"].as_str().map(str::to_owned)) {
        let end = last(events(&place, &format!("minimize {function} --dim 2 --evaluations 3000"))?);
        assert!(end["gap"].as_f64() >= Some(-1e-9), "{end}");
        assert_eq!(end["point"].as_array().map(Vec::len), Some(2));
        assert_eq!(end["loss_bits"], end["lowest_bits"], "the best point is the answer");
    }
    Ok(())
}

#[test]
fn candidates_that_fail_end_no_run() -> Tested {
    let place = tempdir()?;
    for optimizer in ["open-es", "sep-cma-es", "pso", "spsa", "random-search"] {
        let end = last(events(&place, &format!("minimize nan --optimizer {optimizer} --evaluations 2000"))?);
        assert!(end["loss"].as_f64() < Some(100.0) && end["reason"] == "evaluations used up", "{end}");
    }
    Ok(())
}

#[test]
fn a_run_ends_at_its_target() -> Tested {
    let place = tempdir()?;
    let end = last(events(&place, "minimize sphere --dim 3 --optimizer sep-cma-es --target 0.5")?);
    assert!(end["reason"] == "target reached" && end["loss"].as_f64() <= Some(0.5), "{end}");
    assert_eq!(end["judged"], "best seen");
    Ok(())
}

#[test]
fn a_budget_without_a_step_is_refused_with_what_it_needs() -> Tested {
    let place = tempdir()?;
    let poor = refusal(&place, "minimize sphere --optimizer {\"name\":\"pso\",\"particles\":20} --evaluations 15")?;
    assert!(poor.contains("evaluations = 15: at least 20"), "{poor}");
    said(&place, "minimize sphere --optimizer {\"name\":\"pso\",\"particles\":20} --evaluations 20")?;
    let help = said(&place, "minimize --help")?;
    assert!(["The answer is", "The best seen is", "The lowest loss is"].iter().all(|said| help.contains(said)), "{help}");
    Ok(())
}

/// Starts a run, kills it (as `kill -9` does) after its second checkpoint, and gives the events of the run that goes on.
fn killed_and_resumed(place: &TempDir, line: &str, checkpoint: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut child = moths(place, &format!("{line} --json --checkpoint {checkpoint}")).stdout(Stdio::piped()).spawn()?;
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

/// What tells whether two runs were the same: bits of the losses, and what they took.
fn facts(end: &Value) -> [&Value; 4] {
    ["loss_bits", "lowest_bits", "evaluations", "steps"].map(|field| &end[field])
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
        let short = last(events(&place, &format!("{problem} {optimizer} --evaluations 2000 --checkpoint short.ckpt"))?);
        let more = format!("{command} --resume short.ckpt --checkpoint long.ckpt --evaluations 5000");
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
fn show_says_what_the_length_of_the_run_fills() -> Tested {
    let place = tempdir()?;
    let cases = [
        ("jso", "evaluations"),
        ("spsa", "descent.rate.power.offset"),
        ("undo", "inner.descent.rate.power.offset"),
        ("simulated-annealing", "length, temperature"),
    ];
    for (name, fills) in cases {
        let shown = said(&place, &format!("show {name}"))?;
        assert!(shown.contains(&format!("the length of the run fills: {fills}\n")), "{shown}");
    }
    assert!(!said(&place, "show pso")?.contains("the length of the run"));
    assert_eq!(last(events(&place, "show jso")?)["left_to_the_horizon"][0], "evaluations");
    Ok(())
}

#[test]
#[cfg(unix)]
fn control_c_saves_and_sums_up() -> Tested {
    let place = tempdir()?;
    let line = "train digits --optimizer spsa --evaluations 1000000 --checkpoint run.ckpt --json";
    let mut child = moths(&place, line).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("progress")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    let rest: Vec<Value> = lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<Result<_, Box<dyn Error>>>()?;
    assert_eq!(child.wait()?.code(), Some(130));
    let end = last(rest);
    assert!(end["event"] == "end" && end["reason"] == "interrupted" && place.path().join("run.ckpt").is_file(), "{end}");
    assert!(place.path().join("moths-out/net-digits-spsa-1/curve.csv").is_file());
    Ok(())
}

#[test]
fn a_race_ranks_and_reports() -> Tested {
    let place = tempdir()?;
    let line = "race rosenbrock --dim 5 --optimizers random-search,sep-cma-es,backprop --seeds 3 --evaluations 2000";
    let events = events(&place, line)?;
    assert_eq!(events.iter().filter(|e| e["event"] == "run").count(), 9);
    let board = last(events)["leaderboard"].clone();
    assert_eq!([&board[0]["optimizer"], &board[1]["optimizer"]], ["sep-cma-es", "random-search"]);
    assert!(board[2]["failures"].as_array().is_some_and(|f| f.len() == 3), "{board}");
    let html = fs::read_to_string(place.path().join("moths-out/race-classic-rosenbrock-d5/race.html"))?;
    assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"));
    assert!(!html.contains("http") && !html.contains("src=") && !html.contains("<script"), "it needs nothing else");
    assert_eq!((html.matches("<svg").count(), html.matches("</svg>").count()), (2, 2));
    assert!(html.contains("prefers-color-scheme: dark") && html.contains("name=\"viewport\""));
    let picture = fs::read_to_string(place.path().join("moths-out/race-classic-rosenbrock-d5/race.svg"))?;
    assert!(picture.starts_with("<svg") && picture.contains("medians and quartiles"));
    let csv = fs::read_to_string(place.path().join("moths-out/race-classic-rosenbrock-d5/race.csv"))?;
    assert!(csv.starts_with("problem,optimizer,seed,evaluations,seconds,measure,value\n") && csv.lines().count() > 1000);
    let said = said(
        &place,
        "race digits --optimizers [\"spsa\",{\"name\":\"spsa\",\"descent\":\"adamw\"}] --seeds 1 --evaluations 300",
    )?;
    assert!(said.contains("test accuracy") && said.contains("adamw"), "{said}");
    Ok(())
}

#[test]
fn wrong_names_get_the_nearest() -> Tested {
    let place = tempdir()?;
    let cases = [
        ("lst", "a similar subcommand exists: 'list'"),
        ("show psoo", "did you mean `pso`?"),
        ("show adamww", "did you mean `adamw`?"),
        ("train digit", "did you mean `digits`?"),
        ("minimize rosenbrok", "did you mean `rosenbrock`?"),
        ("minimize digits", "`moths train digits`"),
        ("train", "one of digits"),
        ("train digits --optimizer sep-cma", "did you mean `sep-cma-es`?"),
        ("train digits --optimizer pso --set partciles=3", "did you mean `particles`?"),
        ("train digits --optimizer open-es --set descent.rat=3", "did you mean `rate`?"),
        ("race sphere --optimizers pso,open-s", "did you mean `open-es`?"),
        ("train digits --optimiser pso", "'--optimizer'"),
    ];
    for (line, nearest) in cases {
        let refused = refusal(&place, line)?;
        assert!(refused.contains(nearest), "moths {line}: {refused}");
    }
    assert!(!place.path().join("moths-out").exists(), "nothing is made before all is well");
    Ok(())
}

#[test]
fn wrong_values_say_what_is_valid() -> Tested {
    let place = tempdir()?;
    let cases = [
        ("train digits --optimizer pso --set particles=0", "particles = 0: an integer >= "),
        ("train digits --optimizer pso --set particles", "name=value"),
        ("train digits --optimizer {\"name\":3}", "needs a `name`"),
        ("train digits --evaluations 0", "--evaluations"),
        ("train digits --seconds -1", "--seconds"),
        ("train digits --threads 0", "--threads"),
        ("train digits --target NaN", "a finite number"),
        ("train digits --dim 3", "fixed number of parameters"),
        ("minimize sphere --dim 1", "from 2 to"),
        ("minimize sphere --validate", "no data to hold out"),
        ("minimize sphere --optimizer backprop", "backprop"),
        ("race sphere --optimizers pso,pso", "every optimizer once"),
        ("race sphere --optimizers [1]", "--optimizers"),
        ("race", "<PROBLEM>"),
    ];
    for (line, valid) in cases {
        let refused = refusal(&place, line)?;
        assert!(refused.contains(valid), "moths {line}: {refused}");
    }
    Ok(())
}

#[test]
fn files_that_are_wrong_are_refused_before_a_run() -> Tested {
    let place = tempdir()?;
    said(&place, "minimize sphere --evaluations 500 --checkpoint good.ckpt")?;
    let good = fs::read(place.path().join("good.ckpt"))?;
    fs::write(place.path().join("cut.ckpt"), &good[..good.len() / 2])?;
    fs::write(place.path().join("text.ckpt"), "not a checkpoint")?;
    let cases = [
        ("minimize --resume cut.ckpt", "cut.ckpt"),
        ("minimize --resume text.ckpt", "text.ckpt"),
        ("minimize --resume missing.ckpt", "missing.ckpt"),
        ("train --resume good.ckpt", "`moths minimize classic/sphere`"),
        ("minimize --resume good.ckpt --seed 7", "--seed = 7: the checkpoint was taken with 1"),
        ("minimize ackley --resume good.ckpt", "problem = classic/ackley"),
        ("minimize --resume good.ckpt --optimizer pso", "--optimizer"),
        ("minimize --resume good.ckpt --dim 3", "--dim = 3"),
        ("minimize --resume good.ckpt --evaluations 90", "evaluations = 90: at least 500"),
        ("minimize --resume good.ckpt --horizon 900", "--horizon = 900: the checkpoint was taken with 500"),
        ("minimize --resume good.ckpt --extend", "--evaluations"),
        ("minimize sphere --evaluations 900 --extend", "--resume"),
        ("minimize sphere --out good.ckpt/folder", "good.ckpt/folder"),
        ("minimize sphere --checkpoint missing/run.ckpt", "missing"),
        ("minimize sphere --checkpoint .", "no regular file"),
        ("race sphere --optimizers pso --out good.ckpt", "good.ckpt"),
    ];
    for (line, file) in cases {
        let refused = refusal(&place, line)?;
        assert!(refused.contains(file), "moths {line}: {refused}");
    }
    assert_eq!(fs::read(place.path().join("good.ckpt"))?, good, "what was saved is untouched");
    said(&place, "minimize sphere --resume good.ckpt --dim 10 --seed 1 --evaluations 500")?;
    Ok(())
}

#[test]
fn a_reader_that_goes_away_is_no_panic() -> Tested {
    let place = tempdir()?;
    for line in ["list", "list --json", "show pso", "minimize sphere --evaluations 2000"] {
        let mut child = moths(&place, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        drop(child.stdout.take());
        let output = child.wait_with_output()?;
        assert!(output.status.success() && output.stderr.is_empty(), "moths {line}: {output:?}");
    }
    Ok(())
}

#[test]
fn help_and_version_are_there() -> Tested {
    let place = tempdir()?;
    assert!(said(&place, "--version")?.starts_with("moths "));
    for command in ["", "list", "show", "train", "minimize", "race"] {
        assert!(said(&place, &format!("{command} --help"))?.contains("Usage:"));
    }
    Ok(())
}

#[test]
fn a_problem_gives_its_values() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("points.csv"), "1, 2,3\n-0.5,0,5\n")?;
    assert_eq!(said(&place, "problem rastrigin/d3 --at points.csv")?, "14\n45.25\n");
    let values = events(&place, "problem bbob/f1/d3/i2 --at points.csv")?;
    assert_eq!((values.len(), &values[1]["line"], &values[0]["problem"]), (2, &2.into(), &"bbob/f01/d3/i2".into()));
    let (loss, gap) = (values[0]["loss"].as_f64().ok_or("no loss")?, values[0]["gap"].as_f64().ok_or("no gap")?);
    assert!(gap > 0.0 && loss != gap);
    fs::write(place.path().join("far.csv"), "1,2,3\n0,0,5.2\n")?;
    fs::write(place.path().join("words.csv"), "1,2,three\n")?;
    let cases = [
        ("problem sphere/d2 --at points.csv", "points.csv, line 1: expected 2 numbers, got 3"),
        ("problem bbob/f1/d3 --at far.csv", "line 2, column 3 = 5.2"),
        ("problem bbob/f1/d3 --at words.csv", "line 1, column 3 = three: a number"),
        ("problem bbob/f1/d3 --at missing.csv", "missing.csv"),
        ("problem bbob/f25/d3 --at points.csv", "bbob/f25"),
    ];
    for (line, word) in cases {
        let refused = refusal(&place, line)?;
        assert!(refused.contains(word), "moths {line}: {refused}");
    }
    Ok(())
}
