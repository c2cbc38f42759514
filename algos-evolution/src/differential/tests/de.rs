//! `de` beside the equations of its module, point by point, on the same random numbers.

use moths_core::{
    Function, Key, Optimizer, Space,
    optimizer::{Algorithm, Init},
};
use rand::RngExt;

use super::{Exponentials, other, repaired, ridge};
use crate::de::{Crossover, De, DeConfig, Strategy};

const N: usize = 8;
const D: usize = 5;

/// All trials of a step from `x` with the losses `f`.
fn trials(config: &DeConfig, x: &[Vec<f64>], f: &[f64], key: Key, bounds: Option<(f64, f64)>) -> Vec<Vec<f64>> {
    let (mut stream, mut exponentials) = (key.fold(1).stream(), Exponentials::new(key.fold(2).fold(0)));
    let mut order: Vec<usize> = (0..N).collect();
    order.sort_by(|a, b| f[*a].total_cmp(&f[*b]));
    (0..N)
        .map(|i| {
            let mut r = vec![i];
            for _ in 0..1 + 2 * config.differences {
                r.push(other(&mut stream, N, &r));
            }
            let (base, goal) = match config.strategy {
                Strategy::Rand => (r[1], r[1]),
                Strategy::Best => (order[0], order[0]),
                Strategy::CurrentToBest => (i, order[0]),
                // p n = 0.3 · 8 is nearest to two.
                Strategy::CurrentToPbest => (i, order[stream.random_range(0..2)]),
            };
            let from = stream.random_range(0..D);
            let taken = match config.crossover {
                Crossover::Binomial => exponentials.taken(config.crossover_rate, from, D),
                Crossover::Exponential => {
                    let (mut taken, u) = (vec![false; D], 1.0 - stream.random::<f64>());
                    let mut k = 0;
                    // One more while u < CRᵏ.
                    while k < D && (k == 0 || u < config.crossover_rate.powi(k as i32)) {
                        taken[(from + k) % D] = true;
                        k += 1;
                    }
                    taken
                }
            };
            (0..D)
                .map(|j| {
                    let mut v =
                        x[base][j] + config.weight * (x[goal][j] - x[base][j]) + config.weight * (x[r[2]][j] - x[r[3]][j]);
                    if config.differences == 2 {
                        v += config.weight * (x[r[4]][j] - x[r[5]][j]);
                    }
                    if taken[j] { repaired(v, x[i][j], bounds) } else { x[i][j] }
                })
                .collect()
        })
        .collect()
}

fn agrees(config: &DeConfig, space: &Space, bounds: Option<(f64, f64)>) {
    let key = Key::new(9);
    let mut de = De::new(config.clone(), space, key).unwrap();
    let rows = |de: &De| de.population.points().to_vec2::<f64>().unwrap();
    let mut x = rows(&de);
    // One unit of the search is a quarter of an interval.
    let unit = bounds.map_or(1.0, |(lower, upper)| (upper - lower) / 4.0);
    let loss = |x: &Vec<f64>| ridge(&x.iter().map(|x| x * unit).collect::<Vec<_>>());
    let mut f: Vec<f64> = x.iter().map(loss).collect();
    let mut objective = Function::new(space.clone(), ridge);
    de.step(&mut objective).unwrap();
    for t in 1..6 {
        let u = trials(config, &x, &f, key.fold(t), bounds.map(|(lower, upper)| (lower / unit, upper / unit)));
        for (i, u) in u.into_iter().enumerate() {
            if loss(&u) <= f[i] {
                (f[i], x[i]) = (loss(&u), u);
            }
        }
        de.step(&mut objective).unwrap();
        assert_eq!(rows(&de), x, "{config:?} in step {t}");
    }
}

#[test]
fn steps_are_those_of_the_paper_whatever_the_strategy() {
    let (free, box_) = (Space::real(D).unwrap(), Space::bounded([(-0.5, 1.5); D]).unwrap());
    for strategy in [Strategy::Rand, Strategy::Best, Strategy::CurrentToBest, Strategy::CurrentToPbest] {
        for (differences, crossover) in
            [(1, Crossover::Binomial), (2, Crossover::Binomial), (1, Crossover::Exponential), (2, Crossover::Exponential)]
        {
            for crossover_rate in [0.0, 0.3, 0.8, 1.0] {
                let population = Some(N);
                let config = DeConfig {
                    population: population.map(Into::into),
                    strategy,
                    differences,
                    crossover,
                    crossover_rate,
                    weight: 0.7,
                    best_fraction: 0.3,
                    init: Init::Around,
                };
                agrees(&config, &free, None);
                agrees(&config, &box_, Some((-0.5, 1.5)));
            }
        }
    }
}

#[test]
fn two_differences_need_six_points() {
    let config = DeConfig { population: Some(5.into()), differences: 2, ..DeConfig::default() };
    let refused = De::new(config, &Space::real(3).unwrap(), Key::new(1)).err().unwrap().to_string();
    assert_eq!(refused, "population = 5: at least 6 at every step");
}
