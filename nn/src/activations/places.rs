//! Parts of activations, and activations of parts.

use candle_core::Tensor;
use moths_core::{Error, Result};

use super::{Activations, Inner, Side, own::mixed};
use crate::lanes::{Buffer, Lanes};

impl Activations {
    /// The values `start`, .., `start + len − 1` of dimension `dim` of an example.
    ///
    /// ```
    /// # use candle_core::{Device, Tensor};
    /// # use moths_nn::Activations;
    /// let x = Activations::from(Tensor::new(&[[1f32, 2.0, 3.0]], &Device::Cpu)?);
    /// assert_eq!(x.narrow(0, 1, 2)?.to_tensor()?.to_vec2::<f32>()?, [[2.0, 3.0]]);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no such dimension; [`Error::Shape`] where it ends before.
    pub fn narrow(&self, dim: usize, start: usize, len: usize) -> Result<Self> {
        let [_, size, inner] = self.around(dim)?;
        if start.checked_add(len).is_none_or(|end| end > size) {
            let expected = format!("at least {start} + {len} values");
            return Err(Error::shape(format!("dimension {dim} of activations"), expected, size));
        }
        match &self.0 {
            Inner::Tensor(tensor) => Ok(tensor.narrow(dim + 1, start, len)?.into()),
            Inner::Side(side) => {
                let shape = with_size(side.shape(), dim, len);
                Ok(side
                    .rearranged(shape, |values, out| {
                        let all = values.chunks_exact((size * inner).max(1)).zip(out.chunks_exact_mut((len * inner).max(1)));
                        all.for_each(|(values, out)| out.copy_from_slice(&values[start * inner..][..len * inner]));
                    })
                    .into())
            }
        }
    }

    /// Value `i` of dimension `dim` of an example, which goes: one place of several.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no such dimension; [`Error::Shape`] where it ends before.
    pub fn get_on_dim(&self, dim: usize, i: usize) -> Result<Self> {
        let one = self.narrow(dim, i, 1)?;
        let shape = without(one.shape(), dim);
        one.reshape(&shape)
    }

    /// Value `i` of the first dimension of an example, which goes.
    ///
    /// # Errors
    /// As [`get_on_dim`](Self::get_on_dim).
    pub fn get(&self, i: usize) -> Result<Self> {
        self.get_on_dim(0, i)
    }

    /// Two dimensions of an example exchanged.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no such dimension.
    pub fn transpose(&self, a: usize, b: usize) -> Result<Self> {
        let (first, second) = (a.min(b), a.max(b));
        self.around(second)?;
        let mut shape = self.shape().to_vec();
        shape.swap(first, second);
        match &self.0 {
            Inner::Tensor(tensor) => Ok(tensor.transpose(first + 1, second + 1)?.contiguous()?.into()),
            Inner::Side(side) if first == second => Ok(side.clone().into()),
            Inner::Side(side) => {
                let inner: usize = shape[second + 1..].iter().product();
                let between: usize = shape[first + 1..second].iter().product();
                let (rows, columns) = (shape[second], shape[first]);
                let to = move |values: &[Lanes], out: &mut [Lanes]| exchanged(values, [rows, between, columns, inner], out);
                Ok(side.rearranged(shape, to).into())
            }
        }
    }

    /// Activations of the same examples one after another along dimension `dim`.
    ///
    /// ```
    /// # use candle_core::{Device, Tensor};
    /// # use moths_nn::Activations;
    /// let x = Activations::from(Tensor::new(&[[1f32, 2.0]], &Device::Cpu)?);
    /// let twice = Activations::cat(&[&x, &x.clone().sqr()?], 0)?;
    /// assert_eq!(twice.to_tensor()?.to_vec2::<f32>()?, [[1.0, 2.0, 1.0, 4.0]]);
    /// # Ok::<(), moths_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no such dimension; [`Error::Shape`] where they differ in another one, and of none at all.
    pub fn cat(all: &[&Self], dim: usize) -> Result<Self> {
        let Some(first) = all.first() else { return Err(Error::shape("activations", "at least one", 0)) };
        first.around(dim)?;
        let mut shape = first.shape().to_vec();
        shape[dim] = 0;
        for one in all {
            if one.shape().len() != shape.len() || without(one.shape(), dim) != without(&shape, dim) {
                let expected = format!("{:?} but for dimension {dim}", first.shape());
                return Err(Error::shape("activations", expected, format!("{:?}", one.shape())));
            }
            shape[dim] += one.shape()[dim];
        }
        match &first.0 {
            Inner::Tensor(_) => {
                let tensors = all.iter().map(|one| if let Inner::Tensor(one) = &one.0 { Ok(one) } else { Err(mixed()) });
                Ok(Tensor::cat(&tensors.collect::<Result<Vec<_>>>()?, dim + 1)?.into())
            }
            Inner::Side(_) => {
                let sides = all.iter().map(|one| if let Inner::Side(one) = &one.0 { Ok(one) } else { Err(mixed()) });
                Ok(joined(&sides.collect::<Result<Vec<_>>>()?, dim, shape).into())
            }
        }
    }

    /// How many values there are before dimension `dim` of an example, along it, and behind.
    pub(super) fn around(&self, dim: usize) -> Result<[usize; 3]> {
        let shape = self.shape();
        match shape.get(dim) {
            Some(size) => Ok([shape[..dim].iter().product(), *size, shape[dim + 1..].iter().product()]),
            None => Err(Error::invalid("dim", dim, format!("a dimension of {shape:?}"))),
        }
    }
}

impl Side {
    /// Other values of the same examples and candidates, made of all of these at once.
    pub(super) fn rearranged(&self, shape: Vec<usize>, to: impl FnOnce(&[Lanes], &mut [Lanes])) -> Self {
        let mut out = Buffer::new(self.members() * self.blocks() * shape.iter().product::<usize>());
        to(self.values(), &mut out);
        self.with(out, self.is_of_each(), shape)
    }
}

/// \[.., rows, between, columns, inner\] to \[.., columns, between, rows, inner\].
fn exchanged(values: &[Lanes], [rows, between, columns, inner]: [usize; 4], out: &mut [Lanes]) {
    let len = (rows * between * columns * inner).max(1);
    for (values, out) in values.chunks_exact(len).zip(out.chunks_exact_mut(len)) {
        for (i, part) in out.chunks_exact_mut(inner.max(1)).enumerate() {
            let (row, middle, column) = (i % rows, i / rows % between, i / rows / between);
            part.copy_from_slice(&values[((row * between + middle) * columns + column) * inner..][..inner]);
        }
    }
}

fn joined(sides: &[&Side], dim: usize, shape: Vec<usize>) -> Side {
    let (first, each) = (sides[0], sides.iter().any(|side| side.is_of_each()));
    let members = if each { first.group().len() } else { 1 };
    let (outer, inner) = (first.blocks() * shape[..dim].iter().product::<usize>(), shape[dim + 1..].iter().product::<usize>());
    let all = shape[dim] * inner;
    let mut out = Buffer::new(members * outer * all);
    for (member, out) in out.chunks_exact_mut((outer * all).max(1)).enumerate() {
        let mut from = 0;
        for side in sides {
            let len = side.shape()[dim] * inner;
            let rows = side.of_member(member).chunks_exact(len.max(1)).zip(out.chunks_exact_mut(all.max(1)));
            rows.for_each(|(values, out)| out[from..from + len].copy_from_slice(values));
            from += len;
        }
    }
    first.with(out, each, shape)
}

fn with_size(shape: &[usize], dim: usize, size: usize) -> Vec<usize> {
    [&shape[..dim], &[size], &shape[dim + 1..]].concat()
}

pub(super) fn without(shape: &[usize], dim: usize) -> Vec<usize> {
    [&shape[..dim], &shape[dim + 1..]].concat()
}
