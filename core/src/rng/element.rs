//! The two kinds of number that kernels run on.

use std::ops::{Add, Div, Mul, Neg, Sub};

use candle_core::{CpuStorage, WithDType};

use super::{
    Key,
    law::{self, BLOCK, START},
    loops, math,
};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`: what kernels, noise and reductions are computed in.
///
/// Sealed: the bits of every function here are part of the value-stability promise.
pub trait Element:
    sealed::Sealed
    + WithDType
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;

    /// The nearest value of this precision.
    fn of(x: f64) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// `e^x`, vectorised, the same bits on every machine.
    fn exp(self) -> Self;
    /// The natural logarithm, vectorised, the same bits on every machine.
    fn ln(self) -> Self;
    /// The hyperbolic tangent, vectorised, the same bits on every machine.
    fn tanh(self) -> Self;
    /// The nearest whole number, halves away from zero.
    fn round(self) -> Self;
    /// The largest whole number not above.
    fn floor(self) -> Self;

    #[doc(hidden)]
    fn uniform(key: Key, first: u64, out: &mut [[Self; BLOCK]]);
    #[doc(hidden)]
    fn normal(key: Key, first: u64, out: &mut [[Self; BLOCK]]);
    #[doc(hidden)]
    fn normal_start(key: Key, block: u64, out: &mut [Self; START]);
    #[doc(hidden)]
    fn sign(key: Key, first: u64, out: &mut [[Self; BLOCK]]);
    #[doc(hidden)]
    fn add_scaled(scale: Self, x: &[Self], onto: &mut [Self]);
    #[doc(hidden)]
    fn set_scaled(base: &[Self], scale: Self, x: &[Self], out: &mut [Self]);
    #[doc(hidden)]
    fn spread(width: Self, x: &mut [Self]);
    #[doc(hidden)]
    fn laplace(x: &mut [Self], sign: &[Self]);
    #[doc(hidden)]
    fn student(dof: Self, z: &mut [Self], w: &[Self]);
    #[doc(hidden)]
    fn add_moments(weight: Self, x: &[Self], centre: &[Self], first: &mut [Self], second: &mut [Self]);
    #[doc(hidden)]
    fn dot(a: &[Self], b: &[Self]) -> f64;
    #[doc(hidden)]
    fn square_apart(a: &[Self], b: &[Self]) -> f64;
    #[doc(hidden)]
    fn storage_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

macro_rules! element {
    (
        $float:ident, $variant:ident,
        own: $($own:ident)*,
        math: $($math:ident = $math_fn:ident)*,
        forward: $($module:ident::$function:ident = $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*
    ) => {
        impl Element for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn of(x: f64) -> Self {
                x as Self
            }
            $(#[inline(always)]
            fn $own(self) -> Self {
                <$float>::$own(self)
            })*
            $(#[inline(always)]
            fn $math(self) -> Self {
                math::$math_fn(self)
            })*
            $(#[inline(always)]
            fn $name($($arg: $type),*) $(-> $result)? {
                $module::$function($($arg),*)
            })*
            fn storage_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                match storage {
                    CpuStorage::$variant(data) => Some(data),
                    _ => None,
                }
            }
        }
    };
}

element! {
    f32, F32,
    own: sqrt abs round floor,
    math: exp = exp_f32 ln = ln_f32 tanh = tanh_f32,
    forward:
    law::uniform_f32 = uniform(key: Key, first: u64, out: &mut [[f32; BLOCK]]);
    law::normal_f32 = normal(key: Key, first: u64, out: &mut [[f32; BLOCK]]);
    law::normal_start_f32 = normal_start(key: Key, block: u64, out: &mut [f32; START]);
    law::sign_f32 = sign(key: Key, first: u64, out: &mut [[f32; BLOCK]]);
    loops::add_scaled_f32 = add_scaled(scale: f32, x: &[f32], onto: &mut [f32]);
    loops::set_scaled_f32 = set_scaled(base: &[f32], scale: f32, x: &[f32], out: &mut [f32]);
    loops::spread_f32 = spread(width: f32, x: &mut [f32]);
    loops::laplace_f32 = laplace(x: &mut [f32], sign: &[f32]);
    loops::student_f32 = student(dof: f32, z: &mut [f32], w: &[f32]);
    loops::add_moments_f32 = add_moments(weight: f32, x: &[f32], centre: &[f32], first: &mut [f32], second: &mut [f32]);
    loops::dot_f32 = dot(a: &[f32], b: &[f32]) -> f64;
    loops::square_apart_f32 = square_apart(a: &[f32], b: &[f32]) -> f64;
}

element! {
    f64, F64,
    own: sqrt abs round floor,
    math: exp = exp_f64 ln = ln_f64 tanh = tanh_f64,
    forward:
    law::uniform_f64 = uniform(key: Key, first: u64, out: &mut [[f64; BLOCK]]);
    law::normal_f64 = normal(key: Key, first: u64, out: &mut [[f64; BLOCK]]);
    law::normal_start_f64 = normal_start(key: Key, block: u64, out: &mut [f64; START]);
    law::sign_f64 = sign(key: Key, first: u64, out: &mut [[f64; BLOCK]]);
    loops::add_scaled_f64 = add_scaled(scale: f64, x: &[f64], onto: &mut [f64]);
    loops::set_scaled_f64 = set_scaled(base: &[f64], scale: f64, x: &[f64], out: &mut [f64]);
    loops::spread_f64 = spread(width: f64, x: &mut [f64]);
    loops::laplace_f64 = laplace(x: &mut [f64], sign: &[f64]);
    loops::student_f64 = student(dof: f64, z: &mut [f64], w: &[f64]);
    loops::add_moments_f64 = add_moments(weight: f64, x: &[f64], centre: &[f64], first: &mut [f64], second: &mut [f64]);
    loops::dot_f64 = dot(a: &[f64], b: &[f64]) -> f64;
    loops::square_apart_f64 = square_apart(a: &[f64], b: &[f64]) -> f64;
}
