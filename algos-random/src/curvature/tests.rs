use super::*;
use moths_core::{Key, Leaf, Sampler};

/// H = [[2, -1, 0], [-1, 3, 0.5], [0, 0.5, -1]] as q of perturbations.
fn measured(count: u64, noise: f64) -> Vec<Measured> {
    let space = Space::real(3).unwrap();
    let one = |k: u64| {
        let key = Key::new(4).fold(k);
        let (mut first, mut second, mut error) = (space.zeros().unwrap(), space.zeros().unwrap(), [0.0]);
        Sampler::Rademacher.fill(key.fold(0), &mut first).unwrap();
        Sampler::Rademacher.fill(key.fold(1), &mut second).unwrap();
        Sampler::Normal.fill_slice(key.fold(2), &mut error);
        let (a, b) = (first.to_vec1::<f64>().unwrap(), second.to_vec1::<f64>().unwrap());
        let q: f64 = H.iter().zip(&a).map(|(row, a)| a * dot(row, &b)).sum();
        Measured { first, second, q: q + noise * error[0] }
    };
    (0..count).map(one).collect()
}

const H: [[f64; 3]; 3] = [[2.0, -1.0, 0.0], [-1.0, 3.0, 0.5], [0.0, 0.5, -1.0]];

fn error(curvature: &Curvature) -> f64 {
    let h = host::to_f64s(&curvature.blocks[0].h).unwrap();
    h.iter().zip(H.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn the_mean_of_many_measurements_is_the_matrix() {
    let mut h = Curvature::identity(&Space::real(3).unwrap(), true).unwrap();
    h.learn(&measured(20_000, 0.0), &Learning { feedback: false, weight: 1.0 }).unwrap();
    assert!(error(&h) < 0.1, "{h:?}", h = h.blocks[0].h);
    let mut diagonal = Curvature::identity(&Space::real(3).unwrap(), false).unwrap();
    diagonal.learn(&measured(20_000, 0.0), &Learning { feedback: false, weight: 1.0 }).unwrap();
    let diagonal = diagonal.blocks[0].h.to_vec1::<f64>().unwrap();
    assert!(diagonal.iter().zip([2.0, 3.0, -1.0]).all(|(a, b)| (a - b).abs() < 0.1), "{diagonal:?}");
}

#[test]
fn feedback_is_exact_after_few_measurements_and_averages_noise() {
    let mut h = Curvature::identity(&Space::real(3).unwrap(), true).unwrap();
    h.learn(&measured(300, 0.0), &Learning { feedback: true, weight: 1.0 }).unwrap();
    assert!(error(&h) < 1e-9, "{h:?}", h = h.blocks[0].h);
    h.learn(&measured(20_000, 1.0), &Learning { feedback: true, weight: 1e-3 }).unwrap();
    assert!(error(&h) < 0.1, "{h:?}", h = h.blocks[0].h);
}

#[test]
fn newtons_direction_leads_downhill_where_the_curvature_is_negative() {
    let mut h = Curvature::identity(&Space::real(3).unwrap(), true).unwrap();
    h.learn(&measured(300, 0.0), &Learning { feedback: true, weight: 1.0 }).unwrap();
    let g = CowTensor::new(Tensor::new(&[0.3, -2.0, 1.0], &candle_core::Device::Cpu).unwrap());
    let p = h.newton(&g, 0.0).unwrap();
    // |H|² = H², so that |H| |H| p is H (H p); and |H| p = g.
    let times = |x: &[f64]| -> Vec<f64> { H.iter().map(|row| dot(row, x)).collect() };
    let twice = times(&times(&p.to_vec1::<f64>().unwrap()));
    let twice = CowTensor::new(Tensor::from_vec(twice, 3, g.device()).unwrap());
    let along = h.newton(&twice, 0.0).unwrap().to_vec1::<f64>().unwrap();
    assert!(along.iter().zip([0.3, -2.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{along:?}");
    assert!(dot(&p.to_vec1::<f64>().unwrap(), &[0.3, -2.0, 1.0]) > 0.0);
    let damped = h.newton(&g, 1e9).unwrap().to_vec1::<f64>().unwrap();
    assert!((damped[1] / damped[0] + 2.0 / 0.3).abs() < 1e-6, "steepest descent under a large δ: {damped:?}");
}

/// Of a block-diagonal matrix, blocks know all, and little has to be measured for it.
#[test]
fn every_tensor_has_its_own_block_and_those_too_large_a_diagonal() {
    let leaves = vec![Leaf::real("a", [2]), Leaf::real("kept", [4]).frozen(true), Leaf::real("b", [1]), Leaf::real("c", [3])];
    let space = Space::new(leaves).unwrap();
    let mut h = Curvature::by_tensor(&space, 2).unwrap();
    let truth = |x: &[f64], y: &[f64]| {
        let a = 2.0 * x[0] * y[0] - x[0] * y[1] - x[1] * y[0] + 3.0 * x[1] * y[1];
        a - 4.0 * x[2] * y[2] + (3..6).map(|i| i as f64 * x[i] * y[i]).sum::<f64>()
    };
    let measured = |k: u64| {
        let (mut first, mut second) = (space.zeros().unwrap(), space.zeros().unwrap());
        Sampler::Rademacher.fill(Key::new(4).fold(2 * k), &mut first).unwrap();
        Sampler::Rademacher.fill(Key::new(4).fold(2 * k + 1), &mut second).unwrap();
        let q = truth(&host::to_f64s(&first).unwrap(), &host::to_f64s(&second).unwrap());
        Measured { first, second, q }
    };
    h.learn(&(0..400).map(measured).collect::<Vec<_>>(), &Learning { feedback: true, weight: 1.0 }).unwrap();
    let found: Vec<Vec<f64>> = h.blocks.iter().map(|block| host::to_f64s(&block.h).unwrap()).collect();
    let expected = [vec![2.0, -1.0, -1.0, 3.0], vec![-4.0], vec![3.0, 4.0, 5.0]];
    assert!(found.iter().flatten().zip(expected.iter().flatten()).all(|(h, e)| (h - e).abs() < 1e-5), "{found:?}");
    assert!(found.iter().map(Vec::len).eq([4, 1, 3]));

    // |H|⁻¹ g, block by block.
    let g = CowTensor::new(Tensor::new(&[1f32, 2.0, 8.0, 3.0, 4.0, 5.0], space.device()).unwrap());
    let p = host::to_f64s(&h.newton(&g, 0.0).unwrap()).unwrap();
    let expected = [1.0, 1.0, 2.0, 1.0, 1.0, 1.0];
    assert!(p.iter().zip(expected).all(|(p, e)| (p - e).abs() < 1e-4), "{p:?}");
}
