//! Numbers, lists and tensors as fields, and what may take their place.

use std::{
    fmt::Debug,
    ops::{Bound, RangeBounds, RangeInclusive},
};

use super::{Fields, Persist};
use crate::{Result, tensor::CowTensor};

/// A field that can be [confined to a range](crate::persist!): a number by its value, a list by its length, a matrix by its number of rows.
pub trait Ranged: Persist {
    /// What is in the range.
    type Measure: PartialOrd + Copy + Debug;

    /// Visits the field, which is entered already.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) for what is not in the range.
    fn visit_within(&mut self, fields: &mut dyn Fields, range: Range<Self::Measure>) -> Result<()>;
}

/// Two ends.
pub(super) type Range<T> = (Bound<T>, Bound<T>);

/// The range that an owner says, so that the type of a closure's argument need not be written.
#[doc(hidden)]
pub fn range_of<S, R>(owner: &S, range: impl FnOnce(&S) -> R) -> R {
    range(owner)
}

/// A field of one number that is what is wanted, or is refused.
fn number<T: Word + Debug>(
    value: &mut T,
    fields: &mut dyn Fields,
    wanted: impl Fn(&T) -> std::result::Result<(), String>,
) -> Result<()> {
    let mut words = vec![value.to_word()];
    fields.words(&mut words, 1..=1)?;
    let [word] = exactly(&words, fields)?;
    *value = read(word, fields)?;
    wanted(value).map_err(|why| fields.refusal(format!("is {value:?}, {why}")))
}

fn words<T: Debug>((start, end): &Range<T>) -> String {
    let start = match start {
        Bound::Included(start) | Bound::Excluded(start) => format!("{start:?}"),
        Bound::Unbounded => String::new(),
    };
    match end {
        Bound::Included(end) => format!("{start}..={end:?}"),
        Bound::Excluded(end) => format!("{start}..{end:?}"),
        Bound::Unbounded => format!("{start}.."),
    }
}

/// A range of counts with both ends.
fn counts((start, end): Range<usize>) -> RangeInclusive<usize> {
    let start = match start {
        Bound::Included(start) => start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    match end {
        Bound::Included(end) => start..=end,
        Bound::Excluded(end) => start..=end.saturating_sub(1),
        Bound::Unbounded => start..=usize::MAX,
    }
}

/// The `N` words a field must have.
pub(super) fn exactly<const N: usize>(words: &[u64], fields: &dyn Fields) -> Result<[u64; N]> {
    words.try_into().map_err(|_| fields.refusal(format!("needs {N} words, has {}", words.len())))
}

/// A number as a word; floats go as bits, so that every value survives.
trait Word: Copy {
    fn to_word(self) -> u64;
    /// `None`: no such number.
    fn of_word(word: u64) -> Option<Self>;
}

macro_rules! words {
    ($($t:ty: $to:expr, $of:expr, $usual:expr;)*) => {$(
        impl Word for $t {
            fn to_word(self) -> u64 {
                $to(self)
            }

            fn of_word(word: u64) -> Option<Self> {
                $of(word)
            }
        }

        impl Persist for $t {
            fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
                let usual = $usual;
                number(self, fields, usual)
            }
        }

        impl Ranged for $t {
            type Measure = Self;

            fn visit_within(&mut self, fields: &mut dyn Fields, range: Range<Self>) -> Result<()> {
                number(self, fields, |value| range.contains(value).then_some(()).ok_or_else(|| format!("not in {}", words(&range))))
            }
        }

        impl Persist for Vec<$t> {
            fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
                let len = self.len();
                list(self, fields, len..=len)
            }
        }

        impl Ranged for Vec<$t> {
            type Measure = usize;

            fn visit_within(&mut self, fields: &mut dyn Fields, range: Range<usize>) -> Result<()> {
                list(self, fields, counts(range))
            }
        }
    )*};
}
words! {
    u64: |v: u64| v, Some, |count: &u64| countable(*count);
    usize: |v: usize| v as u64, |w: u64| usize::try_from(w).ok(), |count: &usize| countable(*count as u64);
    bool: |v: bool| u64::from(v), |w: u64| (w < 2).then_some(w == 1), |_: &bool| Ok(());
    f64: f64::to_bits, |w: u64| Some(f64::from_bits(w)), |_: &f64| Ok(());
}

/// More than this nothing ever counts to, and two of them can be added.
pub(super) const MOST_COUNTED: u64 = 1 << 53;

/// A number of something, where no range is said.
fn countable(count: u64) -> std::result::Result<(), String> {
    if count <= MOST_COUNTED { Ok(()) } else { Err(format!("more than {MOST_COUNTED}, to which nothing counts")) }
}

fn read<T: Word>(word: u64, fields: &dyn Fields) -> Result<T> {
    T::of_word(word).ok_or_else(|| fields.refusal(format!("is {word}, no {}", std::any::type_name::<T>())))
}

fn list<T: Word>(values: &mut Vec<T>, fields: &mut dyn Fields, len: RangeInclusive<usize>) -> Result<()> {
    let mut words: Vec<u64> = values.iter().map(|value| value.to_word()).collect();
    fields.words(&mut words, len)?;
    *values = words.into_iter().map(|word| read(word, fields)).collect::<Result<_>>()?;
    Ok(())
}

impl Persist for CowTensor {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let rows = self.dims().first().copied().unwrap_or(1);
        fields.tensor(self, rows..=rows)
    }
}

impl Ranged for CowTensor {
    type Measure = usize;

    fn visit_within(&mut self, fields: &mut dyn Fields, range: Range<usize>) -> Result<()> {
        fields.tensor(self, counts(range))
    }
}
