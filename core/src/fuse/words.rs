//! The words of the formula language: what the body of a [`kernel!`](crate::kernel!) may call. C has, or can be given, the same.

use crate::rng::Element;

/// The square root.
#[inline(always)]
pub fn sqrt<T: Element>(x: T) -> T {
    x.sqrt()
}

/// The absolute value.
#[inline(always)]
pub fn abs<T: Element>(x: T) -> T {
    x.abs()
}

/// `e^x`.
#[inline(always)]
pub fn exp<T: Element>(x: T) -> T {
    x.exp()
}

/// The natural logarithm.
#[inline(always)]
pub fn ln<T: Element>(x: T) -> T {
    x.ln()
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<T: Element>(x: T) -> T {
    x.tanh()
}

/// `x x`.
#[inline(always)]
pub fn square<T: Element>(x: T) -> T {
    x * x
}

/// The smaller; a NaN in `a` passes, one in `b` does not.
#[inline(always)]
pub fn min<T: Element>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

/// The larger; a NaN in `a` passes, one in `b` does not.
#[inline(always)]
pub fn max<T: Element>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

/// `x` moved into `[low, high]`; a NaN passes.
#[inline(always)]
pub fn clamp<T: Element>(x: T, low: T, high: T) -> T {
    min(max(x, low), high)
}

/// `a` where the condition holds, else `b`; both are computed.
#[inline(always)]
pub fn select<T: Element>(condition: bool, a: T, b: T) -> T {
    if condition { a } else { b }
}

/// -1, 0 or +1; zeros and NaN are their own sign.
#[inline(always)]
pub fn signum<T: Element>(x: T) -> T {
    select(x > T::ZERO, T::ONE, select(x < T::ZERO, -T::ONE, x))
}

/// The nearest whole number, halves away from zero.
#[inline(always)]
pub fn round<T: Element>(x: T) -> T {
    x.round()
}

/// The largest whole number not above.
#[inline(always)]
pub fn floor<T: Element>(x: T) -> T {
    x.floor()
}
