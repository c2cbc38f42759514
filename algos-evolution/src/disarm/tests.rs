use candle_core::{DType, Device};
use moths_core::{Function, Leaf, Optimizer, Stop, minimize, optimizer::Algorithm};

use super::*;

kernel! { fn noises(u: out, z: out, one: uniform, other: normal) {
    u = one;
    z = other;
} }

fn mixed() -> Space {
    let leaves = vec![Leaf::bool("b", [3]), Leaf::real("r", [2]), Leaf::integer("n", [1], 0, 9), Leaf::category("c", [1], 1)];
    let start = Tensor::new(&[0.0, 1.0, 1.0, 0.5, -0.5, 4.0, 0.0], &Device::Cpu).unwrap();
    Space::with_dtype(leaves, DType::F64).unwrap().starting_at(&start).unwrap()
}

fn loss(x: &[f64]) -> f64 {
    2.0 * x[0] - x[1] + 3.0 * x[2] * x[0] + x[1] * x[2] + (x[3] - 0.2).powi(2) + x[4] * x[3] + (x[5] - 6.0).abs()
}

fn numbers(x: &Tensor) -> Vec<f64> {
    x.to_vec1().unwrap()
}

/// The estimate from what the objective saw, coordinate by coordinate, in parameter units.
#[test]
fn the_estimate_is_that_of_the_paper() {
    let (space, doubt, pairs) = (mixed(), 0.2, 3);
    let config = DisarmConfig { pairs, doubt, sigma: 0.3, levels: 2.0, shaping: Shaping::Raw, ..DisarmConfig::default() };
    let mut estimator = DisarmEstimator::new(config, &space, Key::new(2)).unwrap();
    let seen = std::sync::Mutex::new(vec![]);
    let mut objective = Function::new(space.clone(), |x| {
        seen.lock().unwrap().push((x.to_vec(), loss(x)));
        loss(x)
    });
    let estimate = estimator.estimate(&space.start(), &mut objective).unwrap();
    let g = numbers(&estimate.gradient.unwrap().dense().unwrap());
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.len(), 2 * pairs);
    let theta = (1.0f64 / doubt - 1.0).ln();
    // Σ (L − L̃) (c_j − c̃_j), in parameter units.
    let sums = |j: usize| seen.chunks(2).map(|pair| (pair[0].1 - pair[1].1) * (pair[0].0[j] - pair[1].0[j])).sum::<f64>();
    let near = |j: usize, expected: f64| assert!((g[j] - expected).abs() < 1e-12, "{j}: {} {expected}", g[j]);
    // The unit of a flag's coordinate is half a level, and 0 and 1 are 2 θ apart.
    (0..3).for_each(|j| near(j, theta * sums(j) / (2.0 * pairs as f64 * (1.0 + (-theta).exp()))));
    (3..5).for_each(|j| near(j, sums(j) / (0.6 * 0.3 * 2.0 * pairs as f64)));
    // Of the integer candidates show no more than what it is rounded to; what was drawn is drawn again.
    let (width, level) = (10.0 / 4.0, 0.4);
    let sigma = f64::max(0.3, 2.0 * level);
    let mut expected = 0.0;
    for (k, pair) in seen.chunks(2).enumerate() {
        let (mut u, mut z) = (space.zeros().unwrap(), space.zeros().unwrap());
        let key = Key::new(2).fold(0).fold(k as u64);
        noises(&mut u, &mut z, key.fold(0), key.fold(1)).unwrap();
        let z = numbers(&z)[5];
        let value = |sign: f64| (4.0 + sign * sigma * z * width).round().clamp(0.0, 9.0);
        assert_eq!((pair[0].0[5], pair[1].0[5]), (value(1.0), value(-1.0)));
        expected += (pair[0].1 - pair[1].1) * z / (2.0 * pairs as f64 * sigma);
    }
    near(5, expected);
    assert_eq!(g[6], 0.0, "what has one value moves nowhere");
    assert!(seen.iter().all(|(x, _)| x[6] == 0.0));
}

/// Over all draws, its mean is the gradient of the mean loss: enumerated for three flags.
#[test]
fn the_estimate_has_no_bias() {
    let space = Space::with_dtype(vec![Leaf::bool("b", [3])], DType::F64).unwrap();
    let start = Tensor::new(&[0.0, 1.0, 1.0], &Device::Cpu).unwrap();
    let space = space.starting_at(&start).unwrap();
    let f = |x: &[f64]| 2.0 * x[0] - x[1] + 3.0 * x[2] * x[0] + x[1] * x[2];
    let (doubt, theta) = (0.25, 3f64.ln());
    let config = DisarmConfig { pairs: 400, doubt, shaping: Shaping::Raw, ..DisarmConfig::default() };
    let mut estimator = DisarmEstimator::new(config, &space, Key::new(8)).unwrap();
    let (mut g, steps) = ([0.0; 3], 200);
    for _ in 0..steps {
        let estimate = estimator.estimate(&space.start(), &mut Function::new(space.clone(), f)).unwrap();
        let one = numbers(&estimate.gradient.unwrap().dense().unwrap());
        g.iter_mut().zip(one).for_each(|(g, one)| *g += one / f64::from(steps));
    }
    let p = [doubt, 1.0 - doubt, 1.0 - doubt];
    for j in 0..3 {
        let mut slope = 0.0;
        for bits in 0..8u32 {
            let b: Vec<f64> = (0..3).map(|i| f64::from(bits >> i & 1)).collect();
            let others: f64 = (0..3).filter(|i| *i != j).map(|i| if b[i] == 1.0 { p[i] } else { 1.0 - p[i] }).product();
            slope += f(&b) * others * if b[j] == 1.0 { 1.0 } else { -1.0 } * p[j] * (1.0 - p[j]);
        }
        let expected = slope * theta;
        assert!((g[j] - expected).abs() < 0.02, "{j}: {} {expected}", g[j]);
    }
}

#[test]
fn many_flags_are_nearly_all_right() {
    let space = Space::new(vec![Leaf::bool("b", [1000])]).unwrap();
    let mut zeros = Function::new(space.clone(), |x| x.iter().map(|x| 1.0 - x).sum());
    let config = <Disarm as Algorithm>::Config::default();
    let mut disarm = <Disarm as Algorithm>::new(config, &space, Key::new(1)).unwrap();
    let end = minimize(&mut disarm, &mut zeros, &Stop::evaluations(20_000)).unwrap();
    let wrong: f64 =
        numbers(&space.decode(&disarm.answer().unwrap()).unwrap().to_dtype(DType::F64).unwrap()).iter().map(|x| 1.0 - x).sum();
    assert!(wrong < 30.0 && end.tally.evaluations >= 20_000, "{wrong}");
}
