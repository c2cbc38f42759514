//! What happens to the outputs of a layer one by one, and to the last ones.

use candle_core::{DType, Tensor};
use moths::fuse::words::{exp, ln, max, select, tanh};
use multiversion::multiversion;

use super::{LANES, Lanes};

/// The function between two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::problem::net) enum Activation {
    /// max(x, 0)
    Relu,
    /// tanh x
    Tanh,
    /// 1 where x > 0, else 0: its derivative is 0 wherever there is one.
    Step,
    /// 1 where x ≥ 0, else −1; likewise.
    Sign,
}

impl Activation {
    /// Of all these values, in place.
    pub(in crate::problem::net) fn apply(self, values: &mut [Lanes]) {
        match self {
            Self::Relu => relu(values),
            Self::Tanh => tanhs(values),
            Self::Step => steps(values),
            Self::Sign => signs(values),
        }
    }

    /// The same by candle's operations.
    pub(in crate::problem::net) fn of(self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Relu => x.relu(),
            Self::Tanh => x.tanh(),
            Self::Step => x.gt(0.0)?.to_dtype(DType::F32),
            Self::Sign => x.ge(0.0)?.to_dtype(DType::F32)?.affine(2.0, -1.0),
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn relu(values: &mut [Lanes]) {
    values.iter_mut().flat_map(|v| &mut v.0).for_each(|v| *v = max(*v, 0.0));
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn tanhs(values: &mut [Lanes]) {
    for Lanes(values) in values {
        for value in values {
            *value = tanh(*value);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn steps(values: &mut [Lanes]) {
    for Lanes(values) in values {
        for value in values {
            *value = select(*value > 0.0, 1.0, 0.0);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn signs(values: &mut [Lanes]) {
    for Lanes(values) in values {
        for value in values {
            *value = select(*value >= 0.0, 1.0, -1.0);
        }
    }
}

/// The sum of the cross-entropies, in nats, of as many lanes as there are labels.
pub(in crate::problem::net) fn cross_entropy(logits: &[Lanes], labels: &[u8]) -> f64 {
    let mut normaliser = Lanes::ZERO;
    log_sum_exp(logits, &mut normaliser);
    let entropies = labels.iter().enumerate().map(|(lane, label)| normaliser.0[lane] - logits[usize::from(*label)].0[lane]);
    entropies.map(f64::from).sum()
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn log_sum_exp(logits: &[Lanes], normaliser: &mut Lanes) {
    let mut highest = logits[0].0;
    for Lanes(row) in &logits[1..] {
        for lane in 0..LANES {
            highest[lane] = max(highest[lane], row[lane]);
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

/// The label of highest logit in a lane; the first of equals.
pub(in crate::problem::net) fn predicted(logits: &[Lanes], lane: usize) -> usize {
    (1..logits.len()).fold(0, |best, i| if logits[i].0[lane] > logits[best].0[lane] { i } else { best })
}
