//! Bits to numbers: the laws of distribution, in blocks of 128 elements.
//!
//! Which bits an element gets (`b = i / 128` is its block, `j = i % 128` its place there; `w[k]` the words of a call of the generator):
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
    math,
    philox::{LANES, philox, philox_lanes},
};

/// Elements in a block: what laws are addressed by, and what kernels work on at a time.
pub const BLOCK: usize = 128;

/// Elements that are drawn where so few normals are wanted or fewer: those of the first lanes, in either precision.
pub(crate) const START: usize = 16;

/// Calls of the generator that an f64 block takes: 128 random bits for two elements.
const F64_CALLS: usize = BLOCK / 2;

macro_rules! sign {
    ($name:ident, $float:ident, $bits:ident, $one:literal) => {
        /// Blocks `first ..` of the signs of `key`: -1 or +1, each with probability 1/2.
        #[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
        pub(crate) fn $name(key: Key, first: u64, out: &mut [[$float; BLOCK]]) {
            for (block, out) in (first..).zip(out) {
                let words = philox([block as u32, (block >> 32) as u32, Domain::Sign as u32, 0], key.to_bits());
                for (word, out) in words.into_iter().zip(out.as_chunks_mut::<32>().0) {
                    for i in 0..32 {
                        let sign = ((word << (31 - i)) & 0x8000_0000) as $bits;
                        out[i] = $float::from_bits($one | sign << ($bits::BITS - 32));
                    }
                }
            }
        }
    };
}

sign!(sign_f32, f32, u32, 0x3F80_0000);
sign!(sign_f64, f64, u64, 0x3FF0_0000_0000_0000);

/// Blocks `first ..` of the uniforms of `key` on [0, 1): multiples of 2^-24.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn uniform_f32(key: Key, first: u64, out: &mut [[f32; BLOCK]]) {
    for (block, out) in (first..).zip(out) {
        let words: [[u32; LANES]; 4] = philox_lanes(block.wrapping_mul(LANES as u64), Domain::UniformF32 as u32, key.to_bits());
        for (words, out) in words.iter().zip(out.as_chunks_mut::<LANES>().0) {
            for lane in 0..LANES {
                out[lane] = (words[lane] >> 8) as i32 as f32 * (1.0 / (1 << 24) as f32);
            }
        }
    }
}

/// Blocks `first ..` of the uniforms of `key` on [0, 1): multiples of 2^-53.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn uniform_f64(key: Key, first: u64, out: &mut [[f64; BLOCK]]) {
    for (block, out) in (first..).zip(out) {
        let (left, right) = out.split_at_mut(F64_CALLS);
        for (half, (left, right)) in left.as_chunks_mut().0.iter_mut().zip(right.as_chunks_mut().0).enumerate() {
            let [a, b, c, d]: [[u32; LANES]; 4] = philox_lanes(f64_call(block, half), Domain::UniformF64 as u32, key.to_bits());
            let (left, right): (&mut [f64; LANES], &mut [f64; LANES]) = (left, right);
            for lane in 0..LANES {
                left[lane] = unit_f64(joined(a[lane], b[lane]));
                right[lane] = unit_f64(joined(c[lane], d[lane]));
            }
        }
    }
}

/// The first call of one half of an f64 block, which takes `2 LANES` calls.
#[inline(always)]
fn f64_call(block: u64, half: usize) -> u64 {
    block.wrapping_mul(F64_CALLS as u64).wrapping_add((half * LANES) as u64)
}

#[inline(always)]
fn joined(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

/// The top 53 of 64 bits as a number on [0, 1).
#[inline(always)]
fn unit_f64(bits: u64) -> f64 {
    math::exact_f64(bits >> 11) * (1.0 / (1u64 << 53) as f64)
}

/// Blocks `first ..` of the standard normals of `key`; at most 6.6 away from zero.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn normal_f32(key: Key, first: u64, out: &mut [[f32; BLOCK]]) {
    for (block, out) in (first..).zip(out) {
        let words: [[u32; LANES]; 4] = philox_lanes(block.wrapping_mul(LANES as u64), Domain::NormalF32 as u32, key.to_bits());
        for (words, out) in words.as_chunks::<2>().0.iter().zip(out.as_chunks_mut::<{ 2 * LANES }>().0) {
            for lane in 0..LANES {
                let (cosine, sine) = normal_pair_f32(words[0][lane], words[1][lane]);
                out[lane] = cosine;
                out[LANES + lane] = sine;
            }
        }
    }
}

/// The first elements of block `block` of [`normal_f32`], where no others are wanted.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn normal_start_f32(key: Key, block: u64, out: &mut [f32; START]) {
    let [radii, angles, ..]: [[u32; START]; 4] =
        philox_lanes(block.wrapping_mul(LANES as u64), Domain::NormalF32 as u32, key.to_bits());
    for lane in 0..START {
        (out[lane], _) = normal_pair_f32(radii[lane], angles[lane]);
    }
}

/// Two independent standard normals of 64 bits.
///
/// The radius takes `u = (a | 1) / 2^31` of the word's top 31 bits `a`: never zero, so the radius is finite. The angle
/// takes the quarter from two bits of the other word and the place in it from the 30 others.
#[inline(always)]
fn normal_pair_f32(radius: u32, angle: u32) -> (f32, f32) {
    let u = ((radius >> 1) | 1) as i32 as f32;
    let r = math::minus_two_ln_scaled_f32(u, 31).sqrt();
    let t = (angle << 2) as i32 as f32 * (std::f32::consts::FRAC_PI_4 / (1u32 << 31) as f32);
    let (cosine, sine) = math::cos_sin_f32(t);
    let cosine = f32::from_bits(cosine.to_bits() ^ (angle & 0x8000_0000));
    let (x, y) = if ((angle << 1) as i32) < 0 { (sine, cosine) } else { (cosine, sine) };
    (r * x, r * y)
}

/// Blocks `first ..` of the standard normals of `key`; at most 8.6 away from zero.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn normal_f64(key: Key, first: u64, out: &mut [[f64; BLOCK]]) {
    for (block, out) in (first..).zip(out) {
        let (left, right) = out.split_at_mut(F64_CALLS);
        for (half, (left, right)) in left.as_chunks_mut().0.iter_mut().zip(right.as_chunks_mut().0).enumerate() {
            let [a, b, c, d]: [[u32; LANES]; 4] = philox_lanes(f64_call(block, half), Domain::NormalF64 as u32, key.to_bits());
            let (left, right): (&mut [f64; LANES], &mut [f64; LANES]) = (left, right);
            for lane in 0..LANES {
                (left[lane], right[lane]) = normal_pair_f64(joined(a[lane], b[lane]), joined(c[lane], d[lane]));
            }
        }
    }
}

/// The first elements of block `block` of [`normal_f64`], where no others are wanted.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
pub(crate) fn normal_start_f64(key: Key, block: u64, out: &mut [f64; START]) {
    let [a, b, c, d]: [[u32; START]; 4] = philox_lanes(f64_call(block, 0), Domain::NormalF64 as u32, key.to_bits());
    for lane in 0..START {
        (out[lane], _) = normal_pair_f64(joined(a[lane], b[lane]), joined(c[lane], d[lane]));
    }
}

/// Two independent standard normals of 128 bits; as [`normal_pair_f32`], with 53 bits for the radius and 2 + 52 for the angle.
#[inline(always)]
pub(crate) fn normal_pair_f64(radius: u64, angle: u64) -> (f64, f64) {
    let u = math::exact_f64((radius >> 11) + 1);
    let r = (-2.0 * math::ln_scaled_f64(u, 53)).sqrt();
    // The 52 bits below the quarter, as the mantissa of a number on [1, 2).
    let place = f64::from_bits((angle << 2) >> 12 | 0x3FF0_0000_0000_0000) - 1.5;
    let (cosine, sine) = math::cos_sin_f64(place * std::f64::consts::FRAC_PI_2);
    let cosine = f64::from_bits(cosine.to_bits() ^ (angle & 1 << 63));
    let (x, y) = if angle & 1 << 62 != 0 { (sine, cosine) } else { (cosine, sine) };
    (r * x, r * y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table at the top of this file, one element at a time and (as tests are) compiled for the oldest instruction set.
    #[test]
    fn elements_are_those_of_the_table() {
        let (key, first) = (Key::new(8), (1 << 40) - 1);
        let call = |call: u64, domain: Domain| philox([call as u32, (call >> 32) as u32, domain as u32, 0], key.to_bits());
        let (mut s, mut u, mut z) = ([[0f32; BLOCK]; 3], [[0f32; BLOCK]; 3], [[0f32; BLOCK]; 3]);
        let (mut s64, mut u64, mut z64) = ([[0f64; BLOCK]; 3], [[0f64; BLOCK]; 3], [[0f64; BLOCK]; 3]);
        sign_f32(key, first, &mut s);
        uniform_f32(key, first, &mut u);
        normal_f32(key, first, &mut z);
        sign_f64(key, first, &mut s64);
        uniform_f64(key, first, &mut u64);
        normal_f64(key, first, &mut z64);
        let (mut start, mut start64) = ([0f32; START], [0f64; START]);
        normal_start_f32(key, first, &mut start);
        normal_start_f64(key, first, &mut start64);
        assert!(start[..] == z[0][..START] && start64[..] == z64[0][..START]);
        for (k, j) in (0..3).flat_map(|k| (0..BLOCK).map(move |j| (k, j))) {
            let b = first + k as u64;
            let sign = 1.0 - 2.0 * (call(b, Domain::Sign)[j / 32] >> (j % 32) & 1) as f32;
            assert_eq!((s[k][j], s64[k][j]), (sign, sign as f64));

            let word = call(32 * b + j as u64 % 32, Domain::UniformF32)[j / 32];
            assert_eq!(u[k][j], (word >> 8) as f32 / 16_777_216.0);
            let w = call(64 * b + j as u64 % 64, Domain::UniformF64);
            assert_eq!(u64[k][j], (joined(w[j / 64 * 2], w[j / 64 * 2 + 1]) >> 11) as f64 / 9_007_199_254_740_992.0);

            let w = call(32 * b + j as u64 % 32, Domain::NormalF32);
            let (cosine, sine) = normal_pair_f32(w[j / 64 * 2], w[j / 64 * 2 + 1]);
            assert_eq!(z[k][j].to_bits(), if j / 32 % 2 == 0 { cosine } else { sine }.to_bits());
            let w = call(64 * b + j as u64 % 64, Domain::NormalF64);
            let (cosine, sine) = normal_pair_f64(joined(w[0], w[1]), joined(w[2], w[3]));
            assert_eq!(z64[k][j].to_bits(), if j < 64 { cosine } else { sine }.to_bits());
        }
    }

    #[test]
    fn normals_are_box_and_mullers() {
        let mut words = Key::new(4).stream();
        for _ in 0..100_000 {
            let (a, b) = (rand::Rng::next_u64(&mut words), rand::Rng::next_u64(&mut words));
            let (x, y) = normal_pair_f64(a, b);
            let u = ((a >> 11) + 1) as f64 / (1u64 << 53) as f64;
            assert!(((x * x + y * y) / (-2.0 * u.ln()) - 1.0).abs() < 3e-15, "{a:x} {b:x}");
            let t = (((b << 2) >> 12) as f64 / (1u64 << 52) as f64 - 0.5) * std::f64::consts::FRAC_PI_2;
            let tangent = if b & 1 << 62 == 0 { y.abs() / x.abs() } else { x.abs() / y.abs() };
            assert!((tangent - t.tan().abs()).abs() <= 1e-15 * tangent + 1e-300, "{a:x} {b:x}");

            let (x, y) = normal_pair_f32(a as u32, b as u32);
            let u = ((a as u32 >> 1) | 1) as i32 as f32 as f64 / (1u64 << 31) as f64;
            let square = x as f64 * x as f64 + y as f64 * y as f64;
            assert!((square + 2.0 * u.ln()).abs() <= 6e-7 * square + 1e-12, "{a:x} {b:x}: {square} {}", -2.0 * u.ln());
        }
    }

    /// Every radius that is near zero, and both ends of the range: never NaN, never infinite.
    #[test]
    fn radii_are_finite() {
        let least = (((1u32 << 31) as f32) * 0.7).to_bits();
        for bits in least..=((1u32 << 31) as f32).to_bits() {
            assert!(math::minus_two_ln_scaled_f32(f32::from_bits(bits), 31) >= 0.0, "{bits:x}");
        }
        for radius in [0, 1, !0, !0 - 1] {
            let (x, y) = normal_pair_f32(radius as u32, 0x1234_5678);
            assert!(x.is_finite() && y.is_finite() && x.abs() < 6.6);
            let (x, y) = normal_pair_f64(radius, 0x1234_5678_9abc_def0);
            assert!(x.is_finite() && y.is_finite() && x.abs() < 8.6);
        }
    }
}
