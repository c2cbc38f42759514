//! The tensors of a model that are its point.

mod advance;

use std::sync::Mutex;

use candle_core::{DType, Tensor};

use super::{
    head::{Head, HeadTensor},
    residue::{CHUNK, Residue},
    shift::{Away, BLOCK, between, shift},
    tune::{Entry, Log},
};
use crate::{
    Error, Result,
    durable::seal::Check,
    objective::{
        Batch,
        model::{
            number::{self, Number, with_number},
            weights::Base,
        },
    },
    rng::Key,
    space::Space,
    tensor::{CowTensor, place},
};

/// A tensor that is trained: the one the model holds.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) name: String,
    pub(super) tensor: Tensor,
    pub(super) base: Base,
    /// Its first coordinate.
    pub(super) from: usize,
    /// One unit of the search in parameter units.
    pub(super) unit: f64,
    residues: Vec<Mutex<Residue>>,
    /// On a card, its values at home, while it is away.
    pub(super) home: Option<Tensor>,
    pub(super) is_away: bool,
}

impl Placed {
    pub(super) fn new(name: &str, tensor: Tensor, base: Base, from: usize, unit: f64) -> Self {
        let chunks = if place::is_near(&tensor) { tensor.elem_count().div_ceil(CHUNK) } else { 0 };
        let residues = (0..chunks).map(|_| Mutex::default()).collect();
        Self { name: name.into(), tensor, base, from, unit, residues, home: None, is_away: false }
    }
}

/// The point of a search in place. It is displaced only while candidates are evaluated.
pub(super) struct Trained {
    pub(super) space: Space,
    pub(super) leaves: Vec<Placed>,
    away: Option<Away>,
    /// What the roundings of an advance follow from.
    key: Key,
    origin: u64,
    version: u64,
    steps: u64,
    pub(super) log: Option<Log>,
    /// Why the point is lost, if it is: where the model began could not be read again in the middle of an advance.
    lost: Option<String>,
}

impl Trained {
    /// The point is where the tensors are.
    ///
    /// # Errors
    /// [`Error::Invalid`] for weights that are no finite numbers.
    pub(super) fn new(space: Space, leaves: Vec<Placed>, key: Key) -> Result<Self> {
        let origin = digest(&leaves, key)?;
        Ok(Self { space, leaves, away: None, key, origin, version: origin, steps: 0, log: None, lost: None })
    }

    /// Is the model where its point is?
    pub(super) fn is_home(&self) -> bool {
        self.away.is_none() && !self.leaves.iter().any(|leaf| leaf.is_away)
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// To another candidate; `None`: home.
    pub(super) fn go(&mut self, to: Option<Away>) -> Result<()> {
        let len = self.space.dim();
        let (near, elsewhere): (Vec<_>, Vec<_>) = self.leaves.iter_mut().partition(|leaf| place::is_near(&leaf.tensor));
        elsewhere.into_iter().try_for_each(|leaf| leaf.go_elsewhere(to.as_ref(), len))?;
        between(self.away.as_ref(), to.as_ref(), len, |way| {
            near.iter().try_for_each(|leaf| shift(&leaf.tensor, leaf.from, leaf.unit, &leaf.residues, way))
        })??;
        self.away = to;
        Ok(())
    }

    /// Bytes kept beside the weights, to come back.
    pub(super) fn kept(&self) -> usize {
        let held = |residue: &Mutex<Residue>| residue.lock().map_or(0, |residue| residue.bytes());
        let copied = |leaf: &Placed| leaf.home.as_ref().map_or(0, |home| home.elem_count() * home.dtype().size_in_bytes());
        self.leaves.iter().map(|leaf| leaf.residues.iter().map(held).sum::<usize>() + copied(leaf)).sum()
    }

    /// Before anything is displaced: could a step that follows from this batch be taken?
    pub(super) fn check(&self, batch: &Batch) -> Result<()> {
        self.whole()?;
        let mut noises = (0..batch.len()).filter_map(|i| batch.seed(i)).filter(|(_, _, probe)| probe.scale != 0.0);
        if let Some((_, noise, _)) = noises.find(|(_, noise, _)| noise.sampler().is_stored()) {
            let what =
                format!("draws noise chunk by chunk, and {:?} is smoothed as a whole, as large as the model", noise.sampler());
            return Err(Error::unsupported("a model in place", what));
        }
        self.log.as_ref().map_or(Ok(()), Log::check)
    }

    /// Is the point all of one version?
    ///
    /// # Errors
    /// [`Error::Objective`] after a file could not be read in the middle of a step, or of loading.
    pub(super) fn whole(&self) -> Result<()> {
        let refused = |why: &String| Error::Objective(format!("the model in place is lost, and must be restored: {why}"));
        self.lost.as_ref().map_or(Ok(()), |why| Err(refused(why)))
    }

    /// The trained tensors by name.
    pub(super) fn now(&self) -> impl Iterator<Item = (String, Tensor)> {
        self.leaves.iter().map(|leaf| (leaf.name.clone(), leaf.tensor.clone()))
    }

    /// The digest of where it began.
    pub(super) fn origin_digits(&self) -> String {
        format!("{:016x}", self.origin)
    }

    /// What a log begins with, of these tensors and others that are new.
    pub(super) fn head(&self, weights: String, new: impl Iterator<Item = Result<HeadTensor>>) -> Result<Head> {
        let trained = self.leaves.iter().map(|leaf| HeadTensor::new(&leaf.name, &leaf.tensor, &leaf.base, Some(leaf.unit)));
        let written_by = env!("CARGO_PKG_VERSION").into();
        let tensors = trained.chain(new).collect::<Result<_>>()?;
        Ok(Head { written_by, origin: self.origin_digits(), weights, key: self.key, tensors })
    }

    /// To where it was after so many of the steps that the log holds.
    pub(super) fn rewind(&mut self, steps: u64) -> Result<()> {
        let Some(log) = &self.log else { return Err(Error::unsupported("a model in place", "has no log to go back by")) };
        let entries = log.entries(steps, &self.space)?;
        // Until it has come there it is nowhere.
        self.lost = Some("its log was not followed to the end".into());
        self.reload()?;
        entries.iter().try_for_each(|entry| self.take(entry))?;
        self.log.iter_mut().for_each(Log::take_up);
        self.lost = None;
        Ok(())
    }

    /// Back to where it began.
    fn reload(&mut self) -> Result<()> {
        self.leaves.iter().try_for_each(|leaf| leaf.base.write_over(&leaf.tensor))?;
        if digest(&self.leaves, self.key)? != self.origin {
            let why = "the weights are not what they were when the model was made".into();
            return Err(Error::State { field: "base".into(), why });
        }
        (self.version, self.steps) = (self.origin, 0);
        Ok(())
    }

    /// One step of a log.
    pub(super) fn take(&mut self, entry: &Entry) -> Result<()> {
        self.move_by(&entry.step())?;
        self.count(&entry.bytes());
        Ok(())
    }

    fn count(&mut self, record: &[u8]) {
        let mut chain = Check::new(self.version);
        chain.add(record);
        // 0 says that nothing is known.
        (self.version, self.steps) = (chain.word().max(1), self.steps + 1);
    }

    /// Home, or nowhere.
    pub(super) fn come_home(&mut self) {
        if let Err(why) = self.go(None) {
            self.lost = Some(why.to_string());
        }
    }
}

/// A digest of names, shapes, dtypes and bits.
fn digest(leaves: &[Placed], key: Key) -> Result<u64> {
    let mut check = Check::new(key.to_bits());
    let mut bytes = vec![];
    for leaf in leaves {
        check.add(format!("{} {:?} {:?} {}", leaf.name, leaf.tensor.dims(), leaf.tensor.dtype(), leaf.unit).as_bytes());
        let finite = with_number!(leaf.tensor.dtype(), T => number::edit::<T, _>(&leaf.tensor, |weights| {
            let mut wide = [0.0; BLOCK];
            weights.chunks(BLOCK).all(|block| {
                bytes.clear();
                T::to_bytes(block, &mut bytes);
                check.add(&bytes);
                T::widen(block, &mut wide[..block.len()]);
                wide[..block.len()].iter().all(|x| x.is_finite())
            })
        }))?;
        if !finite {
            let valid = "weights that are finite numbers";
            return Err(Error::invalid(format!("weights: {}", leaf.name), "NaN or infinite", valid));
        }
    }
    Ok(check.word().max(1))
}

impl Placed {
    fn visit(&self, fields: &mut dyn crate::persist::Fields) -> Result<()> {
        let mut values = CowTensor::new(self.tensor.to_dtype(DType::F32)?.flatten_all()?.copy()?);
        fields.field(&self.name, &mut values)?;
        Ok(self.tensor.flatten_all()?.slice_set(&values.to_dtype(self.tensor.dtype())?, 0, 0)?)
    }
}

/// How the point is saved: its tensors, unless a log holds how it came about.
impl Trained {
    pub(super) fn visit(&mut self, fields: &mut dyn crate::persist::Fields) -> Result<()> {
        fields.enter("point");
        // A point that is lost has no version: it can be restored, and not saved.
        let mut at = vec![if self.lost.is_some() { 0 } else { self.version }, self.steps];
        let visited = fields.words(&mut at, 2..=2);
        fields.leave();
        visited?;
        let (version, steps) = (at[0], at[1]);
        if version == 0 {
            self.whole()?;
            return Err(Error::State { field: "point".into(), why: "is of a model that was lost".into() });
        }
        if self.log.is_some() {
            return self.visit_log(version, steps);
        }
        fields.enter("weights");
        let visited = self.leaves.iter().try_for_each(|leaf| leaf.visit(fields));
        fields.leave();
        visited?;
        (self.version, self.steps, self.lost) = (version, steps, None);
        Ok(())
    }

    /// What the log holds by now is on the disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.log.as_mut().map_or(Ok(()), Log::sync)
    }

    /// A state that is saved needs what the log holds by now to be on the disk.
    fn visit_log(&mut self, version: u64, steps: u64) -> Result<()> {
        if (version, steps) == (self.version, self.steps) && self.lost.is_none() {
            // Whoever deals in states knows of the log.
            self.log.iter_mut().for_each(Log::take_up);
            return self.sync();
        }
        self.rewind(steps)?;
        if self.version == version {
            return Ok(());
        }
        let why = format!("{steps} steps of the log lead to {:016x}, and the state was saved at {version:016x}", self.version);
        Err(Error::State { field: "point".into(), why })
    }
}
