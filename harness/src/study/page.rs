//! The page of a study: what its runs came to, between two marks. What stands around these is written by hand, and stays.

use std::path::Path;

use super::{Arm, Question, Study, grid, same_course};
use crate::{
    Error, Result,
    bench::statistics::quartiles,
    output::{grouped, harmless},
    race::{Race, Racer, Standing},
};

const END: &str = "<!-- the end of the study -->";

/// A section a question: what is asked, the table of its arms, and what is concluded.
///
/// # Errors
/// As [`Study::races`].
pub fn tables(study: &Study, standings: &[Standing]) -> Result<String> {
    let sections = study.questions.iter().map(|question| section(study, question, standings)).collect::<Result<Vec<_>>>()?;
    Ok(sections.join("\n"))
}

fn section(study: &Study, question: &Question, standings: &[Standing]) -> Result<String> {
    let table = if question.is_grid() { grid::table(study, question, standings)? } else { table(study, question, standings)? };
    let conclusion = if question.conclusion.is_empty() { String::new() } else { format!("\n{}\n", question.conclusion) };
    Ok(format!("## {}\n\n{table}{conclusion}", question.question))
}

/// A row an arm: median and quartiles.
fn table(study: &Study, question: &Question, standings: &[Standing]) -> Result<String> {
    let rows = question.arms.iter().map(|arm| row(study, question, arm, standings)).collect::<Result<Vec<_>>>()?;
    let labels: Vec<String> = rows.iter().map(|row| row.measure.clone()).filter(|label| !label.is_empty()).collect();
    // Arms of another problem may be measured by something else: then each says by what.
    let alike = labels.windows(2).all(|pair| pair[0] == pair[1]);
    let head = if alike { labels.first().cloned().unwrap_or_default() } else { String::new() };
    let cells = |row: &Row| {
        let by = if alike || row.measure.is_empty() { String::new() } else { format!("{} ", row.measure) };
        format!("| {} | {by}{} | {} | {} | {} |\n", row.label, row.median, row.quartiles, row.evaluations, row.seeds)
    };
    let body: String = rows.iter().map(cells).collect();
    let head = format!("| | {head}, median |").replace(" , median", " median");
    Ok(format!("{head} quartiles | evaluations | runs |\n|---|---|---|---|---|\n{body}"))
}

/// What is said of an arm.
struct Row {
    label: String,
    /// What was measured; nothing where no run has ended.
    measure: String,
    median: String,
    quartiles: String,
    evaluations: String,
    seeds: String,
}

fn row(study: &Study, question: &Question, arm: &Arm, standings: &[Standing]) -> Result<Row> {
    let course = &question.courses(arm, study.seeds)?[0];
    let found = ran(arm, course, standings);
    let (standing, racer) = (found.map(|(standing, _)| standing), found.map(|(_, racer)| racer));
    let label = arm.label.replace('|', "\\|");
    let none = || "-".to_owned();
    let runs = racer.map_or_else(|| "none".to_owned(), runs);
    let Some((standing, racer)) = standing.zip(racer) else {
        return Ok(Row { label, measure: String::new(), median: none(), quartiles: none(), evaluations: none(), seeds: runs });
    };
    let Some((m, measure)) = standing.measures.iter().enumerate().next_back() else {
        return Err(Error::unsupported("a study", format!("`{}` measures nothing", standing.race.address())));
    };
    let (median, between) = match racer.quartiles(m) {
        Some([lower, median, upper]) => (measure.text(median), format!("{} to {}", measure.text(lower), measure.text(upper))),
        None => (none(), none()),
    };
    let used = quartiles(racer.last_rows().map(|row| row.evaluations as f64).collect());
    let evaluations = used.map_or_else(none, |[_, median, _]| grouped(median as u64));
    Ok(Row { label, measure: measure.label(), median, quartiles: between, evaluations, seeds: runs })
}

/// An arm on this course, if it has run there.
pub(super) fn ran<'a>(arm: &Arm, course: &Race, standings: &'a [Standing]) -> Option<(&'a Standing, &'a Racer)> {
    let standing = standings.iter().find(|standing| same_course(&standing.race, course))?;
    Some((standing, standing.racers.iter().find(|racer| racer.spec == arm.optimizer)?))
}

/// How many runs there are, and what became of others.
fn runs(racer: &Racer) -> String {
    let failed = racer.failures.first().map(|why| format!(", and {} failed: {}", racer.failures.len(), harmless(why, false)));
    format!("{}{}", racer.runs.len(), failed.unwrap_or_default())
}

/// A page with these sections between its marks; `old`: what the page is now.
///
/// # Errors
/// [`Error::File`] for a page without the marks.
pub fn drawn(path: &Path, old: Option<&str>, name: &str, study: &Study, sections: &str) -> Result<String> {
    let begin = format!("<!-- made by `moths study {name}`: what is written here is written anew -->");
    let Some(old) = old else { return Ok(format!("# {}\n\n{begin}\n\n{sections}\n{END}\n", study.title)) };
    let parts = old.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    match parts {
        Some((before, after)) => Ok(format!("{before}{begin}\n\n{sections}\n{END}{after}")),
        None => Err(Error::File {
            path: path.into(),
            why: format!("has not the lines `{begin}` and `{END}`, between which the tables go"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    const STUDY: &str = r#"{"title": "T", "seeds": 2, "questions": [{"question": "Which?", "problem": "sphere", "evaluations": 300,
        "arms": [{"label": "a", "optimizer": "pso"}, {"label": "b", "optimizer": "backprop", "problem": "digits"}], "conclusion": "A."}]}"#;

    #[test]
    fn a_section_has_the_figures_of_every_arm() -> Result<()> {
        let (study, path) = (Study::read(Path::new("s.json"), STUDY)?, Path::new("s.md"));
        let never = AtomicBool::new(false);
        let standings: Vec<Standing> = study.races()?.into_iter().map(|race| race.run(1, &(), &never)).collect::<Result<_>>()?;
        let text = tables(&study, &standings)?;
        assert!(
            text.starts_with("## Which?\n\n| | median | quartiles | evaluations | runs |\n|---|---|---|---|---|\n| a | gap "),
            "{text}"
        );
        assert!(text.contains("\n| b | test accuracy ") && text.ends_with("| 2 |\n\nA.\n"), "{text}");

        let page = drawn(path, None, "s", &study, &text)?;
        assert!(page.starts_with("# T\n\n<!-- made by `moths study s`"));
        assert_eq!(drawn(path, Some(&page), "s", &study, &text)?, page, "drawn again it is the same");
        let around = format!("Before.\n{page}After.\n");
        let again = drawn(path, Some(&around), "s", &study, "new\n")?;
        assert!(again.starts_with("Before.\n# T") && again.contains("\n\nnew\n\n<!--") && again.ends_with("After.\n"), "{again}");
        assert!(matches!(drawn(path, Some("other"), "s", &study, &text), Err(Error::File { .. })));
        Ok(())
    }

    #[test]
    fn an_arm_that_has_not_been_run_says_so() -> Result<()> {
        let text = tables(&Study::read(Path::new("s.json"), STUDY)?, &[])?;
        assert!(text.contains("| a | - | - | - | none |"), "{text}");
        Ok(())
    }
}
