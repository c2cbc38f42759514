//! The folders of this crate are floors: what stands in one knows nothing of those above it. Read off the `use` lines, and off every other
//! `crate::` in code; documentation may point upwards, and so may unit tests.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// From the ground up.
const FLOORS: [&str; 13] = [
    "reason",
    "error",
    "memory",
    "rng",
    "durable",
    "tensor",
    "fuse",
    "persist",
    "space",
    "noise",
    "objective",
    "optimizer",
    "run",
];

/// What stands at the root and belongs to the ground.
const GROUND: [&str; 3] = ["Error", "Result", "candle_core"];

#[test]
fn nothing_is_imported_from_above() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = vec![];
    for file in files(&root)? {
        let name = file.strip_prefix(&root).unwrap_or(&file);
        let floor = name.iter().next().and_then(|first| first.to_str()).unwrap_or("").trim_end_matches(".rs");
        if floor == "lib" {
            continue;
        }
        let Some(here) = FLOORS.iter().position(|f| *f == floor) else {
            wrong.push(format!("{} stands on no floor", name.display()));
            continue;
        };
        let text = fs::read_to_string(&file)?;
        for imported in imported(&code(&text)) {
            let why = match FLOORS.iter().position(|f| *f == imported) {
                Some(there) if there > here => "which is above it",
                // A macro is both: what it expands to is looked at where it is defined.
                None if !GROUND.contains(&&*imported) && !is_macro(&imported) => "by way of the root and not of a floor",
                _ => continue,
            };
            wrong.push(format!("{} ({floor}) imports `{imported}`, {why}", name.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn upward_imports_are_seen() {
    let text = "use crate::{Error, kernel, run::{Stop, stop::Reason}, space};\n// crate::optimizer\nlet x = crate::objective::f();\n\
                $crate::noise::g()\nuse crate::\n    rng::Key;\n#[cfg(test)]\nmod tests { use crate::optimizer::Spec; }";
    assert_eq!(imported(&code(text)), ["Error", "kernel", "run", "space", "objective", "noise", "rng"]);
}

/// What is compiled into the library: no comments, and nothing from the unit tests on.
fn code(text: &str) -> String {
    let library = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    library.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// The first name of every path from the root of the crate.
fn imported(code: &str) -> Vec<String> {
    let mut names = vec![];
    for (at, found) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let mut rest = code[at + found.len()..].trim_start();
        let is_tree = rest.starts_with('{');
        let mut depth = 0;
        loop {
            rest = rest.trim_start();
            let word = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
            if word > 0 {
                if depth == usize::from(is_tree) {
                    names.push(rest[..word].to_string());
                }
                rest = &rest[word..];
                if !is_tree {
                    break;
                }
                // The rest of this branch.
                let mut inside = 0;
                let end = rest.find(|c| {
                    inside += i32::from(c == '{') - i32::from(c == '}');
                    inside < 0 || (c == ',' && inside == 0)
                });
                rest = &rest[end.unwrap_or(rest.len())..];
                continue;
            }
            match rest.chars().next() {
                Some('{') => depth += 1,
                Some(',') => {}
                _ => break,
            }
            rest = &rest[1..];
        }
    }
    names
}

/// Names of macros are exported at the root whatever file they stand in.
fn is_macro(name: &str) -> bool {
    ["kernel", "__kernel", "persist", "register", "register_descent", "with_scalar", "passes_on", "__private"].contains(&name)
}

/// The sources below a folder, without those that are unit tests alone.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = vec![];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true if !path.ends_with("tests") => all.extend(files(&path)?),
            false if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") => all.push(path),
            _ => {}
        }
    }
    Ok(all)
}
