//! `moths show NAME`.

use moths::{
    Spec,
    optimizer::{
        Capabilities,
        descent::{self, DescentEntry},
    },
    registry,
    space::Walls,
};
use serde_json::{Value, json};

use super::{
    Ending,
    list::capabilities,
    settings,
    table::{table, width, wrapped},
    words::{Choice, KINDS, Kind},
};
use crate::{
    Error, Result, equations,
    label::words,
    names,
    output::{Console, grouped},
    problem,
};

/// What any optimizer can be tried on.
const TRY: &str = "moths minimize rosenbrock --optimizer";

#[derive(clap::Args)]
pub(super) struct Args {
    /// An optimizer, a descent (an update rule; descent/NAME where an optimizer has the same name) or a problem
    name: String,
}

pub(super) fn run(args: &Args, console: Console) -> Result<Ending> {
    let descent_alone = args.name.strip_prefix("descent/");
    let name = descent_alone.unwrap_or(&args.name);
    if let Some(entry) = registry::find(&names::optimizer(name)).ok().filter(|_| descent_alone.is_none()) {
        optimizer(entry, console)?;
    } else if let Some(entry) = names::descent(name).and_then(|id| descent::find(id).ok()) {
        descent(entry, console)?;
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
    let (equations, command) = (equations::of(meta.id), to_try(&capabilities, meta.id));
    console.object(&json!({
        "id": meta.id, "kind": "optimizer", "family": family, "summary": meta.summary, "citation": meta.citation,
        "capabilities": capabilities, "settings": *schema, "left_to_the_horizon": open, "equations": equations, "try": command,
    }))?;
    console.line(format!("{} ({}): {}", meta.id, family.as_str().unwrap_or_default(), meta.summary))?;
    console.line(format!("{}\n", meta.citation))?;
    indented(equations, console)?;
    for fact in facts(&capabilities).into_iter().chain(filled(&open)) {
        console.line(format!("  - {fact}"))?;
    }
    console.line("")?;
    settings_table(&schema, console)?;
    if descent::find(meta.id).is_ok() {
        console.line(format!("\nThe update rule of this name: moths show descent/{}", meta.id))?;
    }
    console.line(format!("\nTry: {command}"))
}

fn descent(entry: &DescentEntry, console: Console) -> Result<()> {
    let (equations, command) = (equations::of_descent(entry.id), format!("{TRY} spsa --set descent={}", entry.id));
    console.object(&json!({
        "id": entry.id, "kind": "descent", "summary": entry.summary, "settings": *entry.schema(), "equations": equations,
        "try": command,
    }))?;
    console.line(format!("{}: {}\n", entry.id, entry.summary))?;
    indented(equations, console)?;
    settings_table(&entry.schema(), console)?;
    console.line(format!("\nTry: {command}"))
}

/// A command that runs it, on a problem that has what it needs.
fn to_try(can: &Capabilities, id: &str) -> String {
    if !can.needs_only_losses() { format!("moths train spirals --optimizer {id}") } else { format!("{TRY} {id}") }
}

fn indented(text: Option<String>, console: Console) -> Result<()> {
    let Some(text) = text else { return Ok(()) };
    text.lines().try_for_each(|line| console.line(format!("    {line}")))?;
    console.line("")
}

/// What the length of the run decides, in words.
fn filled(open: &[String]) -> Option<String> {
    (!open.is_empty()).then(|| format!("the length of the run fills: {}", open.join(", ")))
}

/// What it can do with default settings, in words.
pub(super) fn facts(can: &Capabilities) -> Vec<String> {
    let said = [
        (can.needs_gradient, "needs gradients: a yardstick, no derivative-free method"),
        (can.needs_outputs, "needs a model's outputs, and the derivatives of its loss by them; none of the model"),
        (can.needs_only_losses(), "needs nothing but losses"),
        (can.compares_steps, "compares losses of different steps: minibatches of unlike difficulty disturb it"),
        (can.seeds_only, "holds seeds, never candidates: memory does not grow with their number"),
        (can.in_place, "searches a model in place, in the memory that running it takes"),
        (can.rank_based, "sees only the order of losses"),
        (can.translation, "does not mind where the problem lies"),
        (can.rotation, "does not mind how the problem is turned"),
        (can.at_walls, "finds minima on bounds, in corners and close to them"),
        (can.converges, "says when going on is pointless"),
        (can.discrete, "keeps integers and flags moving while real numbers converge"),
        (can.suggestible, "takes suggestions: points to be looked at in its next step"),
        (can.asynchronous, "proposes while losses are outstanding, and learns of them in any order"),
        (can.deterministic, "draws no random numbers: every seed takes the same path"),
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
    let fixed = match can.state_fixed {
        0.0 => String::new(),
        numbers => format!("at most {numbers} numbers, and "),
    };
    facts.push(format!("state: {fixed}{} numbers a parameter{a_candidate}{a_pair}", can.state_per_parameter));
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
    console.line(format!("  - by default {} evaluations of {}", grouped(evaluations), words(&optimizer)))?;
    console.line(format!("  - answers are judged by: {}", measures.join(", ")))
}

fn settings_table(schema: &Value, console: Console) -> Result<()> {
    let properties = schema["properties"].as_object().filter(|p| !p.is_empty());
    let Some(properties) = properties else { return console.line(settings::NONE) };
    let mut rows = table(settings::HEAD);
    rows.add_rows(settings::rows(schema));
    console.line(rows)?;
    let explained = KINDS.iter().filter(|kind| properties.values().any(|property| kind.is_in(property)));
    explained.into_iter().try_for_each(|kind| explain(kind, console))
}

/// What values of a kind there are, once for all settings that take them.
fn explain(kind: &Kind, console: Console) -> Result<()> {
    console.line(format!("\n{}: {}", kind.one, kind.meaning))?;
    let choices = kind.choices();
    let forms: Vec<String> = choices.iter().map(Choice::form).collect();
    let widest = forms.iter().map(|form| form.chars().count()).max().unwrap_or(0);
    for (choice, form) in choices.iter().zip(forms) {
        console.line(format!("  {form:widest$}  {}", wrapped(&choice.what, widest + 4, width())))?;
    }
    Ok(())
}
