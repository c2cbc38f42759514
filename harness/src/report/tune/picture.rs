//! The pictures of a tuning: losses over trials, and settings side by side.

use std::fmt::{self, Write};

use super::{
    Tuned,
    axis::{Axis, Scale, short},
};
use crate::{report::escape, tune::Trial};

const WIDTH: f64 = 960.0;
/// Room around the axes: left, right, above, below.
const ROOM: [f64; 4] = [70.0, 30.0, 30.0, 30.0];
/// Axes side by side are no closer than this.
const APART: f64 = 130.0;

/// A place of a picture.
struct Field {
    width: f64,
    height: f64,
}

impl Field {
    fn x(&self, place: f64) -> f64 {
        ROOM[0] + place * (self.width - ROOM[0] - ROOM[1])
    }

    /// 0 is below.
    fn y(&self, place: f64) -> f64 {
        self.height - ROOM[3] - place * (self.height - ROOM[2] - ROOM[3])
    }

    fn open(&self, out: &mut String, what: &str) -> fmt::Result {
        let Self { width, height } = self;
        writeln!(out, "<div class=\"picture\"><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{what}\">")
    }
}

/// Losses over trials in the order in which they were asked for, and the lowest so far.
pub(super) fn progress(out: &mut String, tuned: &Tuned<'_>) -> fmt::Result {
    let Some(scale) = Scale::of(tuned.trials.iter().filter_map(|trial| trial.loss)) else { return Ok(()) };
    let field = Field { width: WIDTH, height: 320.0 };
    let last = tuned.trials.iter().map(|trial| trial.trial).max().unwrap_or(1).max(2);
    let x = |trial: &Trial| field.x((trial.trial - 1) as f64 / (last - 1) as f64);
    // A better loss is further down, of a number that is to be high further up.
    let y = |loss: f64| field.y(if tuned.plan.maximize { 1.0 - scale.place(loss) } else { scale.place(loss) });
    field.open(out, "losses over trials")?;
    for (_, loss) in scale.marks() {
        let (at, from, to) = (y(loss), field.x(0.0), field.x(1.0));
        writeln!(out, "<line class=\"grid\" x1=\"{from}\" x2=\"{to}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>")?;
        let text = short(tuned.printed(loss));
        writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>", from - 8.0, at + 4.0)?;
    }
    for trial in [1, last] {
        let at = field.x((trial - 1) as f64 / (last - 1) as f64);
        writeln!(out, "<text x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{trial}</text>", field.height - 8.0)?;
    }
    let mut trials: Vec<&Trial> = tuned.trials.iter().collect();
    trials.sort_by_key(|trial| trial.trial);
    for trial in &trials {
        let title = escape(&tuned.in_words(trial));
        match trial.loss {
            Some(loss) => {
                let class = if trial.stopped { "dot stopped" } else { "dot" };
                let (x, y) = (x(trial), y(loss));
                writeln!(out, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{title}</title></circle>")?;
            }
            None => {
                let (x, y) = (x(trial), 12.0);
                let way = format!("M{:.1} {:.1}l8 8m0 -8l-8 8", x - 4.0, y - 4.0);
                writeln!(out, "<path class=\"cross\" d=\"{way}\"><title>{title}</title></path>")?;
            }
        }
    }
    writeln!(out, "<path class=\"lowest\" d=\"{}\"/>\n</svg></div>", lowest_so_far(&trials, x, y, field.x(1.0)))
}

/// A line of steps.
fn lowest_so_far(trials: &[&Trial], x: impl Fn(&Trial) -> f64, y: impl Fn(f64) -> f64, end: f64) -> String {
    let (mut lowest, mut way) = (f64::INFINITY, String::new());
    for trial in trials.iter().filter(|trial| trial.finished()) {
        if let Some(loss) = trial.loss.filter(|loss| *loss < lowest) {
            let step = if way.is_empty() { "M" } else { "H" };
            let at = x(trial);
            way += &match step {
                "M" => format!("M{at:.1} {:.1}", y(loss)),
                _ => format!("H{at:.1}V{:.1}", y(loss)),
            };
            lowest = loss;
        }
    }
    if way.is_empty() { way } else { format!("{way}H{end:.1}") }
}

/// Every trial as a line over one axis a setting, and that of the losses.
pub(super) fn side_by_side(out: &mut String, tuned: &Tuned<'_>) -> fmt::Result {
    let Some(scale) = Scale::of(tuned.trials.iter().filter_map(|trial| trial.loss)) else { return Ok(()) };
    let axes = tuned.axes();
    let field = Field { width: WIDTH.max(ROOM[0] + ROOM[1] + APART * axes.len() as f64), height: 380.0 };
    let x = |i: usize| field.x(i as f64 / axes.len() as f64);
    let y = |loss: f64| field.y(if tuned.plan.maximize { 1.0 - scale.place(loss) } else { scale.place(loss) });
    field.open(out, "settings of all trials")?;
    // The worst first, so that the best are seen.
    let mut trials: Vec<(&Trial, f64)> = tuned.trials.iter().filter_map(|trial| Some((trial, trial.loss?))).collect();
    trials.sort_by(|a, b| b.1.total_cmp(&a.1));
    let best = crate::tune::best(tuned.trials).map(|trial| trial.trial);
    for (rank, (trial, loss)) in trials.iter().enumerate() {
        let class = if Some(trial.trial) == best { "way best" } else { "way" };
        let shade = (rank + 1) as f64 / trials.len() as f64;
        let points = axes.iter().enumerate().map(|(i, axis)| (x(i), field.y(axis.place(trial.settings.get(&axis.setting.name)))));
        let points: Vec<String> = points.chain([(x(axes.len()), y(*loss))]).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let title = escape(&tuned.in_words(trial));
        let way = points.join(" ");
        writeln!(out, "<polyline class=\"{class}\" style=\"--v:{shade:.3}\" points=\"{way}\"><title>{title}</title></polyline>")?;
    }
    for (i, axis) in axes.iter().enumerate() {
        let marks: Vec<_> = axis.marks().into_iter().map(|(place, text)| (field.y(place), text)).collect();
        one_axis(out, &field, x(i), &axis.setting.name, &marks)?;
    }
    let marks: Vec<_> = scale.marks().into_iter().map(|(_, loss)| (y(loss), short(tuned.printed(loss)))).collect();
    one_axis(out, &field, x(axes.len()), tuned.what(), &marks)?;
    writeln!(out, "</svg></div>")
}

fn one_axis(out: &mut String, field: &Field, x: f64, name: &str, marks: &[(f64, String)]) -> fmt::Result {
    let (above, below) = (field.y(1.0), field.y(0.0));
    writeln!(out, "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{above}\" y2=\"{below}\"/>")?;
    writeln!(out, "<text class=\"name\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", above - 14.0, escape(name))?;
    for (y, text) in marks {
        writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", x - 6.0, y + 4.0, escape(text))?;
    }
    Ok(())
}

impl Tuned<'_> {
    fn axes(&self) -> Vec<Axis<'_>> {
        self.template.settings().iter().map(|setting| Axis { setting }).collect()
    }
}
