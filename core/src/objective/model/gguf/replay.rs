//! What steps make of a file, piece by piece: one step of a copy, or all of them of its base.

use std::path::Path;

use super::{
    Trained,
    motion::Motion,
    opened::{BYTES, Opened},
    step::Step,
    tensors::Tensor,
};
use crate::{
    Error, Result,
    rng::{Key, Seed},
    space::Space,
};

/// What is trained of a file.
pub(super) struct Training {
    pub(super) what: Trained,
    pub(super) tensors: Vec<Tensor>,
    pub(super) space: Space,
}

impl Training {
    /// Prepares the noise of some steps, of which the last is made; `version` is that before it.
    ///
    /// # Errors
    /// [`Error::Shape`] for noise over another space.
    pub(super) fn with_motion<R>(&self, steps: &[&Step], version: u64, work: impl FnOnce(&Motion<'_>) -> R) -> Result<R> {
        let Some(last) = steps.last() else { return Err(Error::unsupported("a motion", "is of one step at least")) };
        let seeds: Vec<Seed> = steps.iter().flat_map(|step| step.terms().map(|(seed, _)| seed)).collect();
        let noise = last.noise().over(&self.space);
        let (what, key) = (self.what, Key::from_bits(version));
        noise.with_noise(&seeds, self.space.dim(), |draw| work(&Motion { what, steps, draw, key }))
    }

    /// Pieces of the trained tensors, in the order of the file: the tensor, the first of its blocks, where they are, how many
    /// bytes.
    ///
    /// # Errors
    /// What `work` fails with.
    pub(super) fn each_piece(&self, mut work: impl FnMut(&Tensor, usize, u64, usize) -> Result<()>) -> Result<()> {
        for tensor in &self.tensors {
            let together = (BYTES / tensor.block.bytes).max(1);
            for from in (0..tensor.blocks).step_by(together) {
                let blocks = together.min(tensor.blocks - from);
                work(tensor, from, tensor.start + (from * tensor.block.bytes) as u64, blocks * tensor.block.bytes)?;
            }
        }
        Ok(())
    }

    /// Puts the file that these steps, each with the version before it, make of the base in the place of the copy, if there is one.
    /// On failure that is as it was.
    ///
    /// # Errors
    /// As [`Opened::put`].
    pub(super) fn rebuild(&self, base: &Opened, steps: &[(u64, Step)], held: usize, copy: &Path) -> Result<Opened> {
        let io = |source| Error::Io { path: copy.into(), source };
        Opened::put(copy, |out| {
            let mut written = 0;
            self.each_piece(|tensor, from, place, len| {
                base.each(written, place, |bytes| out.write_all(bytes).map_err(io))?;
                let mut first = vec![0; len];
                base.read(place, &mut first)?;
                written = place + len as u64;
                out.write_all(&self.replayed(steps, held, tensor, from, &first)?).map_err(io)
            })?;
            base.each(written, base.len, |bytes| out.write_all(bytes).map_err(io))
        })
    }

    /// What all these steps, each with the version before it, make of some blocks of the base.
    fn replayed(&self, steps: &[(u64, Step)], held: usize, tensor: &Tensor, from: usize, first: &[u8]) -> Result<Vec<u8>> {
        let mut blocks = first.to_vec();
        for (i, (version, step)) in steps.iter().enumerate() {
            let before = steps[i.saturating_sub(held)..i].iter().map(|(_, step)| step);
            self.with_motion(&remembered(before, step), *version, |motion| motion.apply(tensor, from, &mut blocks, first))?;
        }
        Ok(blocks)
    }
}

/// A step behind those before it that it remembers: as far back as they are of the same law.
pub(super) fn remembered<'a>(before: impl Iterator<Item = &'a Step>, step: &'a Step) -> Vec<&'a Step> {
    let steps: Vec<&Step> = before.chain([step]).collect();
    let begin = steps.iter().rposition(|other| other.noise() != step.noise()).map_or(0, |last| last + 1);
    steps[begin..].to_vec()
}
