//! Every way to describe candidates gives the candidates of the dense description, bit for bit.

use crate::toy::{Test, bits, bowl};
use candle_core::DType;
use moths_core::{
    Batch, CowTensor, Error, Function, Key, Leaf, Objective, Sampler, Space, objective::Probe, tensor::host::to_f64s,
};

fn space(dtype: DType) -> moths_core::Result<Space> {
    Space::with_dtype(vec![Leaf::real("x", [5]).dtype(dtype)], dtype)
}

fn probes(n: u64) -> Vec<Probe> {
    (0..n).map(|i| Probe::new(Key::new(7).fold(i), 0.5 * i as f64).of_draw(i as u32 % 3)).collect()
}

/// A batch of every kind, and what it must hold row by row.
fn kinds(space: &Space) -> moths_core::Result<Vec<(&'static str, Batch, Vec<u32>)>> {
    let dense = Batch::Dense(space.scatter(&space.start(), Key::new(1), 4)?);
    let seeded = Batch::seeded(&space.start(), Sampler::Normal, probes(6));
    let joined = Batch::Joined([dense.clone(), Batch::one(&space.start())?, seeded.clone()].into());
    let nested = Batch::Joined([joined.part(2..7), seeded.part(1..3)].into());
    Ok(vec![
        ("dense", dense.clone(), vec![0; 4]),
        ("seeded", seeded.clone(), vec![0, 1, 2, 0, 1, 2]),
        ("joined", joined.clone(), vec![0, 0, 0, 0, 0, 0, 1, 2, 0, 1, 2]),
        ("part", joined.part(3..9), vec![0, 0, 0, 1, 2, 0]),
        ("part of a part", joined.part(3..9).part(2..5), vec![0, 1, 2]),
        ("joined parts", nested, vec![0, 0, 0, 0, 1, 1, 2]),
        ("nothing", joined.part(4..4), vec![]),
    ])
}

fn row(all: &CowTensor, i: usize) -> moths_core::Result<Vec<f64>> {
    to_f64s(&all.get(i)?.copy()?)
}

#[test]
fn rows_agree_with_the_dense_batch() -> Test {
    for dtype in [DType::F32, DType::F64] {
        let space = space(dtype)?;
        for (kind, batch, _) in kinds(&space)? {
            let all = batch.dense(&space)?;
            assert_eq!(all.dims(), [batch.len(), 5], "{kind}");
            let mut out = space.zeros()?;
            for i in 0..batch.len() {
                batch.write(i, &mut out)?;
                assert_eq!(bits(&to_f64s(&out)?), bits(&row(&all, i)?), "{kind}, row {i} written");
                assert_eq!(bits(&to_f64s(&*batch.row(i, &space)?)?), bits(&row(&all, i)?), "{kind}, row {i} of its own");
            }
        }
    }
    Ok(())
}

#[test]
fn parts_are_the_rows_they_name() -> Test {
    let space = space(DType::F32)?;
    for (kind, batch, _) in kinds(&space)? {
        let all = batch.dense(&space)?;
        for from in 0..=batch.len() {
            for to in from..=batch.len() {
                let part = batch.part(from..to);
                assert_eq!((part.len(), part.is_empty()), (to - from, from == to));
                let part = part.dense(&space)?;
                for i in 0..to - from {
                    assert_eq!(bits(&row(&part, i)?), bits(&row(&all, from + i)?), "{kind} {from}..{to}, row {i}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn every_candidate_knows_its_draw() -> Test {
    for (kind, batch, draws) in kinds(&space(DType::F64)?)? {
        assert_eq!((0..batch.len()).map(|i| batch.draw(i)).collect::<Vec<_>>(), draws, "{kind}");
    }
    Ok(())
}

#[test]
fn only_rows_of_numbers_are_dense() -> Test {
    let dense: Vec<bool> = kinds(&space(DType::F32)?)?.iter().map(|(_, batch, _)| batch.is_dense()).collect();
    assert_eq!(dense, [true, false, true, true, true, true, true]);
    Ok(())
}

#[test]
fn a_seeded_candidate_is_its_centre_and_the_noise_of_its_key() -> Test {
    for dtype in [DType::F32, DType::F64] {
        let space = space(dtype)?;
        let centre = CowTensor::new((space.zeros()?.ones_like()? * 3.0)?);
        for sampler in [Sampler::Normal, Sampler::Uniform, Sampler::Rademacher] {
            let batch = Batch::seeded(&centre, sampler, probes(3));
            for (i, probe) in probes(3).into_iter().enumerate() {
                let mut expected = space.zeros()?;
                sampler.perturb(&centre, probe.scale, probe.seed, &mut expected)?;
                assert_eq!(bits(&to_f64s(&*batch.row(i, &space)?)?), bits(&to_f64s(&expected)?));
            }
        }
    }
    Ok(())
}

#[test]
fn a_batch_that_is_held_keeps_its_numbers() -> Test {
    let space = space(DType::F32)?;
    let mut points = space.scatter(&space.start(), Key::new(2), 2)?;
    let held = Batch::Dense(points.clone());
    let before = to_f64s(&*held.dense(&space)?)?;
    points.set_row(0, &*space.zeros()?)?;
    assert_eq!(bits(&to_f64s(&*held.dense(&space)?)?), bits(&before));
    Ok(())
}

#[test]
fn candidates_of_another_width_or_dtype_are_refused() -> Test {
    let (narrow, wide) = (Space::real(3)?, Space::real(5)?);
    for batch in [Batch::Dense(narrow.zeros_for(2)?), Batch::one(&narrow.start())?, Batch::Dense(wide.zeros()?)] {
        assert!(matches!(batch.row(0, &wide), Err(Error::Shape { .. })), "{batch:?}");
        assert!(Function::new(wide.clone(), bowl).evaluate(&batch).is_err());
    }
    let single = space(DType::F32)?;
    assert!(Batch::Dense(wide.zeros_for(2)?).row(0, &single).is_err());
    Ok(())
}
