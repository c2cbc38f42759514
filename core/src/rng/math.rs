//! Elementary functions of `+ - * /`, integer operations and selects alone.
//!
//! The system's `exp` and `ln` are scalar library calls whose last bits differ between machines; these vectorise, and their
//! bits depend on nothing. Polynomials and argument reductions are Cephes' (Moshier 1989, netlib.org/cephes) and, for
//! `ln`, `sin` and `cos` in f64, fdlibm's (Sun Microsystems 1993, netlib.org/fdlibm). Errors are a few units in the last place.

#![allow(clippy::excessive_precision, reason = "coefficients stand as they were published")]

/// `x < 2^53` as a float, exactly, in operations that vectorise without AVX-512 (there is no 64-bit conversion before it).
#[inline(always)]
pub(crate) fn exact_f64(x: u64) -> f64 {
    let high = f64::from_bits(x >> 32 | 0x4530_0000_0000_0000); // 2^84 + high * 2^32
    let low = f64::from_bits(x & 0xFFFF_FFFF | 0x4330_0000_0000_0000); // 2^52 + low
    (high - f64::from_bits(0x4530_0000_0010_0000)) + low // the constant is 2^84 + 2^52
}

/// `ln(x / 2^scale)` of a positive, normal, finite `x`.
#[inline(always)]
pub(crate) fn ln_scaled_f32(x: f32, scale: i32) -> f32 {
    // x = m 2^e with m in [sqrt(1/2), sqrt(2))
    let above = x.to_bits().wrapping_sub(0x3F35_04F3);
    let e = ((above as i32 >> 23) - scale) as f32;
    let m = f32::from_bits((above & 0x007F_FFFF) + 0x3F35_04F3) - 1.0;
    let z = m * m;
    let mut p = 7.037_683_6e-2_f32;
    p = p * m - 1.151_461e-1;
    p = p * m + 1.167_699_9e-1;
    p = p * m - 1.242_014_1e-1;
    p = p * m + 1.424_932_3e-1;
    p = p * m - 1.666_805_8e-1;
    p = p * m + 2.000_071_5e-1;
    p = p * m - 2.499_999_4e-1;
    p = p * m + 3.333_333_1e-1;
    let tail = p * m * z + e * -2.121_944_4e-4 - 0.5 * z;
    m + tail + e * 0.693_359_4
}

/// `ln(x / 2^scale)` of a positive, normal, finite `x`.
#[inline(always)]
pub(crate) fn ln_scaled_f64(x: f64, scale: i32) -> f64 {
    const SQRT_HALF: u64 = 0x3FE6_A09E_667F_3BCD;
    const ONE: u64 = 0x3FF0_0000_0000_0000;
    // x = m 2^e with m in [sqrt(1/2), sqrt(2)); `above` is offset so that its exponent field is e + 1023, never negative
    let above = x.to_bits().wrapping_sub(SQRT_HALF).wrapping_add(ONE);
    let e = f64::from_bits(above >> 52 | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0 + scale as f64);
    let f = f64::from_bits((above & 0x000F_FFFF_FFFF_FFFF) + SQRT_HALF) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut p = 1.479_819_860_511_658_6e-1;
    p = p * z + 1.531_383_769_920_937_3e-1;
    p = p * z + 1.818_357_216_161_805e-1;
    p = p * z + 2.222_219_843_214_978_4e-1;
    p = p * z + 2.857_142_874_366_239e-1;
    p = p * z + 3.999_999_999_940_942e-1;
    p = p * z + 6.666_666_666_666_735e-1;
    let half = 0.5 * f * f;
    e * 6.931_471_803_691_238e-1 - ((half - (s * (half + p * z) + e * 1.908_214_929_270_587_7e-10)) - f)
}

/// `-2 ln(x / 2^scale)` of a positive, normal `x <= 2^scale`: never negative, accurate also where it is near zero.
///
/// What [`ln_scaled_f32`] computes, with the factor in the coefficients and the polynomial as two independent chains:
/// normals spend most of their time here.
#[inline(always)]
pub(crate) fn minus_two_ln_scaled_f32(x: f32, scale: i32) -> f32 {
    let above = x.to_bits().wrapping_sub(0x3F35_04F3);
    let e = ((above as i32 >> 23) - scale) as f32;
    let m = f32::from_bits((above & 0x007F_FFFF) + 0x3F35_04F3) - 1.0;
    let z = m * m;
    let even =
        ((((-1.407_536_7e-1 * z - 2.335_399_7e-1) * z - 2.849_864_7e-1) * z - 4.000_143e-1) * z - 6.666_666_3e-1) * z - 2.0;
    let odd = (((2.302_922e-1 * z + 2.484_028_2e-1) * z + 3.333_611_5e-1) * z + 4.999_999e-1) * z + 1.0;
    (even + m * odd) * m + e * -1.386_294_4
}

/// `(cos x, sin x)` for |x| <= pi/4.
#[inline(always)]
pub(crate) fn cos_sin_f32(x: f32) -> (f32, f32) {
    let z = x * x;
    let sine = ((-1.951_529_6e-4 * z + 8.332_161e-3) * z - 1.666_665_5e-1) * z * x + x;
    let cosine = (((2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2) * z - 0.5) * z + 1.0;
    (cosine, sine)
}

/// `(cos x, sin x)` for |x| <= pi/4.
#[inline(always)]
pub(crate) fn cos_sin_f64(x: f64) -> (f64, f64) {
    let z = x * x;
    let mut s = 1.589_690_995_211_55e-10;
    s = s * z - 2.505_076_025_340_686_3e-8;
    s = s * z + 2.755_731_370_707_006_8e-6;
    s = s * z - 1.984_126_982_985_795e-4;
    s = s * z + 8.333_333_333_322_49e-3;
    s = s * z - 1.666_666_666_666_663_2e-1;
    let mut c = -1.135_964_755_778_819_5e-11;
    c = c * z + 2.087_572_321_298_175e-9;
    c = c * z - 2.755_731_435_139_066_3e-7;
    c = c * z + 2.480_158_728_947_673e-5;
    c = c * z - 1.388_888_888_887_411e-3;
    c = c * z + 4.166_666_666_666_66e-2;
    (1.0 - (0.5 * z - z * z * c), x + x * z * s)
}

macro_rules! whole_domain {
    ($ln:ident, $ln_scaled:ident, $tanh:ident, $exp:ident, $float:ident, $lift:literal, $small:expr) => {
        /// `ln x`: NaN below zero, -inf at zero.
        #[inline(always)]
        pub(crate) fn $ln(x: $float) -> $float {
            // Numbers too small to be normal are lifted into the normal range first.
            let tiny = x < $float::MIN_POSITIVE;
            let lifted = if tiny { x * (1u64 << $lift) as $float } else { x };
            let shift = if tiny { $lift as $float * std::$float::consts::LN_2 } else { 0.0 };
            let y = $ln_scaled(lifted, 0) - shift;
            let y = if x == 0.0 { $float::NEG_INFINITY } else { y };
            let y = if x < 0.0 { $float::NAN } else { y };
            if x < $float::INFINITY { y } else { x } // inf and NaN are their own logarithms
        }

        /// `tanh x`, without cancellation near zero.
        #[inline(always)]
        pub(crate) fn $tanh(x: $float) -> $float {
            let size = x.abs();
            let far = (1.0 - 2.0 / ($exp(size + size) + 1.0)).copysign(x);
            if size < 0.625 { $small(x) } else { far }
        }
    };
}

whole_domain!(ln_f32, ln_scaled_f32, tanh_f32, exp_f32, f32, 25, tanh_small_f32);
whole_domain!(ln_f64, ln_scaled_f64, tanh_f64, exp_f64, f64, 54, tanh_small_f64);

#[inline(always)]
fn tanh_small_f32(x: f32) -> f32 {
    let z = x * x;
    let mut p = -5.704_988_7e-3_f32;
    p = p * z + 2.063_908_9e-2;
    p = p * z - 5.373_971_5e-2;
    p = p * z + 1.333_144_2e-1;
    p = p * z - 3.333_328_2e-1;
    p * z * x + x
}

#[inline(always)]
fn tanh_small_f64(x: f64) -> f64 {
    let z = x * x;
    let p = (-9.643_991_794_250_523e-1 * z - 9.928_772_310_019_185e1) * z - 1.614_687_684_417_084_5e3;
    let q = ((z + 1.128_116_784_916_329_3e2) * z + 2.235_488_390_601_004_6e3) * z + 4.844_063_053_251_255e3;
    x + x * z * (p / q)
}

/// `e^x`: +inf from 88.8 up, 0 from -104 down, subnormal where it should be.
#[inline(always)]
pub(crate) fn exp_f32(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to a whole number and leaves that in the low bits
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4_f32;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5.000_000_1e-1;
    let y = p * (r * r) + r + 1.0;
    // 2^n in two halves, so that neither is out of range where the product is not
    let n = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    y * power_of_two_f32(half) * power_of_two_f32(n.wrapping_sub(half))
}

#[inline(always)]
fn power_of_two_f32(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// `e^x`: +inf from 709.8 up, 0 from -746 down, subnormal where it should be.
#[inline(always)]
pub(crate) fn exp_f64(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52, as in f32
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 6.931_457_519_531_25e-1 - n * 1.428_606_820_309_417_2e-6;
    let z = r * r;
    let p = r * ((1.261_771_930_748_105_9e-4 * z + 3.029_944_077_074_419_6e-2) * z + 1.0);
    let q = ((3.001_985_051_386_644_6e-6 * z + 2.524_483_403_496_841e-3) * z + 2.272_655_482_081_55e-1) * z + 2.0;
    let y = 1.0 + 2.0 * (p / (q - p));
    // n + 2048 is never negative: 64-bit shifts that keep a sign do not vectorise before AVX-512
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(2048);
    let half = n >> 1;
    y * power_of_two_f64(half) * power_of_two_f64(n.wrapping_sub(half))
}

/// 2^(n - 1024).
#[inline(always)]
fn power_of_two_f64(n: u64) -> f64 {
    f64::from_bits(n.wrapping_sub(1) << 52)
}
