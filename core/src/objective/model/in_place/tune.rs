//! A fine-tune as a file of some kilobytes: the seeds and weights of every step, which lead any copy of the base to the same bits.
//!
//! ```text
//! magic · len u32 · head [len], JSON · check u64 · records
//! record: len u32 · check of len u32 · kind u8 · content · check u64; both checks are chained to the record before
//! noise:  the law, as JSON                                  what the steps after it are drawn by
//! step:   rate f64 · shrink f64 · anchor f64 · terms: key u64 · family u64 · number u64 · weight f64
//! ```

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::head::Head;
use crate::{
    Error, Result,
    durable::{self, seal::Check},
    noise::{Described, Perturbation},
    objective::Advance,
    rng::{Key, Seed},
    space::Space,
};

const MAGIC: &[u8; 8] = b"moths-t1";
const NOISE: u8 = 1;
const STEP: u8 = 2;

/// One step, as it is written down.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    noise: Perturbation,
    numbers: [f64; 3],
    terms: Vec<(Seed, f64)>,
}

impl Entry {
    pub(super) fn of(step: &Advance<'_>) -> Self {
        let numbers = [step.rate, step.shrink, step.anchor];
        Self { noise: step.noise.clone(), numbers, terms: step.terms.to_vec() }
    }

    pub(super) fn step(&self) -> Advance<'_> {
        let [rate, shrink, anchor] = self.numbers;
        Advance { noise: &self.noise, terms: &self.terms, rate, shrink, anchor }
    }

    /// The content of its record, which the version of the model it leads to follows from.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let numbers = self.numbers.iter().map(|x| x.to_bits());
        let terms = self
            .terms
            .iter()
            .flat_map(|(seed, weight)| [seed.key().to_bits(), seed.family().to_bits(), seed.number(), weight.to_bits()]);
        numbers.chain(terms).flat_map(u64::to_le_bytes).collect()
    }

    /// What [`bytes`](Self::bytes) says.
    fn read(bytes: &[u8], noise: &Perturbation) -> Option<Self> {
        let (words, rest) = bytes.as_chunks();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let (numbers, terms) = words.split_first_chunk::<3>()?;
        let (terms, none) = terms.as_chunks::<4>();
        let term = |[key, family, number, weight]: &[u64; 4]| {
            (Seed::of(Key::from_bits(*key), Key::from_bits(*family), *number), f64::from_bits(*weight))
        };
        let whole = rest.is_empty() && none.is_empty();
        whole.then(|| Self {
            noise: noise.clone(),
            numbers: numbers.map(f64::from_bits),
            terms: terms.iter().map(term).collect(),
        })
    }
}

/// What the next record has to know of the one before it.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: u64,
    check: u64,
    noise: Option<Described>,
}

/// A log, open: only one at a time may write to it.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    /// Where the records begin.
    start: u64,
    /// What follows the record of every step.
    steps: Vec<Mark>,
    /// How much of the file is written: what may be behind it is part of a record.
    end: u64,
    /// Is the model where the log ends, or where somebody led it on purpose?
    taken_up: bool,
}

impl Log {
    /// Makes a log, or goes on with the one that is there, which must be of the same base and the same leaves.
    ///
    /// # Errors
    /// [`Error::File`] for what is no log, is damaged, is of something else or in use; it is then untouched. [`Error::Io`].
    pub(super) fn open(path: &Path, head: &Head) -> Result<Self> {
        let io = |source| Error::Io { path: path.into(), source };
        let refuse = |why: String| Error::File { path: path.into(), why };
        durable::check_readable(path)?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(refuse("is the log of a run that goes on".into()));
        }
        let mut bytes = vec![];
        file.read_to_end(&mut bytes).map_err(io)?;
        let fresh = head.bytes(MAGIC);
        if bytes.len() < fresh.len() && fresh.starts_with(&bytes) {
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&fresh)).map_err(io)?;
            bytes = fresh;
        }
        let contents = Contents::read(&bytes).map_err(refuse)?;
        if let Some(why) = head.difference(&contents.head) {
            return Err(refuse(why));
        }
        let steps: Vec<Mark> = contents.steps.iter().map(|step| step.mark).collect();
        let (start, end, taken_up) = (contents.start, contents.end, contents.steps.is_empty());
        Ok(Self { path: path.into(), file, start, steps, end, taken_up })
    }

    /// How many steps it holds.
    pub(super) fn len(&self) -> u64 {
        self.steps.len() as u64
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Somebody has led the model along it.
    pub(super) fn take_up(&mut self) {
        self.taken_up = true;
    }

    /// Before a step: would it write over steps that nobody has looked at?
    pub(super) fn check(&self) -> Result<()> {
        if self.taken_up {
            return Ok(());
        }
        let why = format!("holds {} steps: follow them, restore a state, or begin another log", self.len());
        Err(Error::File { path: self.path.clone(), why })
    }

    /// The first steps of it.
    pub(super) fn entries(&self, steps: u64, space: &Space) -> Result<Vec<Entry>> {
        let refuse = |why: String| Error::File { path: self.path.clone(), why };
        if steps > self.len() {
            return Err(refuse(format!("holds {} steps, and {steps} are needed", self.len())));
        }
        let bytes = std::fs::read(&self.path).map_err(|source| Error::Io { path: self.path.clone(), source })?;
        Contents::read(&bytes).and_then(|contents| contents.entries(steps, space)).map_err(refuse)
    }

    /// Writes down the step after `at` others; what a run that was cut off had written behind them makes way.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for noise that does not follow from seeds; [`Error::Io`]: the log then ends where it did.
    pub(super) fn append(&mut self, at: u64, step: &Advance<'_>, content: &[u8]) -> Result<()> {
        let Some(noise) = step.noise.described() else {
            let why = "holds steps by noise that follows from seeds, and not by a state beside them";
            return Err(Error::unsupported("the log of a fine-tune", why));
        };
        if at < self.len() {
            self.steps.truncate(at as usize);
            self.end = self.last().end;
        }
        let Mark { mut check, noise: before, .. } = self.last();
        let mut bytes = vec![];
        if Some(noise) != before {
            check = add(&mut bytes, NOISE, serde_json::json!(noise).to_string().as_bytes(), check);
        }
        check = add(&mut bytes, STEP, content, check);
        let (file, end) = (&mut self.file, self.end);
        let written = file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))).and_then(|_| file.write_all(&bytes));
        written.map_err(|source| Error::Io { path: self.path.clone(), source })?;
        self.end += bytes.len() as u64;
        self.steps.push(Mark { end: self.end, check, noise: Some(noise) });
        Ok(())
    }

    fn last(&self) -> Mark {
        self.steps.last().copied().unwrap_or(Mark { end: self.start, check: 0, noise: None })
    }

    /// All that it holds is on the disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|source| Error::Io { path: self.path.clone(), source })
    }
}

/// Appends a record, and gives its check.
fn add(bytes: &mut Vec<u8>, kind: u8, content: &[u8], chain: u64) -> u64 {
    let (check, len) = (checked(kind, content, chain), (content.len() as u32).to_le_bytes());
    bytes.extend(len);
    bytes.extend(of_length(&len, chain));
    bytes.push(kind);
    bytes.extend(content);
    bytes.extend(check.to_le_bytes());
    check
}

fn checked(kind: u8, content: &[u8], chain: u64) -> u64 {
    let mut check = Check::new(chain);
    check.add(&[kind]);
    check.add(content);
    check.word()
}

/// A length that is another must not look like a record that was cut off.
fn of_length(len: &[u8; 4], chain: u64) -> [u8; 4] {
    let mut check = Check::new(!chain);
    check.add(len);
    (check.word() as u32).to_le_bytes()
}

/// A log that was read.
pub(super) struct Contents {
    pub(super) head: Head,
    steps: Vec<Step>,
    start: u64,
    /// Where the last whole step ends.
    end: u64,
}

struct Step {
    noise: Described,
    content: Vec<u8>,
    mark: Mark,
}

impl Contents {
    /// What stands in a file; a last record that was cut off is left out.
    pub(super) fn read(bytes: &[u8]) -> std::result::Result<Self, String> {
        let (head, start) = Head::read(bytes, MAGIC)?;
        let mut contents = Self { head, steps: vec![], start: start as u64, end: start as u64 };
        let (mut at, mut chain, mut law) = (start, 0, None);
        while let Some((kind, content, check, end)) = record(bytes, at, chain)? {
            if check != checked(kind, content, chain) {
                return Err(format!("is damaged at byte {at}"));
            }
            match (kind, law) {
                (NOISE, _) => {
                    law = Some(serde_json::from_slice(content).map_err(|e| format!("tells of noise that is not known: {e}"))?)
                }
                (STEP, Some(noise)) => {
                    let mark = Mark { end: end as u64, check, noise: law };
                    contents.steps.push(Step { noise, content: content.to_vec(), mark });
                    // A law without a step behind it was cut off from it.
                    contents.end = mark.end;
                }
                _ => return Err(format!("holds a record at byte {at} that is not known")),
            }
            (at, chain) = (end, check);
        }
        Ok(contents)
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> u64 {
        self.steps.len() as u64
    }

    /// The first steps.
    pub(super) fn entries(&self, steps: u64, space: &Space) -> std::result::Result<Vec<Entry>, String> {
        // What several steps share is made once.
        let mut last: Option<(Described, Perturbation)> = None;
        let entry = |step: &Step| {
            let (_, noise) = match last.take().filter(|(law, _)| *law == step.noise) {
                Some(known) => last.insert(known),
                None => last.insert((step.noise, step.noise.over(space))),
            };
            Entry::read(&step.content, noise).ok_or_else(|| "holds a step that is none".to_owned())
        };
        self.steps.iter().take(steps as usize).map(entry).collect()
    }
}

type Record<'a> = (u8, &'a [u8], u64, usize);

/// Kind, content, check and end of the record that begins here; `None` where it was cut off, or there is none.
fn record(bytes: &[u8], at: usize, chain: u64) -> std::result::Result<Option<Record<'_>>, String> {
    let parts = || {
        let (len, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
        let (check, rest) = rest.split_first_chunk::<4>()?;
        Some((len, check, rest))
    };
    let Some((len, check, rest)) = parts() else { return Ok(None) };
    if *check != of_length(len, chain) {
        return Err(format!("is damaged at byte {at}"));
    }
    let whole = || {
        let (kind, rest) = rest.split_first()?;
        let (content, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        let (check, rest) = rest.split_first_chunk()?;
        Some((*kind, content, u64::from_le_bytes(*check), bytes.len() - rest.len()))
    };
    Ok(whole())
}
