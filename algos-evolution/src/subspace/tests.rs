use super::*;
use moths_core::Error;
use moths_core::{
    Key, Sampler,
    persist::{Keep, State},
};

fn space(d: usize, dtype: DType) -> Space {
    Space::with_dtype(vec![moths_core::Leaf::real("x", [d])], dtype).unwrap()
}

fn vector(x: &[f64], space: &Space) -> CowTensor {
    CowTensor::new(Tensor::new(x, space.device()).unwrap().to_dtype(space.dtype()).unwrap())
}

fn rows(basis: &CowTensor) -> Vec<Vec<f64>> {
    host::to_f64s(basis).unwrap().chunks(basis.dims()[1]).map(Vec::from).collect()
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn assert_orthonormal(basis: &CowTensor, rounding: f64) {
    let u = rows(basis);
    for (i, a) in u.iter().enumerate() {
        for (j, b) in u.iter().enumerate() {
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((inner(a, b) - expected).abs() < rounding, "rows {i} and {j}: {}", inner(a, b));
        }
    }
}

#[test]
fn there_is_no_subspace_before_the_first_gradient() {
    let mut past = Past::new(&space(4, DType::F64), 3).unwrap();
    assert!(past.span().unwrap().is_none() && past.principal(0.9, 0.9).unwrap().is_none());
    let zero = vector(&[0.0; 4], &space(4, DType::F64));
    past.remember(&zero).unwrap();
    past.remember(&vector(&[f64::NAN; 4], &space(4, DType::F64))).unwrap();
    assert!(past.span().unwrap().is_none() && past.seen() == 0);
}

#[test]
fn the_newest_gradients_span_the_subspace_once_each() {
    for (dtype, rounding) in [(DType::F32, 1e-6), (DType::F64, 1e-14)] {
        let space = space(4, dtype);
        let mut past = Past::new(&space, 3).unwrap();
        // The first is forgotten, the last but one adds nothing to the last.
        for g in [[0.0, 0.0, 0.0, 1.0], [1e-9, 1e-9, 0.0, 0.0], [3e9, 0.0, 0.0, 0.0], [-7.0, 0.0, 0.0, 0.0]] {
            past.remember(&vector(&g, &space)).unwrap();
        }
        let u = rows(&past.span().unwrap().unwrap());
        assert_eq!(u.len(), 2, "{u:?}");
        for (u, expected) in u.iter().zip([[-1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]) {
            assert!(u.iter().zip(expected).all(|(a, b)| (a - b).abs() < rounding), "{u:?}");
        }
    }
}

#[test]
fn nearly_dependent_gradients_have_an_orthonormal_basis() {
    for (dtype, rounding, apart) in [(DType::F32, 1e-5, 1e-2), (DType::F64, 1e-13, 1e-5)] {
        let space = space(700, dtype);
        let mut past = Past::new(&space, 12).unwrap();
        for k in 0..12 {
            let mut g = vector(&[1.0; 700], &space);
            Sampler::Normal.add(Key::new(k), apart, &mut g).unwrap();
            past.remember(&g).unwrap();
        }
        let u = past.span().unwrap().unwrap();
        assert_eq!(u.dims(), [12, 700]);
        assert_orthonormal(&u, rounding);
        assert_orthonormal(&past.principal(0.9, 1.0).unwrap().unwrap(), rounding);
    }
}

/// Σ u = λ u for the dense matrix, with the largest λ, and as many as the share needs.
#[test]
fn principal_components_are_eigenvectors_of_the_decayed_covariance() {
    let (d, memory, decay) = (6, 4, 0.8f64);
    for (dtype, rounding) in [(DType::F32, 1e-5), (DType::F64, 1e-12)] {
        let space = space(d, dtype);
        let mut past = Past::new(&space, memory).unwrap();
        let mut covariance = vec![0.0; d * d];
        for k in 0..7 {
            let mut g = space.zeros().unwrap();
            Sampler::Normal.add(Key::new(k), 10f64.powi(k as i32 % 2), &mut g).unwrap();
            past.remember(&g).unwrap();
            let g = host::to_f64s(&g).unwrap();
            if k >= 3 {
                let weight = decay.powi(6 - k as i32);
                (0..d * d).for_each(|n| covariance[n] += weight * g[n / d] * g[n % d]);
            }
        }
        let trace: f64 = (0..d).map(|i| covariance[i * d + i]).sum();
        for share in [0.5, 0.99, 1.0] {
            let u = past.principal(decay, share).unwrap().unwrap();
            assert_orthonormal(&u, rounding);
            let mut values = vec![];
            for u in rows(&u) {
                let image: Vec<f64> = covariance.chunks(d).map(|row| inner(row, &u)).collect();
                values.push(inner(&image, &u));
                let value = values[values.len() - 1];
                let close = image.iter().zip(&u).all(|(a, u)| (a - value * u).abs() < rounding * trace);
                assert!(close, "{image:?} is not {value} times {u:?}");
            }
            assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
            let held: f64 = values.iter().sum();
            assert!(
                held >= (share - rounding) * trace && held - values[values.len() - 1] < share * trace,
                "{values:?} of {trace}"
            );
        }
    }
}

/// The point of guidance. In d dimensions the estimate from n isotropic pairs has a cosine of about √(n/(d + n)) with the gradient of a
/// linear function; along the only direction of a subspace, half of every perturbation's square says what the gradient is.
#[test]
fn a_subspace_with_the_gradient_in_it_makes_the_estimate_better() {
    let (d, space) = (200, space(200, DType::F64));
    let mut u = space.zeros_for(1).unwrap();
    Sampler::Sphere.add(Key::new(1), 1.0 / (d as f64).sqrt(), &mut u).unwrap();
    let slope = host::to_f64s(&u).unwrap();
    let mut objective = moths_core::Function::new(space.clone(), |x| inner(x, &slope));
    let mut cosine = |basis: Option<&CowTensor>, alpha: f64| -> f64 {
        let mut of = |seed: u64| {
            let (key, draws) = (Key::new(seed), moths_core::optimizer::DataDraws::Shared);
            let pairs = Antithetic { key, pairs: 4, scale: 0.1, sampler: Sampler::Normal, draws };
            let guided = Guided::new(pairs, basis, alpha, &space);
            let losses = moths_core::Objective::evaluate(&mut objective, &guided.batch(&space.start())).unwrap();
            let g = host::to_f64s(&guided.gradient(&losses, &space).unwrap().unwrap()).unwrap();
            inner(&g, &slope) / inner(&g, &g).sqrt()
        };
        (0..100).map(&mut of).sum::<f64>() / 100.0
    };
    let (blind, guided) = (cosine(None, 1.0), cosine(Some(&u), 0.5));
    assert!((0.12..0.16).contains(&blind), "{blind} where √(4/204) is expected");
    assert!((0.7..1.0).contains(&guided), "{guided}");
}

#[test]
fn a_state_with_another_memory_is_refused() {
    let space = space(3, DType::F64);
    let state = State::of(&mut Past::new(&space, 2).unwrap()).unwrap();
    let mut past = Past::new(&space, 3).unwrap();
    assert!(matches!(state.restore(&mut past, Keep::Nothing), Err(Error::State { .. })));
    past.remember(&vector(&[1.0, 0.0, 0.0], &space)).unwrap();
    assert_eq!(past.span().unwrap().unwrap().dims(), [1, 3]);
}
