//! `moths problem`.

use std::fs;

use tempfile::tempdir;

use crate::support::{Tested, events, refusal, said};

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
