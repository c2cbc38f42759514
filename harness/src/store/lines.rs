//! The lines of `runs.jsonl`: runs, and what is none.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use moths::durable::check_file;

use super::{Kept, io_at, refused};
use crate::{Result, files};

/// What every line was found to be.
pub(super) struct Lines<R> {
    path: PathBuf,
    /// Runs, in order.
    pub(super) runs: Vec<R>,
    /// The line each of them is, from 1.
    numbers: Vec<usize>,
    /// What is no run.
    pub(super) damaged: Vec<Damaged>,
    /// The lines of the runs as they are, each with its end.
    pub(super) whole: Vec<u8>,
}

/// A line that is no run.
pub(super) struct Damaged {
    bytes: Vec<u8>,
    pub(super) why: String,
}

impl<R: Kept> Lines<R> {
    pub(super) fn of(path: &Path, bytes: &[u8]) -> Self {
        let mut lines = Self { path: path.into(), runs: vec![], numbers: vec![], damaged: vec![], whole: vec![] };
        for (i, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            lines.take(i + 1, line);
        }
        lines
    }

    fn take(&mut self, number: usize, line: &[u8]) {
        let (text, ended) = line.strip_suffix(b"\n").map_or((line, false), |text| (text, true));
        match serde_json::from_slice(text) {
            Ok(run) => {
                self.runs.push(run);
                self.numbers.push(number);
                self.whole.extend_from_slice(text);
                self.whole.push(b'\n');
            }
            // A writer that was killed leaves the beginning of a run at the end. Nothing else is taken for that.
            Err(e) if e.is_eof() && !ended && text.starts_with(b"{") => {}
            Err(e) => {
                let why = format!("line {number} is not the record of a run ({e})");
                self.damaged.push(Damaged { bytes: [text, b"\n"].concat(), why });
            }
        }
    }

    /// Makes sure that all runs are of this manifest.
    pub(super) fn fit(&self, manifest: &R::Manifest) -> Result<()> {
        let misfits = self.runs.iter().zip(&self.numbers).filter_map(|(run, number)| Some((run.misfit(manifest)?, number)));
        let why =
            |(why, number)| format!("line {number} is {why}; put the right `{0}` back, or name another folder", R::MANIFEST);
        misfits.map(why).next().map_or(Ok(()), |why| Err(refused(&self.path, &why)))
    }

    /// Adds what is no run to another file, and says what it was.
    pub(super) fn set_aside(&self, aside: &Path) -> Result<Vec<String>> {
        if self.damaged.is_empty() {
            return Ok(vec![]);
        }
        // It is safe there before it is gone here.
        check_file(aside)?;
        let mut file = OpenOptions::new().append(true).create(true).open(aside).map_err(io_at(aside))?;
        let bytes: Vec<u8> = self.damaged.iter().flat_map(|line| line.bytes.iter().copied()).collect();
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io_at(aside))?;
        let (path, aside) = (files::words(&self.path), files::words(aside));
        Ok(self.damaged.iter().map(|line| format!("{path}: {}; it was moved to {aside}", line.why)).collect())
    }
}
