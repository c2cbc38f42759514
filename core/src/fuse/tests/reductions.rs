//! Sums, moments, products and distances against plain loops.

use candle_core::{DType, Device, Tensor};

use super::{bits, cow, on_threads};
use crate::{
    Error, Result,
    fuse::{copy_rows, distances, dot, norm, weighted_moments, weighted_sum, weighted_sums},
    noise::Sampler,
    rng::Key,
    tensor::CowTensor,
};

#[test]
fn reductions_equal_plain_loops() -> Result<()> {
    let (n, d) = (17, 3_001);
    let mut values = vec![0f64; n * d];
    Sampler::Normal.fill_slice(Key::new(1), &mut values);
    let rows = Tensor::from_slice(&values, (n, d), &Device::Cpu)?;
    let weights: Vec<f64> = (0..n).map(|k| if k == 5 { 0.0 } else { k as f64 - 3.0 }).collect();
    let centre: Vec<f64> = values[..d].to_vec();
    let zeros = || Ok::<_, Error>(CowTensor::new(Tensor::zeros(d, DType::F64, &Device::Cpu)?));
    let (mut sum, mut first, mut second) = (zeros()?, zeros()?, zeros()?);
    weighted_sum(&rows, &weights, &mut sum)?;
    let about = Tensor::new(&centre[..], &Device::Cpu)?;
    weighted_moments(&rows, &weights).about(&about).both(&mut first, &mut second)?;

    let (mut s, mut f, mut g) = (vec![0.0; d], vec![0.0; d], vec![0.0; d]);
    for (row, w) in values.chunks(d).zip(&weights).filter(|(_, w)| **w != 0.0) {
        for j in 0..d {
            let apart = row[j] - centre[j];
            s[j] += w * row[j];
            f[j] += w * apart;
            g[j] += w * apart * apart;
        }
    }
    assert_eq!((sum.to_vec1::<f64>()?, first.to_vec1::<f64>()?, second.to_vec1::<f64>()?), (s, f, g));

    let exact: f64 = values.iter().map(|x| x * x).sum();
    assert!((dot(&rows, &rows)? / exact - 1.0).abs() < 1e-12);
    assert!((norm(&rows)? - exact.sqrt()).abs() < 1e-9);
    Ok(())
}

/// No centre has the bits of a centre of zeros, and one moment those that it has beside the other.
#[test]
fn moments_are_those_of_what_is_there() -> Result<()> {
    let (n, d) = (5, 3_001);
    let mut values = vec![0f32; n * d];
    Sampler::Normal.fill_slice(Key::new(3), &mut values);
    let (rows, weights) = (Tensor::from_slice(&values, (n, d), &Device::Cpu)?, [0.3, -0.1, 0.0, 2.0, 0.7]);
    let out = || cow(&vec![9.0; d]);
    let [zero, centre] = [Tensor::zeros(d, DType::F32, &Device::Cpu)?, rows.get(1)?];
    for centre in [None, Some(&centre)] {
        let moments = || {
            let moments = weighted_moments(&rows, &weights);
            match centre {
                Some(centre) => moments.about(centre),
                None => moments,
            }
        };
        let (mut first, mut second, mut one, mut other) = (out()?, out()?, out()?, out()?);
        weighted_moments(&rows, &weights).about(centre.unwrap_or(&zero)).both(&mut first, &mut second)?;
        moments().both(&mut one, &mut other)?;
        assert_eq!((bits(&one)?, bits(&other)?), (bits(&first)?, bits(&second)?));
        let (mut one, mut other) = (out()?, out()?);
        moments().first(&mut one)?;
        moments().second(&mut other)?;
        assert_eq!((bits(&one)?, bits(&other)?), (bits(&first)?, bits(&second)?));
    }
    assert!(matches!(weighted_moments(&rows, &weights).first(&mut cow(&[0.0])?), Err(Error::Shape { .. })));
    Ok(())
}

#[test]
fn reductions_are_equal_for_any_number_of_threads() -> Result<()> {
    let mut values = vec![0f32; 64 * 5_000];
    Sampler::Normal.fill_slice(Key::new(2), &mut values);
    let rows = Tensor::from_slice(&values, (64, 5_000), &Device::Cpu)?;
    let reduce = || {
        let mut out = CowTensor::new(Tensor::zeros(5_000, DType::F32, &Device::Cpu)?);
        weighted_sum(&rows, &[0.1; 64], &mut out)?;
        let mut sums = CowTensor::new(Tensor::zeros((3, 5_000), DType::F32, &Device::Cpu)?);
        weighted_sums(&rows, &[vec![0.1; 64], vec![0.0; 64], vec![-0.7; 64]], &mut sums)?;
        let apart: Vec<u64> = distances(&rows, &out)?.into_iter().map(f64::to_bits).collect();
        Ok::<_, Error>((bits(&out)?, norm(&rows)?.to_bits(), bits(&sums)?, apart))
    };
    assert_eq!(on_threads(1, reduce)?, on_threads(2, reduce)?);
    Ok(())
}

/// Rows that end within a chunk and within a block, from a point and from rows.
#[test]
fn distances_and_several_sums_are_those_of_single_rows() -> Result<()> {
    let (n, d) = (5, 4_099);
    let mut values = vec![0f64; n * d];
    Sampler::Normal.fill_slice(Key::new(4), &mut values);
    let rows = Tensor::from_slice(&values, (n, d), &Device::Cpu)?;
    let weights: Vec<Vec<f64>> = (0..3).map(|k| (0..n).map(|i| (i * k) as f64 - 2.0).collect()).collect();
    let mut sums = CowTensor::new(Tensor::zeros((3, d), DType::F64, &Device::Cpu)?);
    weighted_sums(&rows, &weights, &mut sums)?;
    for (k, weights) in weights.iter().enumerate() {
        let mut sum = CowTensor::new(Tensor::zeros(d, DType::F64, &Device::Cpu)?);
        weighted_sum(&rows, weights, &mut sum)?;
        assert_eq!(bits(&sums.get(k)?)?, bits(&sum)?);
    }
    let (point, other) = (rows.get(3)?, rows.affine(0.5, 1.0)?);
    for (to, apart) in [(&point, distances(&rows, &point)?), (&other, distances(&rows, &other)?)] {
        for (i, apart) in apart.into_iter().enumerate() {
            let to = if to.rank() == 1 { to.clone() } else { to.get(i)? };
            let exact = (rows.get(i)? - to)?.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt();
            assert!((apart - exact).abs() <= 1e-12 * exact, "{apart} {exact}");
        }
    }
    let wrong = weighted_sums(&rows, &vec![vec![1.0; n]; 2], &mut sums).unwrap_err().to_string();
    assert!(wrong.contains("weighted_sums.out"), "{wrong}");
    assert!(
        weighted_sums(&rows, &vec![vec![1.0; 2]; 3], &mut sums).is_err() && distances(&rows, &rows.narrow(0, 0, 2)?).is_err()
    );
    Ok(())
}

#[test]
fn rows_of_weight_zero_are_not_read() -> Result<()> {
    let rows = Tensor::new(&[[1f32, 2.0], [f32::NAN, f32::INFINITY]], &Device::Cpu)?;
    let (mut sum, mut first, mut second) = (cow(&[9.0; 2])?, cow(&[9.0; 2])?, cow(&[9.0; 2])?);
    weighted_sum(&rows, &[2.0, 0.0], &mut sum)?;
    weighted_moments(&rows, &[2.0, 0.0]).both(&mut first, &mut second)?;
    assert_eq!(sum.to_vec1::<f32>()?, [2.0, 4.0]);
    assert_eq!((first.to_vec1::<f32>()?, second.to_vec1::<f32>()?), (vec![2.0, 4.0], vec![2.0, 8.0]));
    assert!(weighted_sum(&rows, &[1.0], &mut sum).is_err());
    Ok(())
}

#[test]
fn copies_the_rows_named() -> Result<()> {
    let from = Tensor::arange(0f32, 80_000.0, &Device::Cpu)?.reshape((8, 10_000))?;
    let mut onto = CowTensor::new(from.zeros_like()?);
    copy_rows(&from, &[1, 6], &mut onto)?;
    for row in 0..8 {
        let expected = if [1, 6].contains(&row) { from.get(row)? } else { from.get(row)?.zeros_like()? };
        assert_eq!(onto.get(row)?.to_vec1::<f32>()?, expected.to_vec1::<f32>()?);
    }
    assert!(matches!(copy_rows(&from, &[8], &mut onto), Err(Error::Invalid { .. })));
    Ok(())
}
