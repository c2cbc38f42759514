//! A model on a card: its weights are displaced there, and what comes home is a copy.
//!
//! The bits are those that the same weights have here: what is added is added in the same order in f32, and rounded as here.

use candle_core::{DType, Tensor};

use super::{chance::round_by_chance, shift::Away, trained::Placed};
use crate::{
    Result, kernel,
    objective::{
        Advance,
        model::number::{self, Number, with_number},
    },
    rng::Key,
    tensor::{CowTensor, place},
};

kernel! { fn shrink(x: inout, by: num) { x = x * by; } }
kernel! { fn return_to(x: inout, start: mat, by: num) { x = x - by * (x - start); } }
kernel! { fn descend(x: inout, sum: mat, scale: num) { x = x + scale * sum; } }

impl Placed {
    /// To another candidate in a space of `len` coordinates, or home.
    pub(super) fn go_elsewhere(&mut self, to: Option<&Away>, len: usize) -> Result<()> {
        let Some(Away { noise, seed, scale }) = to else {
            if let Some(home) = self.home.as_ref().filter(|_| self.is_away) {
                put(&self.tensor, home)?;
            }
            self.is_away = false;
            return Ok(());
        };
        // The memory is kept from one candidate to the next.
        let home = match self.home.take() {
            Some(home) => home,
            None => self.tensor.zeros_like()?,
        };
        if !self.is_away {
            put(&home, &self.tensor)?;
        }
        self.is_away = true;
        let home = self.home.insert(home);
        let mut wide = widened(home)?;
        noise.add_part(&[(*seed, scale * self.unit)], self.from, len, &mut wide)?;
        put(&self.tensor, &narrowed(&wide, self.tensor.dtype())?)
    }

    /// x ← (1 − shrink) x, x ← x − anchor (x − x₀), x ← x − rate Σ_k weight_k z_k, and round.
    pub(super) fn move_elsewhere(&self, step: &Advance<'_>, len: usize, key: Key) -> Result<()> {
        let x = self.moved_elsewhere(step, len)?;
        with_number!(self.tensor.dtype(), T => {
            if !T::IS_HALF {
                return put(&self.tensor, &x);
            }
            let wide = place::brought(&x)?.to_vec1::<f32>()?;
            number::edit::<T, _>(&self.tensor, |weights| round_by_chance(&wide, 0, key, weights))
        })
    }

    /// Where the step leads, in f32.
    pub(super) fn moved_elsewhere(&self, step: &Advance<'_>, len: usize) -> Result<CowTensor> {
        let mut x = widened(&self.tensor)?;
        let mut sum = CowTensor::new(x.zeros_like()?);
        step.noise.add_part(step.terms, self.from, len, &mut sum)?;
        if step.shrink > 0.0 {
            shrink(&mut x, 1.0 - step.shrink)?;
        }
        if step.anchor > 0.0 {
            let mut start = vec![0.0; x.elem_count()];
            self.base.read(0, &mut start)?;
            let start = Tensor::from_vec(start, x.shape(), x.device())?;
            return_to(&mut x, &start, step.anchor)?;
        }
        descend(&mut x, &sum, -step.rate * self.unit)?;
        Ok(x)
    }
}

fn widened(tensor: &Tensor) -> Result<CowTensor> {
    let flat = tensor.flatten_all()?;
    // Of f32 the cast would be the tensor itself.
    Ok(if flat.dtype() == DType::F32 { flat.copy()? } else { flat.to_dtype(DType::F32)? }.into())
}

/// The nearest numbers; what is beyond the largest becomes the largest.
fn narrowed(wide: &CowTensor, dtype: DType) -> Result<Tensor> {
    let most = match dtype {
        DType::BF16 => half::bf16::MAX.to_f32(),
        DType::F16 => half::f16::MAX.to_f32(),
        _ => return Ok((**wide).clone()),
    };
    Ok(wide.clamp(-most, most)?.to_dtype(dtype)?)
}

pub(super) fn put(tensor: &Tensor, values: &Tensor) -> Result<()> {
    Ok(tensor.flatten_all()?.slice_set(&values.flatten_all()?, 0, 0)?)
}
