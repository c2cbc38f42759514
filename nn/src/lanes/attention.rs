//! Causal attention.

use moths_core::fuse::words::{exp, max};
use multiversion::multiversion;

use super::{LANES, Lanes};

/// The shape of causal attention with several heads.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    /// How many places there are.
    pub places: usize,
    /// How many heads share the width.
    pub heads: usize,
    /// Values at a place; a multiple of the heads.
    pub width: usize,
}

/// out_i = Σ_{j ≤ i} softmax_j(q_i · k_j / √(width / heads)) v_j in each head.
///
/// `qkv` is \[places, 3 · width\]: query, key and value of a place; `out` is \[places, width\]; `scores` has a value a place. Source:
/// Vaswani et al. 2017, arXiv:1706.03762.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn attend(shape: Attention, qkv: &[Lanes], scores: &mut [Lanes], out: &mut [Lanes]) {
    let Attention { places, heads, width } = shape;
    let size = width / heads;
    let scale = 1.0 / (size as f32).sqrt();
    for head in 0..heads {
        let part = |place: usize, which: usize| &qkv[(3 * place + which) * width + head * size..][..size];
        for i in 0..places {
            for (j, score) in scores[..=i].iter_mut().enumerate() {
                score.0 = likeness(part(i, 0), part(j, 1), scale);
            }
            softmax(&mut scores[..=i]);
            let out = &mut out[i * width + head * size..][..size];
            out.fill(Lanes::ZERO);
            for (j, score) in scores[..=i].iter().enumerate() {
                add_scaled(score, part(j, 2), out);
            }
        }
    }
}

#[inline(always)]
fn likeness(query: &[Lanes], key: &[Lanes], scale: f32) -> [f32; LANES] {
    let mut sum = [0.0; LANES];
    for (Lanes(query), Lanes(key)) in query.iter().zip(key) {
        for lane in 0..LANES {
            sum[lane] = query[lane].mul_add(key[lane], sum[lane]);
        }
    }
    sum.map(|sum| scale * sum)
}

/// x ← e^x / Σ e^x, over all these values of an example.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn softmax(scores: &mut [Lanes]) {
    let mut highest = scores[0].0;
    for Lanes(score) in &*scores {
        for lane in 0..LANES {
            highest[lane] = max(highest[lane], score[lane]);
        }
    }
    let mut sum = [0.0; LANES];
    for Lanes(score) in scores.iter_mut() {
        for lane in 0..LANES {
            score[lane] = exp(score[lane] - highest[lane]);
            sum[lane] += score[lane];
        }
    }
    let share = sum.map(|sum| 1.0 / sum);
    for Lanes(score) in scores {
        for lane in 0..LANES {
            score[lane] *= share[lane];
        }
    }
}

#[inline(always)]
fn add_scaled(Lanes(score): &Lanes, values: &[Lanes], out: &mut [Lanes]) {
    for (Lanes(value), Lanes(out)) in values.iter().zip(out) {
        for lane in 0..LANES {
            out[lane] = score[lane].mul_add(value[lane], out[lane]);
        }
    }
}
