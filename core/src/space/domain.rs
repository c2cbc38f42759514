//! What values a leaf may take, and between which ends.

use serde::{Deserialize, Serialize};

/// What values a leaf may take.
///
/// Every element has one search coordinate, whatever its domain. A discrete one is a real in [a − ½, b + ½] that is rounded to a whole number,
/// so that every value has as much room as any other. So all searches see it; native ones ask what it [is](Self::is_ordered).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Domain {
    /// Any real number, within the leaf's bounds if it has any.
    Real,
    /// The integers from `lo` to `hi`, both included. Searched as a real in [lo − ½, hi + ½] and rounded.
    Integer {
        /// The smallest value.
        lo: i64,
        /// The largest value.
        hi: i64,
    },
    /// 0 or 1. Searched as a real in [−½, 1½] and rounded.
    Bool,
    /// One of so many choices, 0, 1, .. `choices` − 1, of which none is between two others. A search that goes along coordinates sees integers in
    /// the order in which they stand, and finds what it finds there; one that knows categories treats all others as equally far.
    Category {
        /// How many there are.
        choices: u32,
    },
    /// One of so many real numbers in ascending order, the leaf's [levels](super::Leaf::levels). Searched by their index: neighbours are equally
    /// far apart.
    Levels {
        /// How many there are.
        count: u32,
    },
}

impl Domain {
    /// The first and the last of the whole numbers that are searched: values, or indices of [levels](Self::Levels). `None` for reals.
    pub(crate) fn whole(self) -> Option<(i64, i64)> {
        match self {
            Self::Real => None,
            Self::Integer { lo, hi } => Some((lo, hi)),
            Self::Bool => Some((0, 1)),
            Self::Category { choices: n } | Self::Levels { count: n } => Some((0, i64::from(n) - 1)),
        }
    }

    /// How many values there are; `None` for real numbers.
    ///
    /// ```
    /// use moths_core::space::Domain;
    /// assert_eq!(Domain::Integer { lo: -3, hi: 4 }.count(), Some(8));
    /// assert_eq!(Domain::Category { choices: 3 }.count(), Some(3));
    /// assert_eq!(Domain::Real.count(), None);
    /// ```
    pub fn count(self) -> Option<u64> {
        self.whole().map(|(lo, hi)| lo.abs_diff(hi) + 1)
    }

    /// Is a value between two others, so that it makes sense to go a step? Not where the domain is one of categories.
    pub fn is_ordered(self) -> bool {
        !matches!(self, Self::Category { .. })
    }
}

/// The box a real leaf is confined to, in parameter units. An end that is infinite is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bounds {
    Free,
    /// One interval for every element.
    Same(#[serde(with = "low")] f64, #[serde(with = "high")] f64),
    /// One interval an element.
    Each(#[serde(with = "each")] Vec<(f64, f64)>),
}

/// Ends that are not there are `null`: JSON knows no infinities.
macro_rules! end {
    ($name:ident, $missing:expr) => {
        mod $name {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            pub(super) fn known(end: f64) -> Option<f64> {
                end.is_finite().then_some(end)
            }

            pub(super) fn of(end: Option<f64>) -> f64 {
                end.unwrap_or($missing)
            }

            pub(super) fn serialize<S: Serializer>(end: &f64, to: S) -> Result<S::Ok, S::Error> {
                known(*end).serialize(to)
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
                Ok(of(Option::deserialize(from)?))
            }
        }
    };
}
end!(low, f64::NEG_INFINITY);
end!(high, f64::INFINITY);

mod each {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{high, low};

    pub(super) fn serialize<S: Serializer>(each: &[(f64, f64)], to: S) -> Result<S::Ok, S::Error> {
        each.iter().map(|(lo, hi)| (low::known(*lo), high::known(*hi))).collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(f64, f64)>, D::Error> {
        let each: Vec<(Option<f64>, Option<f64>)> = Vec::deserialize(from)?;
        Ok(each.into_iter().map(|(lo, hi)| (low::of(lo), high::of(hi))).collect())
    }
}
