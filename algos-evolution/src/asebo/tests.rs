use super::*;
use candle_core::Tensor;
use moths_core::{Function, noise::Perturbation, rng::Seed, tensor::eigen::eigen};

const D: usize = 5;

/// Steep along two directions, flat along the others.
fn valley(x: &[f64]) -> f64 {
    let (a, b) = (x[0] + 0.5 * x[1] - 3.0, x[2] - x[3] - 1.0);
    a * a + 4.0 * b * b + 0.01 * x[4] * x[4]
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// z and z': the noise of a seed, and what it mixes the first r coordinates with where these are the basis.
fn noise(seed: Seed, r: usize, space: &Space) -> (Vec<f64>, Vec<f64>) {
    let drawn = |noise: Perturbation| -> Vec<f64> {
        let mut out = space.zeros().unwrap();
        noise.fill(seed, &mut out).unwrap();
        out.to_vec1().unwrap()
    };
    let z = drawn(Sampler::Normal.over(space));
    if r == 0 {
        return (z, vec![]);
    }
    let identity: Vec<f64> = (0..r * D).map(|n| f64::from(u8::from(n / D == n % D))).collect();
    let identity = CowTensor::new(Tensor::from_vec(identity, (r, D), space.device()).unwrap());
    (z, drawn(Sampler::Normal.over(space).within(&identity, 0.0, 1.0))[..r].to_vec())
}

/// The covariance [d, d] of the last three estimates, the newest first, decomposed as a dense matrix; its largest eigenvectors, of this share.
fn components(estimates: &[Vec<f64>], decay: f64, share: f64) -> Vec<Vec<f64>> {
    let mut covariance = [0.0; D * D];
    for (age, g) in estimates.iter().rev().take(3).enumerate() {
        (0..D * D).for_each(|n| covariance[n] += decay.powi(age as i32) * g[n / D] * g[n % D]);
    }
    let mut values = [0.0; D];
    eigen(&mut covariance, &mut values).unwrap();
    let mut order: Vec<usize> = (0..D).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let enough = |r: &usize| order[..*r].iter().map(|&j| values[j]).sum::<f64>() >= share * values.iter().sum::<f64>();
    let r = (1..=D).find(enough).unwrap();
    order[..r].iter().map(|&j| covariance[j * D..(j + 1) * D].to_vec()).collect()
}

/// The equations in plain loops, with a dense covariance: a warm-up of two estimates, and six with the subspace.
#[test]
fn eight_estimates_are_those_of_the_module() {
    let mut ranks: Vec<usize> = [0.6, 0.9].into_iter().flat_map(eight_estimates).collect();
    ranks.sort_unstable();
    ranks.dedup();
    assert_eq!(ranks, [1, 2]);
}

/// The dimensions of the subspaces met.
fn eight_estimates(share: f64) -> Vec<usize> {
    let (space, key, sigma, decay) = (Space::real(D).unwrap(), Key::new(4), 0.2, 0.7);
    let config = AseboConfig {
        pairs: 4,
        least_pairs: 1,
        warm_up: 2,
        sigma: sigma.into(),
        memory: 3,
        decay,
        variance: share,
        shaping: Shaping::Raw,
        ..AseboConfig::default()
    };
    let mut estimator = AseboEstimator::new(config, &space, key).unwrap();
    let mut objective = Function::new(space.clone(), valley);
    let (mut estimates, mut alpha, mut ranks): (Vec<Vec<f64>>, _, _) = (vec![], 1.0, vec![]);
    for t in 0..8 {
        let mut u = if t < 2 { vec![] } else { components(&estimates, decay, share) };
        if let Some(active) = estimator.active().unwrap() {
            // Eigenvectors have no sign.
            let active: Vec<Vec<f64>> = active.to_vec2().unwrap();
            assert_eq!(active.len(), u.len());
            for (u, active) in u.iter_mut().zip(&active) {
                let along = inner(u, active);
                assert!((along.abs() - 1.0).abs() < 1e-9, "{u:?} is not {active:?}");
                u.iter_mut().for_each(|u| *u *= along.signum());
            }
        }
        let n = if u.is_empty() { 4 } else { u.len() };
        let mut expected = vec![0.0; D];
        for k in 0..n {
            let (z, within) = noise(key.fold(t).member(k as u64), u.len(), &space);
            let share = ((1.0 - alpha) / u.len().max(1) as f64).sqrt();
            let guided = |j: usize| u.iter().zip(&within).map(|(u, w)| u[j] * w).sum::<f64>();
            let e: Vec<f64> = (0..D).map(|j| sigma * ((alpha / D as f64).sqrt() * z[j] + share * guided(j))).collect();
            let difference = valley(&e) - valley(&e.iter().map(|e| -e).collect::<Vec<_>>());
            (0..D).for_each(|j| expected[j] += e[j] * difference / (2.0 * sigma * sigma * n as f64));
        }
        let estimate = estimator.estimate(&space.start(), &mut objective).unwrap();
        assert_eq!(estimate.evaluations, 2 * n as u64);
        let got: Vec<f64> = estimate.gradient.unwrap().dense().unwrap().to_vec1().unwrap();
        assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "estimate {t}: {got:?} instead of {expected:?}");
        if !u.is_empty() {
            let inside: f64 = u.iter().map(|u| inner(u, &expected).powi(2)).sum();
            alpha = ((inner(&expected, &expected) - inside) / inside).max(0.0).sqrt().clamp(0.01, 1.0);
            ranks.push(u.len());
        }
        assert!((estimator.alpha - alpha).abs() < 1e-9, "estimate {t}: {} instead of {alpha}", estimator.alpha);
        estimates.push(expected);
    }
    assert!(alpha < 1.0, "{alpha}");
    ranks
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for (name, config) in [
        ("variance", AseboConfig { variance: 1.5, ..AseboConfig::default() }),
        ("decay", AseboConfig { decay: 0.0, ..AseboConfig::default() }),
        ("warm_up", AseboConfig { warm_up: 0, ..AseboConfig::default() }),
        ("least_pairs", AseboConfig { least_pairs: 0, ..AseboConfig::default() }),
    ] {
        let refused = AseboEstimator::new(config, &Space::real(3).unwrap(), Key::new(1)).err().unwrap();
        assert!(matches!(refused, moths_core::Error::Invalid { field, .. } if field == name));
    }
}
