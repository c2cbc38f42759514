//! A file that whole lines are added to.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::io_at;
use crate::Result;

/// Adds whole lines behind those that are there. Its owner sees to it that one program at a time has the file.
#[derive(Debug)]
pub(crate) struct Appender {
    path: PathBuf,
    file: File,
    /// Where the last whole line ends.
    end: u64,
    /// There may be the beginning of a line behind it.
    torn: bool,
}

impl Appender {
    /// Opens the file, or makes it, and cuts off what is behind byte `end`.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub(crate) fn open(path: &Path, end: u64) -> Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(io_at(path))?;
        let mut this = Self { path: path.into(), file, end, torn: true };
        this.cut()?;
        Ok(this)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds these bytes, or nothing.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), a full disk for instance; the file then is as it was before.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.cut()?;
        if let Err(source) = self.file.write_all(bytes) {
            self.torn = true;
            let _ = self.cut(); // if even this fails, the next line does it, or the next program
            return Err(io_at(&self.path)(source));
        }
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Makes sure that everything is on the disk.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(io_at(&self.path))
    }

    /// Cuts off what is behind the last whole line, if anything is.
    fn cut(&mut self) -> Result<()> {
        if self.torn {
            let cut = self.file.set_len(self.end).and_then(|()| self.file.seek(SeekFrom::Start(self.end)));
            cut.map_err(io_at(&self.path))?;
            self.torn = false;
        }
        Ok(())
    }
}
