//! A run as its losses: a few bytes a candidate replay it without one evaluation.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use super::passes_on;
use crate::{Batch, Error, Objective, Result, Space};

const MAGIC: &[u8; 8] = b"moths-j1";

/// Writes every loss an objective gives to a file, as it comes.
///
/// A run is its spec, its key and its losses: [`Replay`] of this file takes an optimizer built from the same spec and key through
/// the same steps, bit for bit. After a mark and a byte that says whether the objective is stochastic, one record a batch: the number of candidates (u32), then their losses (f64), little endian.
///
/// ```
/// use moths_core::{Function, Journal, Optimizer, Replay, Space};
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
/// let mut journal = Journal::create(Function::new(space.clone(), |x| x.iter().map(|x| x.exp()).sum()), &path)?;
/// let mut optimizer = some_optimizer(&space)?;
/// let report = optimizer.step(&mut journal)?;
///
/// let mut replay = Replay::open(space.clone(), &path)?;
/// assert_eq!(some_optimizer(&space)?.step(&mut replay)?, report);
/// assert!(replay.is_finished());
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct Journal<O> {
    inner: O,
    file: BufWriter<File>,
    path: PathBuf,
}

impl<O: Objective> Journal<O> {
    /// Starts a new journal.
    ///
    /// # Errors
    /// [`Error::Io`] when the file exists already or cannot be made: a journal is never overwritten.
    pub fn create(inner: O, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let file = File::create_new(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let stochastic = u8::from(inner.stochastic());
        let mut journal = Self { inner, file: BufWriter::new(file), path };
        journal.write(&[MAGIC.as_slice(), &[stochastic]].concat())?;
        Ok(journal)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.flush());
        written.map_err(|source| Error::Io { path: self.path.clone(), source })
    }
}

impl<O: Objective> Objective for Journal<O> {
    // Gradients are not journalled: an optimizer that needs them is told that there are none.
    passes_on!(inner: space, stochastic, refresh);

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let losses = self.inner.evaluate(batch)?;
        let mut record = (losses.len() as u32).to_le_bytes().to_vec();
        record.extend(losses.iter().flat_map(|loss| loss.to_le_bytes()));
        self.write(&record)?;
        Ok(losses)
    }
}

/// Answers from recorded losses, in order; [`Error::Suspended`] when they run out.
#[derive(Clone, Debug)]
pub struct Replay {
    space: Space,
    records: Vec<Vec<f64>>,
    stochastic: bool,
    next: usize,
    asked: Option<Batch>,
}

impl Replay {
    /// Answers from these losses, one list a batch.
    pub fn new(space: Space, records: Vec<Vec<f64>>) -> Self {
        Self { space, records, stochastic: false, next: 0, asked: None }
    }

    /// Whether the losses are those of a stochastic objective.
    pub fn stochastic(self, stochastic: bool) -> Self {
        Self { stochastic, ..self }
    }

    /// Reads a [`Journal`]. A last record that was cut off is left out.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] when the file is no journal.
    pub fn open(space: Space, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let bytes = File::open(&path)
            .and_then(|file| {
                let mut bytes = vec![];
                BufReader::new(file).read_to_end(&mut bytes)?;
                Ok(bytes)
            })
            .map_err(|source| Error::Io { path: path.clone(), source })?;
        match bytes.strip_prefix(MAGIC) {
            Some([stochastic, rest @ ..]) => Ok(Self::new(space, records(rest)).stochastic(*stochastic != 0)),
            _ => Err(Error::File { path, why: "is no journal of moths".into() }),
        }
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

    /// The batch that was asked for when the losses had run out.
    pub(crate) fn asked(&self) -> Option<&Batch> {
        self.asked.as_ref()
    }

    pub(crate) fn records_mut(&mut self) -> &mut Vec<Vec<f64>> {
        &mut self.records
    }

    /// Have all recorded losses been used?
    pub fn is_finished(&self) -> bool {
        self.next == self.records.len()
    }
}

fn records(mut bytes: &[u8]) -> Vec<Vec<f64>> {
    let mut records = vec![];
    while let Some((len, rest)) = bytes.split_first_chunk::<4>() {
        let len = u32::from_le_bytes(*len) as usize;
        let Some(losses) = rest.get(..len * 8) else { break };
        records.push(losses.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect());
        bytes = &rest[len * 8..];
    }
    records
}

impl Objective for Replay {
    fn space(&self) -> &Space {
        &self.space
    }

    fn stochastic(&self) -> bool {
        self.stochastic
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        match self.records.get(self.next) {
            Some(losses) => {
                self.next += 1;
                Ok(losses.clone())
            }
            None => {
                self.asked = Some(batch.clone());
                Err(Error::Suspended)
            }
        }
    }
}
