//! A small network and its data, which several tests share.

use candle_core::{Device, Tensor};
use moths_core::{Result, candle_nn::VarBuilder};
use moths_nn::{Sequential, linear, seq};

/// 3-6-4 with tanh.
pub(crate) fn network(vb: VarBuilder<'_>) -> candle_core::Result<Sequential> {
    Ok(seq().add(linear(3, 6, vb.pp("hidden"))?).add_fn(|x| x.tanh()).add(linear(6, 4, vb.pp("out"))?))
}

/// Numbers of any shape.
pub(crate) fn numbers(shape: &[usize]) -> Result<Tensor> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|i| ((i * 37 + 11) % 23) as f32 / 11.0 - 1.0).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Four classes.
pub(crate) fn classes(shape: &[usize]) -> Result<Tensor> {
    let values: Vec<u32> = (0..shape.iter().product()).map(|i| (i * 7 % 4) as u32).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}
