//! Files that are replaced whole or not at all, and that one program writes at a time.
//!
//! What stands beside a file `run.ckpt` while it is written is hidden and named after it: `.moths-TAG-XXXXXX.tmp` becomes the file,
//! `.moths-TAG.lock` says that somebody writes it ([`Claim`]); TAG is a hash of `run.ckpt`. Both are locked by whoever made them, and the
//! system gives up the locks of a program that is killed: so whoever comes next can tell what is left over from what is in use, and
//! removes it.

mod claim;
mod names;
pub(crate) mod positioned;
pub(crate) mod seal;
mod temporary;
mod tensors;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::{Error, Result, durable::seal::Check};
pub use claim::Claim;
pub(crate) use tensors::{Piece, write_tensors};

/// Bytes that are handed to the system at a time.
const BUFFER: usize = 1 << 18;

/// Replaces a file: whoever reads it sees the old one or the new one, never a part, even if the power fails meanwhile.
///
/// `write` writes into a file beside it, which then takes its place, and its permissions: a new file has those that the system gives new
/// files. What a writer that was killed left beside it is removed.
///
/// ```
/// # let path = tempfile::tempdir().unwrap().keep().join("figures.csv");
/// moths_core::durable::replace_file(&path, |out| {
///     writeln!(out, "1,2").map_err(|source| moths_core::Error::Io { path: path.clone(), source })
/// })?;
/// # assert_eq!(std::fs::read_to_string(&path).unwrap(), "1,2\n");
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// What `write` fails with; [`Error::File`] when something stands there that is no regular file, a symbolic link too, and when the folder does
/// not exist; [`Error::Io`]. The old file is then still there.
pub fn replace_file(path: impl AsRef<Path>, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let path = path.as_ref();
    let io = |source| Error::Io { path: path.into(), source };
    let permissions = check_target(path)?;
    temporary::remove_orphans(path);
    let temporary = beside(path)?;
    if let Some(permissions) = permissions {
        temporary.as_file().set_permissions(permissions).map_err(io)?;
    }
    let mut out = BufWriter::with_capacity(BUFFER, temporary.as_file());
    write(&mut out)?;
    out.flush().map_err(io)?;
    drop(out);
    temporary.as_file().sync_all().map_err(io)?;
    // Locked until it has its new name: until then it looks like one that was left.
    let _held = temporary.persist(path).map_err(|e| io(e.error))?;
    sync_folder(path)
}

/// The names of files that were made, renamed and removed beside this one are on the disk. (Where folders can be opened: not on Windows,
/// which keeps a log of names itself.)
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let sync = File::open(names::folder(path)).and_then(|folder| folder.sync_all());
    sync.map_err(|source| Error::Io { path: path.into(), source })
}

/// Could [`replace_file`] put a file there? What a writer that was killed left beside it is removed.
///
/// # Errors
/// As [`replace_file`].
pub fn check_file(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    check_target(path)?;
    temporary::remove_orphans(path);
    beside(path).map(drop)
}

/// A temporary file beside this one.
fn beside(path: &Path) -> Result<NamedTempFile> {
    temporary::beside(path).map_err(|source| match names::folder(path) {
        folder if source.kind() == io::ErrorKind::NotFound => {
            Error::File { path: path.into(), why: format!("the folder `{}` does not exist", folder.display()) }
        }
        _ => Error::Io { path: path.into(), source },
    })
}

/// The XXH3-64 of some bytes: it tells whether they are what was written, and proves nothing about who wrote them.
pub fn checksum(bytes: &[u8]) -> u64 {
    let mut check = Check::new(0);
    check.add(bytes);
    check.word()
}

/// A file that is to be read, or made: a pipe would be waited for.
///
/// # Errors
/// [`Error::File`] for something else; [`Error::Io`].
pub(crate) fn check_readable(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => Err(Error::File { path: path.into(), why: "is no regular file".into() }),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Io { path: path.into(), source }),
    }
}

/// The permissions of what is there already.
fn check_target(path: &Path) -> Result<Option<Permissions>> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() => Ok(Some(meta.permissions())),
        Ok(_) => Err(Error::File { path: path.into(), why: "is no regular file, and will not be replaced".into() }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { path: path.into(), source }),
    }
}
