//! The bytes that a step changes, written down beside the working copy before it is touched.
//!
//! | part | what |
//! |---|---|
//! | head | 8 letters, and the version before the step: u64 |
//! | change, any number | place in the copy: u64; n > 0: u32; n bytes as they were; n bytes as they become |
//! | end | 12 zero bytes; the XXH3-64 of all before it: u64 |
//!
//! Numbers are little-endian. A file without its end is of a program that was killed before the copy was touched.

use std::{
    fs::File,
    io::{BufReader, BufWriter, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    durable::{positioned::write_at, seal::Check, sync_folder},
};

const HEAD: &[u8; 8] = b"mothsupd";
/// Equal bytes between two changes that are cheaper to write than another place.
const GAP: usize = 12;

/// A list of changes that is being written.
pub(super) struct Changes {
    path: PathBuf,
    out: BufWriter<File>,
    check: Check,
}

/// Which of the two states of the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

impl Changes {
    /// Begins a list, in place of any other.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn create(path: &Path, version: u64) -> Result<Self> {
        let file = File::create(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let mut changes = Self { path: path.into(), out: BufWriter::with_capacity(1 << 18, file), check: Check::new(0) };
        changes.put(HEAD)?;
        changes.put(&version.to_le_bytes())?;
        Ok(changes)
    }

    /// Writes down where `after` differs from `before`, which are at `place` in the copy.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn add(&mut self, place: u64, before: &[u8], after: &[u8]) -> Result<()> {
        let differs = |i: &usize| before[*i] != after[*i];
        let mut at = 0;
        while let Some(begin) = (at..before.len()).find(differs) {
            let mut end = begin + 1;
            while let Some(next) = (end..before.len().min(end + GAP)).find(differs) {
                end = next + 1;
            }
            self.put(&(place + begin as u64).to_le_bytes())?;
            self.put(&((end - begin) as u32).to_le_bytes())?;
            self.put(&before[begin..end])?;
            self.put(&after[begin..end])?;
            at = end;
        }
        Ok(())
    }

    /// Ends the list; it is on the disk then, and found there by its name.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn seal(mut self) -> Result<()> {
        self.put(&[0; 12])?;
        let word = self.check.word();
        self.put(&word.to_le_bytes())?;
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_data());
        synced.map_err(|source| Error::Io { path: self.path.clone(), source })?;
        sync_folder(&self.path)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.check.add(bytes);
        self.out.write_all(bytes).map_err(|source| Error::Io { path: self.path.clone(), source })
    }
}

/// The version before the step that the list at `path` is of; `None` where there is no list, or one without its end.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn sealed(path: &Path) -> Result<Option<u64>> {
    match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map(drop),
    }
    .and_then(|()| each(path, |_, _| Ok(())))
    .map_err(|source| Error::Io { path: path.into(), source })
}

/// Writes one side of all changes of a sealed list into the copy.
///
/// # Errors
/// [`Error::Io`]: some of them may be written then.
pub(super) fn write(path: &Path, side: Side, copy: &File, copy_path: &Path) -> Result<()> {
    let mut failed = None;
    let read = each(path, |place, [before, after]| {
        let bytes = if side == Side::Before { before } else { after };
        write_at(copy, place, bytes).inspect_err(|e| failed = Some(e.kind()))
    });
    let path = if failed.is_some() { copy_path } else { path };
    read.and_then(|_| copy.sync_data()).map_err(|source| Error::Io { path: path.into(), source })
}

/// Shows all changes, and gives the version; `None` once the list has no end.
fn each(path: &Path, mut show: impl FnMut(u64, [&[u8]; 2]) -> std::io::Result<()>) -> std::io::Result<Option<u64>> {
    let mut list = Reading { from: BufReader::with_capacity(1 << 18, File::open(path)?), check: Check::new(0) };
    let (Some(head), Some(version)) = (list.take::<8>()?, list.take::<8>()?) else { return Ok(None) };
    let mut bytes = vec![];
    while let (true, Some(place), Some(n)) = (head == *HEAD, list.take::<8>()?, list.take::<4>()?) {
        let (place, n) = (u64::from_le_bytes(place), u32::from_le_bytes(n) as usize);
        if n == 0 {
            let word = list.check.word();
            let whole = list.take::<8>()? == Some(word.to_le_bytes());
            return Ok(whole.then_some(u64::from_le_bytes(version)));
        }
        if !list.fill(&mut bytes, 2 * n)? {
            break;
        }
        let (before, after) = bytes.split_at(n);
        show(place, [before, after])?;
    }
    Ok(None)
}

struct Reading {
    from: BufReader<File>,
    check: Check,
}

impl Reading {
    /// The next bytes; `None` at the end of the file.
    fn take<const N: usize>(&mut self) -> std::io::Result<Option<[u8; N]>> {
        let mut bytes = vec![];
        Ok(if self.fill(&mut bytes, N)? { bytes.try_into().ok() } else { None })
    }

    /// The next `n` bytes; whether there were so many. What is not there is not made room for.
    fn fill(&mut self, bytes: &mut Vec<u8>, n: usize) -> std::io::Result<bool> {
        bytes.clear();
        self.from.by_ref().take(n as u64).read_to_end(bytes)?;
        self.check.add(bytes);
        Ok(bytes.len() == n)
    }
}
