//! Products of matrices of parameters with columns of activations.

use std::ops::Range;

use candle_core::Tensor;
use moths_core::{Error, Result, noise::Factors, tensor::host};

use super::Side;
use crate::{
    candidates::Group,
    lanes::{Buffer, Lanes, add, add_outer, dense, start},
};

/// Weights that stay in the second cache while several columns take them in.
const CACHED: usize = 1 << 16;

/// The matrix of a layer: weight \[rows, inputs..\], bias \[rows\].
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) weight: &'a Tensor,
    pub(crate) bias: Option<&'a Tensor>,
    /// What the layer multiplies with is a w + b, element by element.
    pub(crate) affine: Option<(f32, f32)>,
}

/// Columns of equally many values, one after another or out of images.
pub(crate) trait Columns {
    /// Values of a column.
    fn inputs(&self) -> usize;
    /// Columns of a candidate.
    fn count(&self) -> usize;
    /// Has every candidate its own?
    fn of_each(&self) -> bool;
    /// Column `i` of a candidate; `scratch` has room for one.
    fn column<'a>(&'a self, member: usize, i: usize, scratch: &'a mut [Lanes]) -> &'a [Lanes];
}

/// The last dimension of activations.
impl Columns for Side {
    fn inputs(&self) -> usize {
        self.shape().last().copied().unwrap_or(1)
    }

    fn count(&self) -> usize {
        let leading = self.shape().split_last().map_or(&[][..], |(_, leading)| leading);
        self.blocks() * leading.iter().product::<usize>()
    }

    fn of_each(&self) -> bool {
        self.is_of_each()
    }

    fn column<'a>(&'a self, member: usize, i: usize, _: &'a mut [Lanes]) -> &'a [Lanes] {
        &self.of_member(member)[i * self.inputs()..][..self.inputs()]
    }
}

/// weight · column + bias of every column \[candidates, columns, rows\], and whether every candidate has its own.
///
/// ```text
/// written, drawn     y = W_i x + b_i
/// low rank           y = W x + b_i + s_i A_i (B_i x)      W x once for all candidates that share x, B_i x once for a pair that does
/// ```
pub(crate) fn product(group: &Group, columns: &impl Columns, matrix: Matrix<'_>) -> Result<(Buffer, bool)> {
    let rows = matrix.rows(columns.inputs())?;
    let each = columns.of_each() || group.differs(matrix.weight) || matrix.bias.is_some_and(|bias| group.differs(bias));
    let own = (0..if each { group.len() } else { 1 }).map(|member| Own::of(group, matrix, member)).collect::<Result<Vec<_>>>()?;
    let count = columns.count();
    group.made_of_each(count * rows);
    let mut out = Output { values: Buffer::new(own.len() * count * rows), rows, count, scratch: Buffer::new(columns.inputs()) };
    match (group.are_of_low_rank(matrix.weight), columns.of_each()) {
        (true, false) => out.near_shared(group, columns, matrix, &own)?,
        (true, true) => out.near(group, columns, matrix, &own)?,
        (false, _) => out.apart(group, columns, matrix, &own)?,
    }
    Ok((out.values, each))
}

/// What is a candidate's own beside its matrix, or in place of it.
struct Own<'a> {
    bias: Option<Buffer<f32>>,
    /// The noise of the matrix, and its scale.
    noise: Option<(Factors<'a>, f32)>,
}

impl<'a> Own<'a> {
    fn of(group: &'a Group, matrix: Matrix<'_>, member: usize) -> Result<Self> {
        let bias = matrix.bias.map(|bias| group.read_all(bias, member, Buffer::copy_of)).transpose()?;
        let factor = matrix.affine.map_or(1.0, |(factor, _)| factor);
        let noise = group.factors(matrix.weight, member).map(|(factors, scale)| (factors, factor * scale));
        Ok(Self { bias, noise })
    }
}

impl Matrix<'_> {
    /// How many rows there are, if each has so many inputs.
    fn rows(self, inputs: usize) -> Result<usize> {
        let rows = self.weight.dims().first().copied().unwrap_or(0);
        if let Some(bias) = self.bias.filter(|bias| bias.dims() != [rows]) {
            return Err(Error::shape(
                "the bias of a layer",
                format!("[{rows}], one value an output"),
                format!("{:?}", bias.dims()),
            ));
        }
        if rows * inputs == self.weight.elem_count() {
            return Ok(rows);
        }
        let expected =
            format!("{} values, as the layer's weight {:?} wants", self.weight.elem_count() / rows.max(1), self.weight.dims());
        Err(Error::shape("the last dimension of activations", expected, inputs))
    }

    /// Gives `f` rows of the model's own matrix, or of a candidate's.
    fn read(self, group: &Group, member: Option<usize>, part: Range<usize>, f: impl FnOnce(&[f32])) -> Result<()> {
        let f = |values: &[f32]| match self.affine {
            Some((factor, shift)) => {
                let mut changed = Buffer::<f32>::new(values.len());
                changed.iter_mut().zip(values).for_each(|(changed, w)| *changed = factor * w + shift);
                f(&changed);
            }
            None => f(values),
        };
        match member {
            Some(member) => group.read(self.weight, part, member, f),
            None => host::read(self.weight, |values: &[f32]| f(&values[part])),
        }
    }
}

/// What comes out, candidate by candidate and column by column.
struct Output {
    values: Buffer,
    rows: usize,
    count: usize,
    /// Room for a column.
    scratch: Buffer,
}

impl Output {
    /// Every candidate has a matrix of its own.
    fn apart(&mut self, group: &Group, columns: &impl Columns, matrix: Matrix<'_>, own: &[Own<'_>]) -> Result<()> {
        for chunk in chunks(self.rows, columns.inputs()) {
            for (member, own) in own.iter().enumerate() {
                let part = chunk.start * columns.inputs()..chunk.end * columns.inputs();
                matrix.read(group, Some(member), part, |weight| {
                    (0..self.count).for_each(|i| self.add(columns, (member, i), weight, &chunk, own.bias.as_deref()));
                })?;
            }
        }
        Ok(())
    }

    /// All have the model's own matrix and a product of low rank, and activations of their own.
    fn near(&mut self, group: &Group, columns: &impl Columns, matrix: Matrix<'_>, own: &[Own<'_>]) -> Result<()> {
        let most = own.iter().filter_map(|own| Some(own.noise?.0.rank)).max().unwrap_or(0);
        let mut inner = Buffer::new(most);
        for chunk in chunks(self.rows, columns.inputs()) {
            let part = chunk.start * columns.inputs()..chunk.end * columns.inputs();
            matrix.read(group, None, part, |weight| {
                for (member, own) in own.iter().enumerate() {
                    for i in 0..self.count {
                        self.add(columns, (member, i), weight, &chunk, own.bias.as_deref());
                        // While the column is at hand.
                        if let Some((factors, scale)) = own.noise.filter(|_| chunk.end == self.rows) {
                            let inner = &mut inner[..factors.rank];
                            inner.fill(Lanes::ZERO);
                            dense(columns.column(member, i, &mut self.scratch), factors.b, inner);
                            add_outer(inner, factors.a, scale, self.column(member, i));
                        }
                    }
                }
            })?;
        }
        Ok(())
    }

    /// The same, of activations that they share: W x is computed once, and B x once for a pair.
    fn near_shared(&mut self, group: &Group, columns: &impl Columns, matrix: Matrix<'_>, own: &[Own<'_>]) -> Result<()> {
        let scratch = Buffer::new(columns.inputs());
        let mut once = Self { values: Buffer::new(self.count * self.rows), rows: self.rows, count: self.count, scratch };
        for chunk in chunks(self.rows, columns.inputs()) {
            let part = chunk.start * columns.inputs()..chunk.end * columns.inputs();
            matrix.read(group, None, part, |weight| {
                (0..once.count).for_each(|i| once.add(columns, (0, i), weight, &chunk, None));
            })?;
        }
        let mut inner: Option<Buffer> = None;
        for (member, Own { bias, noise }) in own.iter().enumerate() {
            let Some((factors, scale)) = *noise else { continue };
            let known = member > 0 && group.are_pair(member - 1, member);
            let inner = match &mut inner {
                Some(inner) if known => inner,
                inner => {
                    let mut fresh = Buffer::zeros(self.count * factors.rank);
                    for (i, out) in fresh.chunks_exact_mut(factors.rank).enumerate() {
                        dense(columns.column(member, i, &mut self.scratch), factors.b, out);
                    }
                    inner.insert(fresh)
                }
            };
            for (i, inner) in inner.chunks_exact(factors.rank).enumerate() {
                let (shared, out) = (once.column(0, i), self.column(member, i));
                start(bias.as_deref(), out);
                add(out, shared);
                add_outer(inner, factors.a, scale, out);
            }
        }
        Ok(())
    }

    /// Some rows of the product with a column, which begins as the bias.
    fn add(
        &mut self,
        columns: &impl Columns,
        (member, i): (usize, usize),
        weight: &[f32],
        chunk: &Range<usize>,
        bias: Option<&[f32]>,
    ) {
        let column = columns.column(member, i, &mut self.scratch);
        let out = &mut self.values[(member * self.count + i) * self.rows..][..self.rows];
        if chunk.start == 0 {
            start(bias, out);
        }
        dense(column, weight, &mut out[chunk.clone()]);
    }

    fn column(&mut self, member: usize, i: usize) -> &mut [Lanes] {
        &mut self.values[(member * self.count + i) * self.rows..][..self.rows]
    }
}

/// Rows in as many pieces as the cache asks for.
fn chunks(rows: usize, inputs: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (CACHED / inputs.max(1)).max(2);
    (0..rows).step_by(step).map(move |from| from..rows.min(from + step))
}
