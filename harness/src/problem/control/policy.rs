//! A policy: a network with one hidden layer.
//!
//! ```text
//! h = tanh(W x + b)      y = V h + c
//! ```
//!
//! x: what is observed \[s\]; h: \[16\]; y: what is done \[a\], of which a [task](super::task::Task) takes the highest, or a torque
//! tanh(y). The parameters are W \[16, s\], b \[16\], V \[a, 16\], c \[a\], in this order.

use candle_core::{DType, Device, Tensor};
use moths::{Key, Leaf, Sampler, Space, fuse::words::tanh};
use multiversion::multiversion;

use crate::Result;

/// Neurons of the hidden layer.
const HIDDEN: usize = 16;

/// A network with its parameters.
pub(super) struct Policy {
    /// W, transposed: one array an input.
    hidden_weight: Vec<[f64; HIDDEN]>,
    hidden_bias: [f64; HIDDEN],
    /// V and c: one row an output.
    output: Vec<([f64; HIDDEN], f64)>,
}

impl Policy {
    /// The network of these parameters; there are [`space`]'s.
    pub(super) fn new(values: &[f64], inputs: usize, outputs: usize) -> Self {
        let (hidden, rest) = values.split_at(HIDDEN * inputs);
        let (hidden_bias, rest) = rest.split_at(HIDDEN);
        let (output, output_bias) = rest.split_at(HIDDEN * outputs);
        let rows = output.as_chunks().0.iter().copied();
        Self {
            hidden_weight: (0..inputs).map(|input| std::array::from_fn(|h| hidden[h * inputs + input])).collect(),
            hidden_bias: std::array::from_fn(|h| hidden_bias[h]),
            output: rows.zip(output_bias.iter().copied()).collect(),
        }
    }

    /// y of an observation x.
    pub(super) fn decide(&self, observed: &[f64], outputs: &mut [f64]) {
        let mut hidden = self.hidden_bias;
        activate(observed, &self.hidden_weight, &mut hidden);
        for (output, (weights, bias)) in outputs.iter_mut().zip(&self.output) {
            *output = bias + dot(weights, &hidden);
        }
    }
}

/// h = tanh(W x + h), side by side.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn activate(observed: &[f64], weights: &[[f64; HIDDEN]], hidden: &mut [f64; HIDDEN]) {
    for (x, weights) in observed.iter().zip(weights) {
        for i in 0..HIDDEN {
            hidden[i] += weights[i] * x;
        }
    }
    for h in hidden {
        *h = tanh(*h);
    }
}

/// Sums of four, so that none waits long for the one before.
fn dot(a: &[f64; HIDDEN], b: &[f64; HIDDEN]) -> f64 {
    let mut sums = [0.0; 4];
    for (a, b) in a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0) {
        for i in 0..4 {
            sums[i] += a[i] * b[i];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// The parameters of a network of so many inputs and outputs.
///
/// The first layer begins as `N(0, 4/s)`, the second as zero: at first every observation is answered alike. One unit of the search
/// changes what a neuron of the first layer sums up by about 2, so that its curvature counts, and an output by about 1.
///
/// # Errors
/// When the tensor library refuses.
pub(super) fn space(inputs: usize, outputs: usize, key: Key) -> Result<Space> {
    let (near, far) = (2.0 / (inputs as f64).sqrt(), 1.0 / (HIDDEN as f64).sqrt());
    let leaf = |name: &str, shape: &[usize], scale| Leaf::real(name, shape).dtype(DType::F64).scale(scale);
    let leaves = vec![
        leaf("hidden.weight", &[HIDDEN, inputs], near),
        leaf("hidden.bias", &[HIDDEN], near),
        leaf("output.weight", &[outputs, HIDDEN], far),
        leaf("output.bias", &[outputs], far),
    ];
    let space = Space::with_dtype(leaves, DType::F64)?;
    let mut values = vec![0.0; space.dim()];
    let first = &mut values[..HIDDEN * inputs];
    Sampler::Normal.fill_slice(key, first);
    first.iter_mut().for_each(|w| *w *= near);
    space.starting_at(&Tensor::from_vec(values, space.dim(), &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use moths::tensor::host::to_f64s;

    use super::*;

    #[test]
    fn a_decision_worked_out_by_hand() {
        // W is 0 but for rows 0 and 15; V sees h_0 in the first output and h_15 in the second.
        let mut values = [0.0; 2 * HIDDEN + HIDDEN + 2 * HIDDEN + 2];
        (values[0], values[1], values[30], values[31]) = (2.0, -1.0, 0.5, 3.0);
        (values[32], values[47]) = (0.1, -0.2);
        (values[48], values[79], values[80], values[81]) = (4.0, -2.0, 0.25, 0.75);
        let mut outputs = [0.0; 2];
        Policy::new(&values, 2, 2).decide(&[0.3, -0.6], &mut outputs);
        let by_hand = [4.0 * f64::tanh(2.0 * 0.3 + 0.6 + 0.1) + 0.25, -2.0 * f64::tanh(0.5 * 0.3 - 3.0 * 0.6 - 0.2) + 0.75];
        assert!(outputs.iter().zip(by_hand).all(|(a, b)| (a - b).abs() < 1e-14), "{outputs:?} {by_hand:?}");
    }

    #[test]
    fn nan_is_not_lost() {
        let mut values = vec![0.1; 81];
        values[7] = f64::NAN;
        let mut outputs = [0.0];
        Policy::new(&values, 3, 1).decide(&[1.0, 2.0, 3.0], &mut outputs);
        assert!(outputs[0].is_nan());
    }

    #[test]
    fn the_parameters_are_named_and_begin_as_documented() -> Result<()> {
        let space = space(4, 2, Key::new(1))?;
        let shapes: Vec<_> = space.leaves().iter().map(|l| (l.name(), l.shape().to_vec())).collect();
        let expected =
            [("hidden.weight", vec![16, 4]), ("hidden.bias", vec![16]), ("output.weight", vec![2, 16]), ("output.bias", vec![2])];
        assert_eq!(shapes, expected);
        let start = to_f64s(&space.start())?;
        let (first, rest) = start.split_at(64);
        // In search coordinates the first layer has a variance of 1.
        let variance = first.iter().map(|w| w * w).sum::<f64>() / 64.0;
        assert!((0.5..1.6).contains(&variance) && rest.iter().all(|w| *w == 0.0), "{variance}");
        Ok(())
    }
}
