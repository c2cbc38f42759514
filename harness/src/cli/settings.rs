//! The settings of an optimizer or of an update rule as a table: `moths show` prints it, and so does the documentation of every one of them.
//!
//! The documentation includes a page of Markdown, `settings/<id>.md`, from a folder beside the sources. Tests hold these pages equal to what
//! the schemas say; where `MOTHS_BLESS` is set they write them anew.

use moths::Spec;
use serde_json::Value;

use super::words::valid;
use crate::label::words;

/// What the columns are.
pub(super) const HEAD: [&str; 4] = ["setting", "default", "valid", "what it is"];

/// What stands in the place of a table without rows.
pub(super) const NONE: &str = "It has no settings.";

/// A row a setting.
pub(super) fn rows(schema: &Value) -> Vec<[String; 4]> {
    let row = |(name, property): (&String, &Value)| {
        let meaning = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let default = property.get("default").map_or_else(|| "-".to_owned(), plain);
        [name.clone(), default, valid(property), meaning]
    };
    schema["properties"].as_object().into_iter().flatten().map(row).collect()
}

fn plain(value: &Value) -> String {
    match serde_json::from_value::<Spec>(value.clone()) {
        Ok(spec) => words(&spec),
        Err(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        env, fs, io,
        path::{Path, PathBuf},
        sync::Arc,
    };

    use moths::{
        optimizer::{Family, descent},
        registry,
    };

    use super::{
        super::words::{Choice, KINDS},
        *,
    };
    use crate::names::alternatives;

    /// Whose settings have a page.
    struct Owner {
        id: &'static str,
        schema: Arc<Value>,
        /// The sources of its crate, or of all update rules.
        sources: PathBuf,
        /// The crate of the words, as its documentation calls it.
        core: &'static str,
    }

    impl Owner {
        fn page(&self) -> PathBuf {
            self.sources.join("settings").join(format!("{}.md", self.id))
        }
    }

    fn owners() -> Vec<Owner> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let family = |family| match family {
            Family::Random => "algos-random",
            Family::Swarm => "algos-swarm",
            Family::Evolution => "algos-evolution",
            Family::Local => "algos-local",
            Family::Ensemble => "algos-ensemble",
            other => unreachable!("name the folder of the family {other:?} here"),
        };
        let optimizers = registry::entries().into_iter().map(|entry| {
            let sources = root.join(family(entry.meta.family)).join("src");
            Owner { id: entry.meta.id, schema: entry.schema(), sources, core: "moths_core" }
        });
        let descents = descent::entries().into_iter().map(|entry| {
            let sources = root.join("core/src/optimizer/descent");
            Owner { id: entry.id, schema: entry.schema(), sources, core: "crate" }
        });
        optimizers.chain(descents).collect()
    }

    fn page(owner: &Owner) -> String {
        let made = "Made from the schema: `MOTHS_BLESS=1 cargo test -p moths-cli --lib settings` writes it anew.";
        let head = format!("<!-- {made} -->\n# Settings of `{}`\n\n", owner.id);
        let rows = rows(&owner.schema);
        if rows.is_empty() {
            return head + NONE + "\n";
        }
        let line = |cells: [String; 4]| format!("| {} |\n", cells.join(" | "));
        let body = rows.into_iter().map(|[name, default, valid, meaning]| {
            line([format!("`{name}`"), format!("`{}`", default.replace('|', "\\|")), cell(&valid), cell(&meaning)])
        });
        let table = line(HEAD.map(str::to_owned)) + "|---|---|---|---|\n" + &body.collect::<String>();
        head + &table + &explained(owner)
    }

    /// What values there are of the kinds that the table only names.
    fn explained(owner: &Owner) -> String {
        let properties: Vec<&Value> = owner.schema["properties"].as_object().into_iter().flat_map(|p| p.values()).collect();
        let there = KINDS.iter().filter(|kind| properties.iter().any(|property| kind.is_in(property)));
        let line = |kind: &super::super::words::Kind| {
            let forms: Vec<String> = kind.choices().iter().map(Choice::form).map(|form| format!("`{form}`")).collect();
            format!(
                "\n*{}*, {}: {}. See [`{}`]({}::{}).\n",
                kind.one,
                kind.meaning,
                forms.join(", "),
                kind.documented.rsplit("::").next().unwrap_or_default(),
                owner.core,
                kind.documented
            )
        };
        there.map(line).collect()
    }

    /// Text that ends no cell and begins neither link nor tag; code stays as it is.
    fn cell(text: &str) -> String {
        let plain = |text: &str| text.replace('[', "\\[").replace('<', "\\<").replace('*', "\\*");
        let parts = text.split('`').enumerate().map(|(i, part)| if i % 2 == 0 { plain(part) } else { part.to_owned() });
        parts.collect::<Vec<_>>().join("`").replace('|', "\\|")
    }

    /// All sources in a folder and below, one after another.
    fn sources(folder: &Path) -> io::Result<String> {
        let mut all = String::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                all += &sources(&path)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all += &fs::read_to_string(&path)?;
            }
        }
        Ok(all)
    }

    #[test]
    fn every_page_says_what_the_schema_says() -> io::Result<()> {
        let mut other = vec![];
        for owner in owners() {
            let (at, page) = (owner.page(), page(&owner));
            if env::var_os("MOTHS_BLESS").is_some() {
                fs::create_dir_all(owner.sources.join("settings"))?;
                fs::write(&at, &page)?;
            }
            if fs::read_to_string(&at).unwrap_or_default().replace("\r\n", "\n") != page {
                other.push(owner.id);
            }
        }
        assert!(other.is_empty(), "no page, or another, of the settings of {other:?}: MOTHS_BLESS=1 writes it");
        Ok(())
    }

    #[test]
    fn every_page_is_in_the_documentation_and_there_is_no_other() -> io::Result<()> {
        let owners = owners();
        for folder in owners.iter().map(|owner| &owner.sources).collect::<BTreeSet<_>>() {
            let text = sources(folder)?;
            let ours: BTreeSet<&str> = owners.iter().filter(|owner| owner.sources == *folder).map(|owner| owner.id).collect();
            let without: Vec<_> = ours.iter().filter(|id| !text.contains(&format!("settings/{id}.md\")"))).collect();
            assert!(without.is_empty(), "add `#![doc = include_str!(\"settings/<id>.md\")]` below the header of {without:?}");
            for entry in fs::read_dir(folder.join("settings"))? {
                let path = entry?.path();
                let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                assert!(ours.contains(id), "{} is of nobody who is registered", path.display());
            }
        }
        Ok(())
    }

    /// Does a schema say what values there are? Of a number that is at least one limit.
    fn is_said(schema: &Value) -> bool {
        let limits = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
        let said = |one: &Value| match one["type"].as_str().or_else(|| one["type"][0].as_str()) {
            Some("number" | "integer") => limits.iter().any(|limit| one[*limit].is_number()),
            Some("object") => one["properties"].as_object().is_some_and(|parts| parts.values().all(is_said)),
            Some("string") => one["type"].is_array() || one["enum"].is_array() || one["const"].is_string(),
            Some("boolean" | "null") => true,
            Some("array") => one["maxItems"].is_number() && (one["x-valid"].is_string() || is_said(&one["items"])),
            _ => one["x-valid"].is_string() || one["const"].is_string(),
        };
        alternatives(schema).into_iter().all(said)
    }

    #[test]
    fn every_setting_has_a_default_and_a_range_and_a_meaning() {
        for owner in owners() {
            for (name, property) in owner.schema["properties"].as_object().into_iter().flatten() {
                let of = format!("the setting `{name}` of {}", owner.id);
                assert!(property.get("default").is_some(), "{of} has no default");
                assert!(is_said(property), "{of} does not say what is valid: {property}");
                assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{of} does not say what it is");
            }
        }
    }

    #[test]
    fn a_cell_stays_one() {
        assert_eq!(cell("[`Pso`]: a < b | `a < b`"), "\\[`Pso`]: a \\< b \\| `a < b`");
        assert!(is_said(&serde_json::json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "null" }] })));
        assert!(!is_said(&serde_json::json!({ "type": ["number", "null"] })));
        assert!(!is_said(&serde_json::json!({ "type": "string" })));
    }
}
