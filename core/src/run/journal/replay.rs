//! Losses that are known already, as an objective.

use std::{fs, path::Path};

use super::{Origin, digest, format::Contents};
use crate::{
    Error, Result, durable,
    objective::{Batch, Objective},
    space::Space,
};

/// Answers from recorded losses, in order; [`Error::Suspended`] when they run out.
///
/// Of a [`Journal`](super::Journal) every batch is compared with the one that was recorded: whoever asks for other candidates is another run, and is
/// told so.
#[derive(Clone, Debug)]
pub struct Replay {
    space: Space,
    records: Vec<Vec<f64>>,
    /// Digests of the batches; none where nobody knows.
    digests: Vec<u64>,
    origin: Option<Origin>,
    stochastic: bool,
    next: usize,
    asked: Option<Batch>,
}

impl Replay {
    /// Answers from these losses, one list a batch.
    pub fn new(space: Space, records: Vec<Vec<f64>>) -> Self {
        Self { space, records, digests: vec![], origin: None, stochastic: false, next: 0, asked: None }
    }

    /// Whether the losses are those of a stochastic objective.
    pub fn stochastic(self, stochastic: bool) -> Self {
        Self { stochastic, ..self }
    }

    /// Reads a [`Journal`](super::Journal). A last record that was cut off is left out.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] when the file is no journal, is damaged, or is of another space.
    pub fn open(space: &Space, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let refuse = |why: String| Error::File { path: path.into(), why };
        durable::check_readable(path)?;
        let bytes = fs::read(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let contents = Contents::read(&bytes).map_err(refuse)?;
        contents.check_space(space).map_err(refuse)?;
        Ok(Self::of(space.clone(), contents))
    }

    pub(super) fn of(space: Space, contents: Contents) -> Self {
        let (origin, stochastic) = (Some(contents.origin().clone()), contents.is_stochastic());
        let (digests, records) = contents.records.into_iter().map(|record| (record.digest, record.losses)).unzip();
        Self { digests, origin, ..Self::new(space, records).stochastic(stochastic) }
    }

    /// What the run began with, where a journal says.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// How many batches have not been asked yet.
    pub fn left(&self) -> usize {
        self.records.len() - self.next
    }

    /// Have all recorded losses been used?
    pub fn is_finished(&self) -> bool {
        self.left() == 0
    }

    /// Forgets nothing, starts over.
    pub(crate) fn rewind(&mut self) {
        (self.next, self.asked) = (0, None);
    }

    pub(crate) fn push(&mut self, losses: Vec<f64>) {
        self.records.push(losses);
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.rewind();
    }

    /// Nobody wants to know what was asked.
    pub(super) fn forget(&mut self) {
        self.asked = None;
    }

    /// The batch that was asked for when the losses had run out.
    pub(crate) fn asked(&self) -> Option<&Batch> {
        self.asked.as_ref()
    }

    pub(crate) fn records_mut(&mut self) -> &mut Vec<Vec<f64>> {
        &mut self.records
    }

    /// The record of this batch; `None` where there is none any more. What a step that failed has left, and the step that was taken instead has
    /// said again, is passed over.
    fn find(&self, batch: &Batch) -> Result<Option<usize>> {
        if self.digests.is_empty() {
            return Ok((self.left() > 0).then_some(self.next));
        }
        let (before, after) = self.digests.split_at(self.next);
        if after.is_empty() {
            return Ok(None);
        }
        let digest = digest::of(batch)?;
        match after.iter().position(|recorded| *recorded == digest) {
            Some(passed) => Ok(Some(self.next + passed)),
            None if after.iter().all(|recorded| before.contains(recorded)) => Ok(None),
            None => {
                let next = self.next;
                let what = format!("holds other candidates in its record {next}: it is of another run, or of another version");
                Err(Error::unsupported("the journal", what))
            }
        }
    }
}

impl Objective for Replay {
    fn space(&self) -> &Space {
        &self.space
    }

    fn stochastic(&self) -> bool {
        self.stochastic
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let Some(found) = self.find(batch)? else {
            (self.next, self.asked) = (self.records.len(), Some(batch.clone()));
            return Err(Error::Suspended);
        };
        self.next = found + 1;
        Ok(self.records[found].clone())
    }
}
