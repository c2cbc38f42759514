//! Signs that are orthogonal to those of the other members of a family.

use crate::rng::{BLOCK, Element, Key, Seed};

/// Row `number` of a Hadamard matrix in every block of coordinates, under the family's random signs, and one of its own a block.
///
/// Element j of row k of Sylvester's matrix of order 2ⁿ is (−1)^popcount(j & k). Coordinates beyond the last whole block of 128 are cut
/// into the powers of two they are the sum of, the largest first.
pub(super) struct Orthogonal {
    /// What all members of a group of 128 share.
    signs: Key,
    own: Key,
    /// Which row: the number in the group.
    row: usize,
    len: usize,
}

impl Orthogonal {
    pub(super) fn new(len: usize, seed: Seed) -> Self {
        // A group is as large as the largest block: members of the next are orthogonal among themselves again.
        let group = largest_power_of_two(len.clamp(1, BLOCK));
        let (row, group) = (seed.number() as usize % group, seed.number() / group as u64);
        Self { signs: seed.family().fold(group), own: seed.key(), row, len }
    }

    pub(super) fn draw<T: Element>(&self, offset: usize, out: &mut [T]) {
        T::sign(self.signs, (offset / BLOCK) as u64, out.as_chunks_mut().0);
        let mut own = [[T::ZERO; BLOCK]];
        for (at, block) in (offset..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
            // Without signs of their own all members would agree in the first column, where Sylvester's matrix is constant.
            T::sign(self.own, (at / BLOCK) as u64, &mut own);
            let mut rest = &mut block[..self.len.saturating_sub(at).min(BLOCK)];
            while !rest.is_empty() {
                let (this, behind) = rest.split_at_mut(largest_power_of_two(rest.len()));
                let own = own[0][this.len() - 1];
                for (j, sign) in this.iter_mut().enumerate() {
                    *sign = if (j & self.row).count_ones() % 2 == 1 { -*sign * own } else { *sign * own };
                }
                rest = behind;
            }
        }
    }
}

fn largest_power_of_two(n: usize) -> usize {
    1 << n.ilog2()
}
