//! The same networks in candle.

use candle_core::{D, DType, Device, Tensor};
use moths_core::candle_nn::{self, Conv2dConfig, Module as _, VarBuilder, ops};

use super::{
    Built,
    networks::{CHARACTERS, PLACES, WIDTH},
};

/// A transformer of one block.
pub(crate) struct Transformer(VarBuilder<'static>);

impl Transformer {
    pub(crate) fn build(vb: VarBuilder<'static>) -> Built<Self> {
        let built = Self(vb);
        built.logits(&Tensor::zeros((1, PLACES), DType::U32, &Device::Cpu)?)?;
        Ok(built)
    }

    pub(crate) fn logits(&self, x: &Tensor) -> Built<Tensor> {
        let vb = &self.0;
        let linear = |inputs, outputs, name: &str, x: &Tensor| candle_nn::linear(inputs, outputs, vb.pp(name))?.forward(x);
        let part = |name: &str, x: &Tensor| {
            let all = candle_nn::linear_no_bias(WIDTH, WIDTH, vb.pp(name))?.forward(x)?;
            all.reshape(((), PLACES, 2, WIDTH / 2))?.transpose(1, 2)?.contiguous()
        };
        let x = candle_nn::embedding(CHARACTERS, WIDTH, vb.pp("characters"))?.forward(x)?;
        let x = x.broadcast_add(&vb.get((PLACES, WIDTH), "places")?)?;
        let before = candle_nn::layer_norm(WIDTH, 1e-5, vb.pp("before"))?;
        let normed = ops::layer_norm_slow(&x, before.weight(), before.bias().expect("a bias"), 1e-5)?;
        let [q, k, v] = ["q", "k", "v"].map(|name| part(name, &normed));
        let mask = ((Tensor::tril2(PLACES, DType::F32, &Device::Cpu)? - 1.0)? * 1e9)?;
        let scores = (q?.matmul(&k?.t()?)? / 2.0)?.broadcast_add(&mask)?;
        let seen = ops::softmax(&scores, D::Minus1)?.matmul(&v?)?.transpose(1, 2)?.reshape(((), PLACES, WIDTH))?;
        let x = (x + candle_nn::linear_no_bias(WIDTH, WIDTH, vb.pp("o"))?.forward(&seen)?)?;
        let normed = ops::rms_norm_slow(&x, candle_nn::rms_norm(WIDTH, 1e-6, vb.pp("norm"))?.weight(), 1e-6)?;
        let added = linear(16, WIDTH, "narrow", &linear(WIDTH, 16, "wide", &normed)?.gelu()?)?;
        linear(WIDTH, CHARACTERS, "output", &(added + x)?)
    }
}

pub(crate) fn cnn(vb: VarBuilder<'_>) -> Built<candle_nn::Sequential> {
    let first = candle_nn::conv2d(1, 4, 3, Conv2dConfig { padding: 1, ..Default::default() }, vb.pp("first"))?;
    let second = candle_nn::conv2d(4, 6, 3, Conv2dConfig::default(), vb.pp("second"))?;
    let norm = candle_nn::group_norm(2, 4, 1e-5, vb.pp("norm"))?;
    let all = candle_nn::seq().add(first).add(norm).add_fn(|x| x.relu()?.max_pool2d(2)).add(second);
    Ok(all.add_fn(|x| x.relu()?.flatten_from(1)).add(candle_nn::linear(24, CHARACTERS, vb.pp("output"))?))
}
