//! Which coordinates an event of probability p hits, by the gaps between them.
//!
//! ```text
//! the gap before the next hit is ⌊E / −ln(1 − p)⌋,  E ~ Exp(1)
//! ```
//!
//! These are exactly the hits of an independent draw in every coordinate, for p d draws instead of d.

use moths_core::{
    Key,
    rng::{BLOCK, Element},
};
use multiversion::multiversion;

/// Longer gaps are cut: 2^23 − 1.
const LONGEST: u32 = (1 << 23) - 1;

/// The hits of a key, row after row.
pub(crate) struct Gaps {
    key: Key,
    block: u64,
    exponentials: [f32; BLOCK],
    /// The gaps they are at this probability.
    gaps: [u32; BLOCK],
    used: usize,
    /// p, and 1 / −ln(1 − p): rows in turn often have the same.
    p: f64,
    scale: f32,
}

impl Gaps {
    pub(crate) fn new(key: Key) -> Self {
        Self { key, block: 0, exponentials: [0.0; BLOCK], gaps: [0; BLOCK], used: BLOCK, p: 1.0, scale: 0.0 }
    }

    /// Calls `hit` with the coordinates, of d, that are hit with the probability p < 1 each; they are drawn anew in every call.
    pub(crate) fn each(&mut self, p: f64, d: usize, mut hit: impl FnMut(usize)) {
        if p <= 0.0 {
            return;
        }
        if self.p != p {
            (self.p, self.scale) = (p, (-1.0 / libm::log1p(-p)).min(1e30) as f32);
            scaled(&self.exponentials, self.scale, &mut self.gaps);
        }
        let mut at = 0;
        loop {
            if self.used == BLOCK {
                self.refill();
            }
            for gap in &self.gaps[self.used..] {
                self.used += 1;
                at += *gap as usize;
                if at >= d {
                    return;
                }
                // A gap that was cut ends without a hit; what was left of it has the law of a new one.
                if *gap < LONGEST {
                    hit(at);
                    at += 1;
                }
            }
        }
    }

    fn refill(&mut self) {
        f32::uniform(self.key, self.block, std::slice::from_mut(&mut self.exponentials));
        exponentials(&mut self.exponentials);
        scaled(&self.exponentials, self.scale, &mut self.gaps);
        (self.block, self.used) = (self.block + 1, 0);
    }
}

/// Uniform numbers, multiples of 2^-24, to exponential ones.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn exponentials(u: &mut [f32; BLOCK]) {
    for u in u {
        // In the middle of its cell: never zero.
        *u = -Element::ln(*u + 0.5 / (1 << 24) as f32);
    }
}

/// Their whole parts, times a scale; [`LONGEST`] at most.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn scaled(exponentials: &[f32; BLOCK], scale: f32, gaps: &mut [u32; BLOCK]) {
    for (gap, e) in gaps.iter_mut().zip(exponentials) {
        let whole = Element::floor(e * scale);
        let whole = if whole < LONGEST as f32 { whole } else { LONGEST as f32 };
        // In [2^23, 2^24) the mantissa is the number; a cast is as exact but is not done side by side.
        *gap = (whole + (LONGEST + 1) as f32).to_bits() & LONGEST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coordinate_is_hit_as_often_as_it_should_be_and_independently_of_its_neighbour() {
        for p in [0.03, 0.1, 0.5] {
            let (mut gaps, rows, d) = (Gaps::new(Key::new(3)), 40_000, 7);
            let (mut hits, mut pairs) = (vec![0; d], 0);
            for _ in 0..rows {
                let mut last = usize::MAX;
                gaps.each(p, d, |j| {
                    hits[j] += 1;
                    pairs += usize::from(last.wrapping_add(1) == j && j > 0);
                    last = j;
                });
            }
            let within =
                |seen: usize, of: usize, p: f64| (seen as f64 - of as f64 * p).abs() < 4.5 * (of as f64 * p * (1.0 - p)).sqrt();
            assert!(hits.iter().all(|&seen| within(seen, rows, p)), "{p}: {hits:?}");
            assert!(within(pairs, rows * (d - 1), p * p), "{p}: {pairs}");
        }
    }

    #[test]
    fn nothing_is_hit_with_no_probability_and_the_smallest_does_no_harm() {
        let mut gaps = Gaps::new(Key::new(1));
        gaps.each(0.0, 100, |_| panic!("hit"));
        gaps.each(f64::MIN_POSITIVE, 100, |_| panic!("hit"));
    }
}
