//! Which candidates of a batch are computed together, and how.

use std::ops::Range;

use candle_core::TensorId;
use moths_core::{Batch, Result, Sampler, Space};

use super::Source;

/// Candidates with so many parameters, or fewer, are written out: they stay in the second cache.
const SMALL: usize = 1 << 16;
/// Candidates with so many parameters are not written out, whatever it costs: a thread would need 256 MiB for one.
const HUGE: usize = 1 << 26;
/// Candidates of low rank that share the products with the model's own weights, at most.
const TOGETHER: usize = 8;
/// Values of 32 examples that a product may make of all of them together: 1 MiB.
const ROOM: usize = 1 << 13;

/// Neighbouring candidates that one forward pass is of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) candidates: Range<usize>,
    pub(crate) draw: u32,
    pub(crate) kind: Kind,
}

impl Part {
    /// Its candidates.
    pub(crate) fn source(&self, batch: &Batch, space: &Space) -> Result<Source> {
        match self.kind {
            Kind::Written => Source::written(batch, self.candidates.clone(), space),
            Kind::Drawn { .. } | Kind::LowRank { .. } => Source::near(batch, self.candidates.clone(), space),
        }
    }
}

/// How the parameters of a candidate are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// From a vector of its own.
    Written,
    /// Drawn layer by layer around this point.
    Drawn { centre: TensorId },
    /// The model's own, which are this point, and a product of low rank.
    LowRank { centre: TensorId, law: Sampler },
}

impl Kind {
    /// Of candidate i of a batch, where a forward pass takes all data at once, or does not.
    fn of(batch: &Batch, i: usize, space: &Space, at_once: bool) -> Self {
        let Some((centre, noise, probe)) = batch.seed(i) else { return Self::Written };
        if probe.scale == 0.0 || !space.decodes_by_parts() || !noise.has_parts() {
            return Self::Written;
        }
        let (centre, d) = (centre.id(), space.dim());
        match noise.sampler() {
            law if noise.has_factors() && multiplies(space) => Self::LowRank { centre, law },
            Sampler::LowRank { .. } | Sampler::Subspace { .. } => Self::Written,
            _ if (d > SMALL && at_once) || d >= HUGE => Self::Drawn { centre },
            _ => Self::Written,
        }
    }

    /// The point that the model holds meanwhile, if it has to.
    pub(crate) const fn held(self) -> Option<TensorId> {
        if let Self::LowRank { centre, .. } = self { Some(centre) } else { None }
    }

    /// How many of them go together, at most, where a product makes so many values of one: an even number, as pairs share what they draw.
    fn together(self, widest: usize) -> usize {
        match self {
            Self::Written => 1,
            Self::Drawn { .. } => 2,
            Self::LowRank { .. } => (ROOM / widest.max(1) / 2 * 2).clamp(2, TOGETHER),
        }
    }
}

/// Is decoding a matrix, any of them, a multiplication? The others are drawn and decoded.
fn multiplies(space: &Space) -> bool {
    space.places().any(|(leaf, place)| leaf.shape().len() > 1 && space.multiplies(place).is_some())
}

/// The batch in parts, for so many threads, where a product makes so many values of a candidate.
pub(crate) fn plan(batch: &Batch, space: &Space, at_once: bool, threads: usize, widest: usize) -> Vec<Part> {
    // No thread idles while another has several candidates to do.
    let share = (batch.len().div_ceil(threads.max(1)) / 2 * 2).max(1);
    let mut parts: Vec<Part> = vec![];
    for i in 0..batch.len() {
        let (draw, kind) = (batch.draw(i), Kind::of(batch, i, space, at_once));
        match parts.last_mut() {
            Some(part) if (part.draw, part.kind) == (draw, kind) && part.candidates.len() < kind.together(widest).min(share) => {
                part.candidates.end = i + 1;
            }
            _ => parts.push(Part { candidates: i..i + 1, draw, kind }),
        }
    }
    parts
}
