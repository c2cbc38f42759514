//! Reductions, and laws of noise.

use std::error::Error;

use candle_core::{DType, Device, Tensor};
use moths::{
    CowTensor, Key, Leaf, Sampler, Space, fuse, kernel,
    noise::{Gradient, Perturbation},
};

use crate::{
    Tested,
    host::{Found, finite, numbers, same_on_both},
};

const DTYPES: [DType; 2] = [DType::F32, DType::F64];
/// Columns on both sides of a block, a run of lanes and a chunk of a dot product.
const COLUMNS: [usize; 7] = [1, 5, 16, 127, 300, 4096, 9001];
const WEIGHTS: [f64; 5] = [0.5, 0.0, -1.25, 1e-3, 0.7];

fn zeros(shape: &[usize], dtype: DType, device: &Device) -> Result<CowTensor, Box<dyn Error>> {
    Ok(CowTensor::new(Tensor::zeros(shape, dtype, device)?))
}

/// Runs `one` for both precisions and all numbers of columns.
fn everywhere(one: impl Fn(DType, usize, &Device) -> Result<Found, Box<dyn Error>>) -> Tested {
    let ran = same_on_both(|device| {
        let cases = DTYPES.into_iter().flat_map(|dtype| COLUMNS.map(|d| (dtype, d)));
        let found: Vec<Found> = cases
            .map(|(dtype, d)| {
                let found = one(dtype, d, device)?;
                Ok(found.into_iter().map(|(what, tensor)| (format!("{what} of {d} in {dtype:?}"), tensor)).collect())
            })
            .collect::<Result<_, Box<dyn Error>>>()?;
        Ok(found.concat())
    })?;
    assert!(ran.is_none_or(|ran| ran >= DTYPES.len() * COLUMNS.len()), "{ran:?}");
    Ok(())
}

#[test]
fn sums_of_rows_give_the_bits_of_the_cpu() -> Tested {
    everywhere(|dtype, d, device| {
        let key = Key::new(d as u64);
        let (rows, centre) = (finite(&[WEIGHTS.len(), d], dtype, key, device)?, finite(&[d], dtype, key.fold(1), device)?);
        let out = || zeros(&[d], dtype, device);
        let (mut sum, mut first, mut second, mut one, mut other) = (out()?, out()?, out()?, out()?, out()?);
        fuse::weighted_sum(&rows, &WEIGHTS, &mut sum)?;
        fuse::weighted_moments(&rows, &WEIGHTS).about(&centre).both(&mut first, &mut second)?;
        fuse::weighted_moments(&rows, &WEIGHTS).first(&mut one)?;
        fuse::weighted_moments(&rows, &WEIGHTS).about(&centre).second(&mut other)?;
        let (lists, mut sums) = ([WEIGHTS.to_vec(), vec![1.0; WEIGHTS.len()]], zeros(&[2, d], dtype, device)?);
        fuse::weighted_sums(&rows, &lists, &mut sums)?;
        let mut copied = rows.clone();
        fuse::copy_rows(&*finite(&[WEIGHTS.len(), d], dtype, key.fold(2), device)?, &[4, 1], &mut copied)?;
        let gathered = fuse::gather(&rows, &[3, 0, 3])?;
        let named = [("sum", sum), ("first", first), ("second", second), ("one", one), ("other", other)];
        let rest = [("sums", sums), ("copied", copied), ("gathered", gathered)];
        Ok(named.into_iter().chain(rest).map(|(name, tensor)| (name.to_owned(), tensor)).collect())
    })
}

#[test]
fn products_of_rows_give_the_bits_of_the_cpu() -> Tested {
    everywhere(|dtype, d, device| {
        let key = Key::new(d as u64);
        let (rows, others) = (finite(&[5, d], dtype, key, device)?, finite(&[5, d], dtype, key.fold(2), device)?);
        let centre = finite(&[d], dtype, key.fold(1), device)?;
        Ok(vec![
            ("dot".into(), numbers(vec![fuse::dot(&rows, &others)?, fuse::norm(&centre)?])?),
            ("distances row by row".into(), numbers(fuse::distances(&rows, &others)?)?),
            ("of parts".into(), numbers(fuse::distances(&rows.narrow(0, 2, 3)?, &others.narrow(0, 1, 3)?)?)?),
            ("distances".into(), numbers(fuse::distances(&rows, &centre)?)?),
            ("products".into(), numbers(fuse::products(&rows, &others.narrow(0, 1, 3)?)?)?),
        ])
    })
}

/// The laws that draw every element by itself.
const LAWS: [Sampler; 8] = [
    Sampler::Normal,
    Sampler::Rademacher,
    Sampler::Uniform,
    Sampler::Laplace,
    Sampler::StudentT { dof: 3.5 },
    Sampler::Cauchy,
    Sampler::AsymmetricBernoulli { epsilon: 0.4 },
    Sampler::AsymmetricBernoulli { epsilon: 0.0 },
];

fn drawn(noise: &Perturbation, dtype: DType, d: usize, device: &Device) -> Result<Found, Box<dyn Error>> {
    let seeds = [3u64, 1 << 40, u64::MAX].map(|bits| Key::from_bits(bits).into());
    let terms: Vec<_> = seeds.into_iter().zip([0.25, -1.5, 1e-4]).collect();
    let centre = finite(&[d], dtype, Key::new(d as u64), device)?;
    let (mut filled, mut perturbed, mut rows) =
        (zeros(&[d], dtype, device)?, zeros(&[d], dtype, device)?, zeros(&[3, d], dtype, device)?);
    noise.fill(seeds[0], &mut filled)?;
    noise.perturb(&centre, 0.3, seeds[1], &mut perturbed)?;
    noise.perturb_rows(&centre, &terms, &mut rows)?;
    let (mut onto, mut first, mut second) = (centre.clone(), centre.clone(), centre);
    noise.add_weighted(&terms, &mut onto)?;
    let squared: Vec<_> = terms.iter().map(|(seed, weight)| (*seed, *weight, 0.5 - weight)).collect();
    noise.add_moments(&squared, &mut first, &mut second)?;
    let all =
        [("filled", filled), ("perturbed", perturbed), ("rows", rows), ("onto", onto), ("first", first), ("second", second)];
    Ok(all.into_iter().map(|(name, tensor)| (format!("{name} by {:?}", noise.sampler()), tensor)).collect())
}

#[test]
fn laws_of_noise_give_the_bits_of_the_cpu() -> Tested {
    everywhere(|dtype, d, device| {
        let deviation = finite(&[d], dtype, Key::new(9), device)?;
        let mut found = vec![];
        for law in LAWS {
            found.extend(drawn(&law.into(), dtype, d, device)?);
            found.extend(drawn(&Perturbation::from(law).scaled_by(&deviation), dtype, d, device)?);
        }
        Ok(found)
    })
}

kernel! { fn follow(x: inout, g: sum, rate: num) { x = x - rate * g; } }

#[test]
fn sums_of_noise_are_read_by_kernels() -> Tested {
    everywhere(|dtype, d, device| {
        let space = Space::with_dtype(vec![Leaf::real("x", [d])], dtype)?.on(device)?;
        let terms = vec![(Key::new(1).into(), 0.5), (Key::new(2).into(), -0.25)];
        let gradient = Gradient::drawn(Sampler::Normal.over(&space), terms, &space)?;
        let mut x = finite(&[d], dtype, Key::new(4), device)?;
        follow(&mut x, &gradient, 0.1)?;
        Ok(vec![("x".into(), x)])
    })
}
