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
            // An optimizer may have the name of a descent.
            let id = if what == "descents" { format!("descent/{id}") } else { id.to_owned() };
            let shown = last(events(&place, &format!("show {id}"))?);
            assert_eq!(shown["summary"], entry["summary"]);
            assert!(said(&place, &format!("show {id}"))?.contains(entry["summary"].as_str().unwrap_or("missing")));
        }
    }
    for what in ["samplers", "schedules", "layers"] {
        let listed = events(&place, &format!("list {what}"))?;
        assert!(listed.len() > 4 && listed.iter().all(|one| one["name"].is_string() && one["summary"].is_string()), "{what}");
        let long = said(&place, &format!("list {what} --long"))?;
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(listed.iter().all(|one| plain(&long).contains(&plain(one["summary"].as_str().unwrap_or("missing")))), "{long}");
    }
    let settings = said(&place, "show pso")?;
    assert!(["particles", "a size, or null", "default"].iter().all(|word| settings.contains(word)), "{settings}");
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

/// A line each, grouped; on terminals that say they have no columns too.
#[test]
fn lists_have_a_line_for_each() -> Tested {
    let place = tempdir()?;
    for (what, name) in [("optimizers", "id"), ("descents", "id"), ("problems", "name"), ("samplers", "name"), ("layers", "name")]
    {
        let listed = events(&place, &format!("list {what}"))?;
        let lines = said(&place, &format!("list {what}"))?;
        // A title and an empty line a group, and what there is to do next.
        let groups = lines.lines().filter(|line| line.ends_with(')') && !line.starts_with(' ')).count();
        assert!(lines.lines().count() <= listed.len() + 2 * groups + 2, "{lines}");
        assert!(lines.lines().all(|line| line.chars().count() <= 120), "{lines}");
        for id in listed.iter().filter_map(|entry| entry[name].as_str()) {
            let its = |line: &&str| line.split_whitespace().next() == Some(id);
            assert_eq!(lines.lines().filter(its).count(), 1, "{id}: {lines}");
        }
    }
    let families: Vec<String> =
        said(&place, "list")?.lines().filter(|l| l.ends_with(')') && !l.starts_with(' ')).map(str::to_owned).collect();
    let names: Vec<&str> = families.iter().filter_map(|title| title.split(' ').next()).collect();
    assert_eq!(names, ["random", "swarm", "evolution", "local", "ensemble"]);
    let long = said(&place, "list --long")?;
    assert!(long.contains("doi:10.1109/ICNN.1995.488968") && long.contains("- sees only the order of losses"), "{long}");
    Ok(())
}

#[test]
fn show_explains_what_settings_share_once() -> Tested {
    let place = tempdir()?;
    let shown = said(&place, "show spsa")?;
    assert_eq!(shown.matches("cosine {from, steps, to}").count(), 1, "{shown}");
    assert_eq!(shown.matches("student-t {dof}").count(), 1, "{shown}");
    assert!(shown.contains("a schedule: ") && shown.contains("a sampler: ") && shown.lines().count() < 110, "{shown}");
    assert!(!said(&place, "show random-search")?.contains("cosine"), "random-search has no schedule");
    assert!(said(&place, "show pso")?.contains("a size, or null"), "pso has a size");
    Ok(())
}

#[test]
fn show_gives_equations_and_a_command_to_try() -> Tested {
    let place = tempdir()?;
    let pso = said(&place, "show pso")?;
    assert!(pso.contains("    x_i ← x_i + v_i\n") && pso.contains("\nTry: moths minimize rosenbrock --optimizer pso\n"), "{pso}");
    for what in ["optimizers", "descents"] {
        for entry in events(&place, &format!("list {what}"))? {
            let id = entry["id"].as_str().unwrap_or_default();
            let shown = last(events(&place, &format!("show {id}"))?);
            assert!(shown["equations"].as_str().is_some_and(|equations| !equations.is_empty()), "{id}");
            let command = shown["try"].as_str().and_then(|command| command.strip_prefix("moths ")).unwrap_or_default();
            events(&place, &format!("{command} --evaluations 2000"))?;
        }
    }
    Ok(())
}
