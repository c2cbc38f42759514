//! Which files are those of an export: what takes their place may replace them, and no others.

use std::{
    fs::{self, DirEntry},
    io,
    path::Path,
};

use crate::{Error, Result};

/// Makes sure that there is nothing in a folder but what an export writes, or no folder.
///
/// # Errors
/// [`Error::File`] for anything else; [`Error::Io`].
pub(super) fn check(folder: &Path) -> Result<()> {
    match fs::symlink_metadata(folder) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => return Err(refused(folder, "is no folder")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Io { path: folder.into(), source }),
    }
    each(folder, |entry, name| match entry.file_type() {
        Ok(kind) if kind.is_dir() && has_number(name, "data_f", "") => {
            each(&entry.path(), |entry, name| known(entry, entry.file_type().is_ok_and(|kind| kind.is_file()) && is_data(name)))
        }
        kind => known(entry, kind.is_ok_and(|kind| kind.is_file()) && has_number(name, "bbobexp_f", ".info")),
    })
}

/// Looks at everything in a folder; a name that is no text is like one that nobody knows.
fn each(folder: &Path, look: impl Fn(&DirEntry, &str) -> Result<()>) -> Result<()> {
    let io = |source| Error::Io { path: folder.into(), source };
    fs::read_dir(folder).map_err(io)?.try_for_each(|entry| {
        let entry = entry.map_err(io)?;
        look(&entry, entry.file_name().to_str().unwrap_or_default())
    })
}

fn known(entry: &DirEntry, ours: bool) -> Result<()> {
    if ours { Ok(()) } else { Err(refused(&entry.path(), "is nothing that an export wrote")) }
}

fn refused(path: &Path, why: &str) -> Error {
    let why = format!("{why}, and would be lost where one is written: move it away, or export to another folder");
    Error::File { path: path.into(), why }
}

/// `bbobexp_f8_DIM10.dat`, or `.tdat`
fn is_data(name: &str) -> bool {
    let parts = name.split_once("_DIM");
    parts.is_some_and(|(function, dim)| {
        has_number(function, "bbobexp_f", "") && (has_number(dim, "", ".dat") || has_number(dim, "", ".tdat"))
    })
}

/// Is there a number between these, and nothing else?
fn has_number(name: &str, before: &str, behind: &str) -> bool {
    let number = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_told_from_ours() {
        assert!(["bbobexp_f8_DIM10.dat", "bbobexp_f24_DIM2.tdat"].iter().all(|name| is_data(name)));
        let others = ["", "bbobexp_f8_DIM10.rdat", "bbobexp_f8_DIM.dat", "bbobexp_f8_DIM10.dat~", "notes.dat", "bbobexp_f8.info"];
        assert!(others.iter().all(|name| !is_data(name)));
        assert!(has_number("data_f8", "data_f", "") && !has_number("data_f8.old", "data_f", ""));
    }
}
