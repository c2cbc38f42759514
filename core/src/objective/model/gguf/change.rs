//! What becomes of whole blocks: a candidate, on the way into a model.

use rayon::prelude::*;

use super::{
    Trained,
    block::Block,
    rounding::{integer_by_chance, nearest},
    tensors::Tensor,
};
use crate::{
    noise::{Draw, Perturbation, Sampler},
    rng::{Key, Seed},
};

/// Blocks that are worked on at a time hold about so many coordinates.
const COORDINATES: usize = 1 << 14;

/// Of the folds of a perturbation's key, that which moves of codes are rounded with: samplers fold small numbers.
const ROUNDING: u64 = 0x6775_6d66;

/// A candidate: the file with scale · noise(seed) in the coordinates of its trained blocks.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) what: Trained,
    /// Draws the noise of one seed.
    pub(super) draw: &'a Draw<'a, f32>,
    pub(super) seed: Seed,
    pub(super) scale: f64,
}

impl Candidate<'_> {
    /// Changes some blocks of a tensor, the first of which is its block `from`.
    pub(super) fn apply(&self, tensor: &Tensor, from: usize, blocks: &mut [u8]) {
        in_pieces(tensor, self.what, from, blocks, |at, piece| match self.what {
            Trained::Scales => self.scale(tensor.block, at, piece),
            Trained::Codes => self.step(tensor.block, at, piece),
        });
    }

    /// d ← f16(d (1 + scale z)), for both factors of a block where it has two.
    fn scale(&self, block: &Block, at: usize, blocks: &mut [u8]) {
        let z = drawn(self.draw, 0, at, blocks.len() / block.bytes);
        for (bytes, z) in blocks.chunks_exact_mut(block.bytes).zip(z) {
            let by = 1.0 + self.scale as f32 * z;
            for j in 0..block.factors() {
                let d = block.factor(bytes, j).to_f32();
                block.set_factor(bytes, j, nearest(d * by));
            }
        }
    }

    /// q ← q + round(scale z), up or down by chance; a code that would leave its range stays.
    fn step(&self, block: &Block, at: usize, blocks: &mut [u8]) {
        let codes = blocks.len() / block.bytes * block.weights;
        let z = drawn(self.draw, 0, at, codes);
        let chance = uniform(self.seed.key().fold(ROUNDING), at, codes);
        for (i, (z, u)) in z.into_iter().zip(chance).enumerate() {
            let (bytes, k) = (&mut blocks[i / block.weights * block.bytes..][..block.bytes], i % block.weights);
            let moved = block.code(bytes, k).saturating_add(integer_by_chance(self.scale as f32 * z, u));
            if block.codes().contains(&moved) {
                block.set_code(bytes, k, moved);
            }
        }
    }
}

/// Elements `at .. at + len` of the noise of the k-th seed.
pub(super) fn drawn(draw: &Draw<'_, f32>, k: usize, at: usize, len: usize) -> Vec<f32> {
    let mut z = vec![0.0; len];
    draw(k, at, &mut z);
    z
}

/// Elements `at .. at + len` of the numbers in \[0, 1) of a key.
pub(super) fn uniform(key: Key, at: usize, len: usize) -> Vec<f32> {
    let mut u = vec![0.0; len];
    Perturbation::from(Sampler::Uniform).fill_slice(key.into(), at, &mut u);
    // The sampler's are in ±√3.
    u.iter_mut().for_each(|u| *u = (*u / 12f32.sqrt() + 0.5).max(0.0));
    u
}

/// Some blocks of a tensor, from its block `from` on, in pieces side by side; `work` is told the first coordinate of a piece.
pub(super) fn in_pieces(tensor: &Tensor, what: Trained, from: usize, blocks: &mut [u8], work: impl Fn(usize, &mut [u8]) + Sync) {
    let (block, each) = (tensor.block, what.coordinates(tensor.block));
    let together = (COORDINATES / each).max(1);
    let first = tensor.first + from * each;
    blocks.par_chunks_mut(together * block.bytes).enumerate().for_each(|(i, piece)| work(first + i * together * each, piece));
}
