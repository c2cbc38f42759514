//! What `train` and `minimize` have in common: a single run, from flags to files.

use std::{
    fs,
    path::{Path, PathBuf, absolute},
};

use moths::{
    Checkpoint,
    durable::{Claim, check_file},
    run::Reason,
    tensor::host,
};
use serde_json::{Map, Value, json};

use super::{
    Ending,
    mishaps::Mishaps,
    problem_of,
    run_flags::{RunFlags, go_on},
    watch,
    weights::Weights,
};
use crate::{
    Error, Result, files, interrupt,
    label::words,
    lives::Lives,
    output::{Console, grouped, number},
    plan::Plan,
    plot::{self, Page},
    problem::{self, Answer, Entry, Kind, Measure, Options},
    session::{Session, Summary, Surroundings},
};

/// What `--help` says of the points of a run.
pub(super) const POINTS: &str = "\
The answer is the point that the optimizer would deploy now; it need not have been evaluated.
The best seen is the evaluated point of the lowest loss: of a function without noise, it is what is judged and printed.
The lowest loss is that of any candidate: on minibatches the luckiest, and no promise of the answer, which is judged there.";

/// The figures of a run, in its folder.
const CSV: &str = "curve.csv";
/// The picture of them.
const SVG: &str = "curve.svg";
/// Who was born in it, where anybody was.
const LIVES: &str = "lives.jsonl";

/// Points with more parameters than this are not printed.
const PRINTED: usize = 100;

pub(super) fn run(
    kind: Kind,
    name: Option<&str>,
    options: Options,
    flags: RunFlags,
    save: Option<&Path>,
    console: Console,
) -> Result<Ending> {
    flags.check_overwrite(save.is_some())?;
    // Held before it is read: nobody writes another one meanwhile.
    let _checkpoint = claim_checkpoint(&flags)?;
    let resumed = flags.resume.as_ref().map(Checkpoint::open).transpose()?;
    let plan = match (&resumed, name) {
        (Some(checkpoint), _) => flags.plan_of(checkpoint, name, options)?,
        (None, Some(name)) => flags.plan(problem_of(kind, name, &options)?)?,
        (None, None) => return Err(Error::invalid("problem", "(none)", format!("one of {}", names(kind)))),
    };
    let (entry, _) = problem_of(kind, &plan.problem, &plan.options)?;
    let places = flags.places(&plan, &entry, resumed.as_ref())?;
    apart(flags.saves_to(), save, &places.out)?;
    let saving = flags.saving(&places)?;
    saving.as_ref().map_or(Ok(()), |saving| flags.check_checkpoint(&saving.path, &plan))?;
    let weights = save.map(|path| Weights::prepare(path, flags.overwrite, &entry, &plan)).transpose()?;

    let threads =
        flags.threads.map(usize::from).map_or_else(|| Ok(entry.build(&plan.options)?.default_threads()), Ok::<_, Error>)?;
    let mut session = Session::new(plan.clone(), threads)?;
    resumed.as_ref().map_or(Ok(()), |checkpoint| session.restore(checkpoint))?;
    files::prepare_folder(&places.out, &[CSV, SVG, LIVES])?;
    let _curve = claim(&places.out.join(CSV))?;
    interrupt::listen();

    announce(&session, console)?;
    let mut audience = watch::audience(&session, console);
    let around = Surroundings { saving, seconds: flags.seconds, audience: &mut *audience, interrupted: interrupt::asked() };
    let checkpoint = around.saving.as_ref().map(|saving| saving.path.clone());
    let summary = session.run(around)?;
    drop(audience);
    let go_on = checkpoint.as_deref().map(|checkpoint| go_on(checkpoint, &places));
    let [csv, svg, lives] = [CSV, SVG, LIVES].map(|name| places.out.join(name));
    let files = Files { csv, svg, lives, checkpoint, go_on, weights };
    Ok(conclude(kind, &plan, &summary, files, console))
}

/// What a run leaves are files of their own.
fn apart(checkpoint: Option<&Path>, save: Option<&Path>, out: &Path) -> Result<()> {
    let figures = [CSV, SVG, LIVES].map(|name| ("the figures in --out", Some(out.join(name))));
    let named = [("--checkpoint", checkpoint), ("--save", save)].map(|(flag, path)| (flag, path.map(Path::to_path_buf)));
    let all: Vec<(&str, PathBuf)> = named.into_iter().chain(figures).filter_map(|(flag, path)| Some((flag, path?))).collect();
    for (i, (flag, path)) in all.iter().enumerate() {
        let same = |other: &&(&str, PathBuf)| absolute(&other.1).ok() == absolute(path).ok();
        if let Some((other, _)) = all[i + 1..].iter().find(same) {
            return Err(Error::invalid(*flag, files::words(path), format!("another file than that of {other}")));
        }
    }
    Ok(())
}

/// The right to write a file, if the file may be written.
fn claim(path: &Path) -> Result<Claim> {
    check_file(path)?;
    Claim::take(path)
}

/// The right to write the file that checkpoints go to.
fn claim_checkpoint(flags: &RunFlags) -> Result<Option<Claim>> {
    let Some(path) = flags.saves_to() else { return Ok(None) };
    check_file(path).map_err(|error| flags.unsaved(error))?;
    Claim::take(path).map(Some)
}

/// Prints what came of the run before anything else can fail, and then writes what it leaves behind.
fn conclude(kind: Kind, plan: &Plan, summary: &Summary, files: Files, console: Console) -> Ending {
    let mut mishaps = Mishaps::default();
    mishaps.note(print(kind, summary, &files, console));
    mishaps.note(files.weights.map_or(Ok(()), |weights| weights.write(&summary.point)));
    let title = format!("{} on {}, seed {}", plan.optimizer.name, plan.address(), plan.seed);
    mishaps.note(summary.curve.csv().and_then(|csv| files::replace_file(&files.csv, csv)));
    let svg = plot::svg(&title, &plot::panels(&summary.curve), Page::Own);
    mishaps.note(svg.and_then(|svg| files::replace_file(&files.svg, svg)));
    mishaps.note(write_lives(&summary.lives, &files.lives));
    if summary.unsaved.is_some() {
        mishaps.said(); // by who looks on
    }
    mishaps.ending(if summary.reason.is_some() { Ending::Done } else { Ending::Interrupted })
}

/// All births, those too of the run that this one went on from. Where nobody was born, the births of another run do not stay as if they were
/// this one's.
fn write_lives(lives: &Lives, path: &Path) -> Result<()> {
    if !lives.is_empty() {
        return files::replace_file(path, lives.lines()?);
    }
    let others = fs::read_to_string(path).is_ok_and(|text| Lives::are_in(&text));
    if others { fs::remove_file(path).map_err(|source| Error::Io { path: path.into(), source }) } else { Ok(()) }
}

fn names(kind: Kind) -> String {
    let entries = problem::entries();
    let names = entries.iter().filter(|e| e.kind == kind && !e.hidden && !e.name.starts_with("bbob"));
    names.map(Entry::short).collect::<Vec<_>>().join(", ")
}

fn announce(session: &Session, console: Console) -> Result<()> {
    let (plan, tally) = (session.plan(), session.tally());
    console.object(&json!({
        "event": "start", "problem": plan.problem, "options": plan.options, "optimizer": plan.optimizer, "seed": plan.seed,
        "evaluations": plan.evaluations, "horizon": plan.horizon, "parameters": session.dim(), "threads": session.threads(), "resumed_at": tally.evaluations,
    }))?;
    let resumed = if tally.evaluations > 0 { format!(", from evaluation {}", grouped(tally.evaluations)) } else { String::new() };
    console.line(format!(
        "{} on {}: {} parameters, {} evaluations, seed {}{resumed}",
        words(&plan.optimizer),
        plan.address(),
        grouped(session.dim() as u64),
        grouped(plan.evaluations),
        plan.seed,
    ))
}

/// What a run leaves behind.
struct Files {
    csv: PathBuf,
    svg: PathBuf,
    lives: PathBuf,
    checkpoint: Option<PathBuf>,
    weights: Option<Weights>,
    /// The flags that go on from it.
    go_on: Option<String>,
}

/// Figures by their names, with the bits of the losses: two runs are the same exactly if these are.
pub(super) fn figures(measures: &[Measure], lowest: f64, figures: &[f64]) -> Map<String, Value> {
    let bits = |loss: f64| json!(format!("{:016x}", loss.to_bits()));
    let mut named: Map<String, Value> = measures.iter().zip(figures).map(|(m, f)| (m.name.to_owned(), json!(f))).collect();
    named.insert("lowest".into(), json!(lowest));
    named.insert("lowest_bits".into(), bits(lowest));
    named.insert("loss_bits".into(), bits(figures[0]));
    named
}

fn print(kind: Kind, summary: &Summary, files: &Files, console: Console) -> Result<()> {
    let point = host::to_f64s(&summary.values)?;
    let reason = summary.reason.as_ref().map_or_else(|| "interrupted".to_owned(), Reason::to_string);
    let mut end = json!({
        "event": "end", "reason": reason, "evaluations": summary.tally.evaluations, "steps": summary.tally.steps,
        "seconds": summary.tally.seconds, "judged": which(summary.answer), "curve_csv": files::json(&files.csv), "curve_svg": files::json(&files.svg),
        "lives": (!summary.lives.is_empty()).then(|| files::json(&files.lives)),
        "checkpoint": files.checkpoint.as_deref().map(files::json),
        "explanation": summary.explanation,
        "weights": files.weights.as_ref().map(|weights| files::json(weights.path())),
    });
    if let Some(end) = end.as_object_mut() {
        end.append(&mut figures(summary.curve.measures(), summary.tally.lowest, &summary.last().figures));
        end.extend((kind == Kind::Function).then(|| ("point".to_owned(), json!(point))));
    }
    console.object(&end)?;
    for line in people(summary, &reason) {
        console.line(line)?;
    }
    if kind == Kind::Function && point.len() <= PRINTED {
        console.line(format!("at             {}", point.iter().map(|x| number(*x)).collect::<Vec<_>>().join(" ")))?;
    }
    for (i, line) in summary.explanation.iter().flat_map(|told| told.lines()).enumerate() {
        console.line(format!("{:<14} {line}", if i == 0 { "chosen" } else { "" }))?;
    }
    console.line(format!("curve          {} and {}", files::words(&files.csv), files::words(&files.svg)))?;
    if !summary.lives.is_empty() {
        let births = grouped(summary.lives.all().len() as u64);
        console.line(format!("births         {births}, in {}", files::words(&files.lives)))?;
    }
    if let Some(weights) = &files.weights {
        console.line(format!("weights        {}", files::words(weights.path())))?;
    }
    let (Some(checkpoint), Some(go_on)) = (&files.checkpoint, &files.go_on) else { return Ok(()) };
    console.line(format!("checkpoint     {}", files::words(checkpoint)))?;
    let interrupted = summary.reason.is_none() && summary.unsaved.is_none();
    if interrupted { console.line(format!("interrupted; {go_on} goes on where this one ended")) } else { Ok(()) }
}

/// Which point was judged, in words.
fn which(answer: Answer) -> &'static str {
    match answer {
        Answer::Best => "best seen",
        Answer::Optimizers => "answer",
    }
}

fn people(summary: &Summary, reason: &str) -> Vec<String> {
    let (tally, last) = (&summary.tally, summary.last());
    let mut lines = vec![String::new(), format!("{:<14} {}", "point", which(summary.answer))];
    let figures = summary.curve.measures().iter().zip(&last.figures).rev();
    lines.extend(figures.map(|(measure, figure)| format!("{:<14} {}", measure.label(), measure.text(*figure))));
    lines.push(format!("{:<14} {}", "lowest loss", number(tally.lowest)));
    lines.push(format!("{:<14} {} in {} steps ({reason})", "evaluations", grouped(tally.evaluations), grouped(tally.steps)));
    lines.push(format!("{:<14} {:.1}", "seconds", tally.seconds));
    if (&summary.reason, summary.answer) == (&Some(Reason::Target), Answer::Optimizers) {
        lines.push(
            "The target was reached by a candidate, which is the best seen of the checkpoint; figures are those of the answer."
                .into(),
        );
    }
    lines
}
