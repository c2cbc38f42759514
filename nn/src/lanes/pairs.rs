//! Functions of two values.

use multiversion::multiversion;

use super::Lanes;

/// A loop of its own for each, as for functions of one value.
macro_rules! pairs {
    ($($(#[$doc:meta])* $name:ident($x:ident, $y:ident) = $value:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// Where there are not as many of both.
        #[allow(unreachable_pub, reason = "what the attribute makes of it carries this span")]
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
        pub fn $name(values: &mut [Lanes], others: &[Lanes]) {
            assert_eq!(values.len(), others.len(), "as many of both");
            for (Lanes(values), Lanes(others)) in values.iter_mut().zip(others) {
                for (value, other) in values.iter_mut().zip(others) {
                    let ($x, $y) = (*value, *other);
                    *value = $value;
                }
            }
        }
    )*};
}

pairs! {
    /// x ← x + y
    add(x, y) = x + y;
    /// x ← x − y
    subtract(x, y) = x - y;
    /// x ← x y
    multiply(x, y) = x * y;
}

/// Value i is multiplied by `factors` i, and `shifts` i is added: either may be absent.
///
/// # Panics
/// Where there are not as many.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn scale_and_shift(values: &mut [Lanes], factors: Option<&[f32]>, shifts: Option<&[f32]>) {
    for parameters in factors.iter().chain(&shifts) {
        assert_eq!(values.len(), parameters.len(), "one parameter a value");
    }
    if let Some(factors) = factors {
        for (Lanes(values), factor) in values.iter_mut().zip(factors) {
            values.iter_mut().for_each(|value| *value *= factor);
        }
    }
    if let Some(shifts) = shifts {
        for (Lanes(values), shift) in values.iter_mut().zip(shifts) {
            values.iter_mut().for_each(|value| *value += shift);
        }
    }
}
