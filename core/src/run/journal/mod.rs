//! A run as its losses: a few bytes a candidate replay it without one evaluation, and go on where it ended.

mod digest;
mod format;
mod origin;
mod replay;

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

pub use origin::Origin;
pub use replay::Replay;

use crate::{
    Error, Result, durable,
    objective::{Batch, Objective},
    passes_on,
};
use format::{Contents, Record};

/// Writes every loss an objective gives to a file, as it comes; and answers from the file what stands there already.
///
/// A run is its [origin](Origin) and its losses. A journal of this origin that is there already is gone on with: its losses are the first answers,
/// without one evaluation, until they run out; a run that was cut off is continued by starting it again. [`Replay`] reads it and stops there.
/// (An objective that changes while it evaluates, as a model in training mode does, is not where it was: its state belongs into a checkpoint.)
///
/// The file: a magic number; the origin and the space as JSON, with its length and a check; one record a batch, with the number of its candidates,
/// a digest of them, their losses (f64) and a check, little endian. What a step that failed has left stays, and is passed over when the step that
/// was taken instead is replayed: it must be given the same losses for the same candidates, as every step is.
///
/// ```
/// use moths_core::{Function, Journal, Key, run::{Origin, Replay}, Optimizer, Space, Spec};
/// # use moths_core::{optimizer::{Antithetic, DataDraws, Estimate, Estimator}, persist, persist::Clock, CowTensor, Objective, Result, Sampler};
/// # struct TwoPoint { clock: Clock, space: Space }
/// # persist!(TwoPoint { clock });
/// # impl Estimator for TwoPoint {
/// #     fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
/// #         let (key, sampler, draws) = (self.clock.key(), Sampler::Normal, DataDraws::Shared);
/// #         let pairs = Antithetic { key, pairs: 1, scale: 0.01, sampler, draws };
/// #         let losses = objective.losses(&pairs.batch(at, &self.space))?;
/// #         self.clock.tick();
/// #         Ok(Estimate::new(losses.lowest(), pairs.combine(&losses, &self.space)?, 2))
/// #     }
/// # }
/// # fn some_optimizer(space: &Space) -> Result<impl moths_core::Optimizer + use<>> {
/// #     let estimator = TwoPoint { clock: Clock::new(moths_core::Key::new(1)), space: space.clone() };
/// #     let descent = moths_core::optimizer::descent::build(&moths_core::Spec::new("adamw"), space)?;
/// #     Ok(moths_core::optimizer::GradientDescent::new(estimator, descent, space))
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
    /// How many whole records there are, and where the last one ends.
    records: usize,
    end: u64,
    /// There may be part of a record behind it.
    torn: bool,
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
        durable::check_readable(&path)?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        // Where there are no locks, nobody holds one.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(refuse("is a journal that another run is writing to".into()));
        }
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
        let (records, end) = (contents.records.len(), contents.end);
        let replay = Replay::of(inner.space().clone(), contents);
        let mut journal = Self { inner, path, file, replay, records, end, torn: true };
        journal.mend()?;
        Ok(journal)
    }

    /// How many batches are answered from the file, and have not been asked yet.
    pub fn left(&self) -> usize {
        self.replay.left()
    }

    /// Whole records stay.
    fn mend(&mut self) -> Result<()> {
        if self.torn {
            cut(&mut self.file, self.end).map_err(|source| Error::Io { path: self.path.clone(), source })?;
            self.torn = false;
        }
        Ok(())
    }

    /// A whole record, or nothing.
    fn append(&mut self, digest: u64, losses: &[f64]) -> Result<()> {
        self.mend()?;
        let record = Record { digest, losses: losses.to_vec() }.bytes(self.records);
        if let Err(source) = self.file.write_all(&record) {
            self.torn = true;
            let _ = self.mend(); // if even this fails, it is tried again before anything else is written
            return Err(Error::Io { path: self.path.clone(), source });
        }
        (self.records, self.end) = (self.records + 1, self.end + record.len() as u64);
        Ok(())
    }
}

fn cut(file: &mut File, end: u64) -> io::Result<()> {
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end)).map(drop)
}

impl<O: Objective> Objective for Journal<O> {
    // Gradients are not journalled: an optimizer that needs them is told that there are none.
    passes_on!(inner: space, stochastic, refresh, home);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        if self.replay.left() > 0 {
            match self.replay.evaluate(batch) {
                // Whoever holds a batch makes the next step copy it.
                Err(Error::Suspended) => self.replay.forget(),
                answer => return answer,
            }
        }
        let losses = self.inner.evaluate(batch)?;
        self.append(digest::of(batch)?, &losses)?;
        Ok(losses)
    }
}
