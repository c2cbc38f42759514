//! The table on the facade's first page, `src/optimizers.md`, says what the registry says.
#![cfg(all(feature = "random", feature = "swarm", feature = "evolution", feature = "local", feature = "ensemble"))]

use std::{fmt::Write, fs, path::Path};

use moths::{
    optimizer::{Capabilities, Family, Meta},
    registry,
};

#[test]
fn the_first_page_lists_the_registry() -> Result<(), Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/optimizers.md");
    let page = page()?;
    if std::env::var_os("MOTHS_BLESS").is_some() {
        fs::write(&path, &page)?;
    }
    let held = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(held == page, "src/optimizers.md is not what the registry says; run `MOTHS_BLESS=1 cargo test -p moths --test page`");
    Ok(())
}

fn page() -> Result<String, std::fmt::Error> {
    let mut page =
        String::from("<!-- Made from the registry: `MOTHS_BLESS=1 cargo test -p moths --test page` writes it anew. -->\n");
    let entries = registry::entries();
    let mut families: Vec<Family> = entries.iter().map(|entry| entry.meta.family).collect();
    families.sort_unstable();
    families.dedup();
    for family in families {
        let (name, about) = named(family);
        writeln!(page, "\n## {about}\n\nFeature `{name}`, crate `moths-{name}`.\n")?;
        writeln!(page, "| name | what it is | size | promises | source |\n|---|---|---|---|---|")?;
        for entry in entries.iter().filter(|entry| entry.meta.family == family) {
            writeln!(page, "{}", row(name, &entry.meta))?;
        }
    }
    Ok(page)
}

/// The feature, which is also the module's name, and what stands above the table.
fn named(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::Random => ("random", "One point, moved by chance"),
        Family::Swarm => ("swarm", "Particles that see each other"),
        Family::Evolution => ("evolution", "Populations and distributions"),
        Family::Local => ("local", "From one point"),
        Family::Ensemble => ("ensemble", "Made of optimizers"),
        other => unreachable!("name the family {other:?} here, and what is in it"),
    }
}

fn row(family: &str, meta: &Meta) -> String {
    // One algorithm is one file, and the file's name is its id.
    let module = meta.id.replace('-', "_");
    let size = meta.size.map(|size| format!("`{size}`")).unwrap_or_default();
    let (summary, promises, citation) = (cell(meta.summary), promises(&meta.capabilities), cell(meta.citation));
    format!("| [`{}`]({family}::{module}) | {summary} | {size} | {promises} | {citation} |", meta.id)
}

/// Text that ends no cell and begins no link.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('[', "\\[").replace('<', "\\<")
}

/// In the words that the page explains, in its order.
fn promises(of: &Capabilities) -> String {
    let all = [
        (of.needs_gradient, "needs gradients"),
        (of.needs_outputs, "needs outputs"),
        (of.seeds_only, "seeds"),
        (of.in_place, "in place"),
        (of.rank_based, "ranks"),
        (of.translation, "moves"),
        (of.rotation, "turns"),
        (of.monotone, "never rises"),
        (of.beats_random, "beats random"),
        (of.at_walls, "walls"),
        (of.discrete, "discrete"),
        (of.converges, "ends"),
        (of.suggestible, "suggestible"),
        (of.asynchronous, "asynchronous"),
    ];
    all.iter().filter(|(kept, _)| *kept).map(|(_, word)| *word).collect::<Vec<_>>().join(", ")
}
