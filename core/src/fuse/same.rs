//! Are two tensors the same?

use candle_core::Tensor;

use super::dot;
use crate::{
    Error, Result, kernel,
    tensor::{CowTensor, host, place},
    with_scalar,
};

// The two zeros differ in their reciprocals, which are infinite for numbers too small to have one. What is no number has no size.
kernel! { fn apart(out: out, a: mat, b: mat) {
    let numbers = select(a <= b, select(a >= b, 0.0, 1.0), 1.0);
    let one_at_least = select(abs(a) >= 0.0, 1.0, select(abs(b) >= 0.0, 1.0, 0.0));
    let zeros = select(1.0 / a < 1.0 / b, 1.0, select(1.0 / a > 1.0 / b, 1.0, 0.0));
    out = max(min(numbers, one_at_least), zeros);
} }

/// Are the numbers of two tensors of one shape and dtype the same, to the bit? (On a card all that is no number is one.)
///
/// # Errors
/// [`Error::Shape`] for two shapes or dtypes, [`Error::Unsupported`] for what is not contiguous.
pub fn same_bits(a: &Tensor, b: &Tensor) -> Result<bool> {
    if a.dims() != b.dims() || a.dtype() != b.dtype() {
        let described = |t: &Tensor| format!("{:?} {}", t.dims(), t.dtype().as_str());
        return Err(Error::shape("same_bits.b", described(a), described(b)));
    }
    if !place::is_near(a) && a.device().same_device(b.device()) {
        if !(a.is_contiguous() && b.is_contiguous()) {
            return Err(Error::unsupported("same_bits", "compares contiguous tensors"));
        }
        let (a, b) = (a.flatten_all()?, b.flatten_all()?);
        let mut found = CowTensor::new(a.zeros_like()?);
        apart(&mut found, &a, &b)?;
        return Ok(dot(&found, &found)? == 0.0);
    }
    with_scalar!(a.dtype(), T => host::read::<T, _>(a, |a| {
        host::read::<T, _>(b, |b| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()))
    })?)
}
