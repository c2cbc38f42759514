//! The right to write a file.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::names::{is_at, lock};
use crate::{Error, Result};

/// A lock that was removed by its holder is made anew as often as this.
const TRIES: usize = 100;

/// The right to write a file, held by one program at a time, from one replacement to the next.
///
/// The file itself is replaced each time, and a lock on it would go with the old one. So an empty hidden file beside it is locked. It goes
/// when the claim is dropped; after a kill it stays, and the next one takes it over.
#[derive(Debug)]
pub struct Claim {
    /// Held open: the lock is on it.
    _file: File,
    lock: PathBuf,
}

impl Claim {
    /// Takes the right to write this file, which need not exist.
    ///
    /// # Errors
    /// [`Error::File`] when somebody else holds it; [`Error::Io`].
    pub fn take(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let lock = lock(path);
        for _ in 0..TRIES {
            let file = open(&lock).map_err(|source| Error::Io { path: path.into(), source })?;
            let held = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            match (held, is_at(&file, &lock)) {
                (true, true) => return Err(refused(path)),
                // Where there are no locks, nobody holds one.
                (false, true) => return Ok(Self { _file: file, lock }),
                // Its holder has just removed it.
                (_, false) => {}
            }
        }
        Err(refused(path))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Before it is given up: what is removed later may be somebody else's.
        let _ = fs::remove_file(&self.lock);
    }
}

fn open(lock: &Path) -> io::Result<File> {
    if fs::symlink_metadata(lock).is_ok_and(|meta| !meta.is_file()) {
        return Err(io::Error::other(format!("{} is in the way: it is no regular file", lock.display())));
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(lock)
}

fn refused(path: &Path) -> Error {
    Error::File { path: path.into(), why: "another program is writing it; wait for its end, or name another place".into() }
}
