//! `trials.jsonl`: one trial a line, written when it has ended.
//!
//! A program that is killed in the middle of a line leaves a line without an end, which the next one cuts off. Every line has a checksum, `check`,
//! which other programs may leave out.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Error, Result,
    store::{self, Appender},
};

/// A candidate that was evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Which one, from 1, in the order in which they were asked for.
    pub trial: u64,
    /// The settings, as the command saw them.
    pub settings: Map<String, Value>,
    /// What is minimised: the number that was printed, or the negative of it; none of a candidate that failed.
    pub loss: Option<f64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// How long the command ran.
    pub seconds: f64,
    /// How many candidates had been asked for when it ended, of a search that asks for the next one at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<u64>,
    /// It was stopped, as others did better: its loss is the last that it printed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// The losses that it printed, where somebody looked at them; none where that was no number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Option<f64>>,
}

impl Trial {
    /// Did it end by itself, and well?
    pub fn finished(&self) -> bool {
        self.loss.is_some() && !self.stopped
    }
}

/// The trial of the lowest loss among those that ended by themselves, the first of several; `None` where none did. A trial that was stopped has the loss of
/// a part of its way, which is no loss of a whole one.
pub fn best(trials: &[Trial]) -> Option<&Trial> {
    let losses = trials.iter().filter(|trial| trial.finished()).filter_map(|trial| Some((trial, trial.loss?)));
    losses.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(trial, _)| trial)
}

/// The file of the trials. Its owner sees to it that one program at a time has it.
#[derive(Debug)]
pub struct Log {
    file: Appender,
}

impl Log {
    /// Opens the file, or makes it; and the trials that it holds. What is behind the last whole line is cut off.
    ///
    /// # Errors
    /// [`Error::File`], naming the line, for one that is no trial, or of a trial that is there twice; [`Error::Io`].
    pub fn open(path: &Path) -> Result<(Self, Vec<Trial>)> {
        let io = |source| Error::Io { path: path.into(), source };
        let bytes = match fs::read(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => vec![],
            read => read.map_err(io)?,
        };
        let (trials, end, ended) = read(&bytes).map_err(|why| Error::File { path: path.into(), why })?;
        let mut log = Self { file: Appender::open(path, end)? };
        if !ended {
            log.write(b"\n")?;
        }
        Ok((log, trials))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Adds a trial, and sees it on the disk: a whole line, or nothing.
    ///
    /// # Errors
    /// [`Error::Io`], a full disk for instance.
    pub fn add(&mut self, trial: &Trial) -> Result<()> {
        let refused = |e: serde_json::Error| Error::File { path: self.path().into(), why: e.to_string() };
        let line = store::line(&serde_json::to_string(trial).map_err(refused)?);
        self.write(&line)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.append(bytes)?;
        self.file.sync()
    }
}

/// The trials, where the last whole one of them ends, and whether its line does.
fn read(bytes: &[u8]) -> std::result::Result<(Vec<Trial>, u64, bool), String> {
    let (mut trials, mut end, mut ended): (Vec<Trial>, usize, bool) = (vec![], 0, true);
    for (i, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let text = line.strip_suffix(b"\n");
        match store::record::<Trial>(text.unwrap_or(line)) {
            Ok(trial) => {
                check(&trial, &trials).map_err(|why| format!("line {} {why}", i + 1))?;
                trials.push(trial);
                (end, ended) = (end + line.len(), text.is_some());
            }
            // A writer that was killed leaves the beginning of a line at the end. Nothing else is taken for that.
            Err(_) if text.is_none() && store::is_cut_off(line) => {}
            Err(e) => return Err(format!("line {} is not the record of a trial ({e}); nothing was changed", i + 1)),
        }
    }
    Ok((trials, end as u64, ended))
}

fn check(trial: &Trial, before: &[Trial]) -> std::result::Result<(), String> {
    if trial.trial == 0 || trial.loss.is_some() == trial.failed.is_some() {
        return Err("is of no trial: they count from 1, and have a loss or a reason; nothing was changed".into());
    }
    match before.iter().any(|other| other.trial == trial.trial) {
        true => Err(format!("is of trial {} again; nothing was changed", trial.trial)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trial(number: u64) -> Trial {
        let settings = json!({ "lr": 0.1 + number as f64 }).as_object().cloned().unwrap_or_default();
        Trial {
            trial: number,
            settings,
            loss: Some(1.0 / 3.0),
            failed: None,
            seconds: 0.5,
            asked: Some(number),
            stopped: false,
            losses: vec![None, Some(1.0 / 7.0)],
        }
    }

    #[test]
    fn a_torn_line_is_cut_off_wherever_it_is_torn() -> Result<()> {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("trials.jsonl");
        let mut log = Log::open(&path)?.0;
        (1..=3).try_for_each(|number| log.add(&trial(number)))?;
        let whole = fs::read(&path).expect("the file");
        let two = whole.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum::<usize>();
        for end in two..=whole.len() {
            fs::write(&path, &whole[..end]).expect("written");
            let (mut log, trials) = Log::open(&path)?;
            let there = if end + 1 < whole.len() { 2 } else { 3 };
            assert_eq!(trials, (1..=there).map(trial).collect::<Vec<_>>(), "{end}");
            (there + 1..=3).try_for_each(|number| log.add(&trial(number)))?;
            assert_eq!(fs::read(&path).expect("the file"), whole, "{end}");
        }
        Ok(())
    }

    #[test]
    fn a_damaged_line_is_named_and_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("trials.jsonl");
        let lines: Vec<Vec<u8>> =
            [1, 2, 2].map(|number| store::line(&serde_json::to_string(&trial(number)).expect("JSON"))).into();
        let flipped = String::from_utf8_lossy(&lines[0]).replace("0.5", "0.6").into_bytes();
        let cases = [
            ([flipped, lines[1].clone()].concat(), "line 1 is not the record of a trial (it is not what was written)"),
            ([lines[0].clone(), b"\0\0\0".to_vec()].concat(), "line 2 is not the record"),
            ([lines[0][..9].to_vec(), b"\n".to_vec(), lines[1].clone()].concat(), "line 1 is not the record"),
            (lines.concat(), "line 3 is of trial 2 again"),
            (b"{\"trial\":1,\"settings\":{},\"loss\":null,\"seconds\":1}\n".to_vec(), "line 1 is of no trial"),
        ];
        for (bytes, why) in cases {
            fs::write(&path, &bytes).expect("written");
            let said = Log::open(&path).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(said.contains(why), "{said}");
            assert_eq!(fs::read(&path).expect("the file"), bytes);
        }
    }
}
