//! Functions of single values.

use moths_core::fuse::words;
use multiversion::multiversion;

use super::{LANES, Lanes};

/// A loop of its own for each: one that is handed in as a value would be compiled for the oldest processor.
///
/// Four values at a time: a shorter body is unrolled over the lanes before it is vectorised, and then is not.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident($x:ident) = $value:expr;)*) => {$(
        $(#[$doc])*
        #[allow(unreachable_pub, reason = "what the attribute makes of it carries this span")]
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
        pub fn $name(values: &mut [Lanes]) {
            let of = |$x: f32| $value;
            let (fours, rest) = values.as_chunks_mut::<4>();
            for [a, b, c, d] in fours {
                for lane in 0..LANES {
                    a.0[lane] = of(a.0[lane]);
                    b.0[lane] = of(b.0[lane]);
                    c.0[lane] = of(c.0[lane]);
                    d.0[lane] = of(d.0[lane]);
                }
            }
            for Lanes(values) in rest {
                values.iter_mut().for_each(|value| *value = of(*value));
            }
        }
    )*};
}

/// √(2 / π).
const HALF_NORMAL: f32 = 0.797_884_6;

unary! {
    /// max(x, 0); NaN where x is
    // A choice between 0 and what is there already would become stores under a mask, which some processors take twenty cycles for.
    relu(x) = words::max(x + 0.0, 0.0);
    /// tanh x
    tanh(x) = words::tanh(x);
    /// 1 / (1 + e^−x)
    sigmoid(x) = 0.5 * words::tanh(0.5 * x) + 0.5;
    /// x / (1 + e^−x)
    silu(x) = x * (0.5 * words::tanh(0.5 * x) + 0.5);
    /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
    gelu(x) = 0.5 * x * (1.0 + words::tanh(HALF_NORMAL * x * (1.0 + 0.044_715 * x * x)));
    /// e^x
    exp(x) = words::exp(x);
    /// x²
    sqr(x) = x * x;
    /// √x
    sqrt(x) = words::sqrt(x);
    /// |x|
    abs(x) = words::abs(x);
    /// The largest whole number not above.
    floor(x) = x.floor();
    /// The nearest whole number, halves away from zero.
    round(x) = x.round();
    /// 1 where x > 0, else 0, of NaN too
    step(x) = words::select(x > 0.0, 1.0, 0.0);
    /// 1 where x ≥ 0, else −1, of NaN too
    sign(x) = words::select(x >= 0.0, 1.0, -1.0);
}

/// x ← factor x + shift
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn affine(values: &mut [Lanes], factor: f32, shift: f32) {
    for Lanes(values) in values {
        values.iter_mut().for_each(|value| *value = factor * *value + shift);
    }
}

/// x ← x moved into \[low, high\]
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub fn clamp(values: &mut [Lanes], low: f32, high: f32) {
    for Lanes(values) in values {
        values.iter_mut().for_each(|value| *value = words::clamp(*value, low, high));
    }
}
