//! Rows of a table.

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;
use moths_core::{Error, Result, tensor::host};

use super::Module;
use crate::{
    Activations,
    activations::{Inner, Side},
    candidates::Group,
    lanes::{Buffer, LANES, Lanes, add_outer, gather},
};

/// y = E_x, row x of a table E \[rows, width\] for every whole number x: \[..\] becomes \[.., width\].
///
/// Of noise of low rank no table is made: y = E_x + s A_x B. Of a number that is no row and that a candidate computed itself its row is NaN: the candidate
/// fails alone.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_nn::{Activations, Embedding, Module};
///
/// let table = Embedding::new(Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?, 2);
/// let places = Activations::from(Tensor::new(&[[1u32, 0, 1]], &Device::Cpu)?);
/// let rows = table.forward(&places)?;
/// assert_eq!(rows.to_tensor()?.to_vec3::<f32>()?, [[[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]]);
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] of its forward for a number of all candidates' that is no row; candle's own of one set of weights.
#[derive(Clone, Debug)]
pub struct Embedding {
    embeddings: Tensor,
    width: usize,
}

/// A table \[rows, width\] of the name `weight`, which begins as candle-nn's does.
///
/// # Errors
/// What the `VarBuilder` fails with.
pub fn embedding(rows: usize, width: usize, vb: VarBuilder<'_>) -> candle_core::Result<Embedding> {
    candle_nn::embedding(rows, width, vb).map(Embedding::from)
}

impl From<candle_nn::Embedding> for Embedding {
    fn from(layer: candle_nn::Embedding) -> Self {
        Self::new(layer.embeddings().clone(), layer.hidden_size())
    }
}

impl Embedding {
    /// A table \[rows, width\].
    pub const fn new(embeddings: Tensor, width: usize) -> Self {
        Self { embeddings, width }
    }

    /// The table.
    pub const fn embeddings(&self) -> &Tensor {
        &self.embeddings
    }

    /// Values of a row.
    pub const fn hidden_size(&self) -> usize {
        self.width
    }

    fn by_candle(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let numbers = if x.dtype().is_int() { x.clone() } else { x.to_dtype(DType::U32)? };
        candle_core::Module::forward(&candle_nn::Embedding::new(self.embeddings.clone(), self.width), &numbers)
    }

    fn of_side(&self, x: &Side) -> Result<Side> {
        let dims = self.embeddings.dims();
        if dims.len() != 2 || dims[1] != self.width {
            return Err(Error::shape("the table of an embedding", format!("[rows, {}]", self.width), format!("{dims:?}")));
        }
        if !x.is_of_each() {
            check(x, dims[0])?;
        }
        let group = x.group();
        let each = x.is_of_each() || group.differs(&self.embeddings);
        let mut values = Buffer::new(if each { group.len() } else { 1 } * x.of_member(0).len() * self.width);
        match group.are_of_low_rank(&self.embeddings) {
            true => self.near(group, x, &mut values)?,
            false => self.looked_up(group, x, &mut values)?,
        }
        if x.is_of_each() {
            self.fail(x, dims[0], &mut values);
        }
        Ok(x.with(values, each, [x.shape(), &[self.width]].concat()))
    }

    /// What is no row is no number either.
    fn fail(&self, x: &Side, rows: usize, values: &mut [Lanes]) {
        for (Lanes(numbers), row) in x.values().iter().zip(values.chunks_exact_mut(self.width.max(1))) {
            for (lane, _) in numbers.iter().enumerate().filter(|(_, number)| !is_row(**number, rows)) {
                row.iter_mut().for_each(|Lanes(values)| values[lane] = f32::NAN);
            }
        }
    }

    /// From each candidate's own table.
    fn looked_up(&self, group: &Group, x: &Side, values: &mut [Lanes]) -> Result<()> {
        let len = (x.of_member(0).len() * self.width).max(1);
        values.chunks_exact_mut(len).enumerate().try_for_each(|(member, values)| {
            group.read_all(&self.embeddings, member, |table| self.look_up(x.of_member(member), table, values))
        })
    }

    /// From the model's own table, and what the noise of every candidate adds.
    fn near(&self, group: &Group, x: &Side, values: &mut [Lanes]) -> Result<()> {
        let len = (x.of_member(0).len() * self.width).max(1);
        host::read(&self.embeddings, |table: &[f32]| {
            let (first, others) = values.split_at_mut(len.min(values.len()));
            self.look_up(x.of_member(0), table, first);
            for (other, own) in others.chunks_exact_mut(len).enumerate() {
                match x.members() {
                    1 => own.copy_from_slice(first),
                    _ => self.look_up(x.of_member(other + 1), table, own),
                }
            }
        })?;
        for (member, values) in values.chunks_exact_mut(len).enumerate() {
            let Some((factors, scale)) = group.factors(&self.embeddings, member) else { continue };
            let (mut a, mut b) = (Buffer::new(factors.rank), Buffer::<f32>::new(factors.b.len()));
            // B by columns.
            let columns = (0..self.width).flat_map(|i| factors.b.iter().skip(i).step_by(self.width));
            b.iter_mut().zip(columns).for_each(|(b, value)| *b = *value);
            for (numbers, row) in x.of_member(member).iter().zip(values.chunks_exact_mut(self.width.max(1))) {
                gather(factors.a, numbers, &mut a);
                add_outer(&a, &b, scale, row);
            }
        }
        Ok(())
    }

    fn look_up(&self, x: &[Lanes], table: &[f32], values: &mut [Lanes]) {
        let rows = x.iter().zip(values.chunks_exact_mut(self.width.max(1)));
        rows.for_each(|(numbers, row)| gather(table, numbers, row));
    }
}

/// Is every number a row? What lanes beyond the last example hold means nothing.
fn check(x: &Side, rows: usize) -> Result<()> {
    for (block, values) in x.values().chunks_exact(x.elements().max(1)).enumerate() {
        let examples = x.examples().saturating_sub(block * LANES).min(LANES);
        let mut numbers = values.iter().flat_map(|Lanes(x)| &x[..examples]);
        if let Some(x) = numbers.find(|x| !is_row(**x, rows)) {
            return Err(Error::invalid("a number of an embedding", x, format!("a whole number below {rows}")));
        }
    }
    Ok(())
}

fn is_row(number: f32, rows: usize) -> bool {
    (number as usize) < rows && number as usize as f32 == number
}

impl Module for Embedding {
    fn forward(&self, x: &Activations) -> Result<Activations> {
        match &x.0 {
            Inner::Tensor(tensor) => Ok(self.by_candle(tensor)?.into()),
            Inner::Side(side) => self.of_side(side).map(Activations::from),
        }
    }
}
