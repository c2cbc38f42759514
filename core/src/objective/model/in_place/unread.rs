//! Which trained tensors a loss never reads.
//!
//! A tensor is filled with NaN, which no rounding hides but some layers swallow, and with other numbers: when the loss keeps its bits in both, it is not read.

use candle_core::Tensor;

use super::{elsewhere::put, trained::Placed};
use crate::{Error, Result};

/// The names of the leaves that can be anything without `loss` being another.
pub(super) fn unread(leaves: &[Placed], mut loss: impl FnMut() -> Result<f64>) -> Result<Vec<String>> {
    let base = loss()?;
    if !base.is_finite() || loss()?.to_bits() != base.to_bits() {
        let why = format!("must be finite, and the same for the same weights, to tell what it depends on; it is {base}");
        return Err(Error::unsupported("the loss", why));
    }
    let mut found = vec![];
    for leaf in leaves {
        // Put back when it is dropped: a loss may panic.
        let before = Before { tensor: &leaf.tensor, values: leaf.tensor.copy()? };
        if is_silent(leaf, &before.values, base, &mut loss)? {
            found.push(leaf.name.clone());
        }
    }
    Ok(found)
}

fn is_silent(leaf: &Placed, before: &Tensor, base: f64, loss: &mut impl FnMut() -> Result<f64>) -> Result<bool> {
    // Neither a multiple of what was there nor the same everywhere: norms and softmax do not see those.
    let ramp = Tensor::arange(0f32, leaf.tensor.elem_count() as f32, before.device())?.sin()?;
    let other = (before.zeros_like()?.flatten_all()? + ramp.to_dtype(before.dtype())?)?.reshape(before.shape())?;
    for filling in [before.affine(0.0, f64::NAN)?, other] {
        put(&leaf.tensor, &filling)?;
        if loss()?.to_bits() != base.to_bits() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a tensor held.
struct Before<'a> {
    tensor: &'a Tensor,
    values: Tensor,
}

impl Drop for Before<'_> {
    fn drop(&mut self) {
        // As it was put over before, it can be again.
        let _ = put(self.tensor, &self.values);
    }
}
