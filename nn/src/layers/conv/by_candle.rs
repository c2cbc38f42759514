//! Convolutions by candle's operations.

use candle_core::Tensor;

use super::windows::Windows;
use crate::activations::Matrix;

/// Images \[n, ..\] to \[n, outputs, area\]: one matrix product of all windows.
pub(super) fn convolved(images: &Tensor, windows: &Windows, matrix: Matrix<'_>) -> candle_core::Result<Tensor> {
    let (n, [channels, rows, columns], [down, across]) = (images.dim(0)?, windows.image, windows.padding);
    let (outputs, area, groups) = (windows.outputs(matrix), windows.area(), windows.groups);
    let images = images.reshape((n, channels, rows, columns))?;
    let framed = images.pad_with_zeros(2, down, down)?.pad_with_zeros(3, across, across)?.flatten_from(1)?;
    let indices = (0..area).flat_map(|i| windows.offsets().map(move |offset| (windows.start(i) + offset) as u32));
    let indices = Tensor::from_vec(indices.collect(), area * windows.inputs(), images.device())?;
    let seen = framed.index_select(&indices, 1)?;
    let pixels = if groups == 1 {
        let weight = matrix.weight.reshape((outputs, windows.inputs()))?;
        seen.reshape((n * area, windows.inputs()))?.matmul(&weight.t()?)?
    } else {
        let inputs = windows.inputs() / groups;
        // [groups, windows, inputs] and [groups, inputs, outputs of a group]
        let seen = seen.reshape((n * area, groups, inputs))?.transpose(0, 1)?.contiguous()?;
        let weight = matrix.weight.reshape((groups, outputs / groups, inputs))?.transpose(1, 2)?.contiguous()?;
        seen.matmul(&weight)?.transpose(0, 1)?.reshape((n * area, outputs))?
    };
    let pixels = matrix.bias.map_or_else(|| Ok(pixels.clone()), |bias| pixels.broadcast_add(bias))?;
    pixels.reshape((n, area, outputs))?.transpose(1, 2)?.contiguous()
}
