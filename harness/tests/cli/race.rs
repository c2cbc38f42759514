//! `moths race`.

use std::{error::Error, fs};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{Tested, events, interrupted, last, leftovers, refusal, runs, said};

#[test]
fn a_race_ranks_and_reports() -> Tested {
    let place = tempdir()?;
    let line = "race rosenbrock --dim 5 --optimizers random-search,sep-cma-es,backprop --seeds 3 --evaluations 2000";
    let events = events(&place, line)?;
    assert_eq!(events.iter().filter(|e| e["event"] == "run").count(), 9);
    let end = last(events);
    assert_eq!([&end["interrupted"], &end["complete"]], [false, true]);
    let board = end["leaderboard"].clone();
    assert_eq!([&board[0]["optimizer"], &board[1]["optimizer"]], ["sep-cma-es", "random-search"]);
    assert!(board[2]["failures"].as_array().is_some_and(|f| f.len() == 3), "{board}");
    let html = fs::read_to_string(place.path().join("moths-out/race-classic-rosenbrock-d5/race.html"))?;
    assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"));
    assert!(!html.contains("http") && !html.contains("src=") && !html.contains("<script"), "it needs nothing else");
    // The gap of a function is its loss above the minimum: one picture shows both.
    assert_eq!((html.matches("<svg").count(), html.matches("</svg>").count()), (1, 1));
    assert!(html.contains("sep-cma-es (") && html.contains("mean_rate = "), "settings by default are written out");
    assert!(html.contains(&format!("<code>moths {line} --json</code>")) && html.contains("p = 0.10"), "{html}");
    assert!(board[0]["p_against_the_first"].is_null() && board[1]["p_against_the_first"].as_f64() < Some(0.2), "{board}");
    assert!(html.contains("prefers-color-scheme: dark") && html.contains("name=\"viewport\""));
    let picture = fs::read_to_string(place.path().join("moths-out/race-classic-rosenbrock-d5/race.svg"))?;
    assert!(picture.starts_with("<svg") && picture.contains("medians and quartiles"));
    let csv = fs::read_to_string(place.path().join("moths-out/race-classic-rosenbrock-d5/race.csv"))?;
    assert!(csv.starts_with("problem,optimizer,seed,evaluations,seconds,measure,value\n") && csv.lines().count() > 1000);
    let said = said(
        &place,
        "race digits --optimizers [\"spsa\",{\"name\":\"spsa\",\"descent\":\"adamw\"}] --seeds 1 --evaluations 300",
    )?;
    assert!(said.contains("test accuracy") && said.contains("against the first"), "{said}");
    assert!(said.contains("spsa (descent = \"adamw\"), seed 1: ") || said.contains("spsa (descent = adamw), seed 1: "), "{said}");
    let html = fs::read_to_string(place.path().join("moths-out/race-net-digits/race.html"))?;
    assert_eq!(html.matches("<svg").count(), 3, "loss, training and test accuracy are three pictures");
    Ok(())
}

/// The CSV of a race without the column of seconds.
fn figures(place: &TempDir, folder: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let text = fs::read_to_string(place.path().join(folder).join("race.csv"))?;
    let without =
        |line: &str| line.split(',').enumerate().filter(|(i, _)| *i != 4).map(|(_, cell)| cell.to_owned() + ",").collect();
    Ok(text.lines().map(without).collect())
}

#[test]
fn a_race_goes_on_where_it_ended() -> Tested {
    let place = tempdir()?;
    let race = |optimizers: &str, seeds: u32, out: &str| {
        format!("race ackley --dim 4 --optimizers {optimizers} --seeds {seeds} --evaluations 1000 --out {out}")
    };
    said(&place, &race("pso,random-search,backprop", 3, "whole"))?;
    let started = |line: &str| -> Result<(Value, usize), Box<dyn Error>> {
        let events = events(&place, line)?;
        Ok((events[0]["runs_done_before"].clone(), events.iter().filter(|e| e["event"] == "run").count()))
    };
    assert_eq!(started(&race("pso", 2, "parts"))?, (0.into(), 2));
    // More seeds and more optimizers: only what is missing is run.
    assert_eq!(started(&race("random-search,pso", 2, "parts"))?, (2.into(), 2));
    assert_eq!(started(&race("pso,random-search,backprop", 3, "parts"))?, (4.into(), 5));
    assert_eq!(started(&race("pso,random-search,backprop", 3, "parts"))?, (9.into(), 0));
    assert_eq!(figures(&place, "parts")?, figures(&place, "whole")?);
    assert_eq!(runs(&place.path().join("parts"))?, runs(&place.path().join("whole"))?);
    // What failed before is told of again.
    let again = said(&place, &race("pso,random-search,backprop", 3, "parts"))?;
    assert!(again.contains("\n3 of 3 runs of backprop failed; seed 1: "), "{again}");
    // Fewer: the others stay in the folder, and out of the report.
    assert_eq!(started(&race("pso", 1, "parts"))?, (1.into(), 0));
    assert!(figures(&place, "parts")?.iter().skip(1).all(|row| row.contains("pso,1,")));
    for (line, why) in [
        (race("pso", 1, "parts").replace("1000", "900"), "--evaluations = 900: the folder holds runs of 1000"),
        (
            race("pso", 1, "parts").replace("ackley", "sphere"),
            "problem = classic/sphere/d4: the folder holds runs of classic/ackley/d4",
        ),
    ] {
        let refused = refusal(&place, &line)?;
        assert!(refused.contains(why), "{refused}");
    }
    assert!(refusal(&place, "report parts")?.contains("holds no `bench.json`"));
    fs::remove_file(place.path().join("parts/race.json"))?;
    assert!(refusal(&place, &race("pso", 1, "parts"))?.contains("is there without `race.json`"));
    Ok(())
}

#[cfg(unix)]
#[test]
fn an_interrupted_race_says_how_to_go_on() -> Tested {
    let place = tempdir()?;
    let line = "race ackley --dim 10 --optimizers pso,sep-cma-es --seeds 400 --evaluations 3000 --out out";
    let rest = interrupted(&place, line, "seed 2:")?;
    assert!(rest.ends_with("interrupted; the same command goes on where this one ended"), "{rest}");
    let done = runs(&place.path().join("out"))?.len();
    assert!((2..800).contains(&done), "{done}");
    let html = fs::read_to_string(place.path().join("out/race.html"))?;
    assert!(html.contains("The race was interrupted"));
    let rest = interrupted(&place, &format!("{line}put --json"), r#""seed":2"#)?;
    let end: Value = serde_json::from_str(rest.lines().next_back().ok_or("silence")?)?;
    assert_eq!([&end["event"], &end["interrupted"], &end["complete"]], [&Value::from("end"), &true.into(), &false.into()]);
    Ok(())
}

#[cfg(unix)]
#[test]
fn interrupted_before_its_first_run_a_race_has_nothing_to_show() -> Tested {
    let place = tempdir()?;
    let line = "race rastrigin --dim 40 --optimizers random-search --evaluations 1000000000 --seeds 1 --out out";
    let rest = interrupted(&place, line, "1 optimizers")?;
    assert_eq!(rest, "interrupted before the first run had ended; the same command begins again");
    let rest = interrupted(&place, &format!("{line} --json"), "start")?;
    let end: Value = serde_json::from_str(&rest)?;
    assert_eq!(end, serde_json::json!({ "event": "end", "interrupted": true, "complete": false }));
    for file in ["race.html", "race.csv", "race.svg"] {
        assert!(!place.path().join("out").join(file).exists(), "{file}");
    }
    assert!(leftovers(place.path())?.is_empty());
    Ok(())
}
