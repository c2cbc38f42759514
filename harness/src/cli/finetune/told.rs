//! What `moths finetune` says of a run, for people and for scripts, and what it leaves behind.

use std::path::Path;

use moths::run::Reason;
use serde_json::{Map, Value, json};

use super::{CHECKPOINT, CSV, LOG, SVG, TUNED, TUNED_GGUF, WORK_LOG};
use crate::{
    Result,
    cli::{Ending, mishaps::Mishaps, single::figures},
    files,
    finetune::{Before, Plan, Run, Set, Summary},
    label::words,
    output::{Console, grouped, number, warn},
    plot::{self, Page},
};

pub(super) fn announce(run: &mut Run, console: Console) -> Result<()> {
    let (dim, in_place) = (run.dim(), run.tuner().is_in_place());
    let (plan, tally) = (run.plan(), run.tally());
    console.object(&json!({
        "event": "start", "optimizer": plan.optimizer, "seed": plan.seed, "evaluations": plan.evaluations, "horizon": plan.horizon,
        "parameters": dim, "in_place": in_place, "train": plan.train, "batch": plan.batch, "classes": plan.classes, "quantised": plan.quantised,
        "prompt": plan.prompt, "resumed_at": tally.evaluations,
    }))?;
    let place = if in_place { "in place" } else { "with a point of its own" };
    let resumed = if tally.evaluations > 0 { format!(", from evaluation {}", grouped(tally.evaluations)) } else { String::new() };
    console.line(format!(
        "{} {place}: {} {} in {}, {} evaluations of {} sentences, seed {}{resumed}",
        words(&plan.optimizer),
        grouped(dim as u64),
        plan.quantised.map_or_else(|| "weights".to_owned(), |what| what.to_string()),
        if plan.train.is_empty() { "all quantised matrices".to_owned() } else { plan.train.join(", ") },
        grouped(plan.evaluations),
        plan.batch,
        plan.seed,
    ))
}

pub(super) fn tell_before(run: &Run, before: &Before, console: Console) -> Result<()> {
    let sets: Vec<Value> = run.sets().iter().zip(&before.figures).map(|(set, figures)| judged(set, figures)).collect();
    console.object(&json!({ "event": "before", "sets": sets, "memory": before.memory }))
}

/// The end of a run that was interrupted before its first step.
pub(super) fn tell_nothing_begun(console: Console) -> Result<()> {
    console.object(&json!({ "event": "end", "reason": "interrupted", "evaluations": 0, "steps": 0 }))?;
    console.line("interrupted before the first step; the same command with --overwrite begins again")
}

/// A warning, where there is something to warn of.
pub(super) fn tell_unread(tensors: &[String], console: Console) -> Result<()> {
    if tensors.is_empty() {
        return Ok(());
    }
    warn(format!("no loss depends on {}: what is trained there is trained for nothing", tensors.join(", ")));
    console.object(&json!({ "event": "unread", "tensors": tensors }))
}

fn judged(set: &Set, [accuracy, loss]: &[f64; 2]) -> Value {
    json!({ "name": set.name, "examples": set.examples.len(), "accuracy": accuracy, "loss": loss })
}

/// Writes the tuned model, says what came of the run, and then writes its curve: of what fails, the rest is done all the same.
pub(super) fn conclude(run: &mut Run, summary: &Summary, out: &Path, console: Console) -> Ending {
    let mut mishaps = Mishaps::default();
    mishaps.note(run.write(&out.join(tuned_of(run.plan()))));
    mishaps.note(print(run, summary, out, console));
    mishaps.note(summary.curve.csv().and_then(|csv| files::replace_file(&out.join(CSV), csv)));
    let title = format!("{}, seed {}", run.plan().optimizer.name, run.plan().seed);
    let svg = plot::svg(&title, &plot::panels(&summary.curve), Page::Own);
    mishaps.note(svg.and_then(|svg| files::replace_file(&out.join(SVG), svg)));
    if summary.unsaved.is_some() {
        mishaps.said(); // by who looks on
    }
    mishaps.ending(if summary.reason.is_some() { Ending::Done } else { Ending::Interrupted })
}

fn print(run: &Run, summary: &Summary, out: &Path, console: Console) -> Result<()> {
    let reason = summary.reason.as_ref().map_or_else(|| "interrupted".to_owned(), Reason::to_string);
    console.object(&Value::Object(end(run, summary, out, &reason)))?;
    people(run, summary, out, &reason).into_iter().try_for_each(|line| console.line(line))
}

/// Where the tuned model is written, and where the log of its steps is.
fn tuned_of(plan: &Plan) -> &'static str {
    if plan.quantised.is_some() { TUNED_GGUF } else { TUNED }
}

fn log_of(plan: &Plan) -> &'static str {
    if plan.quantised.is_some() { WORK_LOG } else { LOG }
}

/// For scripts.
fn end(run: &Run, summary: &Summary, out: &Path, reason: &str) -> Map<String, Value> {
    let (before, tally) = (&summary.before, &summary.tally);
    let set = |(i, set): (usize, &Set)| json!({ "name": set.name, "examples": set.examples.len(), "before": judged(set, &before.figures[i]), "after": summary.after.as_ref().map(|after| judged(set, &after[i])) });
    let file = |name: &str| files::json(&out.join(name));
    let event = json!({
        "event": "end", "reason": reason, "evaluations": tally.evaluations, "steps": tally.steps, "seconds": tally.seconds,
        "sets": run.sets().iter().enumerate().map(set).collect::<Vec<_>>(), "memory_of_inference": before.memory, "memory": summary.memory,
        "hidden_states": summary.hidden,
        "log": run.tuner().log_bytes().map(|_| file(log_of(run.plan()))), "log_bytes": run.tuner().log_bytes(),
        "loading_share": run.tuner().loading(), "tuned": file(tuned_of(run.plan())),
        "checkpoint": file(CHECKPOINT), "curve_csv": file(CSV), "curve_svg": file(SVG),
    });
    let mut event = event.as_object().cloned().unwrap_or_default();
    if let Some(last) = summary.curve.rows().last() {
        event.append(&mut figures(summary.curve.measures(), tally.lowest, &last.figures));
    }
    event
}

fn people(run: &Run, summary: &Summary, out: &Path, reason: &str) -> Vec<String> {
    let (before, tally) = (&summary.before, &summary.tally);
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let mut lines = vec![String::new()];
    let figures = before.figures.iter().zip(summary.after.iter().flatten());
    for (set, ([then, _], [now, _])) in run.sets().iter().zip(figures) {
        let head = if before.head.is_some() { " (logistic regression on frozen features)" } else { "" };
        lines.push(format!(
            "{:<14} {} of {} sentences right, before {}{head}",
            set.name,
            percent(*now),
            grouped(set.examples.len() as u64),
            percent(*then),
        ));
    }
    lines.push(format!("{:<14} {}", "lowest loss", number(tally.lowest)));
    lines.push(format!("{:<14} {} in {} steps ({reason})", "forwards", grouped(tally.evaluations), grouped(tally.steps)));
    lines.push(format!("{:<14} {:.1}", "minutes", tally.seconds / 60.0));
    if let (Some(inference), Some(training)) = (before.memory, summary.memory) {
        let times = training as f64 / inference as f64;
        lines.push(format!(
            "{:<14} {} MiB at most, {times:.2} x the {} MiB of inference; {} MiB of it what frozen layers made of the data",
            "memory",
            training >> 20,
            inference >> 20,
            summary.hidden >> 20,
        ));
    }
    if let Some(share) = run.tuner().loading() {
        lines.push(format!("{:<14} {} of the time of losses", "reloading", percent(share)));
    }
    let file = |name: &str| files::words(&out.join(name));
    lines.push(format!("{:<14} {}", "tuned model", file(tuned_of(run.plan()))));
    if let Some(bytes) = run.tuner().log_bytes() {
        lines.push(format!("{:<14} {}, {} bytes", "log", file(log_of(run.plan())), grouped(bytes)));
    }
    lines.push(format!("{:<14} {} and {}", "curve", file(CSV), file(SVG)));
    if summary.reason.is_none() {
        lines.push("interrupted; the same command with --resume goes on where this one ended".into());
    }
    lines
}
