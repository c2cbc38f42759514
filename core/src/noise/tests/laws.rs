//! Elements that are independent have the moments, the distribution and the tails of their law, and know nothing of each other.

use super::*;

/// Those whose elements are independent and have moments.
const LAWS: [Sampler; 4] = [Sampler::Normal, Sampler::Uniform, Sampler::Rademacher, Sampler::Laplace];

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
    for epsilon in [0.0f64, 0.2, 3.0] {
        for x in both_precisions(Sampler::AsymmetricBernoulli { epsilon }, 100_000) {
            let (share, up) = ((1.0 + epsilon) / (2.0 + epsilon), (1.0 + epsilon).sqrt());
            let below = x.iter().filter(|x| **x < 0.0).count() as f64 / x.len() as f64;
            assert!((below - share).abs() < 5.0 * (share * (1.0 - share) / x.len() as f64).sqrt());
            assert!(x.iter().all(|x| (x - up).abs() < 1e-6 || (x + 1.0 / up).abs() < 1e-6));
        }
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
