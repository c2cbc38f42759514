//! What is between the elements, or the members, of those laws that know of each other.

use super::*;

/// Every coordinate has mean 0 and variance 1 over seeds, in leaves of all kinds.
#[test]
fn coordinates_are_of_variance_one_over_seeds() {
    let n = 20_000;
    for sampler in ALL.into_iter().filter(|s| !matches!(s, Sampler::StudentT { .. } | Sampler::Cauchy)) {
        let noise = over(sampler, &[&[5, 4], &[3], &[1], &[2, 3, 3]]);
        let (mut first, mut second) = ([0.0; 42], [0.0; 42]);
        for k in 0..n {
            let z: Vec<f64> = drawn(&noise, Key::new(3).member(k), 0, 42);
            for (i, z) in z.iter().enumerate() {
                first[i] += z / n as f64;
                second[i] += z * z / n as f64;
            }
        }
        let error = 5.0 / (n as f64).sqrt();
        assert!(first.iter().all(|m| m.abs() < error), "{sampler:?}: means {first:?}");
        // Sparse noise has a kurtosis of 30; of a median, only the mean square of a leaf is 1.
        let spread = if matches!(sampler, Sampler::Sparse { .. }) { 6.0 } else { 2.5 };
        match sampler {
            Sampler::Median { .. } => {
                let mean = |of: std::ops::Range<usize>| second[of.clone()].iter().sum::<f64>() / of.len() as f64;
                assert!([0..20, 20..23, 24..42].into_iter().all(|leaf| (mean(leaf) - 1.0).abs() < 1e-12));
            }
            _ => assert!(second.iter().all(|v| (v - 1.0).abs() < spread * error), "{sampler:?}: variances {second:?}"),
        }
    }
}

#[test]
fn a_sphere_is_one() {
    for len in [1, 2, 127, 128, 129, 1_000] {
        let z: Vec<f64> = drawn(&Sampler::Sphere.into(), Key::new(4), 0, len);
        assert!((z.iter().map(|z| z * z).sum::<f64>() / len as f64 - 1.0).abs() < 1e-12);
    }
}

#[test]
fn sparse_noise_chooses_exactly_so_many_blocks_evenly() {
    for (fraction, block, len) in [(0.1, 1, 1_000_usize), (0.1, 7, 1_000), (1e-9, 1, 5), (1.0, 3, 10), (0.5, 1_000_000_000, 300)]
    {
        let noise = Perturbation::from(Sampler::Sparse { fraction, block });
        let blocks = len.div_ceil(block.min(len));
        let chosen = ((fraction * blocks as f64).round() as usize).clamp(1, blocks);
        let mut times = vec![0; blocks];
        for key in 0..2_000 {
            let z: Vec<f32> = drawn(&noise, Key::new(key), 0, len);
            let full: Vec<usize> = (0..blocks).filter(|b| z[b * block.min(len)] != 0.0).collect();
            assert_eq!(full.len(), chosen, "{fraction} {block} {len}");
            assert!(z.chunks(block.min(len)).all(|run| run.iter().all(|z| (*z == 0.0) == (run[0] == 0.0))));
            full.iter().for_each(|b| times[*b] += 1);
        }
        let expected = 2_000.0 * chosen as f64 / blocks as f64;
        assert!(times.iter().all(|t| (f64::from(*t) - expected).abs() <= 5.0 * expected.sqrt()), "{times:?}");
    }
}

#[test]
fn matrices_have_the_rank_that_was_asked_for() {
    let noise = over(Sampler::LowRank { rank: 1 }, &[&[4], &[150, 3, 2], &[2, 1]]);
    let z: Vec<f64> = drawn(&noise, Key::new(5), 0, 906);
    let matrix = &z[4..904];
    for (i, j) in [(1, 1), (77, 3), (149, 5)] {
        assert!((matrix[0] * matrix[6 * i + j] - matrix[j] * matrix[6 * i]).abs() < 1e-12);
    }
    assert!(z[..4].iter().chain(&z[904..]).all(|z| *z != 0.0));
}

#[test]
fn siblings_are_orthogonal() {
    for (len, members) in [(128, 128), (256, 128), (64, 64), (5, 4)] {
        let noise = Perturbation::from(Sampler::Orthogonal);
        let rows: Vec<Vec<f64>> = (0..2 * members).map(|k| drawn(&noise, Key::new(6).member(k), 0, len)).collect();
        assert!(rows.iter().flatten().all(|z| z.abs() == 1.0));
        let whole = if len == 5 { 4 } else { len };
        let dot = |a: &[f64], b: &[f64]| -> f64 { a[..whole].iter().zip(&b[..whole]).map(|(a, b)| a * b).sum() };
        for group in rows.chunks(members as usize) {
            for (i, a) in group.iter().enumerate() {
                assert!(group[..i].iter().all(|b| dot(a, b) == 0.0), "{len}: {i}");
            }
        }
        assert!(rows[..members as usize].iter().any(|row| dot(row, &rows[members as usize]) != 0.0), "groups differ");
    }
}

/// Every coordinate of 64 points of a net has exactly one in each of 64 intervals of equal probability.
#[test]
fn a_sobol_net_is_even_in_every_coordinate() {
    let net: Vec<Vec<f64>> = (0..64).map(|k| drawn(&Sampler::Sobol.into(), Key::new(7).member(k), 0, 600)).collect();
    for i in [0, 1, 255, 256, 599] {
        let mut cells: Vec<usize> = net.iter().map(|z| (normal_cdf(z[i]) * 64.0) as usize).collect();
        cells.sort_unstable();
        assert_eq!(cells, (0..64).collect::<Vec<_>>());
    }
    assert_ne!(net[0][0], drawn::<f64>(&Sampler::Sobol.into(), Key::new(8).member(0), 0, 1)[0]);
}

/// Neighbours along both dimensions of a matrix are alike, and those of another leaf are not.
#[test]
fn smoothing_runs_along_the_dimensions_of_a_leaf() {
    let alike = |noise: &Perturbation, apart: usize| -> f64 {
        (0..4_000).map(|k| drawn::<f64>(noise, Key::new(k), 0, 300)).map(|z| z[105] * z[105 + apart]).sum::<f64>() / 4_000.0
    };
    let noise = over(Sampler::GaussianFilter { sigma: 1.0 }, &[&[20, 10], &[100]]);
    // Of a Gaussian filter, exp(-1/4) and exp(-1) for neighbours one and two apart.
    assert!((alike(&noise, 1) - 0.779).abs() < 0.08 && (alike(&noise, 2) - 0.368).abs() < 0.08);
    assert!((alike(&noise, 10) - 0.779).abs() < 0.08);
    assert!(alike(&noise, 100).abs() < 0.08);
    let median = over(Sampler::Median { size: 3 }, &[&[20, 10], &[100]]);
    assert!(alike(&median, 1) > 0.3 && alike(&median, 10) > 0.3 && alike(&median, 100).abs() < 0.08);
}

/// Rows of E as vectors: the residual of the last after those before it are taken out, relative to its length.
fn residual(rows: &[&[f64]]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut basis: Vec<Vec<f64>> = vec![];
    let mut left = 0.0;
    for row in rows {
        let mut this = row.to_vec();
        for _ in 0..2 {
            for other in &basis {
                let along = dot(&this, other);
                this.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
            }
        }
        left = dot(&this, &this).sqrt() / dot(row, row).sqrt();
        let length = dot(&this, &this).sqrt();
        basis.push(this.into_iter().map(|x| x / length).collect());
    }
    left
}

/// What is shared are the rows' space of both laws, and of `subspace` the columns' too; the seed decides the rest.
#[test]
fn shared_factors_span_one_subspace_whatever_the_seed() {
    let (m, n) = (30, 20);
    let transposed = |z: &[f64]| -> Vec<f64> { (0..m * n).map(|at| z[at % m * n + at / m]).collect() };
    for (sampler, both) in [(Sampler::LowRank { rank: 3 }, false), (Sampler::Subspace { rank: 3 }, true)] {
        let shapes: [&[usize]; 3] = [&[5], &[m, n], &[m, n]];
        let matrix = |noise: &Perturbation, seed: u64, leaf: usize| -> Vec<f64> {
            let z: Vec<f64> = drawn(noise, Key::new(seed), 0, 5 + 2 * m * n);
            z[5 + leaf * m * n..][..m * n].to_vec()
        };
        let noise = over(sampler, &shapes).sharing(Key::new(8));
        let other = over(sampler, &shapes).sharing(Key::new(9));
        assert_eq!((noise.shared_key(), over(sampler, &shapes).shared_key()), (Some(Key::new(8)), None));
        let (one, two) = (matrix(&noise, 1, 0), matrix(&noise, 2, 0));
        let mixed = |of: &[f64]| residual(&[&one[..n], &one[n..2 * n], &one[2 * n..3 * n], &of[4 * n..5 * n]]);
        assert!(one != two && mixed(&one) < 1e-12 && mixed(&two) < 1e-12, "{sampler:?}");
        assert!(residual(&[&one[..n], &one[n..2 * n], &one[2 * n..3 * n]]) > 1e-3, "{sampler:?}: the rank is 3");
        assert!(mixed(&matrix(&other, 1, 0)) > 1e-3 && mixed(&matrix(&noise, 1, 1)) > 1e-3, "{sampler:?}");
        let (one, two) = (transposed(&one), transposed(&two));
        let left = residual(&[&one[..m], &one[m..2 * m], &one[2 * m..3 * m], &two[4 * m..5 * m]]);
        assert_eq!(left < 1e-12, both, "{sampler:?}");
        // What is no matrix does not share.
        assert_ne!(drawn::<f64>(&noise, Key::new(1), 0, 5), drawn::<f64>(&noise, Key::new(2), 0, 5));
    }
}

/// Over seeds of one key, pieces are those of the whole, and all other laws are as they were.
#[test]
fn sharing_changes_no_piece_and_no_other_law() {
    let shapes: [&[usize]; 3] = [&[40, 50], &[200], &[10, 10, 10]];
    for sampler in ALL {
        let (alone, shared) = (over(sampler, &shapes), over(sampler, &shapes).sharing(Key::new(4)));
        let seed = Key::new(3).member(5);
        let whole: Vec<f32> = drawn(&shared, seed, 0, 3_200);
        let of_low_rank = matches!(sampler, Sampler::LowRank { .. } | Sampler::Subspace { .. });
        assert_eq!(whole != drawn::<f32>(&alone, seed, 0, 3_200), of_low_rank, "{sampler:?}");
        for (from, to) in [(0, 1), (127, 129), (100, 3_000), (2_010, 2_020), (3_199, 3_200)] {
            assert_eq!(drawn::<f32>(&shared.clone(), seed, from, to - from), whole[from..to], "{sampler:?} {from}..{to}");
        }
        assert!(shared.follows_from_seeds() == alone.follows_from_seeds());
    }
}

/// With bases that are shared it is U and V that are random: over keys every element has variance 1, in both laws.
#[test]
fn shared_noise_is_of_variance_one_over_keys() {
    for sampler in [Sampler::LowRank { rank: 2 }, Sampler::Subspace { rank: 3 }] {
        let (n, mut second) = (20_000, [0.0; 20]);
        for k in 0..n {
            let noise = over(sampler, &[&[5, 4]]).sharing(Key::new(1).fold(k));
            let z: Vec<f64> = drawn(&noise, Key::new(k), 0, 20);
            second.iter_mut().zip(z).for_each(|(sum, z)| *sum += z * z / n as f64);
        }
        assert!(second.iter().all(|v| (v - 1.0).abs() < 0.1), "{sampler:?}: {second:?}");
    }
}
