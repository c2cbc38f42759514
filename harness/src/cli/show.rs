//! `moths show NAME`.

use moths::{Capabilities, Spec, Walls, descent, registry, settings};
use serde_json::{Value, json};

use super::{Ending, list::capabilities, table::table};
use crate::{Error, Result, output::Console, problem};

#[derive(clap::Args)]
pub(super) struct Args {
    /// An optimizer, a descent (an update rule) or a problem
    name: String,
}

pub(super) fn run(args: &Args, console: Console) -> Result<Ending> {
    let name = args.name.as_str();
    if let Ok(entry) = registry::find(name) {
        optimizer(entry, console)?;
    } else if let Ok(entry) = descent::find(name) {
        console.object(&json!({ "id": entry.id, "kind": "descent", "summary": entry.summary, "settings": entry.schema() }))?;
        console.line(format!("{}: {}\n", entry.id, entry.summary))?;
        settings_table(&entry.schema(), console)?;
    } else if let Ok((entry, options)) = problem::resolve(name, &problem::Options::default()) {
        problem(&entry, &options, console)?;
    } else {
        let (optimizers, descents, problems) = (registry::entries(), descent::entries(), problem::entries());
        let names = optimizers.iter().map(|e| e.meta.id).chain(descents.iter().map(|e| e.id));
        let names = names.chain(problems.iter().filter(|e| !e.hidden).map(|e| e.short()));
        return Err(Error::unknown("optimizer, descent or problem", name, names));
    }
    Ok(Ending::Done)
}

fn optimizer(entry: &registry::Entry, console: Console) -> Result<()> {
    let (meta, schema) = (&entry.meta, entry.schema());
    let (family, capabilities) = (json!(meta.family), capabilities(entry));
    let open = registry::left_to_the_horizon(&Spec::new(meta.id))?;
    console.object(&json!({
        "id": meta.id, "kind": "optimizer", "family": family, "summary": meta.summary, "citation": meta.citation,
        "capabilities": capabilities, "settings": schema, "left_to_the_horizon": open,
    }))?;
    console.line(format!("{} ({}): {}", meta.id, family.as_str().unwrap_or_default(), meta.summary))?;
    console.line(format!("{}\n", meta.citation))?;
    for fact in facts(&capabilities).into_iter().chain(filled(&open)) {
        console.line(format!("  - {fact}"))?;
    }
    console.line("")?;
    settings_table(&schema, console)
}

/// What the length of the run decides, in words.
fn filled(open: &[String]) -> Option<String> {
    (!open.is_empty()).then(|| format!("the length of the run fills: {}", open.join(", ")))
}

/// What it can do with default settings, in words.
fn facts(can: &Capabilities) -> Vec<String> {
    let said = [
        (can.needs_gradient, "needs gradients: a yardstick, no derivative-free method"),
        (!can.needs_gradient, "needs nothing but losses"),
        (can.compares_steps, "compares losses of different steps: minibatches of unlike difficulty disturb it"),
        (can.seeds_only, "holds seeds, never candidates: memory does not grow with their number"),
        (can.rank_based, "sees only the order of losses"),
        (can.translation, "does not mind where the problem lies"),
        (can.rotation, "does not mind how the problem is turned"),
        (can.at_walls, "finds minima on bounds, in corners and close to them"),
        (can.converges, "says when going on is pointless"),
        (can.discrete, "keeps integers and flags moving while real numbers converge"),
        (can.monotone, "never gives up the best point it has seen for a worse one"),
    ];
    let mut facts: Vec<String> = said.into_iter().filter(|(holds, _)| *holds).map(|(_, fact)| fact.to_owned()).collect();
    let bounds = match can.walls {
        Walls::Fold => "points outside are evaluated at their mirror images",
        Walls::Smooth => "a smooth fold of all space is evaluated",
        Walls::Reflect => "what is stopped there turns back",
        Walls::Halfway => "points outside go halfway back to their parents",
        _ => "kept by drawing inside, or by moving to the nearest point inside",
    };
    facts.push(format!("bounds: {bounds}"));
    let a_candidate = match can.state_per_candidate {
        0.0 => String::new(),
        numbers => format!(" and {numbers} a parameter and candidate"),
    };
    let a_pair = match can.state_per_pair {
        0.0 => String::new(),
        numbers => format!(" and {numbers} a pair of parameters"),
    };
    facts.push(format!("state: {} numbers a parameter{a_candidate}{a_pair}", can.state_per_parameter));
    facts
}

fn problem(entry: &problem::Entry, options: &problem::Options, console: Console) -> Result<()> {
    if entry.reads_files {
        console.object(&json!({
            "name": entry.name, "kind": entry.kind, "summary": entry.summary, "citation": entry.citation, "reads_files": true,
        }))?;
        console.line(format!("{}: {}\n{}\n", entry.name, entry.summary, entry.citation))?;
        return console.line("  - reads its data from the folder that --data names");
    }
    let built = entry.build(options)?;
    let (evaluations, seed) = (built.default_evaluations(), 1);
    let (optimizer, dim) = (built.default_optimizer(), built.objective(seed)?.space().dim());
    let measures: Vec<&str> = built.measures().iter().map(|m| m.name).collect();
    console.object(&json!({
        "name": entry.name, "kind": entry.kind, "summary": entry.summary, "citation": entry.citation, "dim": dim,
        "evaluations": evaluations, "optimizer": optimizer, "measures": measures,
    }))?;
    console.line(format!("{}: {}\n{}\n", entry.name, entry.summary, entry.citation))?;
    console.line(format!("  - {dim} parameters"))?;
    console.line(format!("  - by default {evaluations} evaluations of {optimizer}"))?;
    console.line(format!("  - answers are judged by: {}", measures.join(", ")))
}

fn settings_table(schema: &Value, console: Console) -> Result<()> {
    let Some(properties) = schema["properties"].as_object().filter(|p| !p.is_empty()) else {
        return console.line("It has no settings.");
    };
    let mut rows = table(["setting", "default", "valid", "what it is"]);
    for (name, property) in properties {
        let meaning = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let default = property.get("default").map_or_else(|| "-".to_owned(), plain);
        rows.add_row([name.as_str(), &default, &settings::describe(property), &meaning]);
    }
    console.line(rows)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
