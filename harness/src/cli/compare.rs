//! `moths compare`.

use std::{collections::HashSet, path::PathBuf};

use comfy_table::Table;
use moths::Spec;
use serde_json::json;

use super::{Ending, bench::CourseFlags, table::table};
use crate::{
    Error, Result,
    bench::{
        Bench, Comparison, Results, Subject,
        compare::{FUNCTIONS, Finding, Row, Scale, Unit, p_text, points},
    },
    files, label, names,
    output::{Console, warn},
};

/// Runs of each on every function where there are too few functions to learn from these alone.
const RUNS: u64 = 10;
/// What `--seeds` is here.
pub(super) const SEEDS: &str = "Runs of each optimizer on each problem, with seeds 1, 2, ... \
    [default: as many as make 10 runs on each function; with 6 functions or more as moths bench]";
/// A name of a folder holds so much of a label.
const SHORT: usize = 60;

#[derive(clap::Args)]
pub(super) struct Args {
    /// An optimizer: a name, or a JSON object of a name and settings; with --from also any label that a folder holds
    a: String,
    /// Another one
    b: String,
    /// A suite (bbob, bbob-mixint, classic, control, discrete, net), or problems with commas between them [default with --from: all that is there]
    #[arg(long, value_name = "SUITE|PROBLEMS", required_unless_present = "from")]
    on: Option<String>,
    #[command(flatten)]
    course: CourseFlags,
    /// Compare the runs that these results folders hold, and run nothing
    #[arg(long, value_name = "DIR", num_args = 1..)]
    #[arg(conflicts_with_all = ["dims", "instances", "seeds", "budget", "evaluations", "validate", "threads", "out"])]
    from: Vec<PathBuf>,
    /// The folder for results; runs that are in it are not run again [default: moths-out/compare-A-B-SUITE]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What stands to be compared, and where it was read.
struct Field {
    labels: [String; 2],
    results: Results,
    folders: Vec<PathBuf>,
}

pub(super) fn run(args: Args, console: Console) -> Result<Ending> {
    let field = if args.from.is_empty() { fresh(args, console)? } else { Ok(recorded(args)?) };
    let Field { labels: [a, b], results, folders } = match field {
        Ok(field) => field,
        Err(ending) => {
            console.object(&json!({ "event": "end", "interrupted": ending == Ending::Interrupted, "complete": false }))?;
            ending.missing().map_or(Ok(()), |why| console.line(why))?;
            return Ok(ending);
        }
    };
    results.damage.iter().for_each(warn);
    let comparison = Comparison::of(&results, &a, &b)?;
    let mut object = json!(comparison);
    object["event"] = "comparison".into();
    object["folders"] = folders.iter().map(|folder| files::json(folder)).collect();
    console.object(&object)?;
    show(&comparison, console)?;
    let names: Vec<String> = folders.iter().map(|folder| files::words(folder)).collect();
    console.line(format!("results        {}", names.join(", ")))?;
    Ok(Ending::Done)
}

/// Runs both; the ending if that was not done.
fn fresh(mut args: Args, console: Console) -> Result<std::result::Result<Field, Ending>> {
    let specs = [names::settled(args.a.parse()?), names::settled(args.b.parse()?)];
    let labels = [label::words(&specs[0]), label::words(&specs[1])];
    distinct(&labels)?;
    let suite = args.on.as_deref().unwrap_or_default();
    let mut bench = args.course.bench(suite, &specs)?;
    if args.course.seeds.is_none()
        && let Some(seeds) = more_seeds(&bench)
    {
        args.course.seeds = Some(seeds);
        bench = args.course.bench(suite, &specs)?;
    }
    if let Some(label) = labels.iter().find(|label| !bench.can_run(label)) {
        return Err(Error::unsupported(
            label,
            "can run on none of these problems: it needs a gradient, or parameters of another kind",
        ));
    }
    let folder = args.out.unwrap_or_else(|| PathBuf::from("moths-out").join(folder_name(&labels, suite)));
    let ending = args.course.run(&bench, &folder, console)?;
    if ending != Ending::Done {
        return Ok(Err(ending));
    }
    let folders = vec![folder];
    let mut results = Results::open(&folders)?;
    // The folder may hold more than was asked for now.
    let wanted: HashSet<&str> = bench.manifest().problems.iter().map(|subject| &*subject.address).collect();
    results.problems.retain(|subject| wanted.contains(&*subject.address));
    results.suite = suite.into();
    Ok(Ok(Field { labels, results, folders }))
}

/// With few functions chance is found out by repetition: so many seeds make [`RUNS`] runs on each.
fn more_seeds(bench: &Bench) -> Option<u64> {
    let problems = &bench.manifest().problems;
    let functions: HashSet<&str> = problems.iter().map(|subject| &*subject.name).collect();
    let courses: HashSet<(&str, usize)> = problems.iter().map(|subject| (&*subject.name, subject.dim)).collect();
    let instances = problems.len().div_ceil(courses.len().max(1)) as u64;
    (functions.len() < FUNCTIONS).then(|| RUNS.div_ceil(instances.max(1)))
}

/// Reads what was run before.
fn recorded(args: Args) -> Result<Field> {
    let mut results = Results::open(&args.from)?;
    if let Some(on) = args.on {
        let there: Vec<String> = results.problems.iter().map(|subject| subject.name.clone()).collect();
        results.problems.retain(|subject| on.split(',').any(|name| is_on(subject, name.trim())));
        if results.problems.is_empty() {
            let parts = there.iter().filter_map(|name| name.split_once('/')).flat_map(|(suite, short)| [suite, short]);
            return Err(Error::unknown("problem of these folders", &on, there.iter().map(String::as_str).chain(parts)));
        }
        results.suite = on;
    }
    let label = |text: &str| match text.parse::<Spec>() {
        Ok(spec) if results.optimizers.iter().all(|who| who.label != text) => label::words(&names::settled(spec)),
        _ => text.to_owned(),
    };
    let labels = [label(&args.a), label(&args.b)];
    distinct(&labels)?;
    Ok(Field { labels, results, folders: args.from })
}

/// Is it the problem of this name or address, with or without its suite, or one of the suite?
fn is_on(subject: &Subject, name: &str) -> bool {
    let (address, short) = (&*subject.address, subject.address.split_once('/').map_or("", |(_, short)| short));
    let starts = |whole: &str| whole.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    starts(address) || starts(short)
}

fn distinct([a, b]: &[String; 2]) -> Result<()> {
    if a == b { Err(Error::invalid("B", b, "another optimizer, or other settings, than A")) } else { Ok(()) }
}

/// `compare-pso-random-search-candidates-17-bbob`
fn folder_name(labels: &[String; 2], suite: &str) -> String {
    let plain = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-").chars().take(SHORT).collect::<String>()
    };
    format!("compare-{}-{}-{}", plain(&labels[0]), plain(&labels[1]), plain(suite))
}

fn show(comparison: &Comparison, console: Console) -> Result<()> {
    let Comparison { a, b, tally, overall, rows, .. } = comparison;
    console.line(format!("{}.\n", comparison.verdict.sentence))?;
    console.line(format!("{}\n", small_table(comparison)))?;
    let problems = comparison.problems.len();
    let beyond = match comparison.problems.iter().any(|problem| problem.p.is_some()) {
        true => format!("; beyond chance: {}, and {b} on {}", tally.clearly_better, tally.clearly_worse),
        false => String::new(),
    };
    if rows.len() > 1 {
        let (better, equal, worse) = (tally.better, tally.equal, tally.worse);
        console.line(format!("{a} is ahead on {better} of {problems} problems, {b} on {worse}, neither on {equal}{beyond}"))?;
        let unit = match rows.iter().any(|row| row.finding.figure.unit != overall.figure.unit) {
            true => "intervals of rows are over the runs on these very functions; ",
            false => "",
        };
        console.line(format!("{unit}each p of a row is corrected for the number of rows (Holm)"))?;
    }
    if overall.speed.is_some() {
        console.line(format!(
            "evaluations: how many {a} takes for each of {b}'s to the lowest target that half the runs of both reach"
        ))?;
    }
    for (label, failed) in [a, b].into_iter().zip(comparison.failed).filter(|(_, failed)| *failed > 0) {
        console.line(format!("{failed} runs of {label} failed: they count as having reached nothing"))?;
    }
    if comparison.unpaired > 0 {
        console.line(format!("{} runs without a partner of the same problem and seed were left out", comparison.unpaired))?;
    }
    Ok(())
}

/// A row for each group, and one for all.
fn small_table(comparison: &Comparison) -> Table {
    let Comparison { a, b, overall, rows, .. } = comparison;
    let mut table = table(["", a, b, "difference (95 %)", "p", "evaluations", "better"]);
    for Row { title, finding } in rows {
        table.add_row(cells(title, finding));
    }
    if rows.len() > 1 {
        let title = match overall.figure.unit {
            Unit::Functions => format!("all {} functions", overall.figure.units),
            Unit::Pairs => "all".to_owned(),
        };
        table.add_row(cells(&title, overall));
    }
    table
}

fn cells(title: &str, finding: &Finding) -> [String; 7] {
    let Finding { figure, speed, p, better, .. } = finding;
    let what = match &figure.scale {
        Scale::Targets => String::new(),
        Scale::Measure(name) => format!(", {}", name.replace('_', " ")),
        Scale::Wins => ", runs won".into(),
    };
    let interval = figure.interval.map(|i| format!(" ({} to {})", points(i.low), points(i.high))).unwrap_or_default();
    let p = p_text(*p);
    [
        format!("{title}{what}"),
        format!("{:.1} %", 100.0 * figure.a),
        format!("{:.1} %", 100.0 * figure.b),
        format!("{}{interval}", points(figure.difference)),
        p.strip_prefix("p = ").or(p.strip_prefix("p ")).unwrap_or_default().to_owned(),
        speed.as_ref().map_or("-".into(), |speed| format!("{:.2}", speed.ratio)),
        better.as_deref().unwrap_or("-").to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_plain_names() {
        let labels = ["pso".to_owned(), "open-es (descent = adamw (rate = 0.1), pairs = 32)".to_owned()];
        assert_eq!(
            folder_name(&labels, "bbob/f08,sphere"),
            "compare-pso-open-es-descent-adamw-rate-0.1-pairs-32-bbob-f08-sphere"
        );
        assert!(folder_name(&["x/../../y ".repeat(90), String::new()], "..").len() < 200);
    }

    #[test]
    fn problems_are_found_by_any_of_their_names() {
        let subject = Subject {
            address: "bbob/f08/d10/i3".into(),
            name: "bbob/f08".into(),
            summary: String::new(),
            group: String::new(),
            dim: 10,
            gaps: true,
            measures: vec![],
        };
        assert!(
            ["bbob", "bbob/f08", "f08", "bbob/f08/d10", "f08/d10/i3", "bbob/f08/d10/i3"].iter().all(|name| is_on(&subject, name))
        );
        assert!(["bbo", "bbob/f0", "f08/d1", "d10", ""].iter().all(|name| !is_on(&subject, name)));
    }
}
