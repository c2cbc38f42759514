use super::*;
use moths_core::{Function, noise::Perturbation, rng::Seed};

const D: usize = 5;
type Vector = [f64; D];

fn bowl(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum()
}

fn inner(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// z and z': the noise of a seed, and what it mixes the first r coordinates with where these are the basis.
fn noise(seed: Seed, r: usize, space: &Space) -> (Vector, Vec<f64>) {
    let drawn = |noise: Perturbation| -> Vec<f64> {
        let mut out = space.zeros().unwrap();
        noise.fill(seed, &mut out).unwrap();
        out.to_vec1().unwrap()
    };
    let z = drawn(Sampler::Normal.over(space)).try_into().unwrap();
    if r == 0 {
        return (z, vec![]);
    }
    let identity: Vec<f64> = (0..r * D).map(|n| f64::from(u8::from(n / D == n % D))).collect();
    let identity = CowTensor::new(candle_core::Tensor::from_vec(identity, (r, D), space.device()).unwrap());
    (z, drawn(Sampler::Normal.over(space).within(&identity, 0.0, 1.0))[..r].to_vec())
}

/// Gram-Schmidt, the newest of the last two estimates first.
fn basis(estimates: &[Vector]) -> Vec<Vector> {
    let mut u: Vec<Vector> = vec![];
    for g in estimates.iter().rev().take(2) {
        let mut rest = *g;
        for u in &u {
            let along = inner(u, g);
            (0..D).for_each(|j| rest[j] -= along * u[j]);
        }
        let length = inner(&rest, &rest).sqrt();
        u.push(rest.map(|x| x / length));
    }
    u
}

/// The equations in plain loops, over the first estimate, which has no subspace, one with a line, and two with a plane.
#[test]
fn four_estimates_are_those_of_the_paper() {
    let (space, key, sigma, alpha, beta) = (Space::real(D).unwrap(), Key::new(9), 0.2, 0.3, 2.0);
    let config = GuidedEsConfig {
        pairs: 3,
        sigma: sigma.into(),
        alpha,
        beta,
        memory: 2,
        shaping: Shaping::Raw,
        ..GuidedEsConfig::default()
    };
    let mut estimator = GuidedEsEstimator::new(config, &space, key).unwrap();
    let mut objective = Function::new(space.clone(), bowl);
    let mut estimates: Vec<Vector> = vec![];
    for t in 0..4 {
        let u = basis(&estimates);
        let alpha = if u.is_empty() { 1.0 } else { alpha };
        let mut expected = [0.0; D];
        for k in 0..3 {
            let (z, within) = noise(key.fold(t).member(k), u.len(), &space);
            let share = ((1.0 - alpha) / u.len().max(1) as f64).sqrt();
            let guided = |j: usize| u.iter().zip(&within).map(|(u, w)| u[j] * w).sum::<f64>();
            let e: Vector = std::array::from_fn(|j| sigma * ((alpha / D as f64).sqrt() * z[j] + share * guided(j)));
            let difference = bowl(&e) - bowl(&e.map(|e| -e));
            (0..D).for_each(|j| expected[j] += beta / (2.0 * sigma * sigma * 3.0) * e[j] * difference);
        }
        let estimate = estimator.estimate(&space.start(), &mut objective).unwrap();
        let got: Vec<f64> = estimate.gradient.unwrap().dense().unwrap().to_vec1().unwrap();
        assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-11), "estimate {t}: {got:?} instead of {expected:?}");
        estimates.push(expected);
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for (name, config) in [
        ("alpha", GuidedEsConfig { alpha: 0.0, ..GuidedEsConfig::default() }),
        ("beta", GuidedEsConfig { beta: -1.0, ..GuidedEsConfig::default() }),
        ("memory", GuidedEsConfig { memory: 0, ..GuidedEsConfig::default() }),
    ] {
        let refused = GuidedEsEstimator::new(config, &Space::real(3).unwrap(), Key::new(1)).err().unwrap();
        assert!(matches!(refused, moths_core::Error::Invalid { field, .. } if field == name));
    }
}
