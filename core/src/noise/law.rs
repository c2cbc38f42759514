//! Bits to numbers: the laws of distribution, 128 elements at a time.
//!
//! Which bits an element gets (`b = i / 128` is its block, `j = i % 128` its place there; `w[k]` the words of a call):
//!
//! | law | call of element i | bits | value |
//! |---|---|---|---|
//! | sign | `b` | bit `j % 32` of `w[j / 32]` | `+1` for 0, `-1` for 1 |
//! | uniform f32 | `32 b + j % 32` | `w[j / 32]` | top 24 bits / 2^24 |
//! | uniform f64 | `64 b + j % 64` | `w[2p], w[2p + 1]`, `p = j / 64` | top 53 bits / 2^53 |
//! | normal f32 | `32 b + j % 32` | `w[2p], w[2p + 1]`, `p = j / 64` | cosine for even `j / 32`, sine for odd |
//! | normal f64 | `64 b + j % 64` | all four | cosine for `j < 64`, sine from there on |
//!
//! Normals are Box & Muller's (1958, doi:10.1214/aoms/1177706645) `sqrt(-2 ln u) (cos t, sin t)`, in the element's own
//! precision. Every value is made of `+ - * / sqrt` and integer operations alone, so its bits do not depend on the machine.

use multiversion::multiversion;

use super::{
    Key,
    key::Domain,
    philox::{LANES, philox, philox_lanes},
};
use crate::fuse::math;

/// Elements in a block: what one call of a law writes, and what kernels work on at a time.
pub const BLOCK: usize = 128;

/// The calls that an f64 block takes: 128 random bits for two elements.
const F64_CALLS: usize = BLOCK / 2;

macro_rules! sign {
    ($name:ident, $float:ident, $bits:ident, $one:literal) => {
        /// Block `block` of the signs of `key`: -1 or +1, each with probability 1/2.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(crate) fn $name(key: Key, block: u64, out: &mut [$float; BLOCK]) {
            let words = philox([block as u32, (block >> 32) as u32, Domain::Sign as u32, 0], key.to_bits());
            for (word, out) in words.into_iter().zip(out.as_chunks_mut::<32>().0) {
                for i in 0..32 {
                    let sign = ((word << (31 - i)) & 0x8000_0000) as $bits;
                    out[i] = $float::from_bits($one | sign << ($bits::BITS - 32));
                }
            }
        }
    };
}

sign!(sign_f32, f32, u32, 0x3F80_0000);
sign!(sign_f64, f64, u64, 0x3FF0_0000_0000_0000);

/// Block `block` of the uniforms of `key` on [0, 1): multiples of 2^-24.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn uniform_f32(key: Key, block: u64, out: &mut [f32; BLOCK]) {
    let words = philox_lanes(block.wrapping_mul(LANES as u64), Domain::UniformF32 as u32, key.to_bits());
    for (words, out) in words.iter().zip(out.as_chunks_mut::<LANES>().0) {
        for lane in 0..LANES {
            out[lane] = (words[lane] >> 8) as i32 as f32 * (1.0 / (1 << 24) as f32);
        }
    }
}

/// Block `block` of the uniforms of `key` on [0, 1): multiples of 2^-53.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn uniform_f64(key: Key, block: u64, out: &mut [f64; BLOCK]) {
    let (first, second) = out.split_at_mut(F64_CALLS);
    for at in [0, LANES] {
        let call = block.wrapping_mul(F64_CALLS as u64).wrapping_add(at as u64);
        let [a, b, c, d] = philox_lanes(call, Domain::UniformF64 as u32, key.to_bits());
        let (first, second) = (&mut first[at..at + LANES], &mut second[at..at + LANES]);
        for lane in 0..LANES {
            first[lane] = unit_f64(a[lane], b[lane]);
            second[lane] = unit_f64(c[lane], d[lane]);
        }
    }
}

/// The top 53 of 64 bits as a number on [0, 1).
#[inline(always)]
fn unit_f64(low: u32, high: u32) -> f64 {
    let bits = low as u64 | (high as u64) << 32;
    math::exact_f64(bits >> 11) * (1.0 / (1u64 << 53) as f64)
}

/// Block `block` of the standard normals of `key`; at most 6.6 away from zero.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn normal_f32(key: Key, block: u64, out: &mut [f32; BLOCK]) {
    let words = philox_lanes(block.wrapping_mul(LANES as u64), Domain::NormalF32 as u32, key.to_bits());
    for (words, out) in words.as_chunks::<2>().0.iter().zip(out.as_chunks_mut::<{ 2 * LANES }>().0) {
        for lane in 0..LANES {
            let (cosine, sine) = normal_pair_f32(words[0][lane], words[1][lane]);
            out[lane] = cosine;
            out[LANES + lane] = sine;
        }
    }
}

/// Two independent standard normals of 64 bits.
///
/// The radius takes `u = (a | 1) / 2^31` of the word's top 31 bits `a`: never zero, so the radius is finite. The angle
/// takes the quarter from two bits of the other word and the place in it from the 30 others.
#[inline(always)]
fn normal_pair_f32(radius: u32, angle: u32) -> (f32, f32) {
    let u = ((radius >> 1) | 1) as i32 as f32;
    let r = (-2.0 * math::ln_scaled_f32(u, 31)).sqrt();
    let t = (angle << 2) as i32 as f32 * (std::f32::consts::FRAC_PI_4 / (1u32 << 31) as f32);
    let (cosine, sine) = math::cos_sin_f32(t);
    let cosine = f32::from_bits(cosine.to_bits() ^ (angle & 0x8000_0000));
    let (x, y) = if angle & 0x4000_0000 != 0 { (sine, cosine) } else { (cosine, sine) };
    (r * x, r * y)
}

/// Block `block` of the standard normals of `key`; at most 8.6 away from zero.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn normal_f64(key: Key, block: u64, out: &mut [f64; BLOCK]) {
    let (first, second) = out.split_at_mut(F64_CALLS);
    for at in [0, LANES] {
        let call = block.wrapping_mul(F64_CALLS as u64).wrapping_add(at as u64);
        let [a, b, c, d] = philox_lanes(call, Domain::NormalF64 as u32, key.to_bits());
        let (first, second) = (&mut first[at..at + LANES], &mut second[at..at + LANES]);
        for lane in 0..LANES {
            let radius = a[lane] as u64 | (b[lane] as u64) << 32;
            let angle = c[lane] as u64 | (d[lane] as u64) << 32;
            (first[lane], second[lane]) = normal_pair_f64(radius, angle);
        }
    }
}

/// Two independent standard normals of 128 bits; as [`normal_pair_f32`], with 53 bits for the radius and 2 + 52 for the angle.
#[inline(always)]
fn normal_pair_f64(radius: u64, angle: u64) -> (f64, f64) {
    let u = math::exact_f64((radius >> 11) + 1);
    let r = (-2.0 * math::ln_scaled_f64(u, 53)).sqrt();
    // The 52 bits below the quarter, as the mantissa of a number on [1, 2).
    let place = f64::from_bits((angle << 2) >> 12 | 0x3FF0_0000_0000_0000) - 1.5;
    let (cosine, sine) = math::cos_sin_f64(place * std::f64::consts::FRAC_PI_2);
    let cosine = f64::from_bits(cosine.to_bits() ^ (angle & 1 << 63));
    let (x, y) = if angle & 1 << 62 != 0 { (sine, cosine) } else { (cosine, sine) };
    (r * x, r * y)
}
