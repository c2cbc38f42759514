//! The network's loss in one pass: both layers and the cross-entropy of 32 images at a time, nothing stored between them.
//!
//! Operation by operation the same network spends more time around its two matrix products than in them (new tensors, bias, ReLU,
//! scalar `exp`), and its products are too small for a general routine to be at its best. No multiply-add is fused, so that the loss has
//! the same bits on every machine.

use candle_core::{Device, Tensor};
use moths::{
    fuse::words::{exp, ln, max},
    tensor::host,
};
use multiversion::multiversion;

use super::{
    data::{Images, PIXELS},
    network::{CLASSES, HIDDEN, Network},
};
use crate::{Error, Result};

/// Images that are computed side by side.
///
/// Loops over fewer are unrolled before they are vectorised, and then are not; with more the hidden layer leaves the first cache.
const LANES: usize = 32;

type Lanes = [f32; LANES];

/// Images, in blocks.
pub(super) struct Fused {
    blocks: Vec<Block>,
    images: usize,
}

/// A block of images, pixel by pixel, and their labels. The last block may have less.
struct Block {
    pixels: Box<[Lanes; PIXELS]>,
    labels: Vec<u32>,
}

/// What is known of a block after each layer.
struct Work {
    hidden: [Lanes; HIDDEN],
    logits: [Lanes; CLASSES],
    normaliser: Lanes,
}

/// The parameters as they lie in memory: matrices by rows, one row an output.
#[derive(Clone, Copy)]
struct Parameters<'a> {
    hidden: Layer<'a, PIXELS>,
    output: Layer<'a, HIDDEN>,
}

#[derive(Clone, Copy)]
struct Layer<'a, const INPUTS: usize> {
    weight: &'a [[f32; INPUTS]],
    bias: &'a [f32],
}

impl Fused {
    pub(super) fn new(images: &Images) -> Result<Self> {
        let (pixels, labels) = (images.pixels.to_vec2::<f32>()?, images.labels.to_vec1::<u32>()?);
        let blocks = pixels.chunks(LANES).zip(labels.chunks(LANES)).map(|(rows, labels)| {
            let mut pixels = Box::new([[0.0; LANES]; PIXELS]);
            for (lane, row) in rows.iter().enumerate() {
                row.iter().zip(pixels.iter_mut()).for_each(|(value, pixel)| pixel[lane] = *value);
            }
            Block { pixels, labels: labels.to_vec() }
        });
        Ok(Self { blocks: blocks.collect(), images: labels.len() })
    }

    /// The mean cross-entropy of all images.
    pub(super) fn loss(&self, network: &Network) -> Result<f64> {
        with_parameters(network, |parameters| {
            let mut work = Work::new();
            let sum: f64 = self.blocks.iter().map(|block| block.loss(parameters, &mut work)).sum();
            sum / self.images as f64
        })
    }

    /// The logits of all images, \[n, 10\].
    pub(super) fn logits(&self, network: &Network) -> Result<Tensor> {
        let rows = with_parameters(network, |parameters| {
            let (mut work, mut rows) = (Work::new(), Vec::with_capacity(self.images * CLASSES));
            for block in &self.blocks {
                forward(&block.pixels, parameters, &mut work);
                (0..block.labels.len()).for_each(|lane| rows.extend(work.logits.iter().map(|logit| logit[lane])));
            }
            rows
        })?;
        Ok(Tensor::from_vec(rows, (self.images, CLASSES), &Device::Cpu)?)
    }
}

impl Work {
    fn new() -> Self {
        Self { hidden: [[0.0; LANES]; HIDDEN], logits: [[0.0; LANES]; CLASSES], normaliser: [0.0; LANES] }
    }
}

/// Reads the tensors of both layers.
fn with_parameters<R>(network: &Network, f: impl FnOnce(Parameters<'_>) -> R) -> Result<R> {
    with_layer(&network.hidden, |hidden| with_layer(&network.output, |output| f(Parameters { hidden, output })))?
}

/// Reads the two tensors of a layer.
fn with_layer<const INPUTS: usize, R>(layer: &candle_nn::Linear, f: impl FnOnce(Layer<'_, INPUTS>) -> R) -> Result<R> {
    let bias = layer.bias().ok_or_else(|| Error::unsupported("a layer without bias", "has no fused loss"))?;
    host::read(layer.weight(), |weight: &[f32]| host::read(bias, |bias: &[f32]| f(Layer { weight: weight.as_chunks().0, bias })))?
}

impl Block {
    /// The sum of the cross-entropies of its images.
    fn loss(&self, parameters: Parameters<'_>, work: &mut Work) -> f64 {
        forward(&self.pixels, parameters, work);
        let entropies =
            self.labels.iter().enumerate().map(|(lane, label)| work.normaliser[lane] - work.logits[*label as usize][lane]);
        entropies.map(f64::from).sum()
    }
}

/// Hidden layer, logits, and the logarithm of the sum of their exponentials.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn forward(pixels: &[Lanes; PIXELS], parameters: Parameters<'_>, work: &mut Work) {
    layer::<PIXELS, true>(pixels, parameters.hidden, &mut work.hidden);
    layer::<HIDDEN, false>(&work.hidden, parameters.output, &mut work.logits);
    log_sum_exp(&work.logits, &mut work.normaliser);
}

/// Outputs of a layer, two at a time and four inputs at a time, so that every load serves several sums.
#[inline(always)]
fn layer<const INPUTS: usize, const RELU: bool>(inputs: &[Lanes; INPUTS], layer: Layer<'_, INPUTS>, outputs: &mut [Lanes]) {
    let (outputs, inputs) = (outputs.as_chunks_mut::<2>().0, inputs.as_chunks::<4>().0);
    let parameters = layer.weight.as_chunks::<2>().0.iter().zip(layer.bias.as_chunks::<2>().0);
    for (output, ([u, v], [a, b])) in outputs.iter_mut().zip(parameters) {
        let (mut first, mut second) = ([*a; LANES], [*b; LANES]);
        for ((x, u), v) in inputs.iter().zip(u.as_chunks::<4>().0).zip(v.as_chunks::<4>().0) {
            for lane in 0..LANES {
                let x = [x[0][lane], x[1][lane], x[2][lane], x[3][lane]];
                first[lane] = first[lane] + u[0] * x[0] + u[1] * x[1] + u[2] * x[2] + u[3] * x[3];
                second[lane] = second[lane] + v[0] * x[0] + v[1] * x[1] + v[2] * x[2] + v[3] * x[3];
            }
        }
        for lane in 0..LANES {
            output[0][lane] = if RELU { max(first[lane], 0.0) } else { first[lane] };
            output[1][lane] = if RELU { max(second[lane], 0.0) } else { second[lane] };
        }
    }
}

#[inline(always)]
fn log_sum_exp(logits: &[Lanes; CLASSES], normaliser: &mut Lanes) {
    let mut highest = logits[0];
    for row in &logits[1..] {
        for lane in 0..LANES {
            highest[lane] = max(highest[lane], row[lane]);
        }
    }
    let mut sum = [0.0; LANES];
    for row in logits {
        for lane in 0..LANES {
            sum[lane] += exp(row[lane] - highest[lane]);
        }
    }
    for lane in 0..LANES {
        normaliser[lane] = highest[lane] + ln(sum[lane]);
    }
}
