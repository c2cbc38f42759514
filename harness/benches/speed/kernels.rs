//! Noise and fused updates beside copies, hand-written loops and plain candle operations.

use std::hint::black_box;

use candle_core::{DType, Device, Tensor};
use criterion::{Criterion, Throughput};
use moths::{CowTensor, Key, Sampler, kernel, rng::Element};
use multiversion::multiversion;

kernel! { fn fly(v: inout, x: inout, p: mat, p_g: row, w: num, c1: num, c2: num, r1: uniform, r2: uniform) {
    let nv = w * v + c1 * r1 * (p - x) + c2 * r2 * (p_g - x);
    v = nv;
    x = x + nv;
} }

const LARGE: usize = 1 << 24;
const CACHED: usize = 1 << 16;

pub(crate) fn bench(criterion: &mut Criterion) {
    memory_bound(criterion);
    normal(criterion);
    for shape in [(32, 1000), (1000, 32), (10, 10)] {
        pso(criterion, shape);
    }
}

fn zeros(shape: impl Into<candle_core::Shape>) -> CowTensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).expect("memory").into()
}

fn memory_bound(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("noise_16M");
    group.throughput(Throughput::Elements(LARGE as u64));
    let (from, mut to) = (vec![1f32; LARGE], vec![0f32; LARGE]);
    group.bench_function("copy", |b| b.iter(|| black_box(&mut to).copy_from_slice(black_box(&from))));
    drop((from, to));
    let mut x = zeros(LARGE);
    group.bench_function("rademacher_add", |b| b.iter(|| Sampler::Rademacher.add(Key::new(1), 0.1, &mut x)));
    group.bench_function("normal_add", |b| b.iter(|| Sampler::Normal.add(Key::new(1), 0.1, &mut x)));
    group.finish();
}

fn normal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("normal_64k");
    group.throughput(Throughput::Elements(CACHED as u64));
    let mut x = zeros(CACHED);
    group.bench_function("sampler_add", |b| b.iter(|| Sampler::Normal.add(Key::new(1), 0.1, &mut x)));
    let mut y = vec![0f32; CACHED];
    group.bench_function("hand_loop_add", |b| b.iter(|| hand_normal_add(black_box(0.1), 1, black_box(&mut y))));
    group.bench_function("candle_randn", |b| b.iter(|| Tensor::randn(0f32, 1.0, CACHED, &Device::Cpu)));
    group.finish();
}

fn pso(criterion: &mut Criterion, (n, d): (usize, usize)) {
    let mut group = criterion.benchmark_group(format!("pso_{n}x{d}"));
    group.throughput(Throughput::Elements((n * d) as u64));
    let (p, p_g) = (zeros((n, d)), zeros(d));
    let (mut v, mut x) = (zeros((n, d)), zeros((n, d)));
    group.bench_function("kernel", |b| {
        b.iter(|| fly(&mut v, &mut x, &p, &p_g, 0.7, 1.5, 1.5, Key::new(1), Key::new(2)));
    });
    let mut swarm = HandSwarm::new(n, d);
    group.bench_function("hand_loop", |b| b.iter(|| swarm.fly()));
    group.bench_function("candle_ops", |b| b.iter(|| candle_pso(&v, &x, &p, &p_g)));
    group.finish();
}

fn candle_pso(v: &Tensor, x: &Tensor, p: &Tensor, p_g: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
    let uniform = || Tensor::rand(0f32, 1.0, x.dims(), &Device::Cpu);
    let own = ((p.sub(x)? * uniform()?)? * 1.5)?;
    let social = ((p_g.broadcast_sub(x)? * uniform()?)? * 1.5)?;
    let v = (((v * 0.7)? + own)? + social)?;
    let x = (x + &v)?;
    Ok((v, x))
}

/// The same update on plain slices: noise of one cache chunk, then one loop over it.
struct HandSwarm {
    d: usize,
    v: Vec<f32>,
    x: Vec<f32>,
    p: Vec<f32>,
    p_g: Vec<f32>,
    r: [Vec<f32>; 2],
}

impl HandSwarm {
    fn new(n: usize, d: usize) -> Self {
        let matrix = || vec![0f32; n * d];
        Self { d, v: matrix(), x: matrix(), p: matrix(), p_g: vec![0.0; d], r: [matrix(), matrix()] }
    }

    fn fly(&mut self) {
        let Self { d, v, x, p, p_g, r: [r1, r2] } = self;
        // Whole rows, and noise from a multiple of 128 on.
        let chunk = (1..=128usize).rev().map(|k| 128 * k).find(|n| n % *d == 0).unwrap_or(v.len());
        for from in (0..v.len()).step_by(chunk) {
            let at = from..(from + chunk).min(v.len());
            uniforms(Key::new(1), from, &mut r1[at.clone()]);
            uniforms(Key::new(2), from, &mut r2[at.clone()]);
            for row in at.step_by(*d) {
                let row = row..row + *d;
                let (v, x) = (&mut v[row.clone()], &mut x[row.clone()]);
                hand_fly(v, x, &p[row.clone()], p_g, &r1[row.clone()], &r2[row]);
            }
        }
        black_box((v, x));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
fn hand_fly(v: &mut [f32], x: &mut [f32], p: &[f32], p_g: &[f32], r1: &[f32], r2: &[f32]) {
    let n = v.len();
    let (x, p, p_g, r1, r2) = (&mut x[..n], &p[..n], &p_g[..n], &r1[..n], &r2[..n]);
    for i in 0..n {
        let nv = 0.7 * v[i] + 1.5 * r1[i] * (p[i] - x[i]) + 1.5 * r2[i] * (p_g[i] - x[i]);
        v[i] = nv;
        x[i] += nv;
    }
}

/// The library's own uniforms: the comparison is of the update. `at` is a multiple of 128.
fn uniforms(key: Key, at: usize, out: &mut [f32]) {
    let (blocks, rest) = out.as_chunks_mut::<128>();
    f32::uniform(key, (at / 128) as u64, blocks);
    let mut last = [[0f32; 128]];
    f32::uniform(key, (at / 128 + blocks.len()) as u64, &mut last);
    rest.copy_from_slice(&last[0][..rest.len()]);
}

/// Philox4x32-10 and Box-Muller over lanes of 16, written out by hand: what a normal number costs without any library.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2", "x86_64+avx2"))]
#[allow(clippy::needless_range_loop)] // lanes
fn hand_normal_add(scale: f32, key: u64, x: &mut [f32]) {
    const L: usize = 16;
    for (block, x) in x.as_chunks_mut::<{ 4 * L }>().0.iter_mut().enumerate() {
        let mut c = [[0u32; L]; 4];
        for l in 0..L {
            c[0][l] = (block * L + l) as u32;
        }
        let (mut k0, mut k1) = (key as u32, (key >> 32) as u32);
        for _ in 0..10 {
            for l in 0..L {
                let (a, b) = (u64::from(c[0][l]) * 0xD251_1F53, u64::from(c[2][l]) * 0xCD9E_8D57);
                (c[0][l], c[2][l]) = ((b >> 32) as u32 ^ c[1][l] ^ k0, (a >> 32) as u32 ^ c[3][l] ^ k1);
                (c[1][l], c[3][l]) = (b as u32, a as u32);
            }
            (k0, k1) = (k0.wrapping_add(0x9E37_79B9), k1.wrapping_add(0xBB67_AE85));
        }
        for pair in 0..2 {
            for l in 0..L {
                let radius = hand_minus_two_ln(c[2 * pair][l]).sqrt();
                let (cos, sin) = hand_cos_sin(c[2 * pair + 1][l]);
                x[2 * pair * L + l] += scale * radius * cos;
                x[(2 * pair + 1) * L + l] += scale * radius * sin;
            }
        }
    }
}

#[inline(always)]
fn hand_minus_two_ln(bits: u32) -> f32 {
    let u = ((bits >> 8) + 1) as i32 as f32 * (1.0 / 16_777_216.0);
    let i = u.to_bits() as i32;
    let (e, m) = (((i >> 23) - 126) as f32, f32::from_bits(((i & 0x007f_ffff) | 0x3f00_0000) as u32));
    let small = m < std::f32::consts::FRAC_1_SQRT_2;
    let (e, m) = if small { (e - 1.0, m + m - 1.0) } else { (e, m - 1.0) };
    let z = m * m;
    let coefficients =
        [-1.151_461e-1, 1.167_699_9e-1, -1.242_014_1e-1, 1.424_932_3e-1, -1.666_805_8e-1, 2.000_071_5e-1, -2.5e-1, 3.333_333e-1];
    let y = coefficients.iter().fold(7.037_683_6e-2, |y, c| y * m + c) * m * z;
    -2.0 * (m + (y + e * -2.121_944_4e-4 - 0.5 * z) + e * 0.693_359_4)
}

#[inline(always)]
fn hand_cos_sin(bits: u32) -> (f32, f32) {
    let quarter = bits.wrapping_add(0x2000_0000) >> 30;
    let x = bits.wrapping_sub(quarter << 30) as i32 as f32 * (std::f32::consts::PI / 2_147_483_648.0);
    let z = x * x;
    let sin = ((-1.951_529_6e-4 * z + 8.332_161e-3) * z - 1.666_665_5e-1) * z * x + x;
    let cos = ((2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2) * z * z - 0.5 * z + 1.0;
    let (a, b) = if quarter & 1 == 1 { (sin, cos) } else { (cos, sin) };
    let flip = |x: f32, sign: u32| f32::from_bits(x.to_bits() ^ sign);
    (flip(a, (quarter.wrapping_add(1) & 2) << 30), flip(b, (quarter & 2) << 30))
}
