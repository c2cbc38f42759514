//! The trees of life of a race: of every ensemble whose members are born and die, its best run as a picture and a table.

mod drawing;
mod table;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write};

use super::{escape, race::chip};
use crate::{
    label::{changes, resolved, rounded, words},
    lives::{Kin, Life},
    output::grouped,
    problem::Measure,
    race::{Racer, Run, Standing},
};

/// The lives of one run, and what follows from them.
struct Tree<'a> {
    lives: &'a [Life],
    kin: Kin,
    /// Evaluations of the run.
    end: u64,
}

/// The section on lives; nothing for a race in which nobody was born.
pub(super) fn write(out: &mut String, standing: &Standing) -> fmt::Result {
    let best = |racer| best(racer, standing.measures.last().copied());
    let found: Vec<_> = standing.racers.iter().enumerate().filter_map(|(i, racer)| Some((i, racer, best(racer)?))).collect();
    if found.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>Who was born of whom</h2>")?;
    let about = "A bar is a member's life in its place, and a line leads to it from each of its parents. Whose line has died out is pale; \
                 who lives at the end has a mark there. Pointing at a bar tells its settings; all births are in <code>runs.jsonl</code>.";
    writeln!(out, "<p>{about}</p>")?;
    for (i, racer, run) in found {
        let tree = Tree::of(run);
        writeln!(out, "<h3>{}{}</h3>\n<p>{}</p>", chip(i), escape(&racer.label), escape(&tree.facts(racer, run)))?;
        drawing::write(out, &tree)?;
        table::write(out, &tree)?;
    }
    Ok(())
}

/// The run with births that ended best.
fn best(racer: &Racer, measure: Option<Measure>) -> Option<&Run> {
    let figure = |run: &Run| run.curve.rows().last().and_then(|row| row.figures.last().copied()).unwrap_or(f64::NAN);
    let better = |a: &&Run, b: &&Run| measure.map_or(std::cmp::Ordering::Equal, |m| m.compare(figure(a), figure(b)));
    racer.runs.iter().filter(|run| !run.lives.is_empty()).min_by(better)
}

impl<'a> Tree<'a> {
    fn of(run: &'a Run) -> Self {
        let lives = run.lives.all();
        // A birth in the last step is at the end.
        let end = run.curve.rows().last().map(|row| row.evaluations).max(lives.last().map(|life| life.evaluations));
        Self { lives, kin: run.lives.kin(), end: end.unwrap_or(0).max(1) }
    }

    fn facts(&self, racer: &Racer, run: &Run) -> String {
        let count = |holds: &dyn Fn(usize) -> bool| (0..self.lives.len()).filter(|i| holds(*i)).count() as u64;
        let which = if racer.runs.len() == 1 { String::new() } else { format!(", the best of {} runs", racer.runs.len()) };
        let founders = count(&|i| self.kin.parents(i).is_empty());
        let generations = (0..self.lives.len()).map(|i| self.kin.generation(i)).max().unwrap_or(0);
        format!(
            "Seed {}{which}: {} lives, {} of them without parents and {} alive at the end; {} generations of descendants.",
            run.seed,
            grouped(self.lives.len() as u64),
            grouped(founders),
            grouped(count(&|i| self.kin.lives(i))),
            grouped(generations),
        )
    }

    /// When it ended, or the run.
    fn until(&self, i: usize) -> u64 {
        self.kin.end(i).unwrap_or(self.end)
    }

    fn length(&self, i: usize) -> u64 {
        self.until(i).saturating_sub(self.lives[i].evaluations)
    }

    fn number(&self, i: usize) -> String {
        grouped(self.lives[i].birth.life)
    }

    /// The numbers of its parents.
    fn parents(&self, i: usize) -> String {
        self.kin.parents(i).iter().map(|parent| self.number(*parent)).collect::<Vec<_>>().join(" and ")
    }

    /// What it has otherwise than its first parent.
    fn changes(&self, i: usize) -> Option<String> {
        let parent = *self.kin.parents(i).first()?;
        // With the defaults, so that what changed from one is told as a number.
        let [now, before] = [i, parent].map(|i| rounded(&resolved(&self.lives[i].birth.spec)));
        let changes = changes(&now, &before);
        Some(if changes.is_empty() { format!("as {}", self.number(parent)) } else { changes.join(", ") })
    }

    fn settings(&self, i: usize) -> String {
        words(&rounded(&self.lives[i].birth.spec))
    }
}
