//! Every layer is candle-nn's: by name, by what it begins as, by what it computes and by its gradient.

mod errors;
mod in_candle;
mod networks;
mod operations;
mod pair;

use candle_core::{D, DType, Device, Tensor};
use moths_core::{
    Result,
    candle_nn::{self, Conv1dConfig, Conv2dConfig, Module as _, VarBuilder, ops},
};
use moths_nn::{self as nn, Activations, Module};
use pair::{Pair, apart};

type Built<T> = candle_core::Result<T>;

#[test]
fn embeddings() -> Result<()> {
    Pair {
        name: "embedding",
        ours: |vb: VarBuilder<'_>| nn::embedding(11, 6, vb),
        theirs: |vb: VarBuilder<'_>| candle_nn::embedding(11, 6, vb),
        by_candle: |layer: &candle_nn::Embedding, x: &Tensor| layer.forward(x),
        inputs: &[3, 2],
        whole: 11,
        differentiable: true,
    }
    .holds()
}

#[test]
fn convolutions_of_images() -> Result<()> {
    for config in CONFIGS {
        let square =
            Conv2dConfig { padding: config[0], stride: config[1], dilation: config[2], groups: config[3], ..Default::default() };
        let name = "conv2d";
        let by_candle = |layer: &candle_nn::Conv2d, x: &Tensor| layer.forward(x);
        let (ours, theirs) = (
            move |vb: VarBuilder<'_>| nn::conv2d(4, 6, 3, square, vb),
            move |vb: VarBuilder<'_>| candle_nn::conv2d(4, 6, 3, square, vb),
        );
        Pair { name, ours, theirs, by_candle, inputs: &[4, 7, 7], whole: 0, differentiable: true }.holds()?;
    }
    let name = "conv2d_no_bias";
    let by_candle = |layer: &candle_nn::Conv2d, x: &Tensor| layer.forward(x);
    let ours = |vb: VarBuilder<'_>| nn::conv2d_no_bias(2, 1, 2, Conv2dConfig::default(), vb);
    let theirs = |vb: VarBuilder<'_>| candle_nn::conv2d_no_bias(2, 1, 2, Conv2dConfig::default(), vb);
    Pair { name, ours, theirs, by_candle, inputs: &[2, 4, 3], whole: 0, differentiable: true }.holds()
}

/// Padding, stride, dilation and groups.
const CONFIGS: [[usize; 4]; 6] = [[0, 1, 1, 1], [1, 2, 1, 1], [2, 1, 1, 1], [1, 1, 2, 1], [0, 2, 1, 2], [2, 1, 2, 2]];

#[test]
fn convolutions_of_rows() -> Result<()> {
    for config in CONFIGS {
        let row =
            Conv1dConfig { padding: config[0], stride: config[1], dilation: config[2], groups: config[3], ..Default::default() };
        let name = "conv1d";
        // As images of one row: the gradient of candle's own layer is not that of its outputs.
        let by_candle = |layer: &candle_nn::Conv1d, x: &Tensor| {
            let (config, weight) = (layer.config(), layer.weight().unsqueeze(2)?);
            let rows = x.pad_with_zeros(2, config.padding, config.padding)?.unsqueeze(2)?;
            let out = rows.conv2d(&weight, 0, config.stride, config.dilation, config.groups)?.squeeze(2)?;
            let out = out.broadcast_add(&layer.bias().expect("a bias").reshape((1, 6, 1))?)?;
            assert!(apart(&out, &layer.forward(x)?).expect("numbers") < 1e-5);
            Ok(out)
        };
        let (ours, theirs) = (
            move |vb: VarBuilder<'_>| nn::conv1d(4, 6, 3, row, vb),
            move |vb: VarBuilder<'_>| candle_nn::conv1d(4, 6, 3, row, vb),
        );
        Pair { name, ours, theirs, by_candle, inputs: &[4, 9], whole: 0, differentiable: true }.holds()?;
    }
    Ok(())
}

#[test]
fn normalisations_of_the_last_dimension() -> Result<()> {
    Pair {
        name: "layer_norm",
        ours: |vb: VarBuilder<'_>| nn::layer_norm(7, 1e-5, vb),
        theirs: |vb: VarBuilder<'_>| candle_nn::layer_norm(7, 1e-5, vb),
        by_candle: |layer: &candle_nn::LayerNorm, x: &Tensor| {
            ops::layer_norm_slow(x, layer.weight(), layer.bias().expect("a bias"), 1e-5)
        },
        inputs: &[3, 7],
        whole: 0,
        differentiable: true,
    }
    .holds()?;
    Pair {
        name: "rms_norm",
        ours: |vb: VarBuilder<'_>| nn::rms_norm(7, 1e-6, vb),
        theirs: |vb: VarBuilder<'_>| candle_nn::rms_norm(7, 1e-6, vb),
        by_candle: |layer: &candle_nn::RmsNorm, x: &Tensor| ops::rms_norm_slow(x, layer.weight(), 1e-6),
        inputs: &[7],
        whole: 0,
        differentiable: true,
    }
    .holds()
}

/// Linear layers for queries, keys and values, and attention.
struct Attending {
    all: nn::Linear,
    causal: bool,
    apart: bool,
}

impl Module for Attending {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        let qkv = Module::forward(&self.all, x)?;
        if self.apart {
            // The keys are the data themselves, which all candidates share.
            return nn::attention(&qkv, x, &qkv, 2, self.causal);
        }
        nn::self_attention(&qkv, 2, self.causal)
    }
}

impl candle_core::Module for Attending {
    fn forward(&self, x: &Tensor) -> Built<Tensor> {
        candle_core::Module::forward(&nn::Plain(Borrowed(self)), x)
    }
}

struct Borrowed<'a, M>(&'a M);

impl<M: Module> Module for Borrowed<'_, M> {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        Module::forward(self.0, x)
    }
}

fn attended(q: &Tensor, k: &Tensor, v: &Tensor, causal: bool) -> Built<Tensor> {
    let (n, places, width) = q.dims3()?;
    let by_heads = |x: &Tensor| x.reshape((n, places, 2, width / 2))?.transpose(1, 2)?.contiguous();
    let scores = (by_heads(q)?.matmul(&by_heads(k)?.t()?)? / ((width / 2) as f64).sqrt())?;
    let seen = Tensor::tril2(places, DType::F32, &Device::Cpu)?;
    let scores = if causal { scores.broadcast_add(&((seen - 1.0)? * 1e9)?)? } else { scores };
    ops::softmax(&scores, D::Minus1)?.matmul(&by_heads(v)?)?.transpose(1, 2)?.reshape((n, places, width))
}

#[test]
fn attention_between_places() -> Result<()> {
    for causal in [false, true] {
        Pair {
            name: "self_attention",
            ours: move |vb: VarBuilder<'_>| Ok(Attending { all: nn::linear(6, 18, vb)?, causal, apart: false }),
            theirs: |vb: VarBuilder<'_>| candle_nn::linear(6, 18, vb),
            by_candle: move |layer: &candle_nn::Linear, x: &Tensor| {
                let all = layer.forward(x)?;
                attended(&all.narrow(2, 0, 6)?, &all.narrow(2, 6, 6)?, &all.narrow(2, 12, 6)?, causal)
            },
            inputs: &[5, 6],
            whole: 0,
            differentiable: true,
        }
        .holds()?;
        Pair {
            name: "attention",
            ours: move |vb: VarBuilder<'_>| Ok(Attending { all: nn::linear(6, 6, vb)?, causal, apart: true }),
            theirs: |vb: VarBuilder<'_>| candle_nn::linear(6, 6, vb),
            by_candle: move |layer: &candle_nn::Linear, x: &Tensor| attended(&layer.forward(x)?, x, &layer.forward(x)?, causal),
            inputs: &[5, 6],
            whole: 0,
            differentiable: true,
        }
        .holds()?;
    }
    Ok(())
}

#[test]
fn normalisation_of_groups() -> Result<()> {
    for groups in [1, 2, 4] {
        Pair {
            name: "group_norm",
            ours: move |vb: VarBuilder<'_>| nn::group_norm(groups, 4, 1e-5, vb),
            theirs: move |vb: VarBuilder<'_>| candle_nn::group_norm(groups, 4, 1e-5, vb),
            by_candle: |layer: &candle_nn::GroupNorm, x: &Tensor| layer.forward(x),
            inputs: &[4, 3, 2],
            whole: 0,
            differentiable: true,
        }
        .holds()?;
    }
    Ok(())
}

/// Of more than 65,536 parameters: their noise is drawn layer by layer.
#[test]
fn layers_of_large_candidates() -> Result<()> {
    let (name, whole, differentiable) = ("a large layer", 0, true);
    Pair {
        name,
        ours: |vb: VarBuilder<'_>| nn::embedding(3000, 32, vb),
        theirs: |vb: VarBuilder<'_>| candle_nn::embedding(3000, 32, vb),
        by_candle: |layer: &candle_nn::Embedding, x: &Tensor| layer.forward(x),
        inputs: &[5],
        whole: 3000,
        differentiable,
    }
    .holds()?;
    for groups in [1, 2] {
        let config = Conv2dConfig { padding: 1, groups, ..Default::default() };
        let ours = move |vb: VarBuilder<'_>| nn::conv2d(64 * groups, 128, 3, config, vb);
        let theirs = move |vb: VarBuilder<'_>| candle_nn::conv2d(64 * groups, 128, 3, config, vb);
        let by_candle = |layer: &candle_nn::Conv2d, x: &Tensor| layer.forward(x);
        Pair { name, ours, theirs, by_candle, inputs: [&[64, 2, 2], &[128, 2, 2]][groups - 1], whole, differentiable }.holds()?;
    }
    Ok(())
}
