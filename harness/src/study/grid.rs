//! The table of a question with several problems: medians, a column a problem, and how often an arm is better than the first.

use super::{Arm, Question, Study, page::ran};
use crate::{
    Result,
    problem::Measure,
    race::{Race, Standing},
};

/// A row an arm, a column a problem.
///
/// # Errors
/// As [`Study::races`].
pub(super) fn table(study: &Study, question: &Question, standings: &[Standing]) -> Result<String> {
    let Some(first) = question.arms.first() else { return Ok(String::new()) };
    let courses = question.courses(first, study.seeds)?;
    let medians = |arm: &Arm| courses.iter().map(|course| median(arm, course, standings)).collect::<Vec<_>>();
    let reference = medians(first);
    let names: Vec<&str> = question.problem.all().iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect();
    let mut text = format!("| | {} | better | worse |\n|---|{}---|---|\n", names.join(" | "), "---|".repeat(names.len()));
    for arm in &question.arms {
        let own = medians(arm);
        let cells: Vec<String> = own.iter().map(|cell| cell.map_or("-".into(), |(m, figure)| m.text(figure))).collect();
        let against = |wins: fn(&Measure, f64, f64) -> bool| {
            let both = own.iter().zip(&reference).filter_map(|(own, other)| own.zip(*other));
            both.filter(|((m, a), (_, b))| wins(m, *a, *b)).count()
        };
        let (better, worse) = (against(|m, a, b| m.compare(a, b).is_lt()), against(|m, a, b| m.compare(b, a).is_lt()));
        text += &format!("| {} | {} | {better} | {worse} |\n", arm.label.replace('|', "\\|"), cells.join(" | "));
    }
    Ok(text + "\nMedians; on how many of these problems the median is better, and on how many worse, than that of the first row.\n")
}

/// The median of the measure that ranks.
fn median(arm: &Arm, course: &Race, standings: &[Standing]) -> Option<(Measure, f64)> {
    let (standing, racer) = ran(arm, course, standings)?;
    let (m, measure) = standing.measures.iter().enumerate().next_back()?;
    Some((*measure, racer.quartiles(m)?[1]))
}
