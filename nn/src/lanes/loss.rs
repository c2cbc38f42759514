//! Losses of the outputs of examples side by side.

use moths_core::fuse::words::{exp, ln, max};
use multiversion::multiversion;

use super::{LANES, Lanes};

/// The sum of the cross-entropies, in nats, of as many lanes as there are labels; NaN for a label that is no class.
pub(crate) fn cross_entropy(logits: &[Lanes], labels: impl Iterator<Item = u32>) -> f64 {
    let mut normaliser = Lanes::ZERO;
    log_sum_exp(logits, &mut normaliser);
    let entropy = |(lane, label): (usize, u32)| {
        let right = logits.get(label as usize).map_or(f32::NAN, |logit| logit.0[lane]);
        f64::from(normaliser.0[lane] - right)
    };
    labels.enumerate().map(entropy).sum()
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn log_sum_exp(logits: &[Lanes], normaliser: &mut Lanes) {
    let mut highest = [f32::NEG_INFINITY; LANES];
    for Lanes(row) in logits {
        for lane in 0..LANES {
            // A NaN may be lost here: it comes back with the sum.
            highest[lane] = max(row[lane], highest[lane]);
        }
    }
    let mut sum = [0.0; LANES];
    for Lanes(row) in logits {
        for lane in 0..LANES {
            sum[lane] += exp(row[lane] - highest[lane]);
        }
    }
    for lane in 0..LANES {
        normaliser.0[lane] = highest[lane] + ln(sum[lane]);
    }
}

/// The sum of the squared distances from the targets of as many lanes as there are rows of targets \[outputs\].
pub(crate) fn squared_error<'a>(outputs: &[Lanes], targets: impl Iterator<Item = &'a [f32]>) -> f64 {
    let apart = |lane: usize, row: &[f32]| {
        let apart = outputs.iter().zip(row).map(|(Lanes(output), target)| f64::from(output[lane] - target));
        apart.map(|d| d * d).sum::<f64>()
    };
    targets.enumerate().map(|(lane, row)| apart(lane, row)).sum()
}
