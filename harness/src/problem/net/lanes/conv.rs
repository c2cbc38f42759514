//! Convolutions: a window at a time through [`dense`].

use super::{Lanes, dense};

/// The place of an output of a convolution.
#[derive(Clone, Copy, Debug)]
struct Pixel {
    row: usize,
    column: usize,
}

/// A convolution of square images. Images are \[channels, side, side\].
#[derive(Clone, Copy, Debug)]
pub(in crate::problem::net) struct Conv {
    /// Channels of the input.
    pub(in crate::problem::net) inputs: usize,
    /// Channels of the output.
    pub(in crate::problem::net) outputs: usize,
    /// Rows and columns of the input.
    pub(in crate::problem::net) side: usize,
    /// Rows and columns of the kernel.
    pub(in crate::problem::net) kernel: usize,
    /// How far apart two windows are.
    pub(in crate::problem::net) stride: usize,
    /// Rows and columns of zeros around the input.
    pub(in crate::problem::net) padding: usize,
}

impl Conv {
    /// Rows and columns of the output.
    pub(in crate::problem::net) const fn side_after(self) -> usize {
        (self.side_framed() - self.kernel) / self.stride + 1
    }

    /// Rows and columns of the input and the zeros around it.
    const fn side_framed(self) -> usize {
        self.side + 2 * self.padding
    }

    /// Values of the input and the zeros around it.
    const fn framed(self) -> usize {
        self.inputs * self.side_framed() * self.side_framed()
    }

    /// Values of a window.
    pub(in crate::problem::net) const fn window(self) -> usize {
        self.inputs * self.kernel * self.kernel
    }

    /// Values of the output.
    pub(in crate::problem::net) const fn len(self) -> usize {
        self.outputs * self.side_after() * self.side_after()
    }

    /// The places of its outputs, row by row.
    fn pixels(self) -> impl Iterator<Item = Pixel> {
        let side = self.side_after();
        (0..side * side).map(move |i| Pixel { row: i / side, column: i % side })
    }

    /// Which values of the framed input every window holds, window by window.
    pub(in crate::problem::net) fn indices(self) -> Vec<u32> {
        let starts = self.pixels().flat_map(|place| (0..self.inputs * self.kernel).map(move |line| self.line(place, line)));
        starts.flat_map(|start| start as u32..(start + self.kernel) as u32).collect()
    }

    /// Where a line of a window begins in the framed input; the lines of a channel are neighbours.
    fn line(self, Pixel { row, column }: Pixel, line: usize) -> usize {
        let (channel, down) = (line / self.kernel, line % self.kernel);
        (channel * self.side_framed() + row * self.stride + down) * self.side_framed() + column * self.stride
    }

    /// The image in its frame, which is zeros and stays so.
    fn frame(self, image: &[Lanes], framed: &mut [Lanes]) {
        let area = self.side_framed() * self.side_framed();
        for (channel, framed) in image.chunks_exact(self.side * self.side).zip(framed.chunks_exact_mut(area)) {
            let rows = framed.chunks_exact_mut(self.side_framed()).skip(self.padding);
            for (row, framed) in channel.chunks_exact(self.side).zip(rows) {
                framed[self.padding..][..self.side].copy_from_slice(row);
            }
        }
    }

    /// What the kernel sees at a place, in the order of the weights: channel, row, column.
    fn look(self, image: &[Lanes], place: Pixel, window: &mut [Lanes]) {
        for (line, values) in window.chunks_exact_mut(self.kernel).enumerate() {
            values.copy_from_slice(&image[self.line(place, line)..][..self.kernel]);
        }
    }

    /// out = bias + weight * image, with weight \[outputs, inputs, kernel, kernel\]. `scratch` begins as zeros.
    pub(in crate::problem::net) fn apply(
        self,
        image: &[Lanes],
        (weight, bias): (&[f32], &[f32]),
        scratch: &mut [Lanes],
        out: &mut [Lanes],
    ) {
        let (framed, scratch) = scratch.split_at_mut(self.framed());
        let (window, pixel) = scratch.split_at_mut(self.window());
        self.frame(image, framed);
        let area = self.side_after() * self.side_after();
        for (p, place) in self.pixels().enumerate() {
            self.look(framed, place, window);
            dense(window, weight, bias, pixel);
            pixel.iter().enumerate().for_each(|(channel, value)| out[channel * area + p] = *value);
        }
    }

    /// How much scratch [`Conv::apply`] needs: the framed input, a window and an output pixel.
    pub(in crate::problem::net) const fn scratch(self) -> usize {
        self.framed() + self.window() + self.outputs
    }
}
