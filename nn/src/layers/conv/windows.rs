//! Where the windows of a convolution lie.

use moths_core::{Error, Result};

use crate::activations::Matrix;

/// Windows of images \[channels, rows, columns\] in a frame of zeros. Pairs are of rows and columns.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    pub(super) image: [usize; 3],
    pub(super) kernel: [usize; 2],
    /// Rows and columns of zeros on each side.
    pub(super) padding: [usize; 2],
    /// From one window to the next.
    pub(super) stride: usize,
    /// From one value of a window to the next.
    pub(super) dilation: usize,
    /// Parts of the channels that see nothing of each other.
    pub(super) groups: usize,
}

/// Do so many groups divide these channels?
pub(super) fn check_groups(groups: usize, channels: &[usize]) -> Result<()> {
    if groups > 0 && channels.iter().all(|channels| channels.is_multiple_of(groups)) {
        return Ok(());
    }
    Err(Error::invalid("groups", groups, format!("at least 1, and a divisor of the channels {channels:?}")))
}

impl Windows {
    /// Itself, where it and the matrix make sense.
    pub(super) fn checked(&self, matrix: Matrix<'_>) -> Result<&Self> {
        let channels = self.image[0];
        for (field, value) in [("stride", self.stride), ("dilation", self.dilation)] {
            if value == 0 {
                return Err(Error::invalid(field, value, "at least 1"));
            }
        }
        check_groups(self.groups, &[channels, self.outputs(matrix)])?;
        if self.inputs() * self.outputs(matrix) != self.groups * matrix.weight.elem_count() {
            let expected = format!("as many as the weight {:?} of {} groups wants", matrix.weight.dims(), self.groups);
            return Err(Error::shape("channels of images of a convolution", expected, channels));
        }
        let (framed, reach) = (self.framed(), self.reach());
        if framed[0] < reach[0] || framed[1] < reach[1] || reach.contains(&0) {
            return Err(Error::shape(
                "images of a convolution",
                format!("at least {reach:?} with their frame"),
                format!("{framed:?}"),
            ));
        }
        Ok(self)
    }

    pub(super) fn outputs(&self, matrix: Matrix<'_>) -> usize {
        matrix.weight.dims().first().copied().unwrap_or(0)
    }

    /// Rows and columns of an image and the zeros around it.
    pub(super) fn framed(&self) -> [usize; 2] {
        [0, 1].map(|i| self.image[i + 1] + 2 * self.padding[i])
    }

    /// Rows and columns from the first value of a window to behind its last.
    fn reach(&self) -> [usize; 2] {
        self.kernel.map(|kernel| if kernel == 0 { 0 } else { self.dilation * (kernel - 1) + 1 })
    }

    /// How many windows there are, down and across.
    pub(super) fn places(&self) -> [usize; 2] {
        let (framed, reach) = (self.framed(), self.reach());
        [0, 1].map(|i| (framed[i] - reach[i]) / self.stride + 1)
    }

    pub(super) fn area(&self) -> usize {
        self.places().iter().product()
    }

    /// Values of a window.
    pub(super) fn inputs(&self) -> usize {
        self.image[0] * self.kernel[0] * self.kernel[1]
    }

    /// Where window `i` begins in the framed image.
    pub(super) fn start(&self, i: usize) -> usize {
        let across = self.places()[1];
        (i / across * self.framed()[1] + i % across) * self.stride
    }

    /// Where the values of a window are, from where it begins, in the order of the weights: channel, row, column.
    pub(super) fn offsets(&self) -> impl Iterator<Item = usize> + Clone {
        let ([rows, columns], [high, wide], dilation) = (self.kernel, self.framed(), self.dilation);
        (0..self.inputs()).map(move |k| {
            let (channel, row, column) = (k / (rows * columns), k / columns % rows, k % columns);
            (channel * high + row * dilation) * wide + column * dilation
        })
    }
}
