//! A small convolutional network.

use candle_core::Tensor;
use candle_nn::{Conv2d, Conv2dConfig, Linear, Module, VarBuilder, conv2d, linear};

use super::{
    classification::{Architecture, Forward},
    lanes::{Activation, Conv, Lanes, dense},
    mlp::of_linear,
    task::Tensors,
};

const FIRST: Conv = Conv { inputs: 1, outputs: 8, side: 28, kernel: 5, stride: 2, padding: 2 };
const SECOND: Conv = Conv { inputs: 8, outputs: 26, side: FIRST.side_after(), kernel: 3, stride: 2, padding: 1 };
const CLASSES: usize = 10;

/// Images 28 x 28, convolutions 5 x 5 to 8 x 14 x 14 and 3 x 3 to 26 x 7 x 7, both of stride 2, and a layer to 10, ReLU between: 208 +
/// 1,898 + 12,750 = 14,856 parameters. Strides stand where LeNet-5 (LeCun et al. 1998, doi:10.1109/5.726791) averages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cnn;

/// The network in candle.
pub(super) struct Network {
    first: Conv2d,
    second: Conv2d,
    output: Linear,
}

impl Tensors for Network {
    fn tensors(&self) -> Vec<&Tensor> {
        let convolutions = [&self.first, &self.second].into_iter().flat_map(|c| std::iter::once(c.weight()).chain(c.bias()));
        convolutions.chain(of_linear(&self.output)).collect()
    }
}

impl Architecture for Cnn {
    type Network = Network;
    type Forward = FusedCnn;

    fn build(&self, vb: VarBuilder<'_>) -> candle_core::Result<Network> {
        let convolution = |conv: Conv, name| {
            let config = Conv2dConfig { stride: conv.stride, padding: conv.padding, ..Conv2dConfig::default() };
            conv2d(conv.inputs, conv.outputs, conv.kernel, config, vb.pp(name))
        };
        Ok(Network {
            first: convolution(FIRST, "first")?,
            second: convolution(SECOND, "second")?,
            output: linear(SECOND.len(), CLASSES, vb.pp("output"))?,
        })
    }

    fn logits(&self, network: &Network, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let first = convolve(FIRST, &network.first, inputs)?.relu()?;
        let features = convolve(SECOND, &network.second, &first)?.relu()?;
        network.output.forward(&features)
    }

    fn forward(&self) -> FusedCnn {
        FusedCnn {
            scratch: [FIRST, SECOND].map(|conv| Lanes::zeros(conv.scratch())),
            first: Lanes::zeros(FIRST.len()),
            second: Lanes::zeros(SECOND.len()),
            logits: Lanes::zeros(CLASSES),
        }
    }
}

/// Images \[n, values\] to \[n, values\]: candle's convolution as one matrix product of all windows, whose gradient is a matrix product
/// too and takes a tenth of the time.
fn convolve(conv: Conv, layer: &Conv2d, images: &Tensor) -> candle_core::Result<Tensor> {
    let (n, area) = (images.dim(0)?, conv.side_after() * conv.side_after());
    let images = images.reshape((n, conv.inputs, conv.side, conv.side))?;
    let rows = images.pad_with_zeros(2, conv.padding, conv.padding)?;
    let framed = rows.pad_with_zeros(3, conv.padding, conv.padding)?.flatten_from(1)?;
    let windows = framed.index_select(&Tensor::new(conv.indices(), images.device())?, 1)?.reshape((n * area, conv.window()))?;
    let pixels = windows.matmul(&layer.weight().reshape((conv.outputs, conv.window()))?.t()?)?;
    let pixels = layer.bias().map_or_else(|| Ok(pixels.clone()), |bias| pixels.broadcast_add(bias))?;
    pixels.reshape((n, area, conv.outputs))?.transpose(1, 2)?.flatten_from(1)
}

/// All layers in one pass.
pub(super) struct FusedCnn {
    scratch: [Vec<Lanes>; 2],
    first: Vec<Lanes>,
    second: Vec<Lanes>,
    logits: Vec<Lanes>,
}

impl Forward for FusedCnn {
    fn logits(&mut self, parameters: &[&[f32]], inputs: &[Lanes]) -> &[Lanes] {
        let [first, second, output] = [0, 2, 4].map(|i| (parameters[i], parameters[i + 1]));
        FIRST.apply(inputs, first, &mut self.scratch[0], &mut self.first);
        Activation::Relu.apply(&mut self.first);
        SECOND.apply(&self.first, second, &mut self.scratch[1], &mut self.second);
        Activation::Relu.apply(&mut self.second);
        dense(&self.second, output.0, output.1, &mut self.logits);
        &self.logits
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use candle_nn::VarMap;

    use super::*;

    #[test]
    fn logits_are_those_of_candles_convolutions() -> candle_core::Result<()> {
        let vars = VarMap::new();
        let network = Cnn.build(VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu))?;
        let inputs = Tensor::rand(0f32, 1.0, (3, 784), &Device::Cpu)?;
        let images = inputs.reshape((3, 1, 28, 28))?;
        let features = network.second.forward(&network.first.forward(&images)?.relu()?)?.relu()?;
        let expected = network.output.forward(&features.flatten_from(1)?)?;
        let apart = (Cnn.logits(&network, &inputs)? - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(apart < 1e-5, "{apart}");
        Ok(())
    }
}
