//! State that can be saved, loaded, compared and inspected: one list of fields serves all.

mod ranged;
mod state;

use std::ops::RangeInclusive;

use crate::{Error, Result, rng::Key, tensor::CowTensor};
pub use ranged::{Ranged, range_of};
pub use state::{Keep, State, Value, atomically};

/// Something whose state is a list of named fields.
///
/// One list, written once, serves saving, loading, snapshots, comparison and inspection:
///
/// ```
/// use moths_core::{persist, persist::{Clock, Persist}, CowTensor};
///
/// struct Walk { clock: Clock, at: CowTensor, loss: f64 }
/// persist!(Walk { clock, at, loss });
/// ```
///
/// What is restored comes from a file, and is no better than the file: a list must be as long as the one it replaces, a tensor of its shape
/// and dtype. What may vary, or may not take every value, [says its range](crate::persist!):
///
/// ```
/// use moths_core::{persist, persist::{Keep, Persist, State}};
///
/// struct Ring { entries: Vec<f64>, next: usize }
/// persist!(Ring { entries in |_| 1..=8, next in |ring| 0..ring.entries.len() });
///
/// let mut saved = Ring { entries: vec![0.5; 3], next: 2 };
/// let state = State::of(&mut saved)?;
/// let mut other = Ring { entries: vec![0.0; 5], next: 4 };
/// state.restore(&mut other, Keep::Nothing)?;
/// assert_eq!((other.entries.len(), other.next), (3, 2));
/// # Ok::<(), moths_core::Error>(())
/// ```
pub trait Persist {
    /// Shows every field, by name, always in the same order. The visitor may read or replace what it is shown.
    ///
    /// # Errors
    /// [`Error::State`], naming the field, for what the visitor refuses; fields before it may have been replaced. [`Error::Unsupported`]
    /// for a state that is kept private.
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()>;
}

/// What is done with the fields of a state: saving, loading, ...
pub trait Fields {
    /// Begins a field that has parts: what follows belongs to it.
    fn enter(&mut self, name: &str);
    /// Ends the field that was entered last.
    fn leave(&mut self);
    /// The field entered last is a tensor. What takes its place has its dtype and its shape; of a matrix, as many rows as `rows` allows.
    ///
    /// # Errors
    /// [`Error::State`] for one that is missing or does not fit; the value is then as it was.
    fn tensor(&mut self, value: &mut CowTensor, rows: RangeInclusive<usize>) -> Result<()>;
    /// The field entered last is a list of 64-bit words, integers or the bits of floats; what takes its place is as long as `len` allows.
    ///
    /// # Errors
    /// [`Error::State`] for one that is missing or of another length; the value is then as it was.
    fn words(&mut self, value: &mut Vec<u64>, len: RangeInclusive<usize>) -> Result<()>;
    /// The field entered last is a clock, a key and what it counts: like words, but [`Keep::Clocks`] leaves it alone, and [`Keep::Keys`] the key.
    ///
    /// # Errors
    /// As [`words`](Fields::words).
    fn clock(&mut self, value: &mut Vec<u64>) -> Result<()>;
    /// An [`Error::State`] that names the field entered last.
    fn refusal(&self, why: String) -> Error;
}

impl dyn Fields + '_ {
    /// Visits one named part.
    ///
    /// # Errors
    /// What visiting the part fails with.
    pub fn field(&mut self, name: &str, value: &mut dyn Persist) -> Result<()> {
        self.enter(name);
        let visited = value.visit(self);
        self.leave();
        visited
    }

    /// Visits one named part that is within a range: numbers by their value, lists by their length, matrices by their rows.
    ///
    /// # Errors
    /// [`Error::State`] for what is not.
    pub fn within<T: Ranged>(&mut self, name: &str, value: &mut T, range: impl std::ops::RangeBounds<T::Measure>) -> Result<()> {
        self.enter(name);
        let visited = value.visit_within(self, (range.start_bound().cloned(), range.end_bound().cloned()));
        self.leave();
        visited
    }
}

/// Implements [`Persist`] by listing the fields: `persist!(Pso { clock, x, v })`, also with bounds:
/// `persist!([E: Estimator, D: Descent] GradientDescent<E, D> { estimator, descent })`.
///
/// `next in |ring| 0..ring.entries.len()`: a number in this range, a list of so many entries, a matrix of so many rows ([`Ranged`]). What is
/// looked at on the right is what stands before it in the list, as that is restored before it. A `u64` or `usize` without a range is a count, 2⁵³ at
/// most.
#[macro_export]
macro_rules! persist {
    (@field $this:ident $fields:ident $field:ident) => {
        $fields.field(stringify!($field), &mut $this.$field)?;
    };
    (@field $this:ident $fields:ident $field:ident $range:expr) => {{
        let range = $crate::__private::range_of(&*$this, $range);
        $fields.within(stringify!($field), &mut $this.$field, range)?;
    }};
    ([$($generics:tt)*] $type:ty { $($field:ident $(in $range:expr)?),* $(,)? }) => {
        impl<$($generics)*> $crate::persist::Persist for $type {
            fn visit(&mut self, fields: &mut dyn $crate::persist::Fields) -> $crate::Result<()> {
                let _ = &fields;
                $($crate::persist!(@field self fields $field $($range)?);)*
                Ok(())
            }
        }
    };
    ($type:ident { $($field:ident $(in $range:expr)?),* $(,)? }) => {
        $crate::persist!([] $type { $($field $(in $range)?),* });
    };
}

/// Which random numbers an optimizer uses next: its key, and how many steps it has taken.
///
/// Equal clocks give equal noise. The clock ticks in the commit of a step, so that a step that failed is repeated with
/// the same noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    key: Key,
    /// Steps committed so far.
    pub step: u64,
}

impl Clock {
    /// A clock at step 0.
    pub fn new(key: Key) -> Self {
        Self { key, step: 0 }
    }

    /// The key of the step that is being taken.
    pub fn key(&self) -> Key {
        self.key_of(self.step)
    }

    /// The key of another step than that.
    pub fn key_of(&self, step: u64) -> Key {
        self.key.fold(step)
    }

    /// The step is committed.
    pub fn tick(&mut self) {
        self.step = self.step.wrapping_add(1);
    }
}

impl Persist for Clock {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let mut words = vec![self.key.to_bits(), self.step];
        fields.clock(&mut words)?;
        let [key, step] = ranged::exactly(&words, fields)?;
        if step > ranged::MOST_COUNTED {
            return Err(fields.refusal(format!("is at step {step}, to which nothing counts")));
        }
        *self = Self { key: Key::from_bits(key), step };
        Ok(())
    }
}

impl<T: Persist + ?Sized> Persist for Box<T> {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        (**self).visit(fields)
    }
}

impl<T: Persist + ?Sized> Persist for &mut T {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        (**self).visit(fields)
    }
}

impl Persist for () {
    fn visit(&mut self, _: &mut dyn Fields) -> Result<()> {
        Ok(())
    }
}
