//! Dot products, distances and products of rows on a card: sums of chunks side by side, which the CPU then adds up in its own order.

use candle_core::{DType, Tensor};

use super::{
    card::{self, Card, Program, Value},
    cuda::REDUCTIONS,
    reduce::DOT_CHUNK,
};
use crate::{Result, tensor::place};

/// Sums side by side in a chunk, and the one of what they leave over.
const LANES: usize = 16;

/// `sum a_i b_i` of every chunk; `None` where no card does it.
pub(super) fn dot(a: &Tensor, b: &Tensor) -> Result<Option<Vec<f64>>> {
    let chunks = a.elem_count().div_ceil(DOT_CHUNK);
    let Some(card) = card_of(a, b).filter(|_| chunks > 0) else { return Ok(None) };
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let values = [Value::Word(a.elem_count() as u64), Value::Read(&a), Value::Read(&b)];
    sums(&*card, "dot_lanes", &a, &values, chunks)
}

/// The squares of the chunks of `rows - to`, row by row; `None` where no card does it.
pub(super) fn distances(rows: &Tensor, to: &Tensor) -> Result<Option<Vec<f64>>> {
    let (n, d) = rows.dims2()?;
    let chunks = n * d.div_ceil(DOT_CHUNK);
    let Some(card) = card_of(rows, to).filter(|_| chunks > 0) else { return Ok(None) };
    let (rows, to) = (rows.contiguous()?, to.contiguous()?);
    let one = Value::Word((to.rank() == 1).into());
    let values = [Value::Word(n as u64), Value::Word(d as u64), Value::Read(&rows), Value::Read(&to), one];
    sums(&*card, "distance_lanes", &rows, &values, chunks)
}

/// The products of the rows of `a` [n, d] with those of `b` [m, d]; `None` where no card does it.
pub(super) fn products(a: &Tensor, b: &Tensor) -> Result<Option<Vec<f64>>> {
    let ((n, d), m) = (a.dims2()?, b.dims()[0]);
    let Some(card) = card_of(a, b) else { return Ok(None) };
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let out = Tensor::zeros(n * m, DType::F64, a.device())?;
    let words = [n, m, d].map(|word| Value::Word(word as u64));
    let values = [words[0], words[1], words[2], Value::Read(&a), Value::Read(&b), Value::Written(&out)];
    let ran = card::launch(&*card, Program::named(REDUCTIONS, "products", a.dtype()), n * m, &values)?;
    Ok(if ran { Some(out.to_vec1()?) } else { None })
}

/// The card that both are on.
fn card_of(a: &Tensor, b: &Tensor) -> Option<std::sync::Arc<dyn Card>> {
    let elsewhere = !place::is_near(a) && a.device().same_device(b.device());
    if elsewhere { card::of(a) } else { None }
}

/// `function`, which writes lanes behind its `values`, and what they add up to.
fn sums(card: &dyn Card, function: &'static str, of: &Tensor, values: &[Value<'_>], chunks: usize) -> Result<Option<Vec<f64>>> {
    let lanes = Tensor::zeros(chunks * (LANES + 1), DType::F64, of.device())?;
    let values = [values, &[Value::Written(&lanes)]].concat();
    if !card::launch(card, Program::named(REDUCTIONS, function, of.dtype()), chunks * LANES, &values)? {
        return Ok(None);
    }
    let sums = Tensor::zeros(chunks, DType::F64, of.device())?;
    let values = [Value::Word(chunks as u64), Value::Read(&lanes), Value::Written(&sums)];
    let ran = card::launch(card, Program::named(REDUCTIONS, "sum_lanes", DType::F64), chunks, &values)?;
    Ok(if ran { Some(sums.to_vec1()?) } else { None })
}
