//! `moths study`.

use std::fs;

use tempfile::tempdir;

use crate::support::{Tested, events, last, refusal, said};

const STUDY: &str = r###"{"title": "Two questions", "seeds": 3, "questions": [
    {"question": "Around the start, or like weights?", "problem": "digits", "evaluations": 60, "arms": [
        {"label": "around", "optimizer": {"name": "pso", "particles": 10}},
        {"label": "like weights", "optimizer": {"name": "pso", "particles": 10, "init": "like-weights"}}
    ], "conclusion": "Who knows."},
    {"question": "Fixed, or growing?", "problem": "digits", "evaluations": 60, "arms": [
        {"label": "fixed", "optimizer": {"name": "pso", "particles": 10}},
        {"label": "growing", "optimizer": {"name": "pso", "particles": {"linear": {"from": 4, "to": 16, "steps": 5}}}}
    ], "conclusion": ""}
]}"###;

#[test]
fn a_study_draws_its_page_and_runs_nothing_twice() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("small.json"), STUDY)?;
    let begun = events(&place, "study small.json --threads 2")?;
    // Particles of a fixed size stand in both questions, and are run once.
    assert_eq!(begun.iter().filter(|e| e["event"] == "run").count(), 9);
    assert_eq!(last(begun)["complete"], true);
    let page = place.path().join("docs/small.md");
    let text = fs::read_to_string(&page)?;
    assert!(text.starts_with("# Two questions\n\n<!-- made by `moths study small`"), "{text}");
    assert!(text.contains("## Fixed, or growing?\n\n| | test accuracy, median | quartiles | evaluations | runs |\n"), "{text}");
    assert!(text.contains("\n| like weights | ") && text.contains(" % to ") && text.contains("\nWho knows.\n"), "{text}");

    fs::write(&page, format!("{text}By hand.\n"))?;
    let again = events(&place, "study small.json")?;
    assert_eq!((&again[0]["runs_done_before"], again.iter().filter(|e| e["event"] == "run").count()), (&9.into(), 0));
    assert_eq!(
        fs::read_to_string(&page)?,
        format!("{text}By hand.\n"),
        "drawn again it is the same, and what is beside it stays"
    );
    assert!(said(&place, "study small.json --page other.md")?.contains("page           other.md"));
    Ok(())
}

#[test]
fn a_page_without_marks_is_refused_before_anything_runs() -> Tested {
    let place = tempdir()?;
    fs::write(place.path().join("small.json"), STUDY)?;
    fs::write(place.path().join("mine.md"), "mine")?;
    assert!(refusal(&place, "study small.json --page mine.md")?.contains("<!-- the end of the study -->"));
    assert!(!place.path().join("moths-out").exists());
    assert!(refusal(&place, "study founding-question")?.contains("did you mean `founding-questions`?"));
    Ok(())
}
