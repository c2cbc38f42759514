//! `moths tune`.

mod page;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use moths::{Spec, durable::Claim, run::Reason};
use serde_json::{Value, json};

use page::Page;

use super::{
    Ending,
    mishaps::Mishaps,
    run_flags::{positive, with_settings},
};
use crate::{
    Error, Result, files, interrupt,
    label::words,
    output::{Console, grouped, number, warn},
    shell,
    tune::{Around, Log, Plan, Rule, Run, Summary, Template, Trial, best, end_all_at_once},
    whole::whole,
};

/// What `--help` says of placeholders, and of what the command is told.
pub(super) const PLACES: &str = "\
In any argument of the command: {lr:1e-4..1} is a real number, {lr:log:1e-5..1} one on a logarithmic scale, {n:1..8} an integer, \
{n:log:1..1024} one on a logarithmic scale, {opt:adam|sgd} a choice, {warm:bool} true or false, {m:0.0..1?opt=sgd} what matters with a choice alone; {lr} stands for it again, {{ and }} for braces. \
The command also has them as variables (MOTHS_lr, ..), with MOTHS_SEED, which is --seed, and MOTHS_TRIAL. Its loss is the last number on its \
standard output.

  moths tune --budget 60 -- ./train --lr '{lr:log:1e-5..1e-1}' --layers '{layers:1..8}'

A command that fails, prints no number or takes too long is a candidate that failed, and the search goes on. In --out there are then \
trials.jsonl, which --resume goes on from, tune.html, best.json and tune.json.";

/// Up to so many trials `tpe` searches where nobody says who: it lets no command wait for another. Of more, `auto` chooses.
const FEW: u64 = 300;
const OF_FEW: &str = "tpe";
const OF_MANY: &str = "auto";

const PLAN: &str = "tune.json";
const TRIALS: &str = "trials.jsonl";
const BEST: &str = "best.json";
const PAGE: &str = "tune.html";

/// How long a run that is somebody else's is waited for.
const MOMENT: Duration = Duration::from_secs(2);
/// Of the standard error of the first candidate that failed, so many lines are shown.
const LINES: usize = 10;

#[derive(clap::Args)]
pub(super) struct Args {
    /// How many times the command is run
    #[arg(long, value_name = "N", default_value = "100", value_parser = whole::<u64, 1, { u64::MAX }>)]
    budget: u64,
    /// How many commands run at a time
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<u16, 1, 1024>)]
    jobs: u16,
    /// A command that takes longer is ended, with all that it started, and is a candidate that failed
    #[arg(long, value_name = "SECONDS", value_parser = duration::<1>, allow_negative_numbers = true)]
    timeout: Option<Duration>,
    /// After so many minutes no command is started; those that run may end
    #[arg(long, value_name = "M", value_parser = duration::<60>, allow_negative_numbers = true)]
    minutes: Option<Duration>,
    /// Where the loss stands in what is printed: a pattern with a group, of whose matches the last one counts, or json:FIELD, in the JSON object on the last line that begins with { [default: the last number]
    #[arg(long, value_name = "REGEX|json:FIELD")]
    loss_from: Option<String>,
    /// A higher number is a better one
    #[arg(long)]
    maximize: bool,
    /// Stop commands that do worse than others, by the losses that they print on the way: median, or asha (successive halving)
    #[arg(long, value_name = "RULE")]
    stop: Option<Rule>,
    /// A point of your own, which is evaluated first: lr=1e-3,layers=4; may be given several times
    #[arg(long = "try", value_name = "NAME=VALUE,..")]
    tries: Vec<String>,
    /// A name, or JSON with settings: '{"name":"cma-es","candidates":8}' [default: tpe up to a budget of 300, auto beyond]
    #[arg(long, value_name = "NAME|JSON", value_parser = str::parse::<Spec>)]
    optimizer: Option<Spec>,
    /// A setting of the optimizer, by its dotted path: --set candidates=8
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Where all noise of the search comes from; the command has it as MOTHS_SEED
    #[arg(long, value_name = "S", default_value = "1", value_parser = whole::<u64, 0, { u64::MAX }>)]
    seed: u64,
    /// The folder for all files [default: moths-out/tune-PROGRAM-OPTIMIZER-SEED]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in --out, as if it had never ended; another --budget is another end
    #[arg(long)]
    resume: bool,
    /// Replace the run in --out
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// What is run, with placeholders for what is tuned
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// So many units of some seconds.
fn duration<const SECONDS: u64>(text: &str) -> std::result::Result<Duration, String> {
    Duration::try_from_secs_f64(positive(text)? * SECONDS as f64).map_err(|e| e.to_string())
}

pub(super) fn run(args: Args, console: Console) -> Result<Ending> {
    let (out, plan) = if args.resume { resumed(&args)? } else { begun(&args)? };
    // Nothing is made, and nothing makes way, before all is well.
    let mut run = Run::new(plan)?;
    files::prepare_folder(&out, &[PLAN, TRIALS, BEST, PAGE])?;
    let _claim = claim(&out.join(TRIALS))?;
    if !args.resume {
        make_way(&out, args.overwrite)?;
        run.plan().save(&out.join(PLAN))?;
    }
    let (log, trials) = Log::open(&out.join(TRIALS))?;
    interrupt::listen_for("the commands that run are ended first", end_all_at_once);
    announce(&run, &args, trials.len(), console)?;
    let (plan, template, began) = (run.plan().clone(), run.template().clone(), Instant::now());
    let mut watcher = Watcher::new(&template, plan.maximize, &trials, console);
    let mut page = Page::new(out.join(PAGE), &plan, &template, trials.clone());
    run.remember(trials);
    let result = run.run(Around {
        budget: args.budget,
        jobs: args.jobs.into(),
        timeout: args.timeout,
        time: args.minutes,
        log,
        interrupted: interrupt::asked(),
        audience: &mut |trial, errors| {
            watcher.see(trial, errors);
            page.see(trial);
        },
    });
    let told = Told { page, plan, template, out, seconds: began.elapsed().as_secs_f64() };
    match result {
        Ok(summary) => Ok(told.conclude(&summary, console)),
        // A command that cannot be started any more, a full disk: what is known may be the work of hours.
        Err(why @ Error::Io { .. }) => {
            let (_, trials) = Log::open(&told.out.join(TRIALS))?;
            let summary = Summary { reason: None, trials, explanation: None };
            if summary.best().is_some() {
                told.conclude(&summary, console);
            }
            Err(why)
        }
        Err(why) => {
            let _ = told.page.write(Some(&why.to_string())); // what is wrong is said in any case
            Err(why)
        }
    }
}

/// The folder of a new run, and what it is a run of.
fn begun(args: &Args) -> Result<(PathBuf, Plan)> {
    let usual = if args.budget <= FEW { OF_FEW } else { OF_MANY };
    let plan = plan(args, args.optimizer.clone().unwrap_or_else(|| Spec::new(usual)))?;
    Ok((folder(args, &plan.optimizer.name), plan))
}

/// The folder of a run that goes on, and what it is a run of. Where nobody says who searches, whoever did so far does, whatever the budget is now.
fn resumed(args: &Args) -> Result<(PathBuf, Plan)> {
    if args.optimizer.is_some() {
        let (out, plan) = begun(args)?;
        let plan = plan.going_on(&earlier(&out)?)?;
        return Ok((out, plan));
    }
    let (usual, other) = if args.budget <= FEW { (OF_FEW, OF_MANY) } else { (OF_MANY, OF_FEW) };
    let folders = [usual, other].map(|name| folder(args, name));
    let out = folders.iter().find(|out| out.join(PLAN).exists()).unwrap_or(&folders[0]);
    let noted = earlier(out)?;
    let plan = plan(args, noted.optimizer.clone())?.going_on(&noted)?;
    Ok((out.clone(), plan))
}

fn plan(args: &Args, optimizer: Spec) -> Result<Plan> {
    Ok(Plan {
        command: args.command.clone(),
        optimizer: with_settings(optimizer, &args.settings)?,
        seed: args.seed,
        r#try: args.tries.clone(),
        loss_from: args.loss_from.clone(),
        maximize: args.maximize,
        stop: args.stop,
        horizon: args.budget,
    })
}

/// `--out`, or `moths-out/tune-PROGRAM-OPTIMIZER-SEED`.
fn folder(args: &Args, optimizer: &str) -> PathBuf {
    let program = args.command.first().map(Path::new).and_then(Path::file_name);
    let program = program.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let usual = || Path::new("moths-out").join(format!("tune-{program}-{optimizer}-{}", args.seed));
    args.out.clone().unwrap_or_else(usual)
}

/// The plan of the run that is to go on.
fn earlier(out: &Path) -> Result<Plan> {
    let path = out.join(PLAN);
    if !path.exists() {
        return Err(Error::invalid("--resume", files::words(out), "a folder with a run in it, as --out names one"));
    }
    Plan::open(&path)
}

/// The run is this program's alone. A command that moths was starting when it was killed has its files for a moment.
fn claim(trials: &Path) -> Result<Claim> {
    let began = Instant::now();
    loop {
        match Claim::take(trials) {
            Err(Error::File { .. }) if began.elapsed() < MOMENT => std::thread::sleep(MOMENT / 40),
            taken => return taken,
        }
    }
}

/// A run that is there is not lost by accident.
fn make_way(out: &Path, overwrite: bool) -> Result<()> {
    for path in [TRIALS, BEST, PAGE, PLAN].map(|name| out.join(name)).into_iter().filter(|path| path.exists()) {
        if !overwrite {
            let why = "is of a run: go on with --resume, name another folder by --out, or replace it with --overwrite";
            return Err(Error::File { path, why: why.into() });
        }
        fs::remove_file(&path).map_err(|source| Error::Io { path, source })?;
    }
    Ok(())
}

fn announce(run: &Run, args: &Args, resumed: usize, console: Console) -> Result<()> {
    let plan = run.plan();
    let names: Vec<&str> = run.template().settings().iter().map(|setting| setting.name.as_str()).collect();
    console.object(&json!({
        "event": "start", "command": plan.command, "settings": names, "optimizer": plan.optimizer, "seed": plan.seed, "budget": args.budget,
        "horizon": plan.horizon, "jobs": args.jobs, "resumed_at": resumed,
    }))?;
    let gone = if resumed > 0 { format!(", {} of them done", grouped(resumed as u64)) } else { String::new() };
    console.line(format!(
        "{} over {}: {} trials{gone}, {} at a time, seed {}",
        words(&plan.optimizer),
        names.join(", "),
        grouped(args.budget),
        args.jobs,
        plan.seed,
    ))
}

/// What is minimised, as the program printed it.
fn printed(loss: f64, maximize: bool) -> f64 {
    if maximize { -loss } else { loss }
}

/// Sees trials end, and says so.
struct Watcher<'a> {
    template: &'a Template,
    maximize: bool,
    lowest: f64,
    /// Has the reason of a failure been shown?
    shown: bool,
    console: Console,
}

impl<'a> Watcher<'a> {
    fn new(template: &'a Template, maximize: bool, before: &[Trial], console: Console) -> Self {
        let lowest = best(before).and_then(|trial| trial.loss).unwrap_or(f64::INFINITY);
        Self { template, maximize, lowest, shown: false, console }
    }

    /// A reader that cannot be written to must not end a run: the summary will say it.
    fn see(&mut self, trial: &Trial, errors: &str) {
        let finished = trial.loss.filter(|_| trial.finished());
        let better = finished.is_some_and(|loss| loss < self.lowest);
        self.lowest = finished.map_or(self.lowest, |loss| self.lowest.min(loss));
        let mut event = json!(trial);
        event["event"] = "trial".into();
        event["lowest"] = json!(self.lowest);
        let _ = self.console.object(&event);
        let figure = trial.loss.map_or("failed".into(), |loss| number(printed(loss, self.maximize)));
        let mark = if better {
            '*'
        } else if trial.stopped {
            '|'
        } else {
            ' '
        };
        let (mark, settings) = (mark, self.template.in_words(&trial.settings));
        let _ = self.console.line(format!("{:>5} {mark} {figure:>12} {:>8.1} s  {settings}", trial.trial, trial.seconds));
        if let Some(why) = trial.failed.as_ref().filter(|_| !std::mem::replace(&mut self.shown, true)) {
            explain(trial.trial, why, errors);
        }
    }
}

/// Says why the first candidate that failed did so: all may fail for the same reason.
fn explain(trial: u64, why: &str, errors: &str) {
    let lines: Vec<&str> = errors.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    let said = if last.is_empty() { "; it wrote nothing to standard error" } else { "; the end of its standard error:" };
    warn(format!("trial {trial} failed: {why}{said}"));
    last.iter().for_each(|line| warn(format!("  {line}")));
}

/// What is told of a run when it has ended.
struct Told {
    page: Page,
    plan: Plan,
    template: Template,
    out: PathBuf,
    seconds: f64,
}

impl Told {
    /// Prints what came of the run before anything else can fail, and then writes what it leaves behind.
    fn conclude(&self, summary: &Summary, console: Console) -> Ending {
        let mut mishaps = Mishaps::default();
        mishaps.note(self.print(summary, console));
        if let Some(best) = summary.best() {
            mishaps.note(files::replace_file(&self.out.join(BEST), self.best(best).to_string() + "\n"));
        }
        mishaps.note(self.page.write(Some(&self.reason(summary))));
        mishaps.ending(if summary.reason.is_some() { Ending::Done } else { Ending::Interrupted })
    }

    fn reason(&self, summary: &Summary) -> String {
        summary.reason.as_ref().map_or_else(|| "interrupted".to_owned(), Reason::to_string)
    }

    /// The very command.
    fn line(&self, trial: &Trial) -> String {
        let words = self.template.words(&trial.settings);
        shell::line(words.iter().map(String::as_str))
    }

    fn best(&self, best: &Trial) -> Value {
        let printed = best.loss.map(|loss| printed(loss, self.plan.maximize));
        json!({ "trial": best.trial, "loss": best.loss, "printed": printed, "settings": best.settings, "command": self.line(best) })
    }

    fn print(&self, summary: &Summary, console: Console) -> Result<()> {
        let reason = self.reason(summary);
        let best = summary.best();
        console.object(&json!({
            "event": "end", "reason": reason, "evaluations": summary.trials.len(), "failed": summary.failed(), "stopped": summary.stopped(), "seconds": self.seconds,
            "lowest": best.map(|best| best.loss), "settings": best.map(|best| &best.settings), "trial": best.map(|best| best.trial),
            "command": best.map(|best| self.line(best)), "explanation": summary.explanation,
            "trials": files::json(&self.out.join(TRIALS)), "best": best.map(|_| files::json(&self.out.join(BEST))),
            "page": files::json(&self.out.join(PAGE)),
        }))?;
        self.people(summary, &reason).into_iter().try_for_each(|line| console.line(line))
    }

    fn people(&self, summary: &Summary, reason: &str) -> Vec<String> {
        let mut lines = vec![String::new()];
        if let Some((best, loss)) = summary.best().and_then(|best| Some((best, best.loss?))) {
            let what = if self.plan.maximize { "highest" } else { "lowest" };
            lines.push(format!("{what:<9} {}, in trial {}", number(printed(loss, self.plan.maximize)), best.trial));
            lines.push(format!("{:<9} {}", "settings", self.template.in_words(&best.settings)));
            lines.push(format!("{:<9} {}", "command", self.line(best)));
        }
        let (trials, failed) = (grouped(summary.trials.len() as u64), grouped(summary.failed() as u64));
        let stopped = match summary.stopped() {
            0 => String::new(),
            stopped => format!(" and {} were stopped", grouped(stopped as u64)),
        };
        lines.push(format!("{:<9} {trials}, of which {failed} failed{stopped} ({reason})", "trials"));
        lines.push(format!("{:<9} {}", "log", files::words(&self.out.join(TRIALS))));
        lines.push(format!("{:<9} {}", "page", files::words(&self.out.join(PAGE))));
        lines.extend(summary.explanation.as_ref().map(|said| format!("{:<9} {said}", "search")));
        if summary.reason.is_none() {
            lines.push("interrupted; the same command with --resume goes on where this one ended".into());
        }
        lines
    }
}
