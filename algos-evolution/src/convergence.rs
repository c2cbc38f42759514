//! Evaluations to a target on the functions that papers report: what the tests of convergence measure.

use moths_core::{Function, Key, Space, Stop, minimize, optimizer::Algorithm};

/// A function whose lowest value, 0, is at (1, .., 1).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Problem {
    /// Σ (x − 1)².
    Sphere,
    /// Σ 10^{6 i/(d − 1)} (x_i − 1)².
    Ellipsoid,
    /// Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)².
    Rosenbrock,
}

impl Problem {
    /// Its value.
    pub(crate) fn at(self, x: &[f64]) -> f64 {
        let last = (x.len() - 1) as f64;
        match self {
            Self::Sphere => x.iter().map(|x| (x - 1.0).powi(2)).sum(),
            Self::Ellipsoid => x.iter().enumerate().map(|(i, x)| 10f64.powf(6.0 * i as f64 / last) * (x - 1.0).powi(2)).sum(),
            Self::Rosenbrock => x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum(),
        }
    }
}

/// Fails unless the median of 11 seeds of the evaluations to 1e-9, from 0 with default settings, is within 20 % of `reference`.
pub(crate) fn check<A: Algorithm>(problem: Problem, dim: usize, reference: u64) {
    let space = Space::real(dim).unwrap();
    let mut used: Vec<u64> = (0..11)
        .map(|seed| {
            let mut optimizer = A::new(A::Config::default(), &space, Key::new(seed)).unwrap();
            let stop = Stop::evaluations(10 * reference).or_target(1e-9);
            let mut objective = Function::new(space.clone(), |x| problem.at(x));
            minimize(&mut optimizer, &mut objective, &stop).unwrap().tally.evaluations
        })
        .collect();
    used.sort_unstable();
    let ratio = used[5] as f64 / reference as f64;
    println!("| `{}` | {problem:?} | {dim} | {} | {reference} |", A::META.id, used[5]);
    assert!((0.8..1.2).contains(&ratio), "{problem:?} in {dim}-D: {used:?}, median {} times {reference}", ratio);
}
