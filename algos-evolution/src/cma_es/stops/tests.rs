use crate::cma_es::CmaEsConfig;
use moths_core::{Error, Function, Key, Optimizer, Space, optimizer::Algorithm};

use super::*;

fn new(sigma: f64, dim: usize) -> CmaEs {
    CmaEs::new(CmaEsConfig { sigma, ..CmaEsConfig::default() }, &Space::real(dim).unwrap(), Key::new(3)).unwrap()
}

/// Why a run on `f` ends, and after how many generations.
fn end(es: &mut CmaEs, f: impl Fn(&[f64]) -> f64 + Send) -> (&'static str, u64) {
    let mut objective = Function::new(es.space.clone(), f);
    for generation in 1..20_000 {
        if let Some(reason) = es.step(&mut objective).unwrap().converged {
            return (reason.split(':').next().unwrap(), generation);
        }
    }
    panic!("no end");
}

fn squares(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2)).sum()
}

/// Numbers that say nothing of x.
fn lottery(x: &[f64]) -> f64 {
    let bits = x.iter().fold(0u64, |bits, x| (bits ^ x.to_bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29));
    (bits >> 11) as f64
}

#[test]
fn every_criterion_ends_the_run_it_is_for() {
    assert_eq!(end(&mut new(1.0, 5), squares).0, "tol-fun");
    // Losses that differ where points hardly do.
    assert_eq!(end(&mut new(1.0, 5), |x| squares(x).powf(0.02)).0, "tol-x");
    assert_eq!(end(&mut new(1e-3, 5), |x| x[0]).0, "tol-x-up");
    assert_eq!(end(&mut new(1.0, 2), |x| (x[0] - 1.0).powi(2) + 1e17 * (x[1] - 1.0).powi(2)).0, "condition-cov");
    // λ = 8 in 5-D: 10 + ⌈150/8⌉ generations.
    assert_eq!(end(&mut new(1.0, 5), |_| 7.0), ("equal-fun-values", 29));
    let (reason, generation) = end(&mut new(1.0, 5), lottery);
    assert_eq!(reason, "stagnation");
    assert!(generation >= 139, "{generation} are fewer than 120 + ⌈150/8⌉");
}

#[test]
fn a_step_that_rounding_swallows_ends_the_run() {
    let mut es = new(8e-16, 5);
    assert_eq!(es.without_effect().unwrap(), None, "around 0 the smallest step changes something");
    es.m.fill(1.0);
    let reason = es.without_effect().unwrap().unwrap();
    assert!(reason.starts_with("no-effect-axis"), "{reason}: half of what is told from 1 lies between .1 σ and .2 σ");
    es.m[3] = 8.0;
    let reason = es.without_effect().unwrap().unwrap();
    assert!(reason.starts_with("no-effect-coord"), "{reason}");
}

#[test]
fn matrices_beyond_memory_are_refused_and_the_method_to_take_is_named() {
    let refused = CmaEs::new(CmaEsConfig::default(), &Space::real(10_000).unwrap(), Key::new(1)).err().unwrap();
    assert!(matches!(refused, Error::Unsupported { .. }) && refused.to_string().contains("sep-cma-es"), "{refused}");
}
