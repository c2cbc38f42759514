//! The lines of `runs.jsonl`: runs, and what is none.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use moths::durable::{check_file, checksum};
use serde::de::{DeserializeOwned, IgnoredAny};

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

/// What a line with a checksum begins with, and what is between the checksum and the rest.
const CHECK: (&str, &str) = (r#"{"check":""#, r#"","#);

/// The line of a record, which is a JSON object: the checksum is that of the object without it.
pub(crate) fn line(record: &str) -> Vec<u8> {
    let (begin, end) = CHECK;
    format!("{begin}{:016x}{end}{}\n", checksum(record.as_bytes()), &record[1..]).into_bytes()
}

/// The run of a line; other programs may leave the checksum out.
pub(crate) fn run<R: DeserializeOwned>(text: &[u8]) -> std::result::Result<R, String> {
    let Some((check, rest)) = text.strip_prefix(CHECK.0.as_bytes()).and_then(|rest| rest.split_first_chunk::<16>()) else {
        return serde_json::from_slice(text).map_err(|e| e.to_string());
    };
    let rest = rest.strip_prefix(CHECK.1.as_bytes()).ok_or("its checksum is none")?;
    let record = [b"{", rest].concat();
    if format!("{:016x}", checksum(&record)).as_bytes() != check {
        return Err("it is not what was written".into());
    }
    serde_json::from_slice(&record).map_err(|e| e.to_string())
}

/// Is it JSON so far? A number may end behind its point, its sign or its exponent.
pub(crate) fn is_cut_off(text: &[u8]) -> bool {
    let goes_on = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_err_and(|e| e.is_eof());
    goes_on(text) || goes_on(&[text, b"0"].concat())
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
        match run(text) {
            Ok(run) => {
                self.runs.push(run);
                self.numbers.push(number);
                self.whole.extend_from_slice(text);
                self.whole.push(b'\n');
            }
            // A writer that was killed leaves the beginning of a run at the end. Nothing else is taken for that.
            Err(_) if !ended && text.starts_with(b"{") && is_cut_off(text) => {}
            Err(e) => {
                let why = format!("line {number} is not the record of a run ({e})");
                self.damaged.push(Damaged { bytes: [text, b"\n"].concat(), why });
            }
        }
    }

    /// Makes sure that all runs are those of the folder; `other` says why one is not.
    pub(super) fn fit(&self, other: impl Fn(&R) -> Option<String>) -> Result<()> {
        let misfits = self.runs.iter().zip(&self.numbers).filter_map(|(run, number)| Some((other(run)?, number)));
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
