use candle_core::{DType, Tensor};
use moths_core::{Batch, Function, Leaf, Objective, Optimizer, Stop, minimize, optimizer::Algorithm};
use serde_json::Value;

use super::*;

/// What `reference/cma_es.py` wrote.
fn reference() -> Value {
    serde_json::from_str(include_str!("../../reference/cma_es.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn problem(name: &str) -> fn(&[f64]) -> f64 {
    match name {
        "sphere" => |x| x.iter().map(|x| (x - 1.0).powi(2)).sum(),
        "ellipsoid" => |x| {
            let last = (x.len() - 1) as f64;
            x.iter().enumerate().map(|(i, x)| 10f64.powf(6.0 * i as f64 / last) * (x - 1.0).powi(2)).sum()
        },
        _ => |x| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum(),
    }
}

/// The noise of the script.
struct Normals(u64);

impl Normals {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn next(&mut self) -> f64 {
        let length = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        length * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[test]
fn ten_generations_are_pycmas() {
    for expected in reference()["with_noise"].as_array().unwrap() {
        let d = expected["dim"].as_u64().unwrap() as usize;
        let space = Space::real(d).unwrap();
        let mut es = CmaEs::new(CmaEsConfig { sigma: 0.5, ..CmaEsConfig::default() }, &space, Key::new(0)).unwrap();
        let (mut noise, mut objective) = (Normals(1), Function::new(space, problem("rosenbrock")));
        for _ in 0..10 {
            es.distribution.scratch.z.fill_with(|| noise.next());
            es.distribution.place(&es.mean, Key::new(0)).unwrap();
            let points = Batch::Dense(es.distribution.scratch.x.clone());
            let losses = (&mut objective as &mut dyn Objective).losses(&points).unwrap();
            es.learn(&losses, false).unwrap();
        }
        let close = |got: &[f64], expected: &[f64]| {
            let size = expected.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            let apart = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(got.len() == expected.len() && apart < 1e-10 * size, "{d}-D: {:e} apart", apart / size);
        };
        let (mean, es) = (es.mean, es.distribution);
        close(&mean, &numbers(&expected["mean"]));
        close(&[es.sigma], &[expected["sigma"].as_f64().unwrap()]);
        close(&es.matrix.covariance().unwrap(), &numbers(&expected["c"]));
    }
}

#[test]
fn it_needs_as_many_evaluations_as_pycma() {
    for run in reference()["runs"].as_array().unwrap() {
        let (name, d) = (run["problem"].as_str().unwrap(), run["dim"].as_u64().unwrap() as usize);
        let space = Space::real(d).unwrap();
        let mut used: Vec<u64> = (0..11)
            .map(|seed| {
                let mut es = CmaEs::new(CmaEsConfig::default(), &space, Key::new(seed)).unwrap();
                let stop = Stop::evaluations(100_000).or_target(1e-9);
                minimize(&mut es, &mut Function::new(space.clone(), problem(name)), &stop).unwrap().tally.evaluations
            })
            .collect();
        used.sort_unstable();
        let theirs = numbers(&run["evaluations"])[5];
        println!("| `cma-es` | {name} | {d} | {} | {theirs} |", used[5]);
        assert!((used[5] as f64 / theirs - 1.0).abs() < 0.1, "{name} in {d}-D: {used:?} against a median of {theirs}");
    }
}

/// The paper's equations by hand, from a start where Σ = I.
#[test]
fn adapted_rates_take_part_of_the_plain_step() {
    let space = Space::real(6).unwrap();
    let build = |learning_rate| CmaEs::new(CmaEsConfig { learning_rate, ..CmaEsConfig::default() }, &space, Key::new(4)).unwrap();
    let (mut plain, mut adapted) = (build(LearningRate::Fixed), build(LearningRate::Adapted));
    plain.step(&mut Function::new(space.clone(), problem("ellipsoid"))).unwrap();
    adapted.step(&mut Function::new(space.clone(), problem("ellipsoid"))).unwrap();
    // E = β Δ̃ and V = β ‖Δ̃‖² after one step, so that the SNR is β/(2 − β), whatever Δ̃ is.
    let eta = |beta: f64, most: f64| (most * (beta / (2.0 - beta) / 1.4 - 1.0)).exp();
    let (eta_m, eta_sigma) = (eta(0.1, 0.1), eta(0.03, 0.03));
    assert!(plain.mean.iter().zip(&adapted.mean).all(|(plain, adapted)| (eta_m * plain - adapted).abs() < 1e-12));
    let (plain, adapted) = (plain.distribution, adapted.distribution);
    let c = plain.matrix.covariance().unwrap();
    let sigma: Vec<f64> = (0..36)
        .map(|at| {
            let identity = f64::from(u8::from(at % 7 == 0));
            identity + eta_sigma * (plain.sigma.powi(2) * c[at] - identity)
        })
        .collect();
    let factor = adapted.sigma * eta_m;
    for (at, c) in adapted.matrix.covariance().unwrap().iter().enumerate() {
        assert!((factor * factor * c - sigma[at]).abs() < 1e-12);
    }
    assert!(adapted.matrix.axes.iter().map(|a| a.ln()).sum::<f64>().abs() < 1e-12);
}

#[test]
fn adapted_rates_see_through_noise() {
    let space = Space::real(10).unwrap();
    let loss = problem("sphere");
    let end = |learning_rate| {
        let mut ends: Vec<f64> = (0..5)
            .map(|seed| {
                let config = CmaEsConfig { learning_rate, ..CmaEsConfig::default() };
                let mut es = CmaEs::new(config, &space, Key::new(seed)).unwrap();
                let mut noise = Normals(seed);
                let mut objective = Function::new(space.clone(), |x| loss(x) + noise.next());
                for _ in 0..5000 {
                    es.step(&mut objective).unwrap();
                }
                loss(&es.mean)
            })
            .collect();
        ends.sort_by(f64::total_cmp);
        ends[2]
    };
    let (fixed, adapted) = (end(LearningRate::Fixed), end(LearningRate::Adapted));
    assert!(adapted < 0.05 && adapted < 0.1 * fixed, "{adapted} against {fixed}");
}

#[test]
fn the_margin_solves_a_mixed_problem_on_which_plain_steps_freeze() {
    let leaves = vec![Leaf::real("x", [5]).dtype(DType::F64), Leaf::bool("bits", [5])];
    let space = Space::with_dtype(leaves, DType::F64).unwrap();
    let start = Tensor::from_slice(&[2.0, 2.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0], 10, space.device()).unwrap();
    let space = space.starting_at(&start).unwrap();
    // A sphere, and the number of bits before the first 0 (`SphereLeadingOnes` of the paper).
    let loss = |x: &[f64]| {
        let leading = x[5..].iter().take_while(|bit| **bit == 1.0).count();
        x[..5].iter().map(|x| x * x).sum::<f64>() + 5.0 - leading as f64
    };
    let solved = |margin: bool| {
        let is_solved = |seed: &u64| {
            let mut es = CmaEs::new(CmaEsConfig::default(), &space, Key::new(*seed)).unwrap();
            if !margin {
                es.distribution.margin = Margin::new(&Space::real(10).unwrap(), 10);
            }
            let stop = Stop::evaluations(20_000).or_target(1e-9);
            minimize(&mut es, &mut Function::new(space.clone(), loss), &stop).unwrap().tally.lowest <= 1e-9
        };
        (0..11).filter(is_solved).count()
    };
    let (with, without) = (solved(true), solved(false));
    assert!(with == 11 && without < 6, "{with} and {without} of 11");
}

/// A suggestion far away is evaluated as it stands, and learnt as a step no longer than one that might have been drawn.
#[test]
fn suggestions_are_learnt_from_as_steps_of_bounded_length() {
    let (space, d) = (Space::real(3).unwrap(), 3.0f64);
    let mut search = CmaEs::new(CmaEsConfig::default(), &space, Key::new(1)).unwrap();
    let far = CowTensor::new(candle_core::Tensor::new(&[100.0f64, 0.0, -100.0], &candle_core::Device::Cpu).unwrap());
    search.suggest(&Batch::one(&far).unwrap()).unwrap();
    let mut best = 0;
    let mut objective = Function::new(space.clone(), |x| {
        best += usize::from(x == [100.0, 0.0, -100.0]);
        (x[0] - 100.0).abs() + x[1].abs() + (x[2] + 100.0).abs()
    });
    let report = search.step(&mut objective).unwrap();
    assert_eq!((report.loss, best), (0.0, 1));
    // y of the best candidate, the last one: √d + 2d/(d + 2) long, towards the suggestion.
    let lambda = search.distribution.constants.lambda;
    let y = &search.distribution.scratch.rows[(lambda - 1) * 3..lambda * 3];
    let longest = d.sqrt() + 2.0 * d / (d + 2.0);
    assert!((y.iter().map(|y| y * y).sum::<f64>().sqrt() - longest).abs() < 1e-12, "{y:?}");
    assert!((y[0] + y[2]).abs() < 1e-12 && y[0] > 0.0 && search.mean[0] > 0.0 && search.mean[2] < 0.0);
    // The next step has candidates of its own only.
    best = 0;
    let mut objective = Function::new(space, |x| {
        best += usize::from(x == [100.0, 0.0, -100.0]);
        x[0]
    });
    search.step(&mut objective).unwrap();
    assert_eq!(best, 0);
}
