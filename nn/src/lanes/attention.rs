//! Attention.

use moths_core::fuse::words::{exp, max};
use multiversion::multiversion;

use super::{LANES, Lanes};

/// Queries, keys or values of places, one row a place, which may stand among others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    /// Place p has the `width` values from `p * apart` on.
    pub(crate) values: &'a [Lanes],
    /// From one place to the next.
    pub(crate) apart: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn at(self, place: usize, from: usize, size: usize) -> &'a [Lanes] {
        &self.values[place * self.apart + from..][..size]
    }
}

/// The shape of attention with several heads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    /// How many places ask, and how many answer.
    pub(crate) places: [usize; 2],
    /// How many heads share the width.
    pub(crate) heads: usize,
    /// Values at a place; a multiple of the heads.
    pub(crate) width: usize,
    /// Does a place see none after itself?
    pub(crate) causal: bool,
}

/// out_i = Σ_j softmax_j(q_i · k_j / √(width / heads)) v_j in each head, over all j, or over j ≤ i.
///
/// `out` is \[places, width\]; `scores` has a value a place that answers. Source: Vaswani et al. 2017, arXiv:1706.03762.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn attend(shape: Attention, [queries, keys, values]: [Rows<'_>; 3], scores: &mut [Lanes], out: &mut [Lanes]) {
    let Attention { places, heads, width, causal } = shape;
    let size = width / heads;
    let scale = 1.0 / (size as f32).sqrt();
    for head in 0..heads {
        let from = head * size;
        for i in 0..places[0] {
            let scores = &mut scores[..if causal { i + 1 } else { places[1] }];
            like(queries.at(i, from, size), keys, from, scale, scores);
            soften(scores);
            mix(scores, values, from, &mut out[i * width + from..][..size]);
        }
    }
}

/// score_j = scale q · k_j, two at a time.
#[inline(always)]
fn like(query: &[Lanes], keys: Rows<'_>, from: usize, scale: f32, scores: &mut [Lanes]) {
    let (pairs, last) = scores.as_chunks_mut();
    let count = pairs.len();
    for (p, [first, second]) in pairs.iter_mut().enumerate() {
        let (u, v) = (keys.at(2 * p, from, query.len()), keys.at(2 * p + 1, from, query.len()));
        let (mut a, mut b) = ([0.0; LANES], [0.0; LANES]);
        for ((Lanes(q), Lanes(u)), Lanes(v)) in query.iter().zip(u).zip(v) {
            for lane in 0..LANES {
                a[lane] = q[lane].mul_add(u[lane], a[lane]);
                b[lane] = q[lane].mul_add(v[lane], b[lane]);
            }
        }
        for lane in 0..LANES {
            (first.0[lane], second.0[lane]) = (scale * a[lane], scale * b[lane]);
        }
    }
    if let [Lanes(last)] = last {
        let mut a = [0.0; LANES];
        for (Lanes(q), Lanes(k)) in query.iter().zip(keys.at(2 * count, from, query.len())) {
            for lane in 0..LANES {
                a[lane] = q[lane].mul_add(k[lane], a[lane]);
            }
        }
        for lane in 0..LANES {
            last[lane] = scale * a[lane];
        }
    }
}

/// out = Σ_j score_j v_j, two values at a time.
#[inline(always)]
fn mix(scores: &[Lanes], values: Rows<'_>, from: usize, out: &mut [Lanes]) {
    let (pairs, last) = out.as_chunks_mut();
    let count = pairs.len();
    for (p, [first, second]) in pairs.iter_mut().enumerate() {
        let (mut a, mut b) = ([0.0; LANES], [0.0; LANES]);
        for (j, Lanes(score)) in scores.iter().enumerate() {
            if let [Lanes(u), Lanes(v)] = values.at(j, from + 2 * p, 2) {
                for lane in 0..LANES {
                    a[lane] = score[lane].mul_add(u[lane], a[lane]);
                    b[lane] = score[lane].mul_add(v[lane], b[lane]);
                }
            }
        }
        (first.0, second.0) = (a, b);
    }
    if let [last] = last {
        let mut a = [0.0; LANES];
        for (j, Lanes(score)) in scores.iter().enumerate() {
            if let [Lanes(v)] = values.at(j, from + 2 * count, 1) {
                for lane in 0..LANES {
                    a[lane] = score[lane].mul_add(v[lane], a[lane]);
                }
            }
        }
        last.0 = a;
    }
}

/// x ← e^x / Σ e^x, over all these values of an example.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn softmax(scores: &mut [Lanes]) {
    soften(scores);
}

#[inline(always)]
fn soften(scores: &mut [Lanes]) {
    let mut highest = [f32::NEG_INFINITY; LANES];
    for Lanes(score) in &*scores {
        for lane in 0..LANES {
            highest[lane] = max(score[lane], highest[lane]);
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
