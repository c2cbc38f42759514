//! Elements with lo = hi have one value, and no effect on a search.

use crate::toy::Test;
use candle_core::{DType, Device, Tensor};
use moths_core::{
    Batch, CowTensor, Function, Key, Leaf, Objective, Result, Sampler, Space,
    objective::Probe,
    optimizer::convergence::{Spread, VANISHED},
    tensor::host::to_f64s,
};

const SEARCHES: [DType; 2] = [DType::F32, DType::F64];

fn filled(space: &Space, x: f64) -> Result<CowTensor> {
    Ok(Tensor::full(x, space.dim(), &Device::Cpu)?.to_dtype(space.dtype())?.into())
}

/// Points inside, outside, and nowhere.
fn points(space: &Space) -> Result<Vec<CowTensor>> {
    let probe = |i: u64| Probe::new(Key::new(i), [0.1, 3.0, 1e30][i as usize % 3]);
    let batch = Batch::seeded(&space.start(), Sampler::Normal, (0..1000).map(probe).collect::<Vec<_>>());
    let ends = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(|x| filled(space, x));
    (0..batch.len()).map(|i| batch.row(i, space)).chain(ends).chain([Ok(space.start())]).collect()
}

fn cast(x: f64, dtype: DType) -> Result<f64> {
    Ok(Tensor::new(x, &Device::Cpu)?.to_dtype(dtype)?.to_dtype(DType::F64)?.to_scalar()?)
}

/// Fixed elements between others, of two leaves.
fn partly_fixed(search: DType) -> Result<Space> {
    let leaves = vec![
        Leaf::real("each", [3]).dtype(search).bounds_each([(-1.0, 1.0), (0.3, 0.3), (0.0, 0.0)]),
        Leaf::real("all", [2]).dtype(DType::BF16).bounds(1e6, 1e6).scale(0.25),
        Leaf::integer("one", [1], 7, 7),
        Leaf::real("free", [1]).scale(2.0),
    ];
    Space::with_dtype(leaves, search)
}

#[test]
fn fixed_elements_have_one_value_wherever_the_search_is() -> Test {
    for search in SEARCHES {
        let space = partly_fixed(search)?;
        assert_eq!(space.fixed().collect::<Vec<_>>(), [false, true, true, true, true, true, false]);
        assert!(space.has_fixed() && !Space::real(3)?.has_fixed());
        let (third, million) = (cast(0.3, search)?, cast(1e6, DType::BF16)?);
        for point in points(&space)? {
            let values = to_f64s(&*space.decode(&point)?)?;
            assert_eq!(values[1..6], [third, 0.0, million, million, 7.0]);
        }
    }
    Ok(())
}

#[test]
fn fixed_coordinates_have_room_and_no_walls() -> Test {
    for search in SEARCHES {
        let space = partly_fixed(search)?;
        for (((lower, upper), (below, above)), fixed) in space.intervals().zip(space.walls()).zip(space.fixed()) {
            assert!(lower < upper, "nothing divides by a width of 0");
            assert!(!fixed || below.is_infinite() && above.is_infinite());
        }
        // Values given for them are not looked at.
        let given = Tensor::new(&[0.5f64, -9.0, 9.0, 0.0, 0.0, 3.0, 1.0], &Device::Cpu)?;
        let there = space.encode(&given)?;
        let (values, x) = (to_f64s(&*space.decode(&there)?)?, to_f64s(&there)?);
        assert_eq!((values[0], values[6], x[1..5].to_vec()), (0.5, 1.0, vec![0.0; 4]));
        for change in [Space::fold, Space::smooth, Space::unsmooth, Space::confine, Space::confine_discrete] {
            let mut far = filled(&space, 1e6)?;
            change(&space, &mut far)?;
            let far = to_f64s(&far)?;
            assert!(far.iter().all(|x| x.is_finite()) && far[1..5] == [0.5; 4], "{far:?}");
        }
    }
    Ok(())
}

#[test]
fn deviations_of_fixed_coordinates_say_nothing_of_convergence() -> Test {
    let space = Space::bounded([(-1.0, 1.0), (0.3, 0.3)])?;
    assert_eq!(Spread::of(&space, [1e-13, 1.0]).judge(1.0), Some(VANISHED));
    assert_eq!(Spread::of(&space, [1e-11, 1e-13]).judge(1.0), None);
    assert_eq!(Spread::of(&space, [1.0, 1e9]).judge(1.0), None);
    Ok(())
}

#[test]
fn a_space_of_one_value_is_a_space() -> Test {
    let space = Space::bounded([(0.25, 0.25); 3])?;
    let mut objective = Function::new(space.clone(), |x| x.iter().sum());
    let points = space.scatter(&space.start(), Key::new(1), 5)?;
    assert_eq!(objective.evaluate(&Batch::Dense(points))?, [0.75; 5]);
    Ok(())
}
