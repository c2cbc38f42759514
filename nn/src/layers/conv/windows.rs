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
        let outputs = self.outputs(matrix);
        check_groups(self.groups, &[channels, outputs])?;
        if channels == 0 || outputs == 0 {
            return Err(Error::shape(
                "channels of images of a convolution, and outputs",
                "at least one",
                format!("{channels} and {outputs}"),
            ));
        }
        self.check_sizes()?;
        if (self.inputs() / self.groups).checked_mul(outputs) != Some(matrix.weight.elem_count()) {
            let expected = format!("as many as the weight {:?} of {} groups wants", matrix.weight.dims(), self.groups);
            return Err(Error::shape("channels of images of a convolution", expected, channels));
        }
        match matrix.bias {
            Some(bias) if bias.dims() != [outputs] => {
                Err(Error::shape("the bias of a convolution", format!("[{outputs}]"), format!("{:?}", bias.dims())))
            }
            _ => Ok(self),
        }
    }

    /// Is there a window, and can every value be counted?
    fn check_sizes(&self) -> Result<()> {
        let framed = [0, 1].map(|i| self.padding[i].checked_mul(2)?.checked_add(self.image[i + 1]));
        let reach = self.kernel.map(|kernel| self.dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1));
        // candle counts them in 32 bits.
        let all = framed.iter().try_fold(self.image[0], |all, size| all.checked_mul((*size)?));
        if all.and_then(|all| u32::try_from(all).ok()).is_none() {
            let got = format!("{:?} with {:?} zeros on each side", self.image, self.padding);
            return Err(Error::shape("images of a convolution", format!("at most {} values with their frame", u32::MAX), got));
        }
        if reach.iter().zip(&framed).all(|(reach, framed)| reach.is_some() && reach <= framed) {
            return Ok(());
        }
        let [framed, wanted] = [self.framed(), reach.map(|reach| reach.unwrap_or(usize::MAX))];
        Err(Error::shape("images of a convolution", format!("at least {wanted:?} with their frame"), format!("{framed:?}")))
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
        self.kernel.map(|kernel| self.dilation * (kernel - 1) + 1)
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
