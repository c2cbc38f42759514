//! Keys: which random numbers, by name.

use serde::{Deserialize, Serialize};

use super::{Stream, philox::philox};

/// The name of an endless, reproducible supply of random numbers.
///
/// A key is a value, not a generator: using it twice gives the same numbers twice. Derive a fresh one for each purpose
/// with [`Key::fold`]; a step `t` of an optimizer takes `key.fold(t)`, its candidate `i` `key.fold(t).fold(i)`, and so on.
/// The different uses of one key (its noise under each law, its [`Stream`], its folds) never share a counter.
///
/// ```
/// use moths_core::Key;
///
/// let key = Key::new(42);
/// assert_eq!(key.fold(1), Key::new(42).fold(1));
/// assert_ne!(key.fold(1), key.fold(2));
/// assert_eq!(Key::from_bits(key.to_bits()), key);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(u64);

/// The third counter word: each use of a key has its own, so that no two uses ever evaluate the same counter.
///
/// The numbers are part of the value-stability promise; never reuse one.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Domain {
    Fold = 1,
    Stream = 2,
    Sign = 3,
    UniformF32 = 4,
    UniformF64 = 5,
    NormalF32 = 6,
    NormalF64 = 7,
}

impl Key {
    /// The key of a user's seed. Near-by seeds give unrelated numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The key with these bits: what [`Key::to_bits`] returned.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The key as bits, for saving.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The `n`-th key derived from this one, unrelated to it and to its siblings.
    ///
    /// Philox itself in a domain of its own. Two derived keys agree by accident with probability 2^-64 a pair.
    pub const fn fold(self, n: u64) -> Self {
        let [low, high, ..] = philox([n as u32, (n >> 32) as u32, Domain::Fold as u32, 0], self.0);
        Self(low as u64 | (high as u64) << 32)
    }

    /// A generator of this key's host-side draws, from the start.
    pub const fn stream(self) -> Stream {
        Stream::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_stable_and_differ() {
        assert_eq!(Key::new(0).fold(0).to_bits(), 17_333_632_219_461_522_913);
        let mut keys: Vec<u64> = (0..10_000).map(|n| Key::new(7).fold(n).to_bits()).collect();
        keys.extend((0..10_000).map(|seed| Key::new(seed).fold(7).to_bits()).filter(|k| *k != Key::new(7).fold(7).to_bits()));
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    #[test]
    fn serializes_as_one_number() -> Result<(), serde_json::Error> {
        let key = Key::new(u64::MAX);
        assert_eq!(serde_json::to_string(&key)?, "18446744073709551615");
        assert_eq!(serde_json::from_str::<Key>("18446744073709551615")?, key);
        Ok(())
    }
}
