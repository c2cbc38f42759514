//! State that can be saved, loaded, compared and inspected: one list of fields serves all.

mod state;

use crate::{CowTensor, Key, Result};
pub(crate) use state::Value;
pub use state::{Keep, State, atomically};

/// Something whose state is a list of named fields.
///
/// One list, written once, serves saving, loading, snapshots, comparison and inspection:
///
/// ```
/// use moths_core::{Clock, CowTensor, Persist, persist};
///
/// struct Walk { clock: Clock, at: CowTensor, loss: f64 }
/// persist!(Walk { clock, at, loss });
/// ```
pub trait Persist {
    /// Shows every field, by name, always in the same order. The visitor may read or replace what it is shown.
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()>;
}

/// What is done with the fields of a state: saving, loading, ...
pub trait Fields {
    /// Begins a field that has parts: what follows belongs to it.
    fn enter(&mut self, name: &str);
    /// Ends the field that was entered last.
    fn leave(&mut self);
    /// The field entered last is a tensor.
    fn tensor(&mut self, value: &mut CowTensor) -> Result<()>;
    /// The field entered last is a list of 64-bit words: integers, or the bits of floats.
    fn words(&mut self, value: &mut Vec<u64>) -> Result<()>;
    /// The field entered last is a clock: like words, but [`Keep::Clocks`] leaves it alone.
    fn clock(&mut self, value: &mut Vec<u64>) -> Result<()>;
}

impl dyn Fields + '_ {
    /// Visits one named part.
    pub fn field(&mut self, name: &str, value: &mut dyn Persist) -> Result<()> {
        self.enter(name);
        let visited = value.visit(self);
        self.leave();
        visited
    }
}

/// Implements [`Persist`] by listing the fields: `persist!(Pso { clock, x, v })`, also with bounds:
/// `persist!([E: Estimator, D: Descent] Descend<E, D> { estimator, descent })`.
#[macro_export]
macro_rules! persist {
    ([$($generics:tt)*] $type:ty { $($field:ident),* $(,)? }) => {
        impl<$($generics)*> $crate::Persist for $type {
            fn visit(&mut self, fields: &mut dyn $crate::Fields) -> $crate::Result<()> {
                let _ = &fields;
                $(fields.field(stringify!($field), &mut self.$field)?;)*
                Ok(())
            }
        }
    };
    ($type:ident { $($field:ident),* $(,)? }) => {
        $crate::persist!([] $type { $($field),* });
    };
}

impl Persist for CowTensor {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.tensor(self)
    }
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
        self.key.fold(self.step)
    }

    /// The step is committed.
    pub fn tick(&mut self) {
        self.step += 1;
    }
}

impl Persist for Clock {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let mut words = vec![self.key.to_bits(), self.step];
        fields.clock(&mut words)?;
        let [key, step] = state::exactly(&words)?;
        *self = Self { key: Key::from_bits(key), step };
        Ok(())
    }
}

/// Scalars are one word each; floats go as bits, so that every value survives.
macro_rules! words {
    ($($t:ty: $to:expr, $from:expr;)*) => {$(
        impl Persist for $t {
            fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
                let mut words = vec![$to(*self)];
                fields.words(&mut words)?;
                let [word] = state::exactly(&words)?;
                *self = $from(word);
                Ok(())
            }
        }
        impl Persist for Vec<$t> {
            fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
                let mut words: Vec<u64> = self.iter().map(|v| $to(*v)).collect();
                fields.words(&mut words)?;
                *self = words.into_iter().map($from).collect();
                Ok(())
            }
        }
    )*};
}
words! {
    u64: |v: u64| v, |w| w;
    usize: |v: usize| v as u64, |w: u64| w as usize;
    bool: |v: bool| u64::from(v), |w: u64| w != 0;
    f64: f64::to_bits, f64::from_bits;
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
