use super::*;
use moths_core::{Function, Stop, minimize};

fn bowl(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(j, x)| (j + 1) as f64 * (x - 1.0).powi(2)).sum()
}

/// Loss, x, s.
type Parent = (f64, Vec<f64>, Vec<f64>);

fn drawn(key: Key, shape: (usize, usize)) -> Vec<Vec<f64>> {
    let mut z = CowTensor::new(Tensor::zeros(shape, candle_core::DType::F64, &candle_core::Device::Cpu).unwrap());
    normals(&mut z, 1.0, key).unwrap();
    z.to_vec2().unwrap()
}

#[test]
fn steps_are_those_of_the_equations() {
    for (step_sizes, plus) in [(StepSizes::One, false), (StepSizes::Each, true)] {
        let (space, key, d, mu, lambda) = (Space::real(3).unwrap(), Key::new(8), 3usize, 3, 9);
        let config =
            EsConfig { population: Some(lambda), parents: Some(mu), mixed: None, plus, step_sizes, ..EsConfig::default() };
        let mut ours = Es::new(config, &space, key).unwrap();
        let mut parents: Vec<Parent> = vec![(f64::INFINITY, vec![0.0; d], vec![1.0; d]); mu];
        for t in 0..6 {
            let key = key.fold(t);
            let mean = |j: usize, of: fn(&Parent) -> &Vec<f64>| parents.iter().map(|p| of(p)[j]).sum::<f64>() / mu as f64;
            let (own, z) =
                (drawn(key.fold(2), (lambda, if step_sizes == StepSizes::One { 1 } else { d })), drawn(key.fold(3), (lambda, d)));
            let common = drawn(key.fold(4), (1, lambda));
            let mut all: Vec<_> = (0..lambda)
                .map(|k| {
                    let rate = |j: usize| match step_sizes {
                        StepSizes::One => own[k][0] / 6f64.sqrt(),
                        StepSizes::Each => common[0][k] / 6f64.sqrt() + own[k][j] / (2.0 * 3f64.sqrt()).sqrt(),
                    };
                    let s: Vec<f64> = (0..d).map(|j| mean(j, |p| &p.2) * rate(j).exp()).collect();
                    let x: Vec<f64> = (0..d).map(|j| mean(j, |p| &p.1) + s[j] * z[k][j]).collect();
                    (bowl(&x), x, s)
                })
                .collect();
            if plus {
                all.extend(parents.clone());
            }
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            parents = all[..mu].to_vec();
            ours.step(&mut Function::new(space.clone(), bowl)).unwrap();
            for (x, parent) in ours.x.to_vec2::<f64>().unwrap().iter().zip(&parents) {
                assert!(x.iter().zip(&parent.1).all(|(a, b)| (a - b).abs() < 1e-9), "{step_sizes:?} in step {t}");
            }
        }
    }
}

#[test]
fn every_kind_finds_the_optimum_of_a_bowl() {
    let space = Space::real(10).unwrap();
    for (plus, step_sizes, mixed) in [
        (false, StepSizes::One, None),
        (true, StepSizes::One, None),
        (false, StepSizes::Each, None),
        (false, StepSizes::One, Some(2)),
    ] {
        let config = EsConfig { plus, step_sizes, mixed, ..EsConfig::default() };
        let mut es = Es::new(config.clone(), &space, Key::new(1)).unwrap();
        let stop = Stop::evaluations(60_000).or_target(1e-9);
        let end = minimize(&mut es, &mut Function::new(space.clone(), bowl), &stop).unwrap();
        assert!(end.tally.lowest <= 1e-9, "{config:?}: {}", end.tally.lowest);
    }
}

#[test]
fn a_family_is_of_different_parents() {
    for family in families(50, 6, 4, &mut Key::new(1).stream()) {
        let mut sorted = family.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!((sorted.len(), family.len()), (4, 4));
    }
}
