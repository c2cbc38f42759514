use super::{exponential::psi, *};
use crate::convergence::{self, Problem};
use moths_core::{Function, Optimizer, optimizer::Algorithm};

const D: usize = 3;
type Matrix = [[f64; D]; D];

fn times(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..D).map(|k| a[i][k] * b[k][j]).sum()))
}

/// Σ Aᵏ/k!, term by term.
fn expm(a: &Matrix) -> Matrix {
    let mut sum: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    let mut term = sum;
    for k in 1..40 {
        term = times(&term, a).map(|row| row.map(|x| x / f64::from(k)));
        sum.iter_mut().flatten().zip(term.iter().flatten()).for_each(|(s, t)| *s += t);
    }
    sum
}

/// The equations of the module in plain loops, for fewer candidates than dimensions and for more.
fn ten_generations(lambda: usize) {
    let f = |x: &[f64]| x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 0.5).powi(2)).sum::<f64>();
    let (space, key, d) = (Space::real(D).unwrap(), Key::new(2), D as f64);
    let mut xnes = Xnes::new(XnesConfig { population: Some(lambda), ..XnesConfig::default() }, &space, key).unwrap();
    let (mut mu, mut sigma, mut b) = ([0.0; D], 1.0, expm(&[[0.0; D]; D]));
    let raw: Vec<f64> = (1..=lambda).map(|k| f64::max(0.0, (lambda as f64 / 2.0 + 1.0).ln() - (k as f64).ln())).collect();
    let eta = (9.0 + 3.0 * d.ln()) / (5.0 * d * d.sqrt());
    for t in 0..10 {
        let mut s = space.zeros_for(lambda).unwrap();
        Sampler::Normal.fill(key.fold(t), &mut s).unwrap();
        let s: Vec<Vec<f64>> = s.to_vec2().unwrap();
        let y: Vec<[f64; D]> = s.iter().map(|s| std::array::from_fn(|i| (0..D).map(|j| b[i][j] * s[j]).sum())).collect();
        let loss: Vec<f64> = y.iter().map(|y| f(&[0, 1, 2].map(|j| mu[j] + sigma * y[j]))).collect();
        let rank = |k: usize| loss.iter().filter(|l| **l < loss[k]).count();
        let u: Vec<f64> = (0..lambda).map(|k| raw[rank(k)] / raw.iter().sum::<f64>() - 1.0 / lambda as f64).collect();
        let mean = |g: &dyn Fn(usize) -> f64| -> f64 { (0..lambda).map(|k| u[k] * g(k)).sum() };
        let unit = |i: usize, j: usize| f64::from(u8::from(i == j));
        let g_m: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| mean(&|k| s[k][i] * s[k][j] - unit(i, j))));
        let g_sigma = (0..D).map(|i| g_m[i][i]).sum::<f64>() / d;
        (0..D).for_each(|j| mu[j] += sigma * mean(&|k| y[k][j]));
        sigma *= (eta / 2.0 * g_sigma).exp();
        b = times(&b, &expm(&std::array::from_fn(|i| std::array::from_fn(|j| eta / 2.0 * (g_m[i][j] - g_sigma * unit(i, j))))));

        xnes.step(&mut Function::new(space.clone(), f)).unwrap();
        let (mean, xnes) = (&xnes.mean, &xnes.distribution);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-11 * b.abs().max(1e-3);
        let b_t = xnes.b_t.to_vec1::<f64>().unwrap();
        assert!(mean.to_vec1::<f64>().unwrap().iter().zip(mu).all(|(a, b)| close(*a, b)), "step {t} of {lambda}");
        assert!(close(xnes.sigma, sigma) && (0..D * D).all(|k| close(b_t[k], b[k % D][k / D])), "step {t} of {lambda}");
    }
}

#[test]
fn ten_generations_are_those_of_the_paper() {
    [2, 3, 7].into_iter().for_each(ten_generations);
}

#[test]
fn psi_is_the_series_for_small_and_for_large_matrices() {
    for scale in [1e-3, 0.3, 20.0] {
        let n = [0.1, 0.7, -0.2, 0.0, 0.4, 0.3, 0.2, -0.5, 0.1].map(|x| x * scale);
        let psi = psi(&n, D);
        let matrix = |v: &[f64]| -> Matrix { std::array::from_fn(|i| std::array::from_fn(|j| v[i * D + j])) };
        let (product, exponential) = (times(&matrix(&n), &matrix(&psi)), expm(&matrix(&n)));
        for (i, j) in (0..D * D).map(|k| (k / D, k % D)) {
            let expected = exponential[i][j] - f64::from(u8::from(i == j));
            assert!((product[i][j] - expected).abs() < 1e-11 * exponential[i][j].abs().max(1.0), "{scale}: {product:?}");
        }
    }
}

#[test]
fn a_matrix_that_is_too_big_is_refused_by_name() {
    let refused = Xnes::new(XnesConfig::default(), &Space::real(11_586).unwrap(), Key::new(1)).err().unwrap();
    assert!(refused.to_string().contains("`snes`"), "{refused}");
}

/// Evaluations to 1e-9, median of 11 seeds, of the package cmaes 0.13.1 (`XNES`) from the same start, 0, with σ = 1.
#[test]
fn it_converges_as_fast_as_the_reference() {
    let references = [
        (Problem::Sphere, 10, 6805),
        (Problem::Ellipsoid, 10, 9701),
        (Problem::Rosenbrock, 10, 11_773),
        (Problem::Sphere, 20, 29_324),
        (Problem::Ellipsoid, 20, 40_141),
        (Problem::Rosenbrock, 20, 48_386),
    ];
    for (problem, dim, reference) in references {
        convergence::check::<Xnes>(problem, dim, reference);
    }
}

#[test]
fn a_matrix_beyond_memory_is_refused_and_the_method_to_take_is_named() {
    let refused = Xnes::new(XnesConfig::default(), &Space::real(12_000).unwrap(), Key::new(1)).err().unwrap();
    assert!(matches!(refused, Error::Unsupported { .. }) && refused.to_string().contains("snes"), "{refused}");
}
