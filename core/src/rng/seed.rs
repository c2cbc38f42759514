//! Seeds: which noise, and beside which others it is drawn.

use super::Key;

/// Which noise a perturbation is: a [`Key`] of its own, and its place in the family it is drawn with.
///
/// Most laws look at the key alone. Those that arrange the perturbations of one step against each other
/// ([`Sampler::Orthogonal`](crate::noise::Sampler::Orthogonal), [`Sampler::Sobol`](crate::noise::Sampler::Sobol)) look at the family.
///
/// ```
/// use moths_core::{Key, rng::Seed};
///
/// let step = Key::new(3);
/// assert_eq!(step.member(2).key(), step.fold(2));
/// assert_ne!(step.member(2), Seed::from(step.fold(2))); // the same key, but alone
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Seed {
    key: Key,
    family: Key,
    member: u64,
}

impl Seed {
    /// What [`key`](Self::key), [`family`](Self::family) and [`number`](Self::number) say of a seed, as a seed.
    pub(crate) const fn of(key: Key, family: Key, member: u64) -> Self {
        Self { key, family, member }
    }

    /// The key of its own.
    pub const fn key(self) -> Key {
        self.key
    }

    /// What it has in common with those it is drawn with.
    pub const fn family(self) -> Key {
        self.family
    }

    /// Its number among them, from 0.
    pub const fn number(self) -> u64 {
        self.member
    }
}

impl Key {
    /// The seed of the `n`-th perturbation of this key: its own key is [`fold(n)`](Key::fold).
    pub const fn member(self, n: u64) -> Seed {
        Seed { key: self.fold(n), family: self, member: n }
    }
}

/// A key alone: the only one of its family.
impl From<Key> for Seed {
    fn from(key: Key) -> Self {
        Self { key, family: key, member: 0 }
    }
}
