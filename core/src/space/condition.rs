//! Leaves that matter only where another has a certain value.
//!
//! ```text
//! on(leaf)   = on(other) and θ_other ∈ values            on = true for leaves without a condition
//! θ_leaf     = what is searched where on, else what the search starts with
//! ```
//!
//! The other leaf stands before the leaf, so there is never a circle, and one pass in the order of the leaves is enough.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{leaf::Leaf, segment::Segment};
use crate::{Error, Result, rng::Element};

/// On which leaf it depends whether a leaf matters, and with which of its values it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Condition {
    pub(crate) leaf: String,
    pub(crate) values: Vec<f64>,
}

/// A [`Condition`] among search coordinates.
#[derive(Clone, Debug)]
struct Gate {
    /// The coordinate that it depends on.
    at: usize,
    /// The gate of that coordinate, if it has one.
    of: Option<usize>,
    /// The parameter values with which it is open.
    values: Vec<f64>,
    place: Range<usize>,
    /// The parameter values where it is closed.
    off: Vec<f64>,
}

/// The conditions of a space, in the order of its leaves.
#[derive(Clone, Debug, Default)]
pub(super) struct Gates(Vec<Gate>);

impl Gates {
    /// Of free leaves, and where their coordinates are.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a condition on a leaf that is not there; [`Error::Invalid`] for one on a leaf that is frozen, real, of several
    /// elements or not before, and for values that it never has.
    pub(super) fn new(leaves: &[Leaf], segments: &[Segment]) -> Result<Self> {
        let (mut gates, mut places) = (vec![], vec![]);
        for leaf in leaves.iter().filter(|leaf| !leaf.is_frozen()) {
            let start = places.last().map_or(0, |(_, place, _): &(&str, Range<usize>, Option<usize>)| place.end);
            let place = start..start + leaf.len();
            let mut gate = None;
            if let Some(condition) = &leaf.condition {
                let other = condition.other(leaf, leaves)?;
                let Some((_, at, of)) = places.iter().find(|(name, ..)| *name == other.name()) else { continue };
                let values = condition.values_of(leaf, other, segment_at(segments, at.start))?;
                gate = Some(gates.len());
                gates.push(Gate { at: at.start, of: *of, values, place: place.clone(), off: vec![] });
            }
            places.push((leaf.name(), place, gate));
        }
        Ok(Self(gates))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same gates, behind which leaves have these parameter values \[d\] where they are closed.
    pub(super) fn closing_to(&self, values: &[f64]) -> Self {
        let off = |gate: &Gate| Gate { off: values[gate.place.clone()].to_vec(), ..gate.clone() };
        Self(self.0.iter().map(off).collect())
    }

    /// What stands behind closed gates, in order: a part of what coordinates mean.
    pub(super) fn off(&self) -> impl Iterator<Item = f64> {
        self.0.iter().flat_map(|gate| gate.off.iter().copied())
    }

    /// The coordinates behind gates that are closed at these parameter values \[d\].
    pub(super) fn closed<T: Element>(&self, values: &[T]) -> impl Iterator<Item = (Range<usize>, &[f64])> {
        let mut open = Vec::with_capacity(self.0.len());
        for gate in &self.0 {
            let is = |value: &f64| T::of(*value) == values[gate.at];
            open.push(gate.of.is_none_or(|of| open[of]) && gate.values.iter().any(is));
        }
        self.0.iter().zip(open).filter(|(_, open)| !open).map(|(gate, _)| (gate.place.clone(), gate.off.as_slice()))
    }

    /// Gives elements behind closed gates the values that they start with, in place.
    pub(super) fn close<T: Element>(&self, values: &mut [T]) {
        // A gate is asked before what stands behind it is overwritten, and whatever stands behind a closed one is closed.
        let closed: Vec<(Range<usize>, &[f64])> = self.closed(values).collect();
        for (place, off) in closed {
            values[place].iter_mut().zip(off).for_each(|(v, off)| *v = T::of(*off));
        }
    }
}

impl Condition {
    /// The leaf that this depends on.
    fn other<'a>(&self, leaf: &Leaf, leaves: &'a [Leaf]) -> Result<&'a Leaf> {
        let refused = |valid: &str| Error::invalid(format!("leaf {}.condition", leaf.name()), &self.leaf, valid);
        let names = || leaves.iter().map(Leaf::name);
        let Some(at) = names().position(|name| name == self.leaf) else {
            return Err(Error::unknown(format!("leaf of the condition of {}", leaf.name()), &self.leaf, names()));
        };
        let other = &leaves[at];
        if names().position(|name| name == leaf.name()).is_some_and(|own| own <= at) {
            return Err(refused("a leaf before it"));
        }
        if other.is_frozen() {
            return Err(refused("a leaf that is not frozen"));
        }
        if other.domain().count().is_none() || other.len() != 1 {
            return Err(refused("a discrete leaf of one element"));
        }
        Ok(other)
    }

    /// The values as they are decoded from the coordinate of `other`.
    fn values_of(&self, leaf: &Leaf, other: &Leaf, segment: Option<&Segment>) -> Result<Vec<f64>> {
        let (field, of) = (format!("leaf {}.condition", leaf.name()), other.name());
        if self.values.is_empty() {
            return Err(Error::invalid(field, "no value", format!("at least one value of {of}")));
        }
        let found = self.values.iter().map(|value| {
            // A level is what it is rounded to.
            let known = match other.level_values() {
                [] => other
                    .domain()
                    .whole()
                    .filter(|(lo, hi)| value.fract() == 0.0 && (*lo as f64..=*hi as f64).contains(value))
                    .map(|_| *value),
                levels => levels.iter().position(|level| level == value).zip(segment).map(|(i, segment)| segment.level(i)),
            };
            known.ok_or_else(|| Error::invalid(&field, value, format!("a value that {of} has")))
        });
        found.collect()
    }
}

/// The segment that coordinate `i` is in.
fn segment_at(segments: &[Segment], i: usize) -> Option<&Segment> {
    let mut end = 0;
    segments.iter().find(|segment| {
        end += segment.len;
        i < end
    })
}
