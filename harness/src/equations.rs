//! The equations of optimizers and update rules, as the documentation of their sources has them.
//!
//! `data/equations.json` is taken from the sources, and a test holds it equal to them; it writes the file where `MOTHS_BLESS` is set.

use std::collections::BTreeMap;

/// The equations of the optimizer of this id.
pub fn of(id: &str) -> Option<String> {
    all().remove(id)
}

/// The equations of the descent of this id; an optimizer may have the same.
pub fn of_descent(id: &str) -> Option<String> {
    all().remove(&format!("{DESCENT}{id}"))
}

/// What stands before the ids of descents.
const DESCENT: &str = "descent/";

/// All that are known, by id.
fn all() -> BTreeMap<String, String> {
    serde_json::from_str(include_str!("../data/equations.json")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{env, fs, io, path::Path};

    use moths::{optimizer::descent, registry};

    use super::*;

    /// The first block of equations in the documentation of a source.
    fn block(source: &str) -> Option<String> {
        let documented = source.lines().map(str::trim_start).filter_map(|line| {
            let text = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"))?;
            Some(text.strip_prefix(' ').unwrap_or(text))
        });
        let block = documented.skip_while(|line| *line != "```text").skip(1).take_while(|line| *line != "```");
        let lines: Vec<&str> = block.collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// What a source registers; the examples of its documentation are none of it.
    fn ids(source: &str) -> Vec<String> {
        const MARKS: [&str; 4] = ["Meta::new(", "META\n        .id(", "const ID: &'static str = ", "preset_descent!("];
        let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        let behind = |mark: &&'static str| {
            code.split(*mark).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')).collect::<Vec<_>>()
        };
        MARKS.iter().flat_map(behind).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
    }

    fn gather(folder: &Path, before: &str, found: &mut BTreeMap<String, String>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                gather(&path, before, found)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path)?;
                let block = block(&source);
                found.extend(ids(&source).into_iter().filter_map(|id| Some((format!("{before}{id}"), block.clone()?))));
            }
        }
        Ok(())
    }

    #[test]
    fn they_are_those_of_the_sources() -> io::Result<()> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = BTreeMap::new();
        for folder in
            ["algos-random", "algos-swarm", "algos-evolution", "algos-local", "algos-ensemble", "core/src/optimizer/descent"]
        {
            let folder = here.join("..").join(folder);
            let (folder, before) = if folder.join("src").is_dir() { (folder.join("src"), "") } else { (folder, DESCENT) };
            gather(&folder, before, &mut found)?;
        }
        let optimizers = registry::entries().into_iter().map(|e| e.meta.id.to_owned());
        let registered = optimizers.chain(descent::entries().into_iter().map(|e| format!("{DESCENT}{}", e.id)));
        let missing: Vec<String> = registered.filter(|id| !found.contains_key(id)).collect();
        assert!(missing.is_empty(), "no ```text block in the sources of {missing:?}");
        if env::var_os("MOTHS_BLESS").is_some() {
            fs::write(here.join("data/equations.json"), serde_json::to_string_pretty(&found)? + "\n")?;
        } else {
            assert_eq!(found, all(), "other equations than the sources have: MOTHS_BLESS=1 takes them over");
        }
        Ok(())
    }
}
