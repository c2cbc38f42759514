//! Activations of several candidates, thirty-two examples side by side.

use std::{ops::Range, rc::Rc, sync::Arc};

use candle_core::{Device, Tensor};
use moths_core::{Error, Result};

use crate::{
    candidates::Group,
    lanes::{Buffer, LANES, Lanes},
};

/// Values \[candidates, blocks, ..\] of 32 examples each. Where they are the same for all candidates, they are there once.
#[derive(Clone)]
pub(crate) struct Side {
    frame: Frame,
    values: Values,
    shape: Vec<usize>,
}

/// What the values are of.
#[derive(Clone)]
struct Frame {
    group: Rc<Group>,
    /// Has every candidate its own?
    each: bool,
    /// Blocks of 32 examples.
    blocks: usize,
    /// The last block may have fewer.
    examples: usize,
}

#[derive(Clone)]
enum Values {
    Own(Rc<Buffer>),
    /// Those of data, which all threads read.
    Data(Arc<Vec<Lanes>>, Range<usize>),
}

impl Side {
    /// These blocks of data \[blocks, ..\], for all candidates of a group.
    pub(crate) fn of_data(
        group: Rc<Group>,
        data: &Arc<Vec<Lanes>>,
        blocks: Range<usize>,
        examples: usize,
        shape: &[usize],
    ) -> Self {
        let elements: usize = shape.iter().product();
        let values = Values::Data(Arc::clone(data), blocks.start * elements..blocks.end * elements);
        Self { frame: Frame { group, each: false, blocks: blocks.len(), examples }, values, shape: shape.to_vec() }
    }

    /// Other values of the same examples, which are each candidate's own, or all candidates'.
    pub(crate) fn with(&self, values: Buffer, each: bool, shape: Vec<usize>) -> Self {
        Self { frame: Frame { each, ..self.frame.clone() }, values: Values::Own(Rc::new(values)), shape }
    }

    /// The same values as those of another shape.
    pub(crate) fn shaped(self, shape: Vec<usize>) -> Self {
        Self { shape, ..self }
    }

    /// The candidates.
    pub(crate) fn group(&self) -> &Rc<Group> {
        &self.frame.group
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Has every candidate values of its own?
    pub(crate) fn is_of_each(&self) -> bool {
        self.frame.each
    }

    /// How many candidates there are values of: one where they share them.
    pub(crate) fn members(&self) -> usize {
        if self.frame.each { self.frame.group.len() } else { 1 }
    }

    pub(crate) fn blocks(&self) -> usize {
        self.frame.blocks
    }

    pub(crate) fn examples(&self) -> usize {
        self.frame.examples
    }

    /// Values of an example.
    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    pub(crate) fn values(&self) -> &[Lanes] {
        match &self.values {
            Values::Own(values) => values,
            Values::Data(values, range) => &values[range.clone()],
        }
    }

    /// The values \[blocks, ..\] that a candidate sees.
    pub(crate) fn of_member(&self, member: usize) -> &[Lanes] {
        let len = self.frame.blocks * self.elements();
        if self.frame.each { &self.values()[member * len..][..len] } else { self.values() }
    }

    /// All values changed in place, or in a copy where somebody else holds them.
    pub(crate) fn changed(self, change: impl FnOnce(&mut [Lanes])) -> Self {
        let mut values = match self.values {
            Values::Own(values) => Rc::try_unwrap(values).unwrap_or_else(|shared| Buffer::copy_of(&shared)),
            Values::Data(values, range) => Buffer::copy_of(&values[range]),
        };
        change(&mut values);
        Self { values: Values::Own(Rc::new(values)), ..self }
    }

    /// The same, with values of its own for each candidate.
    pub(crate) fn of_each(self) -> Self {
        if self.is_of_each() || self.group().len() == 1 {
            return Self { frame: Frame { each: true, ..self.frame }, ..self };
        }
        let len = self.values().len();
        let mut values = Buffer::new(self.group().len() * len);
        values.chunks_exact_mut(len.max(1)).for_each(|own| own.copy_from_slice(self.values()));
        self.with(values, true, self.shape.clone())
    }

    /// A candidate's values \[examples, ..\].
    pub(crate) fn tensor(&self, member: usize) -> Result<Tensor> {
        let (elements, values) = (self.elements(), self.of_member(member));
        let mut rows = Vec::with_capacity(self.examples() * elements);
        for example in 0..self.examples() {
            let block = &values[example / LANES * elements..][..elements];
            rows.extend(block.iter().map(|Lanes(value)| value[example % LANES]));
        }
        Ok(Tensor::from_vec(rows, [&[self.examples()], &*self.shape].concat(), &Device::Cpu)?)
    }

    pub(crate) fn through(&self, f: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>) -> Result<Self> {
        let made = (0..self.members()).map(|member| Ok(f(&self.tensor(member)?)?)).collect::<Result<Vec<_>>>()?;
        let Some(first) = made.first() else { return Err(Error::shape("candidates", "at least one", 0)) };
        let shape = match first.dims() {
            [examples, shape @ ..] if *examples == self.examples() => shape.to_vec(),
            other => {
                let expected = format!("[{}, ..]: one row an example", self.examples());
                return Err(Error::shape("what candle makes of activations", expected, format!("{other:?}")));
            }
        };
        let elements: usize = shape.iter().product();
        let mut values = Buffer::new(made.len() * self.blocks() * elements);
        for (made, values) in made.iter().zip(values.chunks_exact_mut((self.blocks() * elements).max(1))) {
            let rows = made.to_dtype(candle_core::DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            transpose(&rows, elements, values);
        }
        Ok(self.with(values, self.is_of_each(), shape))
    }
}

/// Examples \[n, elements\], side by side; lanes beyond the last are zeros.
pub(crate) fn transpose(rows: &[f32], elements: usize, values: &mut [Lanes]) {
    let blocks = rows.chunks(LANES * elements.max(1)).zip(values.chunks_exact_mut(elements.max(1)));
    for (rows, block) in blocks {
        let starts: Vec<&[f32]> = rows.chunks_exact(elements.max(1)).collect();
        for (i, Lanes(values)) in block.iter_mut().enumerate() {
            values.fill(0.0);
            values.iter_mut().zip(&starts).for_each(|(value, row)| *value = row[i]);
        }
    }
}
