//! What can be laid around any objective. Layers are built in a program and have no names to be looked up by, so they stand here.

/// A layer and what it does, in a sentence.
pub(super) const LAYERS: [(&str, &str); 6] = [
    ("Best", "Remembers the candidate of the lowest loss ever evaluated."),
    ("Budget", "Counts evaluations, and refuses to go over a limit."),
    ("Journal", "Writes every loss to a file as it comes, and answers from it what stands there already."),
    ("Noisy", "Lays noise over losses that had none; `--noise` of the commands."),
    ("Pool", "Evaluates a batch by several replicas at once; `--threads` of the commands."),
    ("Replay", "Gives the losses of a journal again without an objective."),
];

#[cfg(test)]
mod tests {
    use std::{fs, io, path::Path};

    use super::*;

    /// The types in these sources that are objectives.
    fn objectives(folder: &Path, found: &mut Vec<String>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                objectives(&path, found)?;
                continue;
            }
            if path.ends_with("tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let implementations = text.lines().filter(|line| line.starts_with("impl"));
            let names = implementations.filter_map(|line| line.split_once(" Objective for ")).map(|(_, name)| name);
            found.extend(names.filter_map(|name| name.split(['<', ' ']).next()).map(str::to_owned));
        }
        Ok(())
    }

    #[test]
    fn every_layer_is_listed() -> io::Result<()> {
        let mut found = vec![];
        for folder in ["../core/src/objective/layer", "../core/src/run/journal", "src/noisy"] {
            objectives(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found)?;
        }
        found.sort();
        assert_eq!(found, LAYERS.map(|(name, _)| name));
        Ok(())
    }
}
