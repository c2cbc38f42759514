//! The formulas worked out in other ways, and what the second derivatives are good for.

use super::*;
use crate::{Spsa, spsa::SpsaConfig};
use candle_core::Tensor;
use moths_core::{Function, Spec, optimizer::GradientDescentConfig, persist::State};

fn signs(key: Key, d: usize) -> Vec<f64> {
    let mut signs = vec![0.0; d];
    Sampler::Rademacher.fill_slice(key, &mut signs);
    signs
}

fn cubic(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * x * x + x * x * x).sum::<f64>() + 0.5 * x[0] * x[1]
}

/// Of a symmetric 2 × 2 matrix, by its characteristic polynomial.
fn absolute(h: [[f64; 2]; 2]) -> [[f64; 2]; 2] {
    let (mean, half) = ((h[0][0] + h[1][1]) / 2.0, (h[0][0] - h[1][1]) / 2.0);
    let apart = (half * half + h[0][1] * h[0][1]).sqrt();
    let (high, low) = (mean + apart, mean - apart);
    // |H| = α H + β I with |λ| = α λ + β for both eigenvalues.
    let alpha = (high.abs() - low.abs()) / (high - low);
    let beta = high.abs() - alpha * high;
    [[alpha * h[0][0] + beta, alpha * h[0][1]], [alpha * h[1][0], alpha * h[1][1] + beta]]
}

/// Equations (2.1) and following of the paper, with one-sided gradients, on the same signs: G(x ± cΔ) = (y(x ± cΔ + cΔ̃) − y(x ± cΔ))/c Δ̃⁻¹.
#[test]
fn one_step_is_that_of_the_paper() {
    let space = Space::real(2).unwrap().starting_at(&Tensor::new(&[0.3, -0.7], &candle_core::Device::Cpu).unwrap()).unwrap();
    let (c, key) = (0.25, Key::new(7));
    let config = Spsa2Config {
        a: 0.5.into(),
        c: c.into(),
        calibration: 0,
        feedback: false,
        delta: 0.1.into(),
        longest: 0.0,
        ..Spsa2Config::default()
    };
    let mut spsa2 = Spsa2::new(config, &space, key).unwrap();
    let report = spsa2.step(&mut Function::new(space.clone(), cubic)).unwrap();
    assert_eq!(report.evaluations, 4);

    let (x, first, second) = ([0.3, -0.7], signs(key.fold(0).fold(1).fold(0), 2), signs(key.fold(0).fold(2).fold(0), 2));
    let y = |one: f64, other: f64| cubic(&[0, 1].map(|i| x[i] + one * first[i] + other * second[i]));
    let slope = (y(c, 0.0) - y(-c, 0.0)) / (2.0 * c);
    let one_sided = |one: f64| [0, 1].map(|i| (y(one, c) - y(one, 0.0)) / c / second[i]);
    let change = [0, 1].map(|i| one_sided(c)[i] - one_sided(-c)[i]);
    let half = |i: usize, j: usize| 0.5 * change[i] / (2.0 * c) / first[j];
    let mean = |i: usize, j: usize| 0.5 * f64::from(u8::from(i == j)) + 0.5 * (half(i, j) + half(j, i));
    let h = [[mean(0, 0), mean(0, 1)], [mean(1, 0), mean(1, 1)]];
    let norm = h.iter().flatten().map(|h| h * h).sum::<f64>().sqrt();
    let mut regular = absolute(h);
    (0..2).for_each(|i| regular[i][i] += 0.1 * norm / 2f64.sqrt());
    let [[a, b], [_, e]] = regular;
    let g = [0, 1].map(|i| slope / first[i]);
    let p = [(e * g[0] - b * g[1]) / (a * e - b * b), (a * g[1] - b * g[0]) / (a * e - b * b)];
    let answer = spsa2.answer().unwrap().to_vec1::<f64>().unwrap();
    for i in 0..2 {
        let expected = x[i] - 0.5 / 2.0 * p[i];
        assert!((answer[i] - expected).abs() < 1e-12, "{answer:?} instead of {expected} at {i}");
    }
}

/// Condition 1000 in a basis that no coordinate is an axis of.
fn valley(x: &[f64]) -> f64 {
    let along = x.iter().sum::<f64>() / x.len() as f64;
    0.5 * x.iter().map(|x| (x - along) * (x - along)).sum::<f64>() + 0.5e-3 * along * along * x.len() as f64
}

fn run(space: &Space, mut optimizer: impl Optimizer, evaluations: u64, f: fn(&[f64]) -> f64) -> f64 {
    let mut objective = Function::new(space.clone(), f);
    let mut used = 0;
    while used < evaluations {
        used += optimizer.step(&mut objective).unwrap().evaluations;
    }
    f(&optimizer.answer().unwrap().to_vec1::<f64>().unwrap())
}

fn median(losses: impl Iterator<Item = f64>) -> f64 {
    let mut losses: Vec<f64> = losses.collect();
    losses.sort_by(f64::total_cmp);
    losses[losses.len() / 2]
}

#[test]
fn an_ill_conditioned_valley_is_no_obstacle_where_the_first_order_method_crawls() {
    let space = Space::real(5).unwrap().starting_at(&Tensor::new(&[2.0, 1.0, 1.0, 1.0, 0.0], &candle_core::Device::Cpu).unwrap());
    let space = space.unwrap();
    let second =
        median((0..11).map(|k| run(&space, Spsa2::new(Spsa2Config::default(), &space, Key::new(k)).unwrap(), 4000, valley)));
    let first = median((0..11).map(|k| {
        let settings =
            GradientDescentConfig { estimator: SpsaConfig::default(), descent: Spec::new("sgd").with("rate", 0.2).unwrap() };
        run(&space, <Spsa as Algorithm>::new(settings, &space, Key::new(k)).unwrap(), 4000, valley)
    }));
    assert!(second < 1e-10 && second < 1e-6 * first, "{second} and {first}");
}

#[test]
fn the_hessian_of_a_quadratic_is_found() {
    let space = Space::real(2).unwrap().starting_at(&Tensor::new(&[1.0, 2.0], &candle_core::Device::Cpu).unwrap()).unwrap();
    for (feedback, steps, tolerance) in [(true, 60, 1e-3), (false, 3000, 0.3)] {
        let config = Spsa2Config { calibration: 0, feedback, ..Spsa2Config::default() };
        let mut spsa2 = Spsa2::new(config, &space, Key::new(3)).unwrap();
        let mut objective = Function::new(space.clone(), |x| 2.0 * x[0] * x[0] - 1.5 * x[0] * x[1] + x[1] * x[1]);
        (0..steps).for_each(|_| assert!(spsa2.step(&mut objective).is_ok()));
        let found = State::of(&mut spsa2).unwrap().digest().unwrap().into_iter().find(|(name, _)| name == "hessian").unwrap().1;
        let found: Vec<f64> = found.into_iter().map(f64::from_bits).collect();
        assert!(found.iter().zip([4.0, -1.5, -1.5, 2.0]).all(|(h, expected)| (h - expected).abs() < tolerance), "{found:?}");
    }
}

#[test]
fn many_parameters_have_a_diagonal_and_a_whole_matrix_of_them_is_refused() {
    let space = Space::real(2001).unwrap();
    let full = Spsa2Config { hessian: Hessian::Full, ..Spsa2Config::default() };
    let refused = Spsa2::new(full.clone(), &space, Key::new(1)).err().unwrap();
    assert!(matches!(refused, Error::Invalid { field, .. } if field == "hessian"));
    Spsa2::new(full, &Space::real(5).unwrap(), Key::new(1)).unwrap();

    // Axes of very different steepness, whose curvatures the diagonal holds.
    let space =
        Space::real(200).unwrap().starting_at(&Tensor::ones(200, candle_core::DType::F64, &candle_core::Device::Cpu).unwrap());
    let space = space.unwrap();
    let axes = |x: &[f64]| x.iter().enumerate().map(|(i, x)| if i % 2 == 0 { 100.0 * x * x } else { x * x }).sum::<f64>();
    let config = Spsa2Config { a: 1.0.into(), ..Spsa2Config::default() };
    let lost = run(&space, Spsa2::new(config, &space, Key::new(1)).unwrap(), 20_000, axes);
    assert!(lost < 10.0, "{lost}, and it began at 10,100");
}

#[test]
fn a_failed_candidate_spoils_its_own_measurement_alone_and_blocking_refuses() {
    let space = Space::real(3).unwrap();
    let config = Spsa2Config { pairs: 4, calibration: 0, blocking: 2.0, ..Spsa2Config::default() };
    let mut spsa2 = Spsa2::new(config, &space, Key::new(2)).unwrap();
    let mut asked = 0;
    let mut objective = Function::new(space.clone(), |x| {
        asked += 1;
        if asked == 2 { f64::NAN } else { cubic(x) + x[2] }
    });
    assert_eq!(spsa2.step(&mut objective).unwrap().evaluations, 17);
    let moved = spsa2.answer().unwrap().to_vec1::<f64>().unwrap();
    assert!(moved != [0.0; 3] && moved.iter().all(|x| x.is_finite()));
    // Now every step leads up: the seventeenth candidate is the point after it.
    let mut candidate = 0;
    let mut rising = Function::new(space.clone(), |x| {
        candidate += 1;
        if candidate == 17 { 1e9 } else { cubic(x) }
    });
    spsa2.step(&mut rising).unwrap();
    assert_eq!(spsa2.answer().unwrap().to_vec1::<f64>().unwrap(), moved);
}
