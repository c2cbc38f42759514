//! A run as its losses: a few bytes a candidate replay it without one evaluation, and go on where it ended.

mod format;
mod mark;
mod origin;
mod replay;

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

pub use origin::Origin;
pub use replay::Replay;

use crate::{Batch, Error, Objective, Result, Space};
use format::{Contents, Record};

/// Writes every loss an objective gives to a file, as it comes; and answers from the file what stands there already.
///
/// A run is its [origin](Origin) and its losses. A journal of this origin that is there already is gone on with: its losses are the first answers,
/// without one evaluation, until they run out; a run that was cut off is continued by starting it again. [`Replay`] reads it and stops there.
///
/// The file: a mark; the origin and the space as JSON, with its length and a check; one record a batch, with the number of its candidates, a digest
/// of them, their losses (f64) and a check, little endian. A step that is repeated after a failure takes the place of what was written of it. Who runs steps on a [stochastic](Objective::stochastic)
/// objective says when one is over by [`refresh`](Objective::refresh), as always.
///
/// ```
/// use moths_core::{Function, Journal, Key, Origin, Optimizer, Replay, Space, Spec};
/// # use moths_core::{Antithetic, Clock, CowTensor, Draws, Estimate, Estimator, Objective, Result, Sampler, persist};
/// # struct TwoPoint { clock: Clock, space: Space }
/// # persist!(TwoPoint { clock });
/// # impl Estimator for TwoPoint {
/// #     fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
/// #         let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, Draws::Shared);
/// #         let pairs = Antithetic { key, pairs: 1, scale: 0.01, sampler, draws };
/// #         let losses = objective.losses(&pairs.batch(at, &self.space))?;
/// #         self.clock.tick();
/// #         Ok(Estimate { loss: losses.lowest(), gradient: pairs.combine(&losses, &self.space)?, evaluations: 2 })
/// #     }
/// # }
/// # fn some_optimizer(space: &Space) -> Result<impl moths_core::Optimizer + use<>> {
/// #     let estimator = TwoPoint { clock: Clock::new(moths_core::Key::new(1)), space: space.clone() };
/// #     let descent = moths_core::descent::build(&moths_core::Spec::new("adamw"), space)?;
/// #     Ok(moths_core::Descend::new(estimator, descent, space))
/// # }
///
/// # let folder = tempfile::tempdir().map_err(|e| moths_core::Error::Objective(e.to_string()))?;
/// # let path = folder.path().join("run.journal");
/// let space = Space::real(3)?;
/// let origin = Origin::new(Spec::new("mine"), Key::new(1)); // of what is registered, `origin.build(&space)` makes it
/// let objective = Function::new(space.clone(), |x| x.iter().map(|x| x.exp()).sum());
/// let mut journal = Journal::open(objective, &origin, &path)?;
/// let mut optimizer = some_optimizer(&space)?;
/// let report = optimizer.step(&mut journal)?;
/// drop(journal); // only one at a time may write to it
///
/// let mut replay = Replay::open(&space, &path)?;
/// assert_eq!(some_optimizer(&space)?.step(&mut replay)?, report);
/// assert!(replay.is_finished());
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct Journal<O> {
    inner: O,
    path: PathBuf,
    file: File,
    /// What stands in the file, and is answered first.
    replay: Replay,
    /// Digests of the batches of all records, and where each record ends.
    marks: Vec<(u64, u64)>,
    /// Where the head ends.
    head: u64,
    /// The first record of the step that is going on, as far as a stochastic objective says.
    step: usize,
    /// The batch that failed, if the last one did.
    failed: Option<u64>,
}

impl<O: Objective> Journal<O> {
    /// Starts a journal, or goes on with the one that is there. A last record that was cut off is removed.
    ///
    /// # Errors
    /// [`Error::File`] when what is there is no journal, is damaged, is of another origin, space or kind of objective, or when somebody else is
    /// writing to it; it is then untouched. [`Error::Io`].
    pub fn open(inner: O, origin: &Origin, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let io = |source| Error::Io { path: path.clone(), source };
        let refuse = |why: String| Error::File { path: path.clone(), why };
        format::check_regular(&path)?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        file.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => refuse("is a journal that another run is writing to".into()),
            TryLockError::Error(source) => io(source),
        })?;
        let mut bytes = vec![];
        file.read_to_end(&mut bytes).map_err(io)?;
        let head = format::head(origin, inner.space(), inner.stochastic());
        // A run that was cut off before its first word was written has left nothing to lose.
        if bytes.len() < head.len() && head.starts_with(&bytes) {
            bytes.clone_from(&head);
            cut(&mut file, 0).and_then(|()| file.write_all(&head)).map_err(io)?;
        }
        let contents = Contents::read(&bytes).map_err(refuse)?;
        contents.check(origin, inner.space(), inner.stochastic()).map_err(refuse)?;
        let (start, marks) = (contents.start, contents.marks());
        let replay = Replay::of(inner.space().clone(), contents);
        let mut journal = Self { inner, path, file, replay, marks, head: start, step: 0, failed: None };
        journal.cut_back(journal.marks.len())?;
        Ok(journal)
    }

    /// How many batches are answered from the file, and have not been asked yet.
    pub fn left(&self) -> usize {
        self.replay.left()
    }

    /// The first `records` stay.
    fn cut_back(&mut self, records: usize) -> Result<()> {
        let end = if records == 0 { self.head } else { self.marks[records - 1].1 };
        cut(&mut self.file, end).map_err(|source| Error::Io { path: self.path.clone(), source })?;
        self.marks.truncate(records);
        Ok(())
    }

    /// Whoever asks for this batch may be repeating a step: what was written of it goes.
    fn begin(&mut self, digest: u64) -> Result<()> {
        let failed = self.failed.take();
        let again = |from: usize| (from..self.marks.len()).rev().find(|&i| self.marks[i].0 == digest);
        let repeated = match failed {
            _ if self.inner.stochastic() => again(self.step).filter(|&i| i == self.step),
            Some(failed) if failed != digest => again(0),
            _ => None,
        };
        repeated.map_or(Ok(()), |i| self.cut_back(i))
    }

    /// A whole record, or nothing.
    fn append(&mut self, digest: u64, losses: &[f64]) -> Result<()> {
        let record = Record { digest, losses: losses.to_vec() }.bytes(self.marks.len());
        if let Err(source) = self.file.write_all(&record) {
            let _ = self.cut_back(self.marks.len()); // if even this fails, opening it does it
            return Err(Error::Io { path: self.path.clone(), source });
        }
        let before = self.marks.last().map_or(self.head, |(_, end)| *end);
        self.marks.push((digest, before + record.len() as u64));
        Ok(())
    }

    fn record(&mut self, batch: &Batch, digest: u64) -> Result<Vec<f64>> {
        self.begin(digest)?;
        let losses = self.inner.evaluate(batch)?;
        self.append(digest, &losses)?;
        Ok(losses)
    }
}

fn cut(file: &mut File, end: u64) -> io::Result<()> {
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end)).map(drop)
}

impl<O: Objective> Objective for Journal<O> {
    // Gradients are not journalled: an optimizer that needs them is told that there are none.

    fn space(&self) -> &Space {
        self.inner.space()
    }

    fn stochastic(&self) -> bool {
        self.inner.stochastic()
    }

    fn refresh(&mut self) -> Result<()> {
        self.inner.refresh()?;
        self.step = self.marks.len() - self.replay.left();
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        if self.replay.left() > 0 {
            match self.replay.evaluate(batch) {
                Err(Error::Suspended) => {}
                answer => return answer,
            }
        }
        let digest = mark::of(batch)?;
        let losses = self.record(batch, digest);
        self.failed = losses.is_err().then_some(digest);
        losses
    }
}
