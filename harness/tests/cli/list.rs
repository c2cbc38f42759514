//! `moths list` and `moths show`.

use tempfile::tempdir;

use crate::support::{Tested, events, last, said};

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
