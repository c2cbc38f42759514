//! A state taken out of its owner: snapshots, and what a checkpoint holds.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use super::{Fields, Persist};
use crate::{
    Error, Result,
    tensor::{CowTensor, host},
};

/// All fields of a [`Persist`], by dotted path. Taking one copies no tensor: [`CowTensor`]s are shared until the next write.
///
/// ```
/// use moths_core::{persist, persist::{Clock, Keep, State}, CowTensor, Key, Space};
///
/// struct Walk { clock: Clock, at: CowTensor }
/// persist!(Walk { clock, at });
///
/// let space = Space::real(2)?;
/// let mut walk = Walk { clock: Clock::new(Key::new(1)), at: space.start() };
/// let before = State::of(&mut walk)?;
/// walk.clock.tick();
/// before.restore(&mut walk, Keep::Clocks)?; // where it was, but with other noise to come
/// assert_eq!(walk.clock.step, 1);
/// before.restore(&mut walk, Keep::Nothing)?;
/// assert_eq!(walk.clock.step, 0);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct State(BTreeMap<String, Value>);

/// What one field of a [`State`] is.
#[derive(Clone, Debug)]
pub enum Value {
    /// A tensor, shared with its owner until one of the two changes it.
    Tensor(CowTensor),
    /// Counts as they are, numbers as their bits.
    Words(Vec<u64>),
}

/// What [`State::restore`] leaves alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: the owner is then exactly as it was.
    Nothing,
    /// The clocks: the owner is as it was but goes on with new random numbers, instead of repeating itself.
    Clocks,
    /// The keys of the clocks: the owner is what another one was, as many steps on, but draws random numbers of its own.
    Keys,
}

impl State {
    /// The state of `owner`, now.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an owner that keeps its state private, such as a [`CandleDescent`](crate::optimizer::descent::CandleDescent).
    pub fn of(owner: &mut dyn Persist) -> Result<Self> {
        let mut saver = Saver::default();
        owner.visit(&mut saver)?;
        Ok(Self(saver.values))
    }

    /// Gives `owner` this state. On failure `owner` is as it was.
    ///
    /// # Errors
    /// [`Error::State`] for a field that is missing, unknown to `owner`, of another dtype, shape or length, or out of its
    /// [range](crate::persist!).
    pub fn restore(&self, owner: &mut dyn Persist, keep: Keep) -> Result<()> {
        let before = Self::of(owner)?;
        let visited = owner.visit(&mut Loader { values: &self.0, path: Path::default(), keep });
        // Which fields there are may follow from what was restored: members come and go.
        let loaded = visited.and_then(|()| Self::of(owner)).and_then(|after| {
            let unknown = self.0.keys().find(|name| !after.0.contains_key(*name));
            let refused = |name: &String| Error::State { field: name.clone(), why: "the optimizer has no such field".into() };
            unknown.map_or(Ok(()), |name| Err(refused(name)))
        });
        if loaded.is_err() {
            owner.visit(&mut Loader { values: &before.0, path: Path::default(), keep: Keep::Nothing })?;
        }
        loaded
    }

    /// How many bytes the state takes.
    pub fn bytes(&self) -> usize {
        let bytes = |value: &Value| match value {
            Value::Tensor(t) => t.elem_count() * t.dtype().size_in_bytes(),
            Value::Words(words) => words.len() * 8,
        };
        self.0.values().map(bytes).sum()
    }

    /// Every field as bits, for comparing: equal digests are equal states, NaN and −0 included.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a tensor that is neither f32 nor f64.
    pub fn digest(&self) -> Result<Vec<(String, Vec<u64>)>> {
        self.0
            .iter()
            .map(|(name, value)| {
                let bits = match value {
                    Value::Tensor(t) => host::to_f64s(&t.contiguous()?)?.into_iter().map(f64::to_bits).collect(),
                    Value::Words(words) => words.clone(),
                };
                Ok((name.clone(), bits))
            })
            .collect()
    }

    /// The fields by name, `part.field`.
    pub fn values(&self) -> &BTreeMap<String, Value> {
        &self.0
    }

    /// A state of these fields; nothing is checked before it is [restored](State::restore).
    pub fn from_values(values: BTreeMap<String, Value>) -> Self {
        Self(values)
    }
}

/// Runs `f` so that a failure, or a panic, leaves `owner` exactly as it was.
///
/// For wrappers and ensembles, whose parts commit before the whole step has succeeded. The snapshot shares all tensors, so what
/// `f` overwrites is copied once.
///
/// # Errors
/// What `f` fails with, and [`State::of`].
pub fn atomically<P: Persist, T>(owner: &mut P, f: impl FnOnce(&mut P) -> Result<T>) -> Result<T> {
    let before = State::of(owner)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| f(owner)));
    if !matches!(outcome, Ok(Ok(_))) {
        before.restore(owner, Keep::Nothing)?;
    }
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

/// The dotted path of the field being visited.
#[derive(Default)]
struct Path {
    text: String,
    ends: Vec<usize>,
}

impl Path {
    fn enter(&mut self, name: &str) {
        self.ends.push(self.text.len());
        if !self.text.is_empty() {
            self.text.push('.');
        }
        self.text.push_str(name);
    }

    fn leave(&mut self) {
        self.text.truncate(self.ends.pop().unwrap_or(0));
    }

    fn refusal(&self, why: String) -> Error {
        Error::State { field: self.text.clone(), why }
    }
}

#[derive(Default)]
struct Saver {
    values: BTreeMap<String, Value>,
    path: Path,
}

impl Saver {
    fn put(&mut self, value: Value) -> Result<()> {
        self.values.insert(self.path.text.clone(), value);
        Ok(())
    }
}

impl Fields for Saver {
    fn enter(&mut self, name: &str) {
        self.path.enter(name);
    }

    fn leave(&mut self) {
        self.path.leave();
    }

    fn tensor(&mut self, value: &mut CowTensor, _: RangeInclusive<usize>) -> Result<()> {
        self.put(Value::Tensor(value.clone()))
    }

    fn words(&mut self, value: &mut Vec<u64>, _: RangeInclusive<usize>) -> Result<()> {
        self.put(Value::Words(value.clone()))
    }

    fn clock(&mut self, value: &mut Vec<u64>) -> Result<()> {
        self.put(Value::Words(value.clone()))
    }

    fn refusal(&self, why: String) -> Error {
        self.path.refusal(why)
    }
}

struct Loader<'a> {
    values: &'a BTreeMap<String, Value>,
    path: Path,
    keep: Keep,
}

impl Loader<'_> {
    fn refuse<T>(&self, why: impl Into<String>) -> Result<T> {
        Err(self.path.refusal(why.into()))
    }
}

impl Fields for Loader<'_> {
    fn enter(&mut self, name: &str) {
        self.path.enter(name);
    }

    fn leave(&mut self) {
        self.path.leave();
    }

    fn tensor(&mut self, value: &mut CowTensor, rows: RangeInclusive<usize>) -> Result<()> {
        let Some(Value::Tensor(saved)) = self.values.get(&self.path.text) else {
            return self.refuse("is missing, or is no tensor");
        };
        let fits = match (saved.dims(), value.dims()) {
            ([n, saved], [_, needed]) => saved == needed && rows.contains(n),
            (saved, needed) => saved == needed,
        };
        if !fits || saved.dtype() != value.dtype() {
            let (is, needed) = ((saved.dims(), saved.dtype()), (value.dims(), value.dtype()));
            return self.refuse(format!("is {is:?}, but {needed:?} is needed, with {} rows", span(&rows)));
        }
        // A run that was saved elsewhere goes on where this one is.
        *value = match saved.device().same_device(value.device()) {
            true => saved.clone(),
            false => saved.to_device(value.device())?.into(),
        };
        Ok(())
    }

    fn words(&mut self, value: &mut Vec<u64>, len: RangeInclusive<usize>) -> Result<()> {
        let Some(Value::Words(saved)) = self.values.get(&self.path.text) else {
            return self.refuse("is missing, or is a tensor");
        };
        if !len.contains(&saved.len()) {
            return self.refuse(format!("has {} entries, but needs {}", saved.len(), span(&len)));
        }
        value.clone_from(saved);
        Ok(())
    }

    fn clock(&mut self, value: &mut Vec<u64>) -> Result<()> {
        let (kept, len) = (value.first().copied(), value.len());
        match self.keep {
            Keep::Clocks => return Ok(()),
            Keep::Keys | Keep::Nothing => self.words(value, len..=len)?,
        }
        if let (Keep::Keys, Some(own), Some(key)) = (self.keep, kept, value.first_mut()) {
            *key = own;
        }
        Ok(())
    }

    fn refusal(&self, why: String) -> Error {
        self.path.refusal(why)
    }
}

/// A range of counts in words.
fn span(range: &RangeInclusive<usize>) -> String {
    match (range.start(), range.end()) {
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    }
}
