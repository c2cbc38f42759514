//! What becomes of whole blocks for good: a step, written back in the numbers that the file has.
//!
//! Scales, for each f16 factor d of a block with the sum s = rate Σ_k weight_k z_k:
//!
//! ```text
//! d ← f16((1 − anchor)(1 − shrink) d + anchor d₀ − s d)           up or down by chance, so that the mean is right
//! ```
//!
//! Codes, for each code q, with the residual r of what has been rounded away so far:
//!
//! ```text
//! u = 0.9 r − s − anchor (q − q₀)      D = round(u), or 0 where q + D is no code      r ← u − D, within ±1.5      q ← q + D
//! ```
//!
//! r is never held: it follows from the last K steps, of which the first begins at r = 0. The codes that those steps found are
//! not known any more, and q is taken for them: a code that was at an end of its range meanwhile may have another r.

use super::{
    Trained,
    block::Block,
    change::{in_pieces, uniform},
    rounding::by_chance,
    step::Step,
    tensors::Tensor,
};
use crate::{noise::Draw, rng::Key};

/// What is left of a residual after a step.
const MEMORY: f32 = 0.9;
/// No residual is larger.
const LARGEST: f32 = 1.5;

/// A step, and those before it that it remembers.
pub(super) struct Motion<'a> {
    pub(super) what: Trained,
    /// The last is the one that is made.
    pub(super) steps: &'a [&'a Step],
    /// Draws the noise of the seeds of all of them, one after another.
    pub(super) draw: &'a Draw<'a, f32>,
    /// Which chance it is rounded by.
    pub(super) key: Key,
}

impl Motion<'_> {
    /// Moves some blocks of a tensor, the first of which is its block `from`. `base` are the same blocks as they were at first.
    pub(super) fn apply(&self, tensor: &Tensor, from: usize, blocks: &mut [u8], base: &[u8]) {
        let first = tensor.first + from * self.what.coordinates(tensor.block);
        in_pieces(tensor, self.what, from, blocks, |at, piece| {
            let begin = (at - first) / self.what.coordinates(tensor.block) * tensor.block.bytes;
            let base = &base[begin..begin + piece.len()];
            match self.what {
                Trained::Scales => self.scale(tensor.block, at, piece, base),
                Trained::Codes => self.step(tensor.block, at, piece, base),
            }
        });
    }

    fn scale(&self, block: &Block, at: usize, blocks: &mut [u8], base: &[u8]) {
        let Some((step, before)) = self.steps.split_last() else { return };
        let first = before.iter().map(|step| step.terms().count()).sum();
        let sums = self.sums(step, first, at, blocks.len() / block.bytes);
        let chances: Vec<Vec<f32>> = (0..block.factors()).map(|j| uniform(self.key.fold(j as u64), at, sums.len())).collect();
        let kept = (1.0 - step.anchor) * (1.0 - step.shrink);
        let pairs = blocks.chunks_exact_mut(block.bytes).zip(base.chunks_exact(block.bytes));
        for (i, (bytes, base)) in pairs.enumerate() {
            for (j, chance) in chances.iter().enumerate() {
                let d = block.factor(bytes, j);
                let mut moved = (kept as f32 - sums[i]) * d.to_f32();
                if step.anchor > 0.0 {
                    moved += step.anchor as f32 * block.factor(base, j).to_f32();
                }
                // What is no number in the file stays what it is there.
                if moved.is_finite() {
                    block.set_factor(bytes, j, by_chance(moved, chance[i]));
                }
            }
        }
    }

    fn step(&self, block: &Block, at: usize, blocks: &mut [u8], base: &[u8]) {
        let place = |i: usize| (i / block.weights * block.bytes, i % block.weights);
        let code = |bytes: &[u8], i: usize| block.code(&bytes[place(i).0..], place(i).1);
        let n = blocks.len() / block.bytes * block.weights;
        let codes: Vec<i32> = (0..n).map(|i| code(blocks, i)).collect();
        let mut residuals = vec![0f32; n];
        let mut moves = vec![0i32; n];
        let mut first = 0;
        for step in self.steps {
            let sums = self.sums(step, first, at, n);
            first += step.terms().count();
            for i in 0..n {
                let pulled = if step.anchor > 0.0 { step.anchor as f32 * (codes[i] - code(base, i)) as f32 } else { 0.0 };
                let wanted = MEMORY * residuals[i] - sums[i] - pulled;
                let whole = wanted.round() as i32;
                moves[i] = if block.codes().contains(&codes[i].saturating_add(whole)) { whole } else { 0 };
                residuals[i] = (wanted - moves[i] as f32).clamp(-LARGEST, LARGEST);
            }
        }
        for i in (0..n).filter(|i| moves[*i] != 0) {
            block.set_code(&mut blocks[place(i).0..], place(i).1, codes[i] + moves[i]);
        }
    }

    /// rate Σ_k weight_k z_k for the coordinates `at .. at + n`; `first` is the number of the step's first seed.
    fn sums(&self, step: &Step, first: usize, at: usize, n: usize) -> Vec<f32> {
        let (mut sums, mut z) = (vec![0f32; n], vec![0f32; n]);
        for (k, (_, weight)) in step.terms().enumerate() {
            (self.draw)(first + k, at, &mut z);
            let weight = (step.rate * weight) as f32;
            sums.iter_mut().zip(&z).for_each(|(sum, z)| *sum += weight * z);
        }
        sums
    }
}
