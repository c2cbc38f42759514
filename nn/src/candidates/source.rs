//! What the candidates of a group are.

use std::rc::Rc;

use moths_core::{
    Batch, CowTensor, Error, Result, Space,
    noise::{Parts, Perturbation},
    rng::Seed,
};

use crate::lanes::Buffer;

/// The candidates of one forward pass.
pub(crate) enum Source {
    /// Their values, one vector \[d\] each.
    Written(Vec<Buffer<f32>>),
    /// Noise around one point \[d\], which the model holds, decoded, where it is of low rank.
    Near { centre: CowTensor, members: Vec<Member> },
}

/// A candidate near a point: `scale` times its noise away.
pub(crate) struct Member {
    pub(crate) noise: Rc<Parts>,
    pub(crate) scale: f64,
}

impl Source {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Written(members) => members.len(),
            Self::Near { members, .. } => members.len(),
        }
    }

    /// These candidates as vectors.
    pub(crate) fn written(batch: &Batch, candidates: impl Iterator<Item = usize>, space: &Space) -> Result<Self> {
        let written = candidates.map(|i| {
            let mut values = Buffer::new(space.dim());
            batch.write_values(i, space, &mut values)?;
            Ok(values)
        });
        written.collect::<Result<_>>().map(Self::Written)
    }

    /// These candidates, which have one centre, as their noise.
    pub(crate) fn near(batch: &Batch, candidates: impl Iterator<Item = usize>, space: &Space) -> Result<Self> {
        let (mut centre, mut members) = (None, Vec::<Member>::new());
        let mut last: Option<(&Perturbation, Seed)> = None;
        for i in candidates {
            let (around, noise, probe) = batch.seed(i).ok_or_else(|| Error::unsupported("a stored candidate", "has no noise"))?;
            centre.get_or_insert_with(|| around.clone());
            // The two of a pair are neighbours of one batch; others are drawn once more, to the same numbers.
            let drawn = match members.last() {
                Some(before) if last.is_some_and(|(law, seed)| std::ptr::eq(law, noise) && seed == probe.seed) => {
                    before.noise.clone()
                }
                _ => {
                    let parts = noise.parts(probe.seed, space.dim())?;
                    Rc::new(parts.ok_or_else(|| Error::unsupported("this noise", "cannot be read part by part"))?)
                }
            };
            last = Some((noise, probe.seed));
            members.push(Member { noise: drawn, scale: probe.scale });
        }
        let centre = centre.ok_or_else(|| Error::shape("candidates", "at least one", 0))?;
        Ok(Self::Near { centre, members })
    }
}
