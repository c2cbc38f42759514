//! What does not fit is refused with words, by candidates and by one set of weights alike.

use candle_core::{DType, Device, Tensor};
use moths_core::{
    Objective, Result,
    candle_nn::{Conv2dConfig, VarBuilder, VarMap},
    objective::OutputLoss,
};
use moths_nn::{self as nn, Activations, Module, PopulationModel, attention, func, self_attention, seq};

use super::Built;

type Step = fn(&Activations) -> Result<Activations>;

/// Of an example \[2, 3, 4\].
const REFUSED: [(Step, &str); 16] = [
    (|x| x.narrow(3, 0, 1), "dim = 3: a dimension of [2, 3, 4]"),
    (|x| x.narrow(1, 2, 2), "dimension 1 of activations: expected at least 2 + 2 values, got 3"),
    (|x| x.get(2), "dimension 0 of activations: expected at least 2 + 1 values, got 2"),
    (|x| x.transpose(0, 5), "dim = 5: a dimension of [2, 3, 4]"),
    (|x| x.mean(9), "dim = 9: a dimension of [2, 3, 4]"),
    (|_| Activations::cat(&[], 0), "activations: expected at least one, got 0"),
    (|x| Activations::cat(&[x, &x.get(0)?], 0), "activations: expected [2, 3, 4] but for dimension 0, got [3, 4]"),
    (|x| x.max_pool2d(4), "images of a pool: expected [channels, height, width] of no less than (4, 4), got [2, 3, 4]"),
    (|x| x.avg_pool2d(0), "kernel = (0, 0): at least 1 down and across"),
    (|x| attention(x, x, x, 1, true), "queries and keys: expected [places, width], got [2, 3, 4] and [2, 3, 4]"),
    (
        |x| {
            let x = x.get(0)?;
            attention(&x, &x.narrow(0, 0, 2)?, &x, 1, true)
        },
        "keys: expected [3, 4], got [2, 4]",
    ),
    (
        |x| {
            let x = x.get(0)?;
            attention(&x, &x, &x, 3, false)
        },
        "heads = 3: at least 1, and a divisor of the width 4",
    ),
    (|x| self_attention(&x.get(0)?, 1, true), "queries, keys and values: expected [places, 3 width], got [3, 4]"),
    (
        |x| layer(|vb| nn::layer_norm(3, 1e-5, vb), x),
        "the last dimension of activations: expected 3, as the layer has, got [2, 3, 4]",
    ),
    (|x| x.clone().reshape(&[1 << 63, 2]), "activations: expected more than there can be values an example"),
    (
        |x| {
            let x = x.get(0)?.narrow(1, 0, 0)?;
            attention(&x, &x, &x, 1, true)
        },
        "queries and keys: expected at least one place, and one value at it, got 3 and 3 places of 0 values",
    ),
];

/// Of convolutions.
const CONVOLUTIONS: [(Conv2dConfig, usize, &str); 5] = [
    (Conv2dConfig { padding: 0, stride: 0, dilation: 1, groups: 1, cudnn_fwd_algo: None }, 2, "stride = 0: at least 1"),
    (Conv2dConfig { padding: 0, stride: 1, dilation: 0, groups: 1, cudnn_fwd_algo: None }, 2, "dilation = 0: at least 1"),
    (
        Conv2dConfig { padding: 0, stride: 1, dilation: 2, groups: 1, cudnn_fwd_algo: None },
        2,
        "images of a convolution: expected at least [5, 5] with their frame, got [3, 4]",
    ),
    (
        Conv2dConfig { padding: 1, stride: 1, dilation: 1, groups: 1, cudnn_fwd_algo: None },
        5,
        "channels of images of a convolution: expected as many as the weight [1, 5, 3, 3] of 1 groups wants, got 2",
    ),
    (
        Conv2dConfig { padding: 1 << 62, stride: 1, dilation: 1, groups: 1, cudnn_fwd_algo: None },
        2,
        "images of a convolution: expected at most 4294967295 values with their frame",
    ),
];

/// A new layer on activations, with weights that are no candidate's.
fn layer<M: Module>(build: fn(VarBuilder<'_>) -> Built<M>, x: &Activations) -> Result<Activations> {
    build(VarBuilder::from_varmap(&VarMap::new(), DType::F32, &Device::Cpu))?.forward(x)
}

/// What is said of activations of candidates, and of one set of weights.
fn said(step: impl Fn(&Activations) -> Result<Activations> + Copy + Send + Sync + 'static) -> Result<[String; 2]> {
    let x = (Tensor::ones((5, 2, 3, 4), DType::F32, &Device::Cpu)? * 7.5)?;
    let alone = step(&x.clone().into()).expect_err("an error").to_string();
    let data = (x, Tensor::zeros(5, DType::F32, &Device::Cpu)?);
    let build = move |vb: VarBuilder<'_>| Ok(seq().add(nn::linear(4, 4, vb)?).add(func(move |x| step(&x))));
    let mut model = PopulationModel::new(build, move |_| Ok(data.clone()), OutputLoss::MeanSquaredError)?;
    let start = model.space().start();
    let batch = moths_core::Batch::Dense(Tensor::stack(&[&*start], 0)?.into());
    Ok([model.evaluate(&batch).expect_err("an error").to_string(), alone])
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    for (step, words) in REFUSED {
        let [together, alone] = said(step)?;
        assert!(together.contains(words), "{together} instead of {words}");
        assert!(alone.contains(words), "{alone} instead of {words}");
    }
    for (config, channels, words) in CONVOLUTIONS {
        let step = move |x: &Activations| {
            let vb = VarBuilder::from_varmap(&VarMap::new(), DType::F32, &Device::Cpu);
            nn::conv2d(channels, 1, 3, config, vb)?.forward(x)
        };
        for got in said(step)? {
            assert!(got.contains(words), "{got} instead of {words}");
        }
    }
    Ok(())
}

#[test]
fn groups_that_divide_no_channels_are_refused() {
    let vb = VarBuilder::from_varmap(&VarMap::new(), DType::F32, &Device::Cpu);
    for groups in [0, 3] {
        let config = Conv2dConfig { groups, ..Default::default() };
        let why = nn::conv2d(4, 6, 3, config, vb.clone()).expect_err("an error").to_string();
        assert!(why.contains(&format!("groups = {groups}: at least 1, and a divisor of the channels [4, 6]")), "{why}");
        let why = nn::group_norm(groups, 4, 1e-5, vb.clone()).expect_err("an error").to_string();
        assert!(why.contains("and a divisor of 4 channels"), "{why}");
    }
}
