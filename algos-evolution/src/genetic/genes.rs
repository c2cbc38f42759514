//! What is inherited as one.

use std::ops::Range;

use moths_core::Space;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is inherited, and mutates, as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Genes {
    /// Every number.
    Element,
    /// Every row of a tensor: what shares its first index.
    Row,
    /// Every tensor.
    Leaf,
}

/// Where genes begin and end.
pub(super) enum Layout {
    /// Every coordinate of so many.
    Elements(usize),
    /// The coordinate each begins at, and the number of coordinates.
    Cuts(Vec<usize>),
}

impl Layout {
    pub(super) fn new(genes: Genes, space: &Space) -> Self {
        let mut cuts = vec![0];
        for leaf in space.leaves().iter().filter(|leaf| !leaf.is_frozen()) {
            let (start, rows) = (cuts[cuts.len() - 1], leaf.shape().first().copied().unwrap_or(1));
            match genes {
                Genes::Element => return Self::Elements(space.dim()),
                Genes::Row => cuts.extend((1..=rows).map(|k| start + k * (leaf.len() / rows))),
                Genes::Leaf => cuts.push(start + leaf.len()),
            }
        }
        Self::Cuts(cuts)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Elements(d) => *d,
            Self::Cuts(cuts) => cuts.len() - 1,
        }
    }

    /// The coordinates of one.
    pub(super) fn range(&self, gene: usize) -> Range<usize> {
        match self {
            Self::Elements(_) => gene..gene + 1,
            Self::Cuts(cuts) => cuts[gene]..cuts[gene + 1],
        }
    }
}
