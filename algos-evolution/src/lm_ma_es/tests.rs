use super::*;
use crate::convergence::{self, Problem};
use moths_core::{Function, Optimizer, Stop, minimize, optimizer::Algorithm};

const N: usize = 30;

fn f(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| 1.3f64.powi(i as i32) * (x - 0.5).powi(2)).sum()
}

/// The equations of the module in plain loops: d = 30, λ = M = 14, the constants from the paper's table.
#[test]
fn twenty_generations_are_those_of_the_paper() {
    let (space, key, n, lambda) = (Space::real(N).unwrap(), Key::new(2), N as f64, 14.0);
    let mut es = LmMaEs::new(LmMaEsConfig::default(), &space, key).unwrap();
    let raw: Vec<f64> = (1..=7).map(|i| 7.5f64.ln() - f64::from(i).ln()).collect();
    let w: Vec<f64> = raw.iter().map(|x| x / raw.iter().sum::<f64>()).collect();
    let mu_w = 1.0 / w.iter().map(|w| w * w).sum::<f64>();
    let (mut y, mut sigma, mut p, mut m) = (vec![0.0; N], 1.0, vec![0.0; N], vec![vec![0.0; N]; 14]);
    for t in 0..20 {
        let mut z = space.zeros_for(14).unwrap();
        Sampler::Normal.fill(key.fold(t), &mut z).unwrap();
        let mut candidates: Vec<(Vec<f64>, Vec<f64>, f64)> = vec![];
        for z in z.to_vec2::<f64>().unwrap() {
            let mut d = z.clone();
            for (i, m) in m.iter().enumerate().take(t as usize) {
                let c = 1.0 / (1.5f64.powi(i as i32) * n);
                let ip: f64 = (0..N).map(|j| m[j] * d[j]).sum();
                (0..N).for_each(|j| d[j] = (1.0 - c) * d[j] + c * m[j] * ip);
            }
            let loss = f(&(0..N).map(|j| y[j] + sigma * d[j]).collect::<Vec<_>>());
            candidates.push((z, d, loss));
        }
        candidates.sort_by(|a, b| a.2.total_cmp(&b.2));
        let z_w: Vec<f64> = (0..N).map(|j| (0..7).map(|i| w[i] * candidates[i].0[j]).sum()).collect();
        let follow = |path: &mut Vec<f64>, c: f64| {
            (0..N).for_each(|j| path[j] = (1.0 - c) * path[j] + (mu_w * c * (2.0 - c)).sqrt() * z_w[j]);
        };
        follow(&mut p, 2.0 * lambda / n);
        m.iter_mut().enumerate().for_each(|(i, m)| follow(m, lambda / (4f64.powi(i as i32) * n)));
        (0..N).for_each(|j| y[j] += sigma * (0..7).map(|i| w[i] * candidates[i].1[j]).sum::<f64>());
        sigma *= (lambda / n * (p.iter().map(|p| p * p).sum::<f64>() / n - 1.0)).exp();

        es.step(&mut Function::new(space.clone(), f)).unwrap();
        let (mean, es) = (&es.mean, &es.distribution);
        let close = |got: &CowTensor, expected: &[f64]| {
            let got: Vec<f64> = got.to_vec1().unwrap();
            got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-11 * b.abs().max(1.0))
        };
        assert!(close(mean, &y) && close(&es.p_sigma, &p) && close(&es.m, &m.concat()), "step {t}");
        assert!((es.sigma / sigma - 1.0).abs() < 1e-11, "step {t}");
    }
}

/// Evaluations to 1e-9, median of 11 seeds, of the paper's algorithm 1 written out in numpy, from the same start, 0, with σ = 1.
#[test]
fn it_converges_as_fast_as_the_reference() {
    let references = [
        (Problem::Sphere, 10, 1531),
        (Problem::Sphere, 20, 2424),
        (Problem::Sphere, 100, 10_420),
        (Problem::Rosenbrock, 10, 9774),
        (Problem::Rosenbrock, 20, 23_551),
        (Problem::Ellipsoid, 10, 129_823),
    ];
    for (problem, dim, reference) in references {
        convergence::check::<LmMaEs>(problem, dim, reference);
    }
}

/// Where d < 5 the paper's c_{d,i} would add up to more than a half; with them it diverges in one dimension.
#[test]
fn it_converges_in_few_dimensions() {
    for (dim, condition) in [(1, 1.0), (2, 1.0), (2, 1e3), (3, 1.0), (3, 1e3), (5, 1.0), (5, 1e3)] {
        let space = Space::real(dim).unwrap();
        let last = (dim.max(2) - 1) as f64;
        let f =
            |x: &[f64]| x.iter().enumerate().map(|(i, x)| f64::powf(condition, i as f64 / last) * (x - 1.0).powi(2)).sum::<f64>();
        for seed in 0..20 {
            let mut es = LmMaEs::new(LmMaEsConfig::default(), &space, Key::new(seed)).unwrap();
            let end = minimize(&mut es, &mut Function::new(space.clone(), f), &Stop::evaluations(10_000)).unwrap();
            let answer = f(&end.answer.to_vec1::<f64>().unwrap());
            assert!(
                answer < 1e-9,
                "{dim}-D, condition {condition}, seed {seed}: {answer:e} after {} evaluations",
                end.tally.evaluations
            );
        }
    }
}
