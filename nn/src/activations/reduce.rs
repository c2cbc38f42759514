//! One value of several.

use candle_core::{Tensor, ToUsize2};
use moths_core::{Error, Result};

use super::{Activations, Inner, places::without};
use crate::lanes::{self, Lanes, Pool};

/// Windows of images, and candle's function of them.
type ByCandle = fn(&Tensor, (usize, usize), (usize, usize)) -> candle_core::Result<Tensor>;

impl Activations {
    /// The sum along dimension `dim` of an example, which goes.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no such dimension.
    pub fn sum(&self, dim: usize) -> Result<Self> {
        let [_, size, inner] = self.around(dim)?;
        match &self.0 {
            Inner::Tensor(tensor) => Ok(tensor.sum(dim + 1)?.into()),
            Inner::Side(side) => {
                let sum = |values: &[Lanes], out: &mut [Lanes]| lanes::sum(values, size, inner, out);
                Ok(side.rearranged(without(side.shape(), dim), sum).into())
            }
        }
    }

    /// The mean along dimension `dim` of an example, which goes.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no such dimension.
    pub fn mean(&self, dim: usize) -> Result<Self> {
        let [_, size, _] = self.around(dim)?;
        self.sum(dim)?.affine(1.0 / size as f64, 0.0)
    }

    /// The largest value of every window of images \[channels, height, width\], which do not overlap.
    ///
    /// Of candidates it is NaN where one of the window is; candle's own operation sees a NaN only where a window begins.
    ///
    /// ```
    /// # use candle_core::{Device, Tensor};
    /// # use moths_nn::Activations;
    /// let image = Activations::from(Tensor::new(&[[[[1f32, 2.0], [4.0, 3.0]]]], &Device::Cpu)?);
    /// assert_eq!(image.max_pool2d(2)?.flatten()?.to_tensor()?.to_vec2::<f32>()?, [[4.0]]);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for what are no images, or smaller ones than a window; [`Error::Invalid`] for windows of nothing.
    pub fn max_pool2d(&self, kernel: impl ToUsize2) -> Result<Self> {
        let kernel = kernel.to_usize2();
        self.max_pool2d_with_stride(kernel, kernel)
    }

    /// The same of windows so far apart. candle has no gradient of those that overlap.
    ///
    /// # Errors
    /// As [`max_pool2d`](Self::max_pool2d).
    pub fn max_pool2d_with_stride(&self, kernel: impl ToUsize2, stride: impl ToUsize2) -> Result<Self> {
        self.pooled(kernel.to_usize2(), stride.to_usize2(), lanes::max_pool, Tensor::max_pool2d_with_stride)
    }

    /// The mean of every window of images \[channels, height, width\], which do not overlap.
    ///
    /// # Errors
    /// As [`max_pool2d`](Self::max_pool2d).
    pub fn avg_pool2d(&self, kernel: impl ToUsize2) -> Result<Self> {
        let kernel = kernel.to_usize2();
        self.avg_pool2d_with_stride(kernel, kernel)
    }

    /// The same of windows so far apart. candle has no gradient of those that overlap.
    ///
    /// # Errors
    /// As [`max_pool2d`](Self::max_pool2d).
    pub fn avg_pool2d_with_stride(&self, kernel: impl ToUsize2, stride: impl ToUsize2) -> Result<Self> {
        self.pooled(kernel.to_usize2(), stride.to_usize2(), lanes::avg_pool, Tensor::avg_pool2d_with_stride)
    }

    fn pooled(
        &self,
        kernel: (usize, usize),
        stride: (usize, usize),
        on_lanes: fn(Pool, &[Lanes], &mut [Lanes]),
        by_candle: ByCandle,
    ) -> Result<Self> {
        let pool = pool(self.shape(), kernel, stride)?;
        match &self.0 {
            Inner::Tensor(tensor) => Ok(by_candle(tensor, kernel, stride)?.into()),
            Inner::Side(side) => {
                let [down, across] = pool.places();
                let shape = vec![side.shape()[0], down, across];
                Ok(side.rearranged(shape, |values, out| on_lanes(pool, values, out)).into())
            }
        }
    }
}

fn pool(shape: &[usize], kernel: (usize, usize), stride: (usize, usize)) -> Result<Pool> {
    for (field, value) in [("kernel", kernel), ("stride", stride)] {
        if value.0 == 0 || value.1 == 0 {
            return Err(Error::invalid(field, format!("{value:?}"), "at least 1 down and across"));
        }
    }
    match *shape {
        [_, high, wide] if high >= kernel.0 && wide >= kernel.1 => {
            Ok(Pool { image: [high, wide], kernel: kernel.into(), stride: stride.into() })
        }
        _ => {
            let expected = format!("[channels, height, width] of no less than {kernel:?}");
            Err(Error::shape("images of a pool", expected, format!("{shape:?}")))
        }
    }
}
