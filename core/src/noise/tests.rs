//! The laws of distribution, and that noise depends on key and index alone.

use candle_core::{DType, Device, Tensor};

use super::{Key, Sampler};
use crate::{CowTensor, Error, Result, fuse::Element};

const SAMPLERS: [Sampler; 3] = [Sampler::Normal, Sampler::Uniform, Sampler::Rademacher];

fn draw<T: Element>(sampler: Sampler, key: u64, offset: usize, len: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; len];
    sampler.fill_slice(Key::new(key), offset, &mut out);
    out
}

fn zeros(dims: &[usize], dtype: DType) -> Result<CowTensor> {
    Ok(CowTensor::new(Tensor::zeros(dims, dtype, &Device::Cpu)?))
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
}

/// Mean, variance, skewness, kurtosis.
fn moments(x: &[f64]) -> [f64; 4] {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let central = |p| x.iter().map(|x| (x - mean).powi(p)).sum::<f64>() / n;
    let variance = central(2);
    [mean, variance, central(3) / variance.powf(1.5), central(4) / (variance * variance)]
}

/// The largest distance between the empirical and the true distribution function, in units of 1/sqrt(n).
fn kolmogorov_smirnov(mut x: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    x.sort_unstable_by(f64::total_cmp);
    let n = x.len() as f64;
    let apart = x.iter().enumerate().map(|(k, x)| (cdf(*x) - k as f64 / n).abs().max((cdf(*x) - (k + 1) as f64 / n).abs()));
    apart.fold(0.0, f64::max) * n.sqrt()
}

/// The normal distribution function, by integrating the density: exact enough to compare with.
fn normal_cdf(x: f64) -> f64 {
    let steps = 400;
    let h = x / steps as f64;
    let density = |t: f64| (-0.5 * t * t).exp() / std::f64::consts::TAU.sqrt();
    let inner: f64 = (1..steps).map(|k| density(k as f64 * h) * if k % 2 == 1 { 4.0 } else { 2.0 }).sum();
    0.5 + h / 3.0 * (density(0.0) + inner + density(x))
}

fn both_precisions(sampler: Sampler, len: usize) -> [Vec<f64>; 2] {
    [draw::<f32>(sampler, 11, 0, len).into_iter().map(f64::from).collect(), draw(sampler, 12, 0, len)]
}

#[test]
fn moments_are_those_of_the_law() {
    let n = 400_000;
    for (sampler, kurtosis) in SAMPLERS.into_iter().zip([3.0, 1.8, 1.0]) {
        for x in both_precisions(sampler, n) {
            let [mean, variance, skewness, fourth] = moments(&x);
            let error = 5.0 / (n as f64).sqrt();
            assert!(mean.abs() < error, "{sampler:?}: mean {mean}");
            assert!((variance - 1.0).abs() < 2.0 * error, "{sampler:?}: variance {variance}");
            assert!(skewness.abs() < 3.0 * error, "{sampler:?}: skewness {skewness}");
            assert!((fourth - kurtosis).abs() < 10.0 * error, "{sampler:?}: kurtosis {fourth}");
        }
    }
}

#[test]
fn distributions_are_those_of_the_law() {
    let width = 3f64.sqrt();
    for x in both_precisions(Sampler::Uniform, 100_000) {
        assert!(x.iter().all(|x| (-1.7320509..=1.7320509).contains(x)));
        assert!(kolmogorov_smirnov(x, |x| (x + width) / (2.0 * width)) < 1.9);
    }
    for x in both_precisions(Sampler::Normal, 20_000) {
        assert!(kolmogorov_smirnov(x, normal_cdf) < 1.9);
    }
    for x in both_precisions(Sampler::Rademacher, 10_000) {
        assert!(x.iter().all(|x| x.abs() == 1.0));
    }
}

#[test]
fn tails_are_there_and_finite() {
    let far = |limit: f64, x: &[f64]| x.iter().filter(|x| x.abs() > limit).count() as f64;
    for x in both_precisions(Sampler::Normal, 1 << 21) {
        let n = x.len() as f64;
        assert!(x.iter().all(|x| x.is_finite()));
        assert!((far(3.0, &x) / (n * 2.6998e-3) - 1.0).abs() < 0.07);
        assert!((far(4.0, &x) / (n * 6.3342e-5) - 1.0).abs() < 0.45);
    }
}

#[test]
fn neighbours_and_keys_are_unrelated() {
    let n = 100_000;
    let correlation = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (n as f64).sqrt();
    for sampler in SAMPLERS {
        let (a, b): (Vec<f64>, Vec<f64>) = (draw(sampler, 1, 0, n + 128), draw(sampler, 2, 0, n));
        assert!(correlation(&a[..n], &b).abs() < 4.5, "{sampler:?}: keys");
        for lag in [1, 2, 32, 64, 96, 128] {
            assert!(correlation(&a[..n], &a[lag..lag + n]).abs() < 4.5, "{sampler:?}: lag {lag}");
        }
    }
}

#[test]
fn pieces_equal_the_whole() {
    for sampler in SAMPLERS {
        let whole: Vec<f32> = draw(sampler, 3, 0, 5_000);
        for (from, to) in [(0, 1), (1, 3), (127, 129), (128, 256), (100, 4_000), (4_999, 5_000), (700, 700), (1_000, 1_030)] {
            assert_eq!(draw::<f32>(sampler, 3, from, to - from), whole[from..to], "{sampler:?} {from}..{to}");
            let mut onto = vec![1.0; to - from];
            sampler.add_slice(&[(Key::new(3), 0.5)], from, &mut onto);
            let expected: Vec<f32> = whole[from..to].iter().map(|z| 1.0 + 0.5 * z).collect();
            assert_eq!(onto, expected, "{sampler:?} {from}..{to}");
        }
    }
}

#[test]
fn tensors_equal_slices_for_any_number_of_threads() -> Result<()> {
    let (n, d) = (7, 33_001);
    for sampler in SAMPLERS {
        for threads in [1, 2, 3] {
            on_threads(threads, || {
                let mut out = zeros(&[n * d], DType::F64)?;
                sampler.fill(Key::new(5), &mut out)?;
                assert_eq!(out.to_vec1::<f64>()?, draw::<f64>(sampler, 5, 0, n * d));

                let centre = Tensor::ones(d, DType::F64, &Device::Cpu)?;
                let rows: Vec<_> = (0..n as u64).map(|k| (Key::new(k), k as f64 - 2.0)).collect();
                let mut all = zeros(&[n, d], DType::F64)?;
                sampler.perturb_rows(&centre, &rows, &mut all)?;
                for (row, (key, scale)) in all.to_vec2::<f64>()?.into_iter().zip(&rows) {
                    let mut one = zeros(&[d], DType::F64)?;
                    sampler.perturb(&centre, *scale, *key, &mut one)?;
                    assert_eq!(row, one.to_vec1::<f64>()?);
                }
                Ok::<_, Error>(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn many_terms_equal_one_at_a_time() -> Result<()> {
    let terms: Vec<_> = (0..9).map(|k| (Key::new(k), 0.3 - k as f64)).collect();
    for sampler in SAMPLERS {
        let (mut together, mut apart) = (zeros(&[50_000], DType::F32)?, zeros(&[50_000], DType::F32)?);
        sampler.add_weighted(&terms, &mut together)?;
        terms.iter().try_for_each(|(key, weight)| sampler.add(*key, *weight, &mut apart))?;
        assert_eq!(together.to_vec1::<f32>()?, apart.to_vec1::<f32>()?);
    }
    Ok(())
}

#[test]
fn mismatches_are_refused_and_change_nothing() -> Result<()> {
    let mut x = zeros(&[3], DType::F32)?;
    let key = Key::new(1);
    assert!(matches!(Sampler::Normal.perturb(&*zeros(&[4], DType::F32)?, 1.0, key, &mut x), Err(Error::Shape { .. })));
    assert!(matches!(Sampler::Normal.perturb(&*zeros(&[3], DType::F64)?, 1.0, key, &mut x), Err(Error::Invalid { .. })));
    assert!(matches!(Sampler::Normal.perturb_rows(&*zeros(&[3], DType::F32)?, &[(key, 1.0)], &mut x), Err(Error::Shape { .. })));
    assert!(matches!(Sampler::Normal.fill(key, &mut zeros(&[3], DType::BF16)?), Err(Error::Unsupported { .. })));
    assert_eq!(x.to_vec1::<f32>()?, [0.0; 3]);
    Ok(())
}

#[test]
fn names_are_stable() -> std::result::Result<(), serde_json::Error> {
    for (sampler, name) in SAMPLERS.into_iter().zip(["\"normal\"", "\"uniform\"", "\"rademacher\""]) {
        assert_eq!(serde_json::to_string(&sampler)?, name);
        assert_eq!(serde_json::from_str::<Sampler>(name)?, sampler);
    }
    Ok(())
}

/// Value stability: a change here is value-breaking and belongs in the change log.
#[test]
fn golden_bits() {
    let fingerprint = |sampler| {
        let (single, double): (Vec<f32>, Vec<f64>) = (draw(sampler, 2024, 100, 1_000), draw(sampler, 2024, 100, 1_000));
        let bits = single.iter().map(|x| x.to_bits() as u64).chain(double.iter().map(|x| x.to_bits()));
        bits.fold(0xcbf2_9ce4_8422_2325_u64, |hash, bits| (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3))
    };
    assert_eq!(SAMPLERS.map(fingerprint), [11244517189038599371, 16048878835761149402, 10242371837982728037]);
}
