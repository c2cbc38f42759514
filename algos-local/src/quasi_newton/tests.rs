//! Steps by hand, and where the end of the road is.

use moths_core::{Function, Key, Optimizer, Space, Stop, minimize, optimizer::Algorithm};

use super::*;

fn answer(search: &QuasiNewton, space: &Space) -> Vec<f64> {
    space.decode(&search.answer().unwrap()).unwrap().to_vec1().unwrap()
}

#[test]
fn the_first_two_steps_are_those_of_the_equations() {
    // f = x² + 4 y² from (1, 1): g = (2, 8), and p = −g/|g| with a reach of 1.
    let (space, start) = (Space::real(2).unwrap(), [1.0, 1.0]);
    let space = space.starting_at(&candle_core::Tensor::new(&start, &candle_core::Device::Cpu).unwrap()).unwrap();
    let f = |x: &[f64]| x[0] * x[0] + 4.0 * x[1] * x[1];
    let config = QuasiNewtonConfig { reach: 1.0, ..Default::default() };
    let mut search = QuasiNewton::new(config, &space, Key::new(0)).unwrap();
    let mut objective = Function::new(space.clone(), f);
    let report = search.step(&mut objective).unwrap();
    let length = 68f64.sqrt();
    let one = [1.0 - 2.0 / length, 1.0 - 8.0 / length];
    assert_eq!(report.evaluations, 3 + 1 + 2, "f and g, one point on the line, g at its end");
    answer(&search, &space).iter().zip(one).for_each(|(x, by_hand)| assert!((x - by_hand).abs() < 1e-7));

    // B = 3·10⁴/|g| I, then the update with s = p and y = (2 s_1, 8 s_2).
    let (s, y) = ([-2.0 / length, -8.0 / length], [-4.0 / length, -64.0 / length]);
    let (b, sy) = (3e4 / length, s[0] * y[0] + s[1] * y[1]);
    let by = [b * y[0], b * y[1]];
    let factor = (1.0 + (y[0] * by[0] + y[1] * by[1]) / sy) / sy;
    let entry = |i: usize, j: usize| f64::from(u8::from(i == j)) * b + factor * s[i] * s[j] - (s[i] * by[j] + by[i] * s[j]) / sy;
    let g = [2.0 * one[0], 8.0 * one[1]];
    let p = [0, 1].map(|i| -entry(i, 0) * g[0] - entry(i, 1) * g[1]);
    let (slope, bend) = (g[0] * p[0] + g[1] * p[1], p[0] * p[0] + 4.0 * p[1] * p[1]);
    // α = 1 is too far, as B was made too large: the minimum of the parabola is exact on a quadratic.
    let alpha = -0.5 * slope / bend;
    assert!(alpha < 0.5, "{alpha}");
    search.step(&mut objective).unwrap();
    let two = [0, 1].map(|i| one[i] + alpha * p[i]);
    answer(&search, &space).iter().zip(two).for_each(|(x, by_hand)| assert!((x - by_hand).abs() < 1e-5, "{x} {by_hand}"));
}

/// How many evaluations it takes to this loss.
fn evaluations(space: &Space, f: impl FnMut(&[f64]) -> f64 + Send, target: f64, most: u64) -> Option<u64> {
    let mut search = QuasiNewton::new(QuasiNewtonConfig::default(), space, Key::new(0)).unwrap();
    let stop = Stop::evaluations(most).or_target(target);
    let end = minimize(&mut search, &mut Function::new(space.clone(), f), &stop).unwrap();
    (end.tally.lowest <= target).then_some(end.tally.evaluations)
}

#[test]
fn it_converges_faster_than_linearly() {
    let rosenbrock = |x: &[f64]| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum();
    let start = candle_core::Tensor::new(&[-1.2, 1.0], &candle_core::Device::Cpu).unwrap();
    let space = Space::real(2).unwrap().starting_at(&start).unwrap();
    let [near, nearer] = [1e-4, 1e-8].map(|target| evaluations(&space, rosenbrock, target, 1000).unwrap());
    // scipy 1.17 takes 103 and 112 with its BFGS.
    assert!(nearer <= 160 && nearer - near <= 15, "{near} and {nearer}");
}

#[test]
fn it_goes_around_what_fails_beside_the_start() {
    let space = Space::bounded([(-5.0, 5.0); 3]).unwrap();
    let bowl = |x: &[f64]| x.iter().map(|x| (x + 1.0) * (x + 1.0)).sum::<f64>();
    // All points above the start fail in the first coordinate, and with it those of forward differences.
    let half = |x: &[f64]| if x[0] > 0.0 { f64::NAN } else { bowl(x) };
    assert!(evaluations(&space, half, 1e-10, 200).is_some());
    let hole = |x: &[f64]| if x.iter().all(|x| x.abs() < 1.0) { f64::NAN } else { bowl(x) };
    assert!(evaluations(&space, hole, 1e-10, 300).is_some());
}

#[test]
fn at_a_wall_the_others_go_on_as_if_there_were_no_more() {
    // The minimum of (x + y − 3)² + (x − y)²/10 + 10 x in the box is where x = 0.
    let space = Space::bounded([(0.0, 4.0), (0.0, 4.0)]).unwrap();
    let f = |x: &[f64]| (x[0] + x[1] - 3.0).powi(2) + 0.1 * (x[0] - x[1]).powi(2) + 10.0 * x[0];
    let mut search = QuasiNewton::new(QuasiNewtonConfig::default(), &space, Key::new(0)).unwrap();
    let end = minimize(&mut search, &mut Function::new(space.clone(), f), &Stop::evaluations(150)).unwrap();
    let answer = answer(&search, &space);
    assert!(end.tally.evaluations < 150, "it has converged");
    assert!(answer[0] == 0.0 && (answer[1] - 3.0 / 1.1).abs() < 1e-7, "{answer:?}");
}

#[test]
fn rounding_of_losses_is_noticed() {
    let space = Space::bounded([(-5.0, 5.0); 4]).unwrap();
    // A model in f32, behind a search in f64: differences over 1e-8 are nothing but rounding.
    let single = |x: &[f64]| {
        let parts = x.iter().enumerate().map(|(i, x)| (i as f32 + 1.0) * (*x as f32 - 1.5).powi(2));
        f64::from(10.0 + parts.sum::<f32>())
    };
    let mut search = QuasiNewton::new(QuasiNewtonConfig::default(), &space, Key::new(0)).unwrap();
    let end = minimize(&mut search, &mut Function::new(space.clone(), single), &Stop::evaluations(2000)).unwrap();
    assert!(end.tally.lowest < 10.00001 && end.tally.evaluations < 2000, "{}", end.tally.lowest);
    assert!(answer(&search, &space).iter().all(|x| (x - 1.5).abs() < 3e-3));
}

#[test]
fn spaces_whose_matrix_is_too_large_are_refused() {
    let refusal = QuasiNewton::new(QuasiNewtonConfig::default(), &Space::real(11_586).unwrap(), Key::new(0)).err();
    assert!(matches!(refusal, Some(Error::Unsupported { .. })));
}
