//! Normalisations of the values of an example.

use moths_core::fuse::words::sqrt;
use multiversion::multiversion;

use super::{LANES, Lanes};

/// out_i = g_i (x_i − mean) / √(variance + ε) + b_i over every `gain.len()` values of an example; a `shift` b may be absent, and of RMS normalisation
/// the mean is.
///
/// Sources: Ba et al. 2016, arXiv:1607.06450; Zhang & Sennrich 2019, arXiv:1910.07467.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn layer_norm(x: &[Lanes], gain: &[f32], shift: Option<&[f32]>, law: Normalise, out: &mut [Lanes]) {
    let width = gain.len().max(1);
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let (mean, factor) = moments(x, law);
        for ((x, out), gain) in x.iter().zip(&mut *out).zip(gain) {
            scaled(x, &mean, &factor, *gain, out);
        }
        if let Some(shift) = shift {
            for (Lanes(out), shift) in out.iter_mut().zip(shift) {
                out.iter_mut().for_each(|out| *out += shift);
            }
        }
    }
}

/// out = g_c (x − mean) / √(variance + ε) + b_c of every value of channel c, over each of so many `groups` of channels: x is \[channels, ..\].
///
/// Source: Wu & He 2018, arXiv:1803.08494.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn group_norm(x: &[Lanes], groups: usize, gain: &[f32], shift: &[f32], epsilon: f32, out: &mut [Lanes]) {
    let (group, area) = ((x.len() / groups.max(1)).max(1), (x.len() / gain.len().max(1)).max(1));
    for (g, (x, out)) in x.chunks_exact(group).zip(out.chunks_exact_mut(group)).enumerate() {
        let (mean, factor) = moments(x, Normalise { epsilon, remove_mean: true });
        for (c, (x, out)) in x.chunks_exact(area).zip(out.chunks_exact_mut(area)).enumerate() {
            let channel = g * (group / area) + c;
            for (x, out) in x.iter().zip(out) {
                scaled(x, &mean, &factor, gain[channel], out);
                out.0.iter_mut().for_each(|out| *out += shift[channel]);
            }
        }
    }
}

/// What a normalisation divides by and takes away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normalise {
    /// ε, which is added to the variance.
    pub(crate) epsilon: f32,
    /// Is the mean taken away? If not, the mean square stands for the variance.
    pub(crate) remove_mean: bool,
}

/// The mean of each lane, or zeros, and 1 / √(variance + ε).
#[inline(always)]
fn moments(x: &[Lanes], law: Normalise) -> ([f32; LANES], [f32; LANES]) {
    let share = 1.0 / x.len() as f32;
    let (mut mean, mut factor) = ([0.0; LANES], [0.0; LANES]);
    if law.remove_mean {
        for Lanes(x) in x {
            for lane in 0..LANES {
                mean[lane] += share * x[lane];
            }
        }
    }
    for Lanes(x) in x {
        for lane in 0..LANES {
            let apart = x[lane] - mean[lane];
            factor[lane] += share * (apart * apart);
        }
    }
    for factor in &mut factor {
        *factor = 1.0 / sqrt(*factor + law.epsilon);
    }
    (mean, factor)
}

#[inline(always)]
fn scaled(Lanes(x): &Lanes, mean: &[f32; LANES], factor: &[f32; LANES], gain: f32, Lanes(out): &mut Lanes) {
    for lane in 0..LANES {
        out[lane] = (x[lane] - mean[lane]) * factor[lane] * gain;
    }
}
