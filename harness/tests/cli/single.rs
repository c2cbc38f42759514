//! `moths train` and `moths minimize`: one run.

use std::error::Error;
use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Tested, events, last, refusal, run, said};

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
        "moths-out/classic-rosenbrock-d4-pso-1-906fe7/curve.csv",
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
        // Not all have a form of two variables.
        let dim = if run(&place, &format!("minimize {function} --dim 2 --evaluations 100"))?.status.success() { 2 } else { 5 };
        let end = last(events(&place, &format!("minimize {function} --dim {dim} --evaluations 3000"))?);
        assert!(end["gap"].as_f64() >= Some(-1e-9), "{end}");
        assert_eq!(end["point"].as_array().map(Vec::len), Some(dim));
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
