//! Products of matrices of parameters with columns of activations.

use std::ops::Range;

use candle_core::Tensor;
use moths_core::{Error, Result};

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
    let members = if each { group.len() } else { 1 };
    let mut out = Output { values: Buffer::new(members * columns.count() * rows), rows, count: columns.count() };
    for member in 0..members {
        out.start(group, matrix.bias, member)?;
    }
    group.made_of_each(columns.count() * rows);
    let scale = matrix.affine.map_or(1.0, |(factor, _)| factor);
    if group.are_of_low_rank(matrix.weight) {
        out.add_shared(group, columns, matrix, members)?;
        out.add_low_rank(group, columns, matrix.weight, scale, members);
    } else {
        out.add_product(group, columns, matrix, members)?;
    }
    Ok((out.values, each))
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
            None => moths_core::tensor::host::read(self.weight, |values: &[f32]| f(&values[part])),
        }
    }
}

/// What comes out, candidate by candidate and column by column.
struct Output {
    values: Buffer,
    rows: usize,
    count: usize,
}

impl Output {
    fn column(&mut self, member: usize, i: usize) -> &mut [Lanes] {
        &mut self.values[(member * self.count + i) * self.rows..][..self.rows]
    }

    /// Every column begins as the bias.
    fn start(&mut self, group: &Group, bias: Option<&Tensor>, member: usize) -> Result<()> {
        let (rows, len) = (self.rows, self.count * self.rows);
        let values = &mut self.values[member * len..][..len];
        match bias {
            Some(bias) => group
                .read_all(bias, member, |bias| values.chunks_exact_mut(rows.max(1)).for_each(|column| start(Some(bias), column))),
            None => {
                start(None, values);
                Ok(())
            }
        }
    }

    /// The product with each candidate's own matrix.
    fn add_product(&mut self, group: &Group, columns: &impl Columns, matrix: Matrix<'_>, members: usize) -> Result<()> {
        let mut scratch = Buffer::new(columns.inputs());
        for chunk in chunks(self.rows, columns.inputs()) {
            for member in 0..members {
                let part = chunk.start * columns.inputs()..chunk.end * columns.inputs();
                matrix.read(group, Some(member), part, |weight| {
                    for i in 0..self.count {
                        let column = columns.column(member, i, &mut scratch);
                        dense(column, weight, &mut self.column(member, i)[chunk.clone()]);
                    }
                })?;
            }
        }
        Ok(())
    }

    /// The product with the model's own matrix, which all candidates have.
    fn add_shared(&mut self, group: &Group, columns: &impl Columns, matrix: Matrix<'_>, members: usize) -> Result<()> {
        let mut scratch = Buffer::new(columns.inputs());
        let (shared, count) = (!columns.of_each(), self.count);
        let mut once = shared.then(|| Buffer::zeros(count * self.rows));
        for chunk in chunks(self.rows, columns.inputs()) {
            let part = chunk.start * columns.inputs()..chunk.end * columns.inputs();
            matrix.read(group, None, part, |weight| {
                for (member, i) in (0..if shared { 1 } else { members }).flat_map(|member| (0..count).map(move |i| (member, i))) {
                    let column = columns.column(member, i, &mut scratch);
                    let out = match &mut once {
                        Some(once) => &mut once[i * self.rows..][..self.rows],
                        None => self.column(member, i),
                    };
                    dense(column, weight, &mut out[chunk.clone()]);
                }
            })?;
        }
        if let Some(once) = once {
            self.values.chunks_exact_mut(once.len().max(1)).for_each(|own| add(own, &once));
        }
        Ok(())
    }

    /// What the noise of every candidate adds.
    fn add_low_rank(&mut self, group: &Group, columns: &impl Columns, weight: &Tensor, affine: f32, members: usize) {
        let mut scratch = Buffer::new(columns.inputs());
        let mut inner: Option<Buffer> = None;
        for member in 0..members {
            let Some((factors, scale)) = group.factors(weight, member) else { continue };
            let known = !columns.of_each() && member > 0 && group.are_pair(member - 1, member);
            let inner = match &mut inner {
                Some(inner) if known => inner,
                inner => {
                    let mut fresh = Buffer::zeros(self.count * factors.rank);
                    for (i, out) in fresh.chunks_exact_mut(factors.rank).enumerate() {
                        dense(columns.column(member, i, &mut scratch), factors.b, out);
                    }
                    inner.insert(fresh)
                }
            };
            for (i, inner) in inner.chunks_exact(factors.rank).enumerate() {
                add_outer(inner, factors.a, affine * scale, self.column(member, i));
            }
        }
    }
}

/// Rows in as many pieces as the cache asks for.
fn chunks(rows: usize, inputs: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (CACHED / inputs.max(1)).max(2);
    (0..rows).step_by(step).map(move |from| from..rows.min(from + step))
}
