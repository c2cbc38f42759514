//! A file that is held open.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    durable::{self, positioned::read_at, replace_file},
};

/// Bytes that are read, or worked on, at a time.
pub(super) const BYTES: usize = 1 << 22;

/// A file that is held open.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) len: u64,
}

impl Opened {
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for something that is no regular file.
    pub(super) fn new(path: &Path, writable: bool) -> Result<Self> {
        let io = |source| Error::Io { path: path.into(), source };
        let file = OpenOptions::new().read(true).write(writable).open(path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        if !meta.is_file() {
            return Err(Error::File { path: path.into(), why: "is no regular file".into() });
        }
        Ok(Self { path: path.into(), file, len: meta.len() })
    }

    /// Puts a file in the place of another. It is written and opened beside it, as `PATH.new`: on failure the old one is as it was,
    /// and where it was. That it has its name is on the disk after [`sync_folder`].
    ///
    /// # Errors
    /// As [`replace_file`].
    pub(super) fn put(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<Self> {
        let io = |source| Error::Io { path: path.into(), source };
        durable::check_file(path)?;
        let new = beside(path, "new");
        let put = replace_file(&new, write).and_then(|()| {
            let opened = Self::new(&new, true)?;
            if let Ok(old) = fs::metadata(path) {
                opened.file.set_permissions(old.permissions()).map_err(io)?;
            }
            fs::rename(&new, path).map_err(io)?;
            Ok(Self { path: path.into(), ..opened })
        });
        // What is left of a failure is no use to anybody.
        put.inspect_err(|_| drop(fs::remove_file(&new)))
    }

    pub(super) fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        read_at(&self.file, at, out).map_err(|source| Error::Io { path: self.path.clone(), source })
    }

    /// The bytes from `from` to `to`, piece by piece.
    pub(super) fn each(&self, from: u64, to: u64, mut show: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (mut at, mut bytes) = (from, vec![]);
        while at < to {
            bytes.resize(BYTES.min((to - at) as usize), 0);
            self.read(at, &mut bytes)?;
            show(&bytes)?;
            at += bytes.len() as u64;
        }
        Ok(())
    }
}

/// A file beside another, named after it.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}
