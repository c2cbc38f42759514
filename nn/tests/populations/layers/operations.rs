//! What may be done to activations is what candle does.

use candle_core::Tensor;
use moths_core::{
    Result,
    candle_nn::{self, Activation, Module as _, VarBuilder},
};
use moths_nn::{self as nn, Activations, Module};

use super::{Built, pair::Pair};

/// Of outputs of a layer \[4, 6\], and of its inputs, which all candidates share.
type Ours = fn(&Activations, &Activations) -> Result<Activations>;
type Candles = fn(&Tensor, &Tensor) -> Built<Tensor>;

struct Then<F>(nn::Linear, F);

impl<F: Fn(&Activations, &Activations) -> Result<Activations>> Module for Then<F> {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        (self.1)(&Module::forward(&self.0, x)?, x)
    }
}

impl<F: Fn(&Activations, &Activations) -> Result<Activations>> candle_core::Module for Then<F> {
    fn forward(&self, x: &Tensor) -> Built<Tensor> {
        let y = Module::forward(self, &x.clone().into()).and_then(|y| y.to_tensor());
        y.map_err(candle_core::Error::wrap)
    }
}

fn same<F, G>(name: &'static str, ours: F, by_candle: G, differentiable: bool) -> Result<()>
where
    F: Fn(&Activations, &Activations) -> Result<Activations> + Copy + Send + Sync + 'static,
    G: Fn(&Tensor, &Tensor) -> Built<Tensor> + Copy + Send + 'static,
{
    Pair {
        name,
        ours: move |vb: VarBuilder<'_>| Ok(Then(nn::linear(6, 6, vb)?, ours)),
        theirs: |vb: VarBuilder<'_>| candle_nn::linear(6, 6, vb),
        by_candle: move |layer: &candle_nn::Linear, x: &Tensor| by_candle(&layer.forward(x)?, x),
        inputs: &[4, 6],
        whole: 0,
        differentiable,
    }
    .holds()
}

fn images(y: &Tensor) -> Built<Tensor> {
    y.unsqueeze(1)
}

const OPERATIONS: [(&str, Ours, Candles); 16] = [
    ("narrow", |y, _| y.narrow(1, 2, 3), |y, _| y.narrow(2, 2, 3)),
    ("narrow of rows", |y, _| y.narrow(0, 1, 2), |y, _| y.narrow(1, 1, 2)),
    ("get", |y, _| y.get(1), |y, _| y.get_on_dim(1, 1)),
    ("get_on_dim", |y, _| y.get_on_dim(1, 4), |y, _| y.get_on_dim(2, 4)),
    ("transpose", |y, _| y.transpose(0, 1), |y, _| y.transpose(1, 2)?.contiguous()),
    (
        "transpose around",
        |y, _| y.clone().reshape(&[2, 4, 3])?.transpose(2, 0),
        |y, _| y.reshape(((), 2, 4, 3))?.transpose(1, 3)?.contiguous(),
    ),
    (
        "transpose of parts",
        |y, _| y.clone().reshape(&[2, 3, 4])?.transpose(0, 1),
        |y, _| y.reshape(((), 2, 3, 4))?.transpose(1, 2)?.contiguous(),
    ),
    ("cat", |y, x| Activations::cat(&[y, x], 0), |y, x| Tensor::cat(&[y, x], 1)),
    ("cat of three", |y, x| Activations::cat(&[x, y, x], 1), |y, x| Tensor::cat(&[x, y, x], 2)),
    (
        "cat of what is shared",
        |y, x| Activations::cat(&[x, x], 0)?.narrow(0, 2, 4)?.mul(y),
        |y, x| Tensor::cat(&[x, x], 1)?.narrow(1, 2, 4)? * y,
    ),
    ("mean", |y, _| y.mean(0), |y, _| y.mean(1)),
    ("mean of the last", |y, _| y.mean(1), |y, _| y.mean(2)),
    ("sum", |y, _| y.sum(1), |y, _| y.sum(2)),
    ("max_pool2d", |y, _| y.clone().reshape(&[1, 4, 6])?.max_pool2d(2), |y, _| images(y)?.max_pool2d(2)),
    ("avg_pool2d", |y, _| y.clone().reshape(&[1, 4, 6])?.avg_pool2d((2, 3)), |y, _| images(y)?.avg_pool2d((2, 3))),
    ("softmax", |y, _| y.clone().softmax(), |y, _| candle_nn::ops::softmax(y, candle_core::D::Minus1)),
];

#[test]
fn operations() -> Result<()> {
    OPERATIONS.into_iter().try_for_each(|(name, ours, by_candle)| same(name, ours, by_candle, true))
}

#[test]
fn pools_of_windows_that_overlap() -> Result<()> {
    let (ours, candles): (Ours, Candles) = (
        |y, _| y.clone().reshape(&[2, 4, 3])?.max_pool2d_with_stride((2, 3), (1, 2)),
        |y, _| y.reshape(((), 2, 4, 3))?.max_pool2d_with_stride((2, 3), (1, 2)),
    );
    same("max_pool2d_with_stride", ours, candles, false)?;
    let (ours, candles): (Ours, Candles) =
        (|y, _| y.clone().reshape(&[1, 4, 6])?.avg_pool2d_with_stride(3, 2), |y, _| images(y)?.avg_pool2d_with_stride(3, 2));
    same("avg_pool2d_with_stride", ours, candles, false)
}

#[test]
fn activations_of_candles_names() -> Result<()> {
    use Activation::{
        Elu, Gelu, GeluPytorchTanh, HardSigmoid, HardSwish, LeakyRelu, Mish, NewGelu, Relu, Relu2, Relu6, Sigmoid, Silu, Swiglu,
        Swish,
    };
    let smooth = [Gelu, NewGelu, GeluPytorchTanh, Silu, Sigmoid, Swish, Mish, Swiglu, Elu(0.5)];
    for function in [HardSigmoid, HardSwish, LeakyRelu(0.1), Relu, Relu2, Relu6].into_iter().chain(smooth) {
        same(
            "an activation",
            move |y, _| Module::forward(&function, y),
            move |y, _| candle_core::Module::forward(&function, y),
            true,
        )?;
    }
    Ok(())
}
