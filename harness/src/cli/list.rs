//! `moths list`.

use clap::ValueEnum;
use moths::{
    Spec,
    optimizer::{
        Capabilities, Family,
        descent::{self, DescentEntry},
    },
    registry,
};
use serde_json::{Value, json};

use super::{
    Ending,
    layers::LAYERS,
    show::facts,
    table::{lines, width, wrapped},
    words::{Choice, KINDS},
};
use crate::{
    Result,
    output::Console,
    problem::{self, Entry},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// What to list
    #[arg(value_enum, default_value = "optimizers")]
    what: What,
    /// Say everything of each: the whole summary, the source, what it can do
    #[arg(long)]
    long: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Optimizers,
    Descents,
    Samplers,
    Schedules,
    Problems,
    Layers,
}

/// One line of a list, and what is behind it.
struct Item {
    name: String,
    /// What it belongs to: a family, a suite; nothing where all are of one.
    group: String,
    /// Families have an order.
    family: Option<Family>,
    /// One sentence.
    summary: String,
    /// What else there is to say, for `--long`.
    more: Vec<String>,
    /// All of it for scripts.
    object: Value,
}

pub(super) fn run(args: &Args, console: Console) -> Result<Ending> {
    let mut items: Vec<Item> = match args.what {
        What::Optimizers => registry::entries().into_iter().map(optimizer).collect(),
        What::Descents => descent::entries().into_iter().map(descent).collect(),
        What::Schedules => KINDS[0].choices().iter().map(choice).collect(),
        What::Samplers => KINDS[1].choices().iter().map(choice).collect(),
        What::Problems => problem::entries().into_iter().filter(|e| !e.hidden).map(problem).collect(),
        What::Layers => LAYERS.iter().map(layer).collect(),
    };
    items.iter().try_for_each(|item| console.object(&item.object))?;
    items.sort_by_key(|item| item.family);
    for group in items.chunk_by(|a, b| a.group == b.group) {
        print(group, args.long, console)?;
    }
    console.line(hint(args.what))?;
    Ok(Ending::Done)
}

fn print(group: &[Item], long: bool, console: Console) -> Result<()> {
    let (title, indent) = (&group[0].group, if group[0].group.is_empty() { 0 } else { 2 });
    if indent > 0 {
        console.line(format!("{title} ({})", group.len()))?;
    }
    if !long {
        let named = group.iter().map(|item| (&*item.name, &*item.summary));
        lines(named, indent, width()).into_iter().try_for_each(|line| console.line(line))?;
        return console.line("");
    }
    for Item { name, summary, more, .. } in group {
        console.line(format!("{:indent$}{}", "", wrapped(&format!("{name}: {summary}"), indent + 4, width())))?;
        for said in more {
            console.line(format!("{:indent$}    {}", "", wrapped(said, indent + 4, width())))?;
        }
    }
    console.line("")
}

/// What else there is to ask.
fn hint(what: What) -> &'static str {
    match what {
        What::Optimizers | What::Descents => {
            "`moths show NAME` shows one with its equations and settings; --long says more of all"
        }
        What::Problems => "`moths show NAME` shows one; --long says more of all",
        What::Samplers => "for settings called `sampler`: --set sampler=normal, --set 'sampler={\"student-t\":{\"dof\":3}}'",
        What::Schedules => {
            "for settings that may change with the step: --set sigma=0.1, --set 'sigma={\"cosine\":{\"from\":0.3,\"to\":0.1}}'"
        }
        What::Layers => "layers go around objectives, in a program: `Pool::new(objectives)`",
    }
}

fn optimizer(entry: &registry::Entry) -> Item {
    let (meta, capabilities) = (&entry.meta, capabilities(entry));
    let family = json!(meta.family);
    let object = json!({
        "id": meta.id, "family": family, "summary": meta.summary, "citation": meta.citation, "capabilities": capabilities,
    });
    Item {
        name: meta.id.into(),
        group: family.as_str().unwrap_or_default().into(),
        family: Some(meta.family),
        summary: meta.summary.into(),
        more: std::iter::once(meta.citation.to_owned())
            .chain(facts(&capabilities).iter().map(|fact| format!("- {fact}")))
            .collect(),
        object,
    }
}

/// What an optimizer can do with its default settings: the parts it is built of count too.
pub(super) fn capabilities(entry: &registry::Entry) -> Capabilities {
    registry::capabilities(&Spec::new(entry.meta.id)).unwrap_or(entry.meta.capabilities)
}

/// An item of a list without groups.
fn plain(name: &str, summary: &str, more: Vec<String>, object: Value) -> Item {
    Item { name: name.into(), group: String::new(), family: None, summary: summary.into(), more, object }
}

fn descent(entry: &DescentEntry) -> Item {
    plain(entry.id, entry.summary, vec![], json!({ "id": entry.id, "summary": entry.summary }))
}

fn choice(choice: &Choice) -> Item {
    let more = choice.parts.iter().map(|[name, valid, what]| format!("{name}: {valid}. {what}")).collect();
    plain(&choice.form(), &choice.what, more, choice.json())
}

fn layer((name, summary): &(&str, &str)) -> Item {
    plain(name, summary, vec![], json!({ "name": name, "summary": summary }))
}

fn problem(entry: Entry) -> Item {
    let command = if entry.kind == problem::Kind::Model { "train" } else { "minimize" };
    let object = json!({ "name": entry.name, "kind": entry.kind, "summary": entry.summary, "citation": entry.citation });
    Item {
        group: entry.name.split('/').next().unwrap_or_default().into(),
        more: vec![entry.citation, format!("moths {command} {}", entry.name)],
        ..plain(&entry.name, &entry.summary, vec![], object)
    }
}
