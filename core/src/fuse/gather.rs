//! Rows of one tensor as another.

use candle_core::Tensor;

use crate::{
    Error, Result,
    tensor::{CowTensor, host, place},
    with_scalar,
};

/// These rows of `from` \[n, d\], in this order and as often as they are named, as a tensor of their own.
///
/// # Errors
/// [`Error::Shape`] for what is no matrix, [`Error::Unsupported`] for one that is not contiguous, [`Error::Invalid`] when there
/// is no such row or for another dtype than a search's.
pub fn gather(from: &Tensor, rows: &[usize]) -> Result<CowTensor> {
    let &[n, d] = from.dims() else {
        return Err(Error::shape("gather.from", "[n, d]", format!("{:?}", from.dims())));
    };
    if let Some(row) = rows.iter().find(|row| **row >= n) {
        return Err(Error::invalid("gather.rows", row, format!("rows are 0 to {}", n.saturating_sub(1))));
    }
    if !place::is_near(from) {
        let places: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        return Ok(from.index_select(&Tensor::new(places, from.device())?, 0)?.into());
    }
    let rows = with_scalar!(from.dtype(), T => host::read::<T, _>(from, |all| {
        let values: Vec<T> = rows.iter().flat_map(|i| &all[i * d..(i + 1) * d]).copied().collect();
        Tensor::from_vec(values, (rows.len(), d), from.device())
    }))?;
    Ok(rows?.into())
}
