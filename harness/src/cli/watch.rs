//! What is shown while a run goes on: a bar on a terminal, plain lines in a pipe, events for scripts.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use moths::run::Tally;
use serde_json::json;

use super::{one_line, single::figures};
use crate::{
    Error, Result,
    curve::{Curve, Row},
    files,
    lives::Life,
    output::{Console, grouped, number, warn},
    problem::Measure,
    session::{Audience, Saving, Session},
};

/// Lines and events come at most this often.
const PAUSE: Duration = Duration::from_secs(1);

/// Who looks on, by where the output goes.
pub(super) fn audience(session: &Session, console: Console) -> Box<dyn Audience> {
    audience_of(session.curve(), session.plan().evaluations, session.tally(), console)
}

/// Who looks on at a run of so many evaluations.
pub(super) fn audience_of(curve: &Curve, evaluations: u64, tally: &Tally, console: Console) -> Box<dyn Audience> {
    let measures = curve.measures().to_vec();
    if console.is_terminal() {
        let bar = bar(evaluations).with_position(tally.evaluations);
        bar.reset_eta(); // what an earlier run did took no time of this one
        return Box::new(Bar { bar, measures });
    }
    Box::new(Lines { console, measures, last: curve.rows().last().cloned(), printed: Instant::now() })
}

/// A bar with the time left.
pub(super) fn bar(evaluations: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {human_pos}/{human_len} {eta} left  {wide_msg}");
    ProgressBar::new(evaluations).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Where runs side by side are watched from.
pub(super) struct Hall {
    pub(super) console: Console,
    /// Hidden where there is no terminal.
    pub(super) bar: ProgressBar,
}

impl Hall {
    /// With a bar for so many evaluations.
    pub(super) fn new(evaluations: u64, console: Console) -> Self {
        Self { console, bar: if console.is_terminal() { bar(evaluations) } else { ProgressBar::hidden() } }
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

struct Bar {
    bar: ProgressBar,
    measures: Vec<Measure>,
}

impl Audience for Bar {
    fn step(&mut self, tally: &Tally) {
        self.bar.set_position(tally.evaluations);
    }

    fn row(&mut self, row: &Row) {
        self.bar.set_message(words(&self.measures, row));
    }

    fn saved(&mut self, saving: &Saving, _: &Tally, outcome: &Result<()>) {
        if let Err(error) = outcome {
            self.bar.suspend(|| warn(unsaved(saving, error)));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn unsaved(saving: &Saving, error: &Error) -> String {
    format!("no checkpoint at {}: {}", files::words(&saving.path), one_line(error))
}

/// The figures of the answer.
fn words(measures: &[Measure], row: &Row) -> String {
    let figures =
        measures.iter().zip(&row.figures).map(|(measure, figure)| format!("{} {}", measure.label(), measure.text(*figure)));
    figures.collect::<Vec<_>>().join("  ")
}

/// Lines of text, or events.
struct Lines {
    console: Console,
    measures: Vec<Measure>,
    last: Option<Row>,
    printed: Instant,
}

impl Lines {
    /// A reader that cannot be written to must not end a run: the summary will say it.
    fn print(&mut self, tally: &Tally) {
        let Some(row) = &self.last else { return };
        let _ = if self.console.is_json() {
            let mut event = json!({
                "event": "progress", "evaluations": tally.evaluations, "steps": tally.steps, "seconds": tally.seconds,
                "judged_at": row.evaluations,
            });
            if let Some(event) = event.as_object_mut() {
                event.append(&mut figures(&self.measures, tally.lowest, &row.figures));
            }
            self.console.object(&event)
        } else {
            let (used, lowest) = (grouped(tally.evaluations), number(tally.lowest));
            self.console.line(format!("{used:>9} evaluations  lowest loss {lowest}  {}", words(&self.measures, row)))
        };
        self.printed = Instant::now();
    }
}

impl Audience for Lines {
    fn step(&mut self, tally: &Tally) {
        if self.printed.elapsed() >= PAUSE {
            self.print(tally);
        }
    }

    fn births(&mut self, lives: &[Life]) {
        for life in lives {
            let mut event = json!(life);
            event["event"] = "birth".into();
            let _ = self.console.object(&event);
        }
    }

    fn row(&mut self, row: &Row) {
        self.last = Some(row.clone());
    }

    fn saved(&mut self, saving: &Saving, tally: &Tally, outcome: &Result<()>) {
        match outcome {
            Ok(()) => {
                let path = files::json(&saving.path);
                let _ = self.console.object(&json!({ "event": "checkpoint", "path": path, "evaluations": tally.evaluations }));
            }
            Err(error) => warn(unsaved(saving, error)),
        }
    }
}
