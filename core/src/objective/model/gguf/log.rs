//! The steps that made a working copy what it is, one after another in a file beside it.
//!
//! The first line says of which base it is a copy, and what is trained; every other line is a step. A line begins with the
//! version that the copy has after it, in 16 hexadecimal digits: the XXH3-64 of the line's text, seeded by the version before it.
//! So equal histories of equal bases have equal versions, and a line that was not written to its end is found out. A step is in
//! the log when it is on the disk in the copy.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
};

use super::{opened::Opened, step::Step};
use crate::{
    Error, Result,
    durable::{replace_file, seal::Check},
};

/// The steps of a working copy, and up to which of them the copy is made.
pub(super) struct Log {
    header: String,
    pub(super) opened: Opened,
    /// Bytes of whole lines.
    end: u64,
    /// There may be bytes behind them, of a step that failed.
    torn: bool,
    at: Position,
}

/// A place between two steps.
pub(super) struct Position {
    /// Bytes of the lines before it.
    len: u64,
    version: u64,
    steps: u64,
    /// The steps before it, as many as are held.
    last: VecDeque<Step>,
    held: usize,
}

/// Steps, each with the version before it.
type Steps = Vec<(u64, Step)>;

/// A step in a log.
struct Line {
    version: u64,
    step: Step,
    /// Where the line ends.
    end: u64,
}

impl Log {
    /// Begins a log with no steps.
    ///
    /// # Errors
    /// As [`replace_file`].
    pub(super) fn create(path: &Path, header: &str) -> Result<()> {
        let line = line(after(0, header), header);
        replace_file(path, |out| out.write_all(line.as_bytes()).map_err(|source| Error::Io { path: path.into(), source }))
    }

    /// Opens a log that was begun with this header, at its end. A last line that is not whole was being written by a program that
    /// was killed, and is left out. One without its newline is; one with it only if a step after the version `unfinished` was being made.
    /// Whether a line went.
    ///
    /// # Errors
    /// [`Error::File`] for a log of another base, or of other training, or that is damaged; [`Error::Io`].
    pub(super) fn open(path: &Path, header: &str, held: usize, unfinished: Option<u64>) -> Result<Self> {
        let opened = Opened::new(path, true)?;
        let mut at = Position::first(header, held);
        read(path, header, unfinished, |line| {
            at.count(line);
            true
        })?;
        Ok(Self { header: header.into(), end: at.len, torn: opened.len > at.len, opened, at })
    }

    /// The version of the copy.
    pub(super) fn version(&self) -> u64 {
        self.at.version
    }

    /// How many steps have been taken.
    pub(super) fn steps(&self) -> u64 {
        self.at.steps
    }

    /// The last steps, as many as are held.
    pub(super) fn last(&self) -> impl Iterator<Item = &Step> {
        self.at.last.iter()
    }

    /// Are there no steps after where the copy is?
    pub(super) fn is_at_end(&self) -> bool {
        self.at.len == self.end
    }

    /// Are there bytes of a step that failed?
    pub(super) fn is_torn(&self) -> bool {
        self.torn
    }

    /// Where a version is, and all steps up to it, each with the version before it; `None` for a version that it does not have.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub(super) fn find(&self, version: u64) -> Result<Option<(Position, Steps)>> {
        let (mut at, mut steps) = (Position::first(&self.header, self.at.held), vec![]);
        if at.version != version {
            read(&self.opened.path, &self.header, None, |line| {
                steps.push((at.version, line.step.clone()));
                at.count(line);
                // What is behind the end is of a step that failed.
                at.version != version && at.len < self.end
            })?;
        }
        Ok((at.version == version).then_some((at, steps)))
    }

    /// Goes to a place that was [found](Self::find). Later steps stay until another is made.
    pub(super) fn go(&mut self, to: Position) {
        self.at = to;
    }

    /// Writes a step behind where the copy is, in the place of later ones. On failure the log is as it was once it is
    /// [settled](Self::settle).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn append(&mut self, step: Step) -> Result<()> {
        let refuse =
            |e: serde_json::Error| Error::File { path: self.opened.path.clone(), why: format!("a step cannot be written: {e}") };
        let text = serde_json::to_string(&step).map_err(refuse)?;
        let version = after(self.at.version, &text);
        let line = line(version, &text);
        if self.is_at_end() {
            self.settle()?;
            self.torn = true;
            let file = &mut self.opened.file;
            let written = file.seek(SeekFrom::Start(self.end)).and_then(|_| file.write_all(line.as_bytes()));
            self.io(written.and_then(|()| self.opened.file.sync_data()))?;
        } else {
            self.branch(&line)?;
        }
        self.torn = false;
        self.end = self.at.len + line.len() as u64;
        self.at.count(Line { version, step, end: self.end });
        Ok(())
    }

    /// The lines up to where the copy is, and this one, in a new file.
    fn branch(&mut self, line: &str) -> Result<()> {
        let (path, len) = (&self.opened.path, self.at.len);
        let io = |source| Error::Io { path: path.clone(), source };
        let opened = Opened::put(path, |mut out| {
            let kept = File::open(path).and_then(|file| io::copy(&mut file.take(len), &mut out)).map_err(io)?;
            if kept < len {
                return Err(io(io::ErrorKind::UnexpectedEof.into()));
            }
            out.write_all(line.as_bytes()).map_err(io)
        })?;
        self.opened = opened;
        Ok(())
    }

    /// What a step that failed left behind the end goes.
    ///
    /// # Errors
    /// [`Error::Io`]: it can be tried again.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.torn {
            self.io(self.opened.file.set_len(self.end).and_then(|()| self.opened.file.sync_data()))?;
            self.torn = false;
        }
        Ok(())
    }

    fn io<T>(&self, done: io::Result<T>) -> Result<T> {
        done.map_err(|source| Error::Io { path: self.opened.path.clone(), source })
    }
}

impl Position {
    /// That before all steps.
    fn first(header: &str, held: usize) -> Self {
        let (version, len) = (after(0, header), line(0, header).len() as u64);
        Self { len, version, steps: 0, last: [].into(), held }
    }

    fn count(&mut self, line: Line) {
        (self.version, self.len) = (line.version, line.end);
        self.steps += 1;
        self.last.push_back(line.step);
        if self.last.len() > self.held {
            self.last.pop_front();
        }
    }
}

/// Reads a log, as long as `wanted` asks for more steps. A last line that is cut short is left out, and one that is not as it was
/// written after the version `unfinished`.
fn read(path: &Path, header: &str, unfinished: Option<u64>, mut wanted: impl FnMut(Line) -> bool) -> Result<()> {
    let io = |source| Error::Io { path: path.into(), source };
    let refuse = |why: String| Error::File { path: path.into(), why };
    let mut lines = BufReader::new(File::open(path).map_err(io)?);
    let (mut end, mut version, mut bytes) = (0, 0, vec![]);
    while lines.read_until(b'\n', &mut bytes).map_err(io)? > 0 {
        let Some((next, text)) = parsed(&bytes, version) else {
            let cut_short = !bytes.ends_with(b"\n") || unfinished == Some(version);
            // The first line was written with the file.
            let last = end > 0 && lines.fill_buf().map_err(io)?.is_empty();
            return if last && cut_short { Ok(()) } else { Err(refuse("is damaged, or is no log of a GGUF model".into())) };
        };
        let first = end == 0;
        (version, end) = (next, end + bytes.len() as u64);
        if first && text != header {
            return Err(refuse(format!("is of another base, or of other training: {text} instead of {header}")));
        }
        if !first {
            let step = serde_json::from_str(text).map_err(|e| refuse(format!("holds a step that cannot be read: {e}")))?;
            if !wanted(Line { version, step, end }) {
                return Ok(());
            }
        }
        bytes.clear();
    }
    if end > 0 { Ok(()) } else { Err(refuse("is empty".into())) }
}

fn after(version: u64, text: &str) -> u64 {
    let mut check = Check::new(version);
    check.add(text.as_bytes());
    check.word()
}

fn line(version: u64, text: &str) -> String {
    format!("{version:016x} {text}\n")
}

/// The version and the text of a line; `None` for one that is not as it was written.
fn parsed(line: &[u8], before: u64) -> Option<(u64, &str)> {
    let (digits, text) = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.split_once(' ')?;
    let version = u64::from_str_radix(digits, 16).ok()?;
    (after(before, text) == version).then_some((version, text))
}
