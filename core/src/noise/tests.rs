//! The laws of distribution, and that noise depends on key and index alone.

use candle_core::{DType, Device, Tensor};

use super::{Key, Perturbation, Sampler, Seed};
use crate::{CowTensor, Error, Result, fuse::Element};

/// Those whose elements are independent and have moments.
const LAWS: [Sampler; 4] = [Sampler::Normal, Sampler::Uniform, Sampler::Rademacher, Sampler::Laplace];

const ALL: [Sampler; 14] = [
    Sampler::Normal,
    Sampler::Uniform,
    Sampler::Rademacher,
    Sampler::Laplace,
    Sampler::StudentT { dof: 5.0 },
    Sampler::Cauchy,
    Sampler::Sphere,
    Sampler::Sparse { fraction: 0.1, block: 3 },
    Sampler::LowRank { rank: 2 },
    Sampler::Orthogonal,
    Sampler::Sobol,
    Sampler::GaussianFilter { sigma: 1.5 },
    Sampler::RandomKernel { size: 3 },
    Sampler::Median { size: 3 },
];

fn draw<T: Element>(sampler: Sampler, key: u64, offset: usize, len: usize) -> Vec<T> {
    drawn(&sampler.into(), Key::new(key), offset, len)
}

fn drawn<T: Element>(noise: &Perturbation, seed: impl Into<Seed>, offset: usize, len: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; len];
    noise.fill_slice(seed.into(), offset, &mut out);
    out
}

/// Over leaves of these shapes.
fn over(sampler: Sampler, shapes: &[&[usize]]) -> Perturbation {
    Perturbation::new(sampler, Some(shapes.iter().map(|shape| (*shape).into()).collect()))
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
    for (sampler, kurtosis) in LAWS.into_iter().zip([3.0, 1.8, 1.0, 6.0]) {
        for x in both_precisions(sampler, n) {
            let [mean, variance, skewness, fourth] = moments(&x);
            let error = 5.0 / (n as f64).sqrt();
            assert!(mean.abs() < error, "{sampler:?}: mean {mean}");
            assert!((variance - 1.0).abs() < 2.0 * error, "{sampler:?}: variance {variance}");
            assert!(skewness.abs() < 3.0 * error, "{sampler:?}: skewness {skewness}");
            assert!((fourth - kurtosis).abs() < 4.0 * kurtosis * error, "{sampler:?}: kurtosis {fourth}");
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
    for x in both_precisions(Sampler::Laplace, 100_000) {
        let tail = |x: f64| 0.5 * (-x.abs() * 2f64.sqrt()).exp();
        assert!(kolmogorov_smirnov(x, |x| if x < 0.0 { tail(x) } else { 1.0 - tail(x) }) < 1.9);
    }
    for x in both_precisions(Sampler::Cauchy, 1_000_000) {
        assert!(kolmogorov_smirnov(x, |x| 0.5 + x.atan() / std::f64::consts::PI) < 1.9);
    }
    // Of two and three degrees of freedom the distribution functions are elementary.
    for x in both_precisions(Sampler::StudentT { dof: 2.0 }, 1_000_000) {
        assert!(kolmogorov_smirnov(x, |x| 0.5 + 0.5 * x / (2.0 + x * x).sqrt()) < 1.9);
    }
    let third = 3f64.sqrt();
    for x in both_precisions(Sampler::StudentT { dof: 3.0 }, 1_000_000) {
        let cdf = |x: f64| 0.5 + ((x / third) / (1.0 + x * x / 3.0) + (x / third).atan()) / std::f64::consts::PI;
        assert!(kolmogorov_smirnov(x, cdf) < 1.9);
    }
    // So many that it is normal but for what no sample of this size shows.
    for x in both_precisions(Sampler::StudentT { dof: 1000.0 }, 20_000) {
        assert!(kolmogorov_smirnov(x, normal_cdf) < 1.9);
    }
}

/// Every coordinate has mean 0 and variance 1 over seeds, in leaves of all kinds.
#[test]
fn coordinates_are_of_variance_one_over_seeds() {
    let n = 20_000;
    for sampler in ALL.into_iter().filter(|s| !matches!(s, Sampler::StudentT { .. } | Sampler::Cauchy)) {
        let noise = over(sampler, &[&[5, 4], &[3], &[1], &[2, 3, 3]]);
        let (mut first, mut second) = ([0.0; 42], [0.0; 42]);
        for k in 0..n {
            let z: Vec<f64> = drawn(&noise, Key::new(3).member(k), 0, 42);
            for (i, z) in z.iter().enumerate() {
                first[i] += z / n as f64;
                second[i] += z * z / n as f64;
            }
        }
        let error = 5.0 / (n as f64).sqrt();
        assert!(first.iter().all(|m| m.abs() < error), "{sampler:?}: means {first:?}");
        // Sparse noise has a kurtosis of 30; of a median, only the mean square of a leaf is 1.
        let spread = if matches!(sampler, Sampler::Sparse { .. }) { 6.0 } else { 2.5 };
        match sampler {
            Sampler::Median { .. } => {
                let mean = |of: std::ops::Range<usize>| second[of.clone()].iter().sum::<f64>() / of.len() as f64;
                assert!([0..20, 20..23, 24..42].into_iter().all(|leaf| (mean(leaf) - 1.0).abs() < 1e-12));
            }
            _ => assert!(second.iter().all(|v| (v - 1.0).abs() < spread * error), "{sampler:?}: variances {second:?}"),
        }
    }
}

#[test]
fn a_sphere_is_one() {
    for len in [1, 2, 127, 128, 129, 1_000] {
        let z: Vec<f64> = drawn(&Sampler::Sphere.into(), Key::new(4), 0, len);
        assert!((z.iter().map(|z| z * z).sum::<f64>() / len as f64 - 1.0).abs() < 1e-12);
    }
}

#[test]
fn sparse_noise_chooses_exactly_so_many_blocks_evenly() {
    for (fraction, block, len) in [(0.1, 1, 1_000_usize), (0.1, 7, 1_000), (1e-9, 1, 5), (1.0, 3, 10), (0.5, 1_000_000_000, 300)]
    {
        let noise = Perturbation::from(Sampler::Sparse { fraction, block });
        let blocks = len.div_ceil(block.min(len));
        let chosen = ((fraction * blocks as f64).round() as usize).clamp(1, blocks);
        let mut times = vec![0; blocks];
        for key in 0..2_000 {
            let z: Vec<f32> = drawn(&noise, Key::new(key), 0, len);
            let full: Vec<usize> = (0..blocks).filter(|b| z[b * block.min(len)] != 0.0).collect();
            assert_eq!(full.len(), chosen, "{fraction} {block} {len}");
            assert!(z.chunks(block.min(len)).all(|run| run.iter().all(|z| (*z == 0.0) == (run[0] == 0.0))));
            full.iter().for_each(|b| times[*b] += 1);
        }
        let expected = 2_000.0 * chosen as f64 / blocks as f64;
        assert!(times.iter().all(|t| (f64::from(*t) - expected).abs() <= 5.0 * expected.sqrt()), "{times:?}");
    }
}

#[test]
fn matrices_have_the_rank_that_was_asked_for() {
    let noise = over(Sampler::LowRank { rank: 1 }, &[&[4], &[150, 3, 2], &[2, 1]]);
    let z: Vec<f64> = drawn(&noise, Key::new(5), 0, 906);
    let matrix = &z[4..904];
    for (i, j) in [(1, 1), (77, 3), (149, 5)] {
        assert!((matrix[0] * matrix[6 * i + j] - matrix[j] * matrix[6 * i]).abs() < 1e-12);
    }
    assert!(z[..4].iter().chain(&z[904..]).all(|z| *z != 0.0));
}

#[test]
fn siblings_are_orthogonal() {
    for (len, members) in [(128, 128), (256, 128), (64, 64), (5, 4)] {
        let noise = Perturbation::from(Sampler::Orthogonal);
        let rows: Vec<Vec<f64>> = (0..2 * members).map(|k| drawn(&noise, Key::new(6).member(k), 0, len)).collect();
        assert!(rows.iter().flatten().all(|z| z.abs() == 1.0));
        let whole = if len == 5 { 4 } else { len };
        let dot = |a: &[f64], b: &[f64]| -> f64 { a[..whole].iter().zip(&b[..whole]).map(|(a, b)| a * b).sum() };
        for group in rows.chunks(members as usize) {
            for (i, a) in group.iter().enumerate() {
                assert!(group[..i].iter().all(|b| dot(a, b) == 0.0), "{len}: {i}");
            }
        }
        assert!(rows[..members as usize].iter().any(|row| dot(row, &rows[members as usize]) != 0.0), "groups differ");
    }
}

/// Every coordinate of 64 points of a net has exactly one in each of 64 intervals of equal probability.
#[test]
fn a_sobol_net_is_even_in_every_coordinate() {
    let net: Vec<Vec<f64>> = (0..64).map(|k| drawn(&Sampler::Sobol.into(), Key::new(7).member(k), 0, 600)).collect();
    for i in [0, 1, 255, 256, 599] {
        let mut cells: Vec<usize> = net.iter().map(|z| (normal_cdf(z[i]) * 64.0) as usize).collect();
        cells.sort_unstable();
        assert_eq!(cells, (0..64).collect::<Vec<_>>());
    }
    assert_ne!(net[0][0], drawn::<f64>(&Sampler::Sobol.into(), Key::new(8).member(0), 0, 1)[0]);
}

/// Neighbours along both dimensions of a matrix are alike, and those of another leaf are not.
#[test]
fn smoothing_runs_along_the_dimensions_of_a_leaf() {
    let alike = |noise: &Perturbation, apart: usize| -> f64 {
        (0..4_000).map(|k| drawn::<f64>(noise, Key::new(k), 0, 300)).map(|z| z[105] * z[105 + apart]).sum::<f64>() / 4_000.0
    };
    let noise = over(Sampler::GaussianFilter { sigma: 1.0 }, &[&[20, 10], &[100]]);
    // Of a Gaussian filter, exp(-1/4) and exp(-1) for neighbours one and two apart.
    assert!((alike(&noise, 1) - 0.779).abs() < 0.08 && (alike(&noise, 2) - 0.368).abs() < 0.08);
    assert!((alike(&noise, 10) - 0.779).abs() < 0.08);
    assert!(alike(&noise, 100).abs() < 0.08);
    let median = over(Sampler::Median { size: 3 }, &[&[20, 10], &[100]]);
    assert!(alike(&median, 1) > 0.3 && alike(&median, 10) > 0.3 && alike(&median, 100).abs() < 0.08);
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
    for sampler in LAWS {
        let (a, b): (Vec<f64>, Vec<f64>) = (draw(sampler, 1, 0, n + 128), draw(sampler, 2, 0, n));
        assert!(correlation(&a[..n], &b).abs() < 4.5, "{sampler:?}: keys");
        for lag in [1, 2, 32, 64, 96, 128] {
            assert!(correlation(&a[..n], &a[lag..lag + n]).abs() < 4.5, "{sampler:?}: lag {lag}");
        }
    }
}

#[test]
fn pieces_equal_the_whole() {
    for sampler in ALL {
        let noise = over(sampler, &[&[40, 50], &[2_000], &[10, 10, 10]]);
        let seed = Key::new(3).member(5);
        let whole: Vec<f32> = drawn(&noise, seed, 0, 5_000);
        for (from, to) in [(0, 1), (1, 3), (127, 129), (128, 256), (100, 4_000), (4_999, 5_000), (700, 700), (1_000, 1_030)] {
            assert_eq!(drawn::<f32>(&noise, seed, from, to - from), whole[from..to], "{sampler:?} {from}..{to}");
        }
    }
}

#[test]
fn tensors_equal_slices_for_any_number_of_threads() -> Result<()> {
    let (n, d) = (3, 33_001);
    for sampler in ALL {
        let noise = over(sampler, &[&[100, 330], &[1]]);
        for threads in [1, 2, 3] {
            on_threads(threads, || {
                let mut out = zeros(&[d], DType::F64)?;
                noise.fill(Key::new(5), &mut out)?;
                assert_eq!(out.to_vec1::<f64>()?, drawn::<f64>(&noise, Key::new(5), 0, d));

                let centre = Tensor::ones(d, DType::F64, &Device::Cpu)?;
                let rows: Vec<_> = (0..n as u64).map(|k| (Key::new(9).member(k), k as f64 - 2.0)).collect();
                let mut all = zeros(&[n, d], DType::F64)?;
                noise.perturb_rows(&centre, &rows, &mut all)?;
                for (row, (seed, scale)) in all.to_vec2::<f64>()?.into_iter().zip(&rows) {
                    let mut one = zeros(&[d], DType::F64)?;
                    noise.perturb(&centre, *scale, *seed, &mut one)?;
                    assert_eq!(row, one.to_vec1::<f64>()?);
                    let added: Vec<f64> = drawn(&noise, *seed, 0, d).iter().map(|z: &f64| 1.0 + scale * z).collect();
                    assert_eq!(row, added);
                }
                Ok::<_, Error>(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn many_terms_equal_one_at_a_time() -> Result<()> {
    let terms: Vec<_> = (0..9).map(|k| (Key::new(2).member(k), 0.3 - k as f64)).collect();
    for sampler in ALL {
        let noise = over(sampler, &[&[500, 10], &[200, 5, 4], &[3]]);
        let (mut together, mut apart) = (zeros(&[9_003], DType::F32)?, zeros(&[9_003], DType::F32)?);
        noise.add_weighted(&terms, &mut together)?;
        terms.iter().try_for_each(|(seed, weight)| noise.add(*seed, *weight, &mut apart))?;
        assert_eq!(together.to_vec1::<f32>()?, apart.to_vec1::<f32>()?);
    }
    Ok(())
}

#[test]
fn a_deviation_multiplies_every_element_however_it_is_drawn() -> Result<()> {
    let d = 9_003;
    let mut deviation = zeros(&[d], DType::F32)?;
    Sampler::Laplace.fill(Key::new(8), &mut deviation)?;
    let (centre, s) = (Tensor::ones(d, DType::F32, &Device::Cpu)?, deviation.to_vec1::<f32>()?);
    for sampler in ALL {
        let plain = over(sampler, &[&[500, 10], &[200, 5, 4], &[3]]);
        let (noise, seed) = (plain.clone().scaled_by(&deviation), Key::new(2).member(1));
        let expected: Vec<f32> = drawn::<f32>(&plain, seed, 0, d).iter().zip(&s).map(|(z, s)| z * s).collect();
        let mut out = zeros(&[d], DType::F32)?;
        noise.fill(seed, &mut out)?;
        assert_eq!(out.to_vec1::<f32>()?, expected);

        let at_half: Vec<f32> = expected.iter().map(|e| 1.0 + 0.5 * e).collect();
        let (mut rows, mut slice) = (zeros(&[2, d], DType::F32)?, vec![0.0; d]);
        noise.perturb(&centre, 0.5, seed, &mut out)?;
        noise.perturb_rows(&centre, &[(Key::new(1).into(), 1.0), (seed, 0.5)], &mut rows)?;
        noise.perturb_slice(&vec![1f32; d], 0.5, seed, &mut slice)?;
        assert_eq!((out.to_vec1::<f32>()?, rows.to_vec2::<f32>()?.remove(1), slice), (at_half.clone(), at_half.clone(), at_half));

        let terms: Vec<_> = (0..3).map(|k| (Key::new(2).member(k), k as f64 - 0.5, k as f64 + 1.0)).collect();
        let (mut first, mut second, mut sum) = (zeros(&[d], DType::F32)?, zeros(&[d], DType::F32)?, zeros(&[d], DType::F32)?);
        noise.add_moments(&terms, &mut first, &mut second)?;
        noise.add_weighted(&terms.iter().map(|(seed, a, _)| (*seed, *a)).collect::<Vec<_>>(), &mut sum)?;
        assert_eq!(first.to_vec1::<f32>()?, sum.to_vec1::<f32>()?);
        let mut squares = vec![0f32; d];
        for (seed, _, b) in &terms {
            noise.fill(*seed, &mut out)?;
            squares.iter_mut().zip(out.to_vec1::<f32>()?).for_each(|(sum, z)| *sum += *b as f32 * (z * z));
        }
        assert_eq!(second.to_vec1::<f32>()?, squares);
    }
    let noise = Perturbation::from(Sampler::Normal).scaled_by(&deviation);
    assert!(matches!(noise.fill(Key::new(1), &mut zeros(&[4], DType::F32)?), Err(Error::Shape { .. })));
    assert!(matches!(noise.perturb_slice(&[0f32; 4], 1.0, Key::new(1).into(), &mut [0.0; 4]), Err(Error::Shape { .. })));
    Ok(())
}

#[test]
fn mismatches_are_refused_and_change_nothing() -> Result<()> {
    let mut x = zeros(&[3], DType::F32)?;
    let key = Key::new(1);
    assert!(matches!(Sampler::Normal.perturb(&*zeros(&[4], DType::F32)?, 1.0, key, &mut x), Err(Error::Shape { .. })));
    assert!(matches!(Sampler::Normal.perturb(&*zeros(&[3], DType::F64)?, 1.0, key, &mut x), Err(Error::Invalid { .. })));
    let (normal, centre) = (Perturbation::from(Sampler::Normal), zeros(&[3], DType::F32)?);
    assert!(matches!(normal.perturb_rows(&centre, &[(key.into(), 1.0)], &mut x), Err(Error::Shape { .. })));
    assert!(matches!(over(Sampler::Normal, &[&[2], &[2]]).fill(key, &mut x), Err(Error::Shape { .. })));
    assert!(matches!(Sampler::Normal.fill(key, &mut zeros(&[3], DType::BF16)?), Err(Error::Unsupported { .. })));
    assert_eq!(x.to_vec1::<f32>()?, [0.0; 3]);
    Ok(())
}

#[test]
fn names_are_stable() -> std::result::Result<(), serde_json::Error> {
    let names = [
        "\"normal\"",
        "\"uniform\"",
        "\"rademacher\"",
        "\"laplace\"",
        r#"{"student-t":{"dof":5.0}}"#,
        "\"cauchy\"",
        "\"sphere\"",
        r#"{"sparse":{"fraction":0.1,"block":3}}"#,
        r#"{"low-rank":{"rank":2}}"#,
        "\"orthogonal\"",
        "\"sobol\"",
        r#"{"gaussian-filter":{"sigma":1.5}}"#,
        r#"{"random-kernel":{"size":3}}"#,
        r#"{"median":{"size":3}}"#,
    ];
    for (sampler, name) in ALL.into_iter().zip(names) {
        assert_eq!(serde_json::to_string(&sampler)?, name);
        assert_eq!(serde_json::from_str::<Sampler>(name)?, sampler);
    }
    Ok(())
}

/// Value stability: a change here is value-breaking and belongs in the change log.
#[test]
fn golden_bits() {
    let fingerprint = |sampler| {
        let noise = over(sampler, &[&[10, 50], &[5, 5, 4], &[500]]);
        let drawn_at = (Key::new(2024), 100, 1_000);
        let single: Vec<f32> = drawn(&noise, drawn_at.0, drawn_at.1, drawn_at.2);
        let double: Vec<f64> = drawn(&noise, drawn_at.0, drawn_at.1, drawn_at.2);
        let bits = single.iter().map(|x| x.to_bits() as u64).chain(double.iter().map(|x| x.to_bits()));
        bits.fold(0xcbf2_9ce4_8422_2325_u64, |hash, bits| (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3))
    };
    #[rustfmt::skip]
    let bits = [
        11244517189038599371, 16048878835761149402, 10242371837982728037, 5645764554831230636, 11550701269962918557,
        5432899852500023390, 7560255223433312443, 13674843786632164890, 7642424829115608898, 16604644377598156645,
        4931784404354947358, 9118491101948364770, 11703355255506810834, 9410419951934609800,
    ];
    assert_eq!(ALL.map(fingerprint), bits);
}
