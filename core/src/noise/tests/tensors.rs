//! Noise on tensors is the noise of slices, however it is drawn.

use super::*;

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
}

#[test]
fn pieces_equal_the_whole() {
    for sampler in ALL {
        let noise = over(sampler, &[&[40, 50], &[2_000], &[10, 10, 10]]);
        let seed = Key::new(3).member(5);
        let whole: Vec<f32> = drawn(&noise, seed, 0, 5_000);
        for (from, to) in [(0, 1), (1, 3), (127, 129), (128, 256), (100, 4_000), (4_999, 5_000), (700, 700), (1_000, 1_030)] {
            assert_eq!(drawn::<f32>(&noise, seed, from, to - from), whole[from..to], "{sampler:?} {from}..{to}");
        }
    }
}

#[test]
fn tensors_equal_slices_for_any_number_of_threads() -> Result<()> {
    let (n, d) = (3, 33_001);
    for sampler in ALL {
        let noise = over(sampler, &[&[100, 330], &[1]]);
        for threads in [1, 2, 3] {
            on_threads(threads, || {
                let mut out = zeros(&[d], DType::F64)?;
                noise.fill(Key::new(5), &mut out)?;
                assert_eq!(out.to_vec1::<f64>()?, drawn::<f64>(&noise, Key::new(5), 0, d));

                let centre = Tensor::ones(d, DType::F64, &Device::Cpu)?;
                let rows: Vec<_> = (0..n as u64).map(|k| (Key::new(9).member(k), k as f64 - 2.0)).collect();
                let mut all = zeros(&[n, d], DType::F64)?;
                noise.perturb_rows(&centre, &rows, &mut all)?;
                for (row, (seed, scale)) in all.to_vec2::<f64>()?.into_iter().zip(&rows) {
                    let mut one = zeros(&[d], DType::F64)?;
                    noise.perturb(&centre, *scale, *seed, &mut one)?;
                    assert_eq!(row, one.to_vec1::<f64>()?);
                    let added: Vec<f64> = drawn(&noise, *seed, 0, d).iter().map(|z: &f64| 1.0 + scale * z).collect();
                    assert_eq!(row, added);
                }
                Ok::<_, Error>(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn many_terms_equal_one_at_a_time() -> Result<()> {
    let terms: Vec<_> = (0..9).map(|k| (Key::new(2).member(k), 0.3 - k as f64)).collect();
    for sampler in ALL {
        let noise = over(sampler, &[&[500, 10], &[200, 5, 4], &[3]]);
        let (mut together, mut apart) = (zeros(&[9_003], DType::F32)?, zeros(&[9_003], DType::F32)?);
        noise.add_weighted(&terms, &mut together)?;
        terms.iter().try_for_each(|(seed, weight)| noise.add(*seed, *weight, &mut apart))?;
        assert_eq!(together.to_vec1::<f32>()?, apart.to_vec1::<f32>()?);
    }
    Ok(())
}

#[test]
fn a_deviation_multiplies_every_element_however_it_is_drawn() -> Result<()> {
    let d = 9_003;
    let mut deviation = zeros(&[d], DType::F32)?;
    Sampler::Laplace.fill(Key::new(8), &mut deviation)?;
    let (centre, s) = (Tensor::ones(d, DType::F32, &Device::Cpu)?, deviation.to_vec1::<f32>()?);
    for sampler in ALL {
        let plain = over(sampler, &[&[500, 10], &[200, 5, 4], &[3]]);
        let (noise, seed) = (plain.clone().scaled_by(&deviation), Key::new(2).member(1));
        let expected: Vec<f32> = drawn::<f32>(&plain, seed, 0, d).iter().zip(&s).map(|(z, s)| z * s).collect();
        let mut out = zeros(&[d], DType::F32)?;
        noise.fill(seed, &mut out)?;
        assert_eq!(out.to_vec1::<f32>()?, expected);

        let at_half: Vec<f32> = expected.iter().map(|e| 1.0 + 0.5 * e).collect();
        let (mut rows, mut slice) = (zeros(&[2, d], DType::F32)?, vec![0.0; d]);
        noise.perturb(&centre, 0.5, seed, &mut out)?;
        noise.perturb_rows(&centre, &[(Key::new(1).into(), 1.0), (seed, 0.5)], &mut rows)?;
        noise.perturb_slice(&vec![1f32; d], 0.5, seed, &mut slice)?;
        assert_eq!((out.to_vec1::<f32>()?, rows.to_vec2::<f32>()?.remove(1), slice), (at_half.clone(), at_half.clone(), at_half));

        let terms: Vec<_> = (0..3).map(|k| (Key::new(2).member(k), k as f64 - 0.5, k as f64 + 1.0)).collect();
        let (mut first, mut second, mut sum) = (zeros(&[d], DType::F32)?, zeros(&[d], DType::F32)?, zeros(&[d], DType::F32)?);
        noise.add_moments(&terms, &mut first, &mut second)?;
        noise.add_weighted(&terms.iter().map(|(seed, a, _)| (*seed, *a)).collect::<Vec<_>>(), &mut sum)?;
        assert_eq!(first.to_vec1::<f32>()?, sum.to_vec1::<f32>()?);
        let mut squares = vec![0f32; d];
        for (seed, _, b) in &terms {
            noise.fill(*seed, &mut out)?;
            squares.iter_mut().zip(out.to_vec1::<f32>()?).for_each(|(sum, z)| *sum += *b as f32 * (z * z));
        }
        assert_eq!(second.to_vec1::<f32>()?, squares);
    }
    let noise = Perturbation::from(Sampler::Normal).scaled_by(&deviation);
    assert!(matches!(noise.fill(Key::new(1), &mut zeros(&[4], DType::F32)?), Err(Error::Shape { .. })));
    assert!(matches!(noise.perturb_slice(&[0f32; 4], 1.0, Key::new(1).into(), &mut [0.0; 4]), Err(Error::Shape { .. })));
    Ok(())
}

#[test]
fn mismatches_are_refused_and_change_nothing() -> Result<()> {
    let mut x = zeros(&[3], DType::F32)?;
    let key = Key::new(1);
    assert!(matches!(Sampler::Normal.perturb(&*zeros(&[4], DType::F32)?, 1.0, key, &mut x), Err(Error::Shape { .. })));
    assert!(matches!(Sampler::Normal.perturb(&*zeros(&[3], DType::F64)?, 1.0, key, &mut x), Err(Error::Invalid { .. })));
    let (normal, centre) = (Perturbation::from(Sampler::Normal), zeros(&[3], DType::F32)?);
    assert!(matches!(normal.perturb_rows(&centre, &[(key.into(), 1.0)], &mut x), Err(Error::Shape { .. })));
    assert!(matches!(over(Sampler::Normal, &[&[2], &[2]]).fill(key, &mut x), Err(Error::Shape { .. })));
    assert!(matches!(Sampler::Normal.fill(key, &mut zeros(&[3], DType::BF16)?), Err(Error::Unsupported { .. })));
    assert_eq!(x.to_vec1::<f32>()?, [0.0; 3]);
    Ok(())
}
