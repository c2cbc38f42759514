//! The file that becomes another.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
};

use tempfile::{Builder, NamedTempFile};

use super::names::{TEMPORARY, folder, is_at, is_temporary, prefix};

/// How many letters tell temporary files of one target apart.
pub(super) const CHANCE: usize = 6;
/// Another program can take a file for one that was left, between its making and its locking: as often as this it is made anew.
const TRIES: usize = 100;

/// A file beside this one, locked. It goes when it is dropped.
pub(super) fn beside(path: &Path) -> io::Result<NamedTempFile> {
    for _ in 0..TRIES {
        let file = made(path)?;
        match file.as_file().try_lock() {
            Err(TryLockError::WouldBlock) => {}
            // Where there are no locks, nobody can take one and remove it.
            Ok(()) | Err(TryLockError::Error(_)) if is_at(file.as_file(), file.path()) => return Ok(file),
            _ => {}
        }
    }
    Err(io::Error::other("temporary files are removed as fast as they are made"))
}

fn made(path: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(path);
    // Opened here: left to tempfile it would be private to this user, and errors would tell its hidden name and not why.
    let open = |path: &Path| OpenOptions::new().read(true).write(true).create_new(true).open(path);
    Builder::new().prefix(&prefix).suffix(TEMPORARY).rand_bytes(CHANCE).make_in(folder(path), open)
}

/// Removes the temporary files of this one that nobody holds. What cannot be removed stays: the next one tries again.
pub(super) fn remove_orphans(path: &Path) {
    let prefix = prefix(path);
    for entry in fs::read_dir(folder(path)).into_iter().flatten().flatten() {
        if is_temporary(&entry.file_name(), &prefix) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = remove_unheld(&entry.path());
        }
    }
}

fn remove_unheld(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    file.try_lock()?;
    // It may have been renamed before it was locked.
    if is_at(&file, path) { fs::remove_file(path) } else { Ok(()) }
}
