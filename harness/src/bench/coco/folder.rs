//! The folder of one optimizer.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Groups, number::scientific, trial::Trial};
use crate::{
    Error, Result,
    bench::{Contestant, run::FINAL_GAP},
    files,
};

/// Whose observer writes such files.
const COCO_VERSION: &str = "2.8.2";

/// What the names of folders begin with that are being written.
const HIDDEN: &str = ".moths-new-";

/// A path in `parent` that reads like the label and is not among those `written`.
pub(super) fn unused(parent: &Path, label: &str, written: &[PathBuf]) -> PathBuf {
    let name = name(label);
    let numbered = (2u32..).map(|number| parent.join(format!("{name}-{number}")));
    let mut paths = std::iter::once(parent.join(&name)).chain(numbered);
    paths.find(|path| !written.contains(path)).expect("numbers do not end")
}

/// Letters, digits, points and hyphens: `cocopp` also names files after its folders.
fn name(label: &str) -> String {
    let plain: String = label.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { ' ' }).collect();
    let name = plain.split_whitespace().collect::<Vec<_>>().join("-");
    let name = name.trim_start_matches('.');
    if name.is_empty() { "optimizer".into() } else { name.into() }
}

/// Removes the folders in this one that were being written when an export was killed. What cannot be removed stays.
pub(super) fn clean(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(HIDDEN.as_bytes()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Writes the files into a hidden folder beside it, and then puts that in the place of this one, which holds nothing of anybody else's.
pub(super) fn write(folder: &Path, contestant: &Contestant, groups: &Groups<'_>) -> Result<()> {
    let mut hidden = OsString::from(HIDDEN);
    hidden.push(folder.file_name().unwrap_or_default());
    let fresh = folder.with_file_name(hidden);
    remove(&fresh)?;
    for (function, dims) in groups {
        let data = format!("data_f{function}");
        files::make_folder(&fresh.join(&data))?;
        let mut blocks = vec![];
        for (dim, trials) in dims {
            let file = format!("{data}/bbobexp_f{function}_DIM{dim}");
            let (targets, marks): (String, String) = trials.iter().map(|trial| (trial.target_rows(), trial.mark_rows())).unzip();
            files::replace_file(&fresh.join(format!("{file}.dat")), &targets)?;
            files::replace_file(&fresh.join(format!("{file}.tdat")), &marks)?;
            let endings: Vec<String> = trials.iter().map(Trial::ending).collect();
            blocks.push(format!("{}\n{file}.dat, {}", header(*function, *dim, contestant), endings.join(", ")));
        }
        // COCO's have no line end at the end either.
        files::replace_file(&fresh.join(format!("bbobexp_f{function}.info")), blocks.join("\n"))?;
    }
    remove(folder)?;
    fs::rename(&fresh, folder).map_err(|source| Error::Io { path: folder.into(), source })
}

/// The two lines of the index file before the one of the trials.
fn header(function: u32, dim: usize, contestant: &Contestant) -> String {
    let (precision, label, about) = (scientific(FINAL_GAP, 3), quotable(&contestant.label), quotable(&contestant.about));
    format!(
        "suite = 'bbob', funcId = {function}, DIM = {dim}, Precision = {precision}, algId = '{label}', \
         coco_version = '{COCO_VERSION}', logger = 'bbob', data_format = 'bbob-new2', settings = ''\n% {about}"
    )
}

/// One line, without what would end a quotation or mean something in it.
fn quotable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().replace('\'', "`").replace('\\', "/")
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Io { path: folder.into(), source }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_after_labels() {
        let parent = Path::new("coco");
        let first = unused(parent, "open-es (descent = adamw (rate = 0.1), pairs = 32)", &[]);
        assert_eq!(first, parent.join("open-es-descent-adamw-rate-0.1-pairs-32"));
        assert_eq!(unused(parent, "pso", std::slice::from_ref(&first)), parent.join("pso"));
        assert_eq!(unused(parent, "../(=)", &[]), parent.join("optimizer"));
        let again = unused(parent, "open-es [descent = adamw (rate = 0.1), pairs = 32]", std::slice::from_ref(&first));
        assert_eq!(again, parent.join("open-es-descent-adamw-rate-0.1-pairs-32-2"));
    }

    #[test]
    fn headers_are_those_of_the_observer() {
        let contestant = Contestant { label: "it's".into(), spec: None, about: "Two\nlines.".into() };
        assert_eq!(
            header(1, 2, &contestant),
            "suite = 'bbob', funcId = 1, DIM = 2, Precision = 1.000e-08, algId = 'it`s', coco_version = '2.8.2', logger = 'bbob', \
             data_format = 'bbob-new2', settings = ''\n% Two lines."
        );
    }
}
