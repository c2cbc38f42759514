//! Noise in a few coordinates: which ones, counted without a list.

use crate::rng::{BLOCK, Element, Key};

/// Rounds of the permutation: four make a Feistel network over random functions indistinguishable from a random permutation
/// (Luby & Rackoff 1988, doi:10.1137/0217022).
const ROUNDS: u64 = 4;

/// Normal noise in exactly `chosen` of `blocks` runs of `block` coordinates.
pub(super) struct Sparse {
    key: Key,
    block: usize,
    blocks: u64,
    chosen: u64,
    /// √(blocks / chosen): gives every coordinate the variance 1.
    factor: f64,
    /// Half the bits that number a block, rounded up.
    half: u32,
    rounds: [u64; ROUNDS as usize],
}

impl Sparse {
    pub(super) fn new(fraction: f64, block: usize, len: usize, key: Key) -> Self {
        let block = block.clamp(1, len.max(1));
        let blocks = len.div_ceil(block).max(1) as u64;
        let chosen = ((fraction * blocks as f64).round() as u64).clamp(1, blocks);
        let bits = u64::BITS - (blocks - 1).leading_zeros();
        let rounds = std::array::from_fn(|round| key.fold(round as u64).to_bits());
        let factor = (blocks as f64 / chosen as f64).sqrt();
        Self { key, block, blocks, chosen, factor, half: bits.div_ceil(2).max(1), rounds }
    }

    /// A block is chosen when its place in a random permutation of all blocks is among the first.
    fn is_chosen(&self, block: u64) -> bool {
        // Whoever starts outside may never come in.
        if block >= self.blocks {
            return false;
        }
        let mut place = block;
        // The network permutes a power of four; walking on until a number of a block comes permutes the blocks.
        loop {
            place = self.permute(place);
            if place < self.blocks {
                return place < self.chosen;
            }
        }
    }

    fn permute(&self, x: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (x >> self.half, x & mask);
        for round in self.rounds {
            (left, right) = (right, left ^ (mix(right ^ round) & mask));
        }
        left << self.half | right
    }

    pub(super) fn draw<T: Element>(&self, offset: usize, out: &mut [T]) {
        T::normal(self.key, (offset / BLOCK) as u64, out.as_chunks_mut().0);
        let (mut at, mut rest) = (offset, out);
        while !rest.is_empty() {
            let to = (self.block - at % self.block).min(rest.len());
            let (run, behind) = rest.split_at_mut(to);
            let factor = if self.is_chosen((at / self.block) as u64) { T::of(self.factor) } else { T::ZERO };
            run.iter_mut().for_each(|z| *z *= factor);
            (at, rest) = (at + to, behind);
        }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2714064.2660195): every bit depends on every bit.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
