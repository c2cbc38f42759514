//! Search coordinates and parameter values: there, back, and never outside the bounds.

use crate::toy::Test;
use candle_core::{DType, Device, Tensor};
use moths_core::{CowTensor, Error, Key, Leaf, Space, tensor::host::to_f64s};

fn point(values: &[f64], dtype: DType) -> moths_core::Result<CowTensor> {
    Ok(CowTensor::new(Tensor::new(values, &Device::Cpu)?.to_dtype(dtype)?))
}

fn decoded(space: &Space, x: &[f64]) -> moths_core::Result<Vec<f64>> {
    to_f64s(&*space.decode(&*point(x, space.dtype())?)?)
}

/// One leaf of every kind, and a frozen one in between.
fn mixed(dtype: DType) -> moths_core::Result<Space> {
    let leaves = vec![
        Leaf::real("free", [2]),
        Leaf::real("boxed", [2]).bounds(-1.0, 3.0),
        Leaf::real("frozen", [7]).frozen(true),
        Leaf::integer("layers", [1], 1, 8),
        Leaf::bool("on", [2]),
        Leaf::real("each", [2]).bounds_each([(0.0, 1.0), (10.0, 20.0)]),
        Leaf::real("scaled", [1]).scale(0.25),
    ];
    Space::with_dtype(leaves, dtype)
}

#[test]
fn a_space_without_bounds_and_scales_is_the_identity() -> Test {
    let space = Space::real(3)?;
    assert!(space.is_identity() && !space.is_bounded() && !space.is_discrete());
    assert_eq!((space.dim(), space.dtype()), (3, DType::F64));
    assert_eq!(decoded(&space, &[1.5, -2.0, 1e300])?, [1.5, -2.0, 1e300]);
    assert_eq!(to_f64s(&space.start())?, [0.0; 3]);
    Ok(())
}

#[test]
fn every_kind_of_leaf_is_decoded_in_order() -> Test {
    for dtype in [DType::F32, DType::F64] {
        let space = mixed(dtype)?;
        assert_eq!(space.dim(), 10);
        assert!(space.is_bounded() && space.is_discrete() && !space.is_identity());
        // Scales: 1 where free, a quarter of the interval where bounded. Integers 1..=8 are searched on [0.5, 8.5], so by 2.
        let x = [1.0, -2.0, 0.5, 9.0, 1.3, 0.0, 2.0, 2.0, 6.0, 8.0];
        let values = [1.0, -2.0, 0.5, 3.0, 3.0, 0.0, 1.0, 0.5, 15.0, 2.0];
        assert_eq!(decoded(&space, &x)?, values);
    }
    Ok(())
}

#[test]
fn the_search_starts_at_zero_or_in_the_middle_of_the_bounds() -> Test {
    let space = mixed(DType::F64)?;
    let values = to_f64s(&*space.decode(&space.start())?)?;
    // The middle of 1..=8 is 4.5, and halves round away from zero.
    assert_eq!(values, [0.0, 0.0, 1.0, 1.0, 5.0, 1.0, 1.0, 0.5, 15.0, 0.0]);
    Ok(())
}

#[test]
fn encode_is_the_way_back() -> Test {
    let values = [0.5, -0.25, 2.5, -1.0, 7.0, 1.0, 0.0, 0.125, 12.5, 3.0];
    for dtype in [DType::F32, DType::F64] {
        let space = mixed(dtype)?;
        let there = space.encode(&*point(&values, dtype)?)?;
        assert_eq!(to_f64s(&*space.decode(&there)?)?, values);
        // Whatever dtype the values come in.
        let other = space.encode(&*point(&values, DType::F64)?)?;
        assert_eq!(to_f64s(&other)?, to_f64s(&there)?);
        let started = space.starting_at(&*point(&values, DType::F64)?)?;
        assert_eq!(to_f64s(&started.start())?, to_f64s(&there)?);
    }
    Ok(())
}

#[test]
fn values_outside_are_encoded_as_the_nearest_inside() -> Test {
    let space = Space::bounded([(-1.0, 1.0), (2.0, 4.0)])?;
    let there = space.encode(&*point(&[-7.0, 100.0], DType::F64)?)?;
    assert_eq!(to_f64s(&*space.decode(&there)?)?, [-1.0, 4.0]);
    Ok(())
}

#[test]
fn integers_are_rounded_and_end_at_their_bounds() -> Test {
    let leaf = Leaf::integer("n", [1], -2, 2).scale(1.0);
    let space = Space::with_dtype(vec![leaf], DType::F64)?;
    for (x, n) in
        [(-9.0, -2.0), (-2.5, -2.0), (-1.5, -2.0), (-1.4, -1.0), (0.49, 0.0), (0.5, 1.0), (2.49, 2.0), (2.5, 2.0), (1e300, 2.0)]
    {
        assert_eq!(decoded(&space, &[x])?, [n], "{x}");
    }
    let one = Space::new(vec![Leaf::integer("one", [1], 7, 7)])?;
    assert_eq!(decoded(&one, &[-3.0])?, [7.0]);
    Ok(())
}

#[test]
fn booleans_are_zero_or_one() -> Test {
    let space = Space::new(vec![Leaf::bool("on", [4]).scale(1.0)])?;
    assert_eq!(decoded(&space, &[-5.0, 0.4, 0.6, 5.0])?, [0.0, 0.0, 1.0, 1.0]);
    Ok(())
}

#[test]
fn what_is_not_a_number_stays_so() -> Test {
    for dtype in [DType::F32, DType::F64] {
        let space = mixed(dtype)?;
        let mut nans = point(&[f64::NAN; 10], dtype)?;
        assert!(to_f64s(&*space.decode(&nans)?)?.iter().all(|v| v.is_nan()));
        assert!(space.encode(&nans).is_err(), "where a search starts, it would be of no use");
        space.confine(&mut nans)?;
        assert!(to_f64s(&nans)?.iter().all(|v| v.is_nan()));
    }
    Ok(())
}

#[test]
fn infinite_coordinates_are_decoded_inside_the_bounds() -> Test {
    let space = Space::bounded([(-1.0, 1.0), (2.0, 4.0)])?;
    assert_eq!(decoded(&space, &[f64::INFINITY, f64::NEG_INFINITY])?, [1.0, 2.0]);
    Ok(())
}

#[test]
fn decoded_numbers_never_leave_bounds_that_the_dtype_cannot_hold() -> Test {
    // 0.1 and 0.3 as f32 lie above 0.1 and 0.3, and −0.7 lies below −0.7.
    let bounds = [(-0.7, 0.1), (-0.7, 0.3), (0.1, 0.3)];
    let space = Space::with_dtype(vec![Leaf::real("x", [3]).bounds_each(bounds)], DType::F32)?;
    for x in [f64::NEG_INFINITY, f64::INFINITY] {
        for (value, (lo, hi)) in decoded(&space, &[x; 3])?.into_iter().zip(bounds) {
            assert!(lo <= value && value <= hi, "{value} in [{lo}, {hi}]");
            assert!((value - if x > 0.0 { hi } else { lo }).abs() < 1e-7);
        }
    }
    Ok(())
}

#[test]
fn confine_moves_what_is_outside_and_nothing_else() -> Test {
    for dtype in [DType::F32, DType::F64] {
        let space = mixed(dtype)?;
        let inside = space.scatter(&space.start(), Key::new(1), 5)?;
        let mut same = CowTensor::new(inside.copy()?);
        space.confine(&mut same)?;
        assert_eq!(to_f64s(&same)?, to_f64s(&inside)?);

        let mut outside = CowTensor::new(Tensor::full(100f32, (2, space.dim()), &Device::Cpu)?.to_dtype(dtype)?);
        space.confine(&mut outside)?;
        for (x, (lo, hi)) in to_f64s(&outside)?.into_iter().zip(space.intervals().chain(space.intervals())) {
            assert!(if hi.is_finite() { (x - hi).abs() < 1e-6 } else { x == 100.0 }, "{x} in [{lo}, {hi}]");
        }
    }
    Ok(())
}

#[test]
fn scatter_is_uniform_inside_bounds_and_normal_elsewhere() -> Test {
    let n = 4000;
    for dtype in [DType::F32, DType::F64] {
        let leaves = vec![Leaf::real("free", [1]), Leaf::real("boxed", [1]).bounds(-2.0, 6.0), Leaf::integer("die", [1], 1, 6)];
        let space = Space::with_dtype(leaves, dtype)?;
        let around = point(&[5.0, 0.0, 0.0], dtype)?;
        let points = space.scatter(&around, Key::new(3), n)?;
        assert_eq!(points.dims(), [n, 3]);
        let values = to_f64s(&*space.decode(&points)?)?;
        let column = |i: usize| values.iter().skip(i).step_by(3).copied().collect::<Vec<f64>>();
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let variance = |v: &[f64]| mean(&v.iter().map(|x| (x - mean(v)).powi(2)).collect::<Vec<_>>());

        assert!((mean(&column(0)) - 5.0).abs() < 0.07 && (variance(&column(0)) - 1.0).abs() < 0.1);
        assert!((mean(&column(1)) - 2.0).abs() < 0.2 && (variance(&column(1)) - 64.0 / 12.0).abs() < 0.3);
        assert!(column(1).iter().all(|v| (-2.0..=6.0).contains(v)));
        for face in 1..=6 {
            let share = column(2).iter().filter(|v| **v == f64::from(face)).count() as f64 / n as f64;
            assert!((share - 1.0 / 6.0).abs() < 0.03, "{share} of the draws are {face}");
        }
    }
    Ok(())
}

#[test]
fn scattered_points_do_not_depend_on_how_many_there_are() -> Test {
    let space = mixed(DType::F32)?;
    let (few, many) = (space.scatter(&space.start(), Key::new(9), 2)?, space.scatter(&space.start(), Key::new(9), 8)?);
    assert_eq!(to_f64s(&few)?, to_f64s(&many.narrow(0, 0, 2)?.copy()?)?);
    Ok(())
}

#[test]
fn tensors_have_their_leaves_shapes_and_dtypes() -> Test {
    let leaves = vec![
        Leaf::real("w", [2, 2]).dtype(DType::BF16),
        Leaf::real("gone", [3]).frozen(true),
        Leaf::integer("n", [1], 0, 9).dtype(DType::U32),
        Leaf::bool("on", [1]),
    ];
    let space = Space::new(leaves)?;
    let tensors = space.tensors(&*point(&[1.0, 2.0, 3.0, 4.0, 7.0, 1.0], DType::F32)?)?;
    let seen: Vec<_> = tensors.iter().map(|(name, t)| (name.as_str(), t.dims().to_vec(), t.dtype())).collect();
    let expected = [("w", vec![2, 2], DType::BF16), ("n", vec![1], DType::U32), ("on", vec![1], DType::U8)];
    assert_eq!(seen, expected);
    assert_eq!(tensors[1].1.to_vec1::<u32>()?, [7]);
    Ok(())
}

fn field_of(error: Error) -> String {
    match error {
        Error::Invalid { field, .. } => field,
        other => format!("{other:?}"),
    }
}

#[test]
fn every_bad_leaf_is_refused_by_name() {
    let nan = f64::NAN;
    let bad = [
        (Leaf::real("a", [0]), "leaf a.shape"),
        (Leaf::real("b", [2, 0]), "leaf b.shape"),
        (Leaf::real("c", [1]).scale(0.0), "leaf c.scale"),
        (Leaf::real("d", [1]).scale(-1.0), "leaf d.scale"),
        (Leaf::real("e", [1]).scale(nan), "leaf e.scale"),
        (Leaf::real("f", [1]).scale(f64::INFINITY), "leaf f.scale"),
        (Leaf::real("f0", [1]).scale(1e-300), "leaf f0.scale"),
        (Leaf::real("g", [1]).bounds(1e5, 1e5).dtype(DType::F16), "leaf g.bounds"),
        (Leaf::real("h", [1]).bounds(2.0, 1.0), "leaf h.bounds"),
        (Leaf::real("i", [1]).bounds(nan, 1.0), "leaf i.bounds"),
        (Leaf::real("j", [1]).bounds(f64::INFINITY, f64::INFINITY), "leaf j.bounds"),
        (Leaf::real("k", [3]).bounds_each([(0.0, 1.0)]), "leaf k.bounds"),
        (Leaf::real("l", [2]).bounds_each([(0.0, 1.0), (1.0, 0.0)]), "leaf l.bounds"),
        (Leaf::real("l0", [1]).bounds(-1e308, 1e308), "leaf l0.bounds"),
        (Leaf::integer("m", [1], 3, 2), "leaf m.domain"),
        (Leaf::integer("n", [1], 0, 1 << 53), "leaf n.domain"),
        (Leaf::integer("o", [1], 0, 5).bounds(0.0, 1.0), "leaf o.bounds"),
        (Leaf::bool("p", [1]).bounds(0.0, 1.0), "leaf p.bounds"),
        (Leaf::integer("q", [1], -3, 4).dtype(DType::U8), "leaf q.dtype"),
        (Leaf::integer("r", [1], 0, 1000).dtype(DType::BF16), "leaf r.dtype"),
        (Leaf::integer("s", [1], -1, 1).dtype(DType::U32), "leaf s.dtype"),
        (Leaf::real("t", [1]).dtype(DType::U8), "leaf t.dtype"),
        (Leaf::real("u", [1]).at_least(nan), "leaf u.bounds"),
        (Leaf::category("v", [1], 0), "leaf v.domain"),
        (Leaf::category("w", [1], 300).dtype(DType::U8), "leaf w.dtype"),
        (Leaf::category("x", [1], 3).logarithmic(), "leaf x.logarithmic"),
        (Leaf::levels("y", [1], []), "leaf y.levels"),
        (Leaf::levels("z", [1], [1.0, 1.0]), "leaf z.levels"),
        (Leaf::levels("a1", [1], [2.0, 1.0]), "leaf a1.levels"),
        (Leaf::levels("b1", [1], [0.0, nan]), "leaf b1.levels"),
        (Leaf::levels("c1", [1], [0.5, 1.0]).dtype(DType::I64), "leaf c1.dtype"),
        (Leaf::levels("d1", [1], [-1.0, 1.0]).dtype(DType::U8), "leaf d1.dtype"),
        (Leaf::levels("e1", [1], [1.0, 1.0 + 1e-9]), "leaf e1.levels"),
        (Leaf::levels("f1", [1], [0.0, 1e5]).dtype(DType::F16), "leaf f1.levels"),
        (Leaf::levels("g1", [1], [0.0, 1.0]).bounds(0.0, 1.0), "leaf g1.bounds"),
        (Leaf::real("h1", [1]).logarithmic(), "leaf h1.bounds"),
        (Leaf::real("i1", [1]).bounds(0.0, 1.0).logarithmic(), "leaf i1.bounds"),
        (Leaf::real("j1", [1]).at_most(1.0).logarithmic(), "leaf j1.bounds"),
        (Leaf::real("k1", [2]).bounds_each([(1.0, 2.0), (-1.0, 2.0)]).logarithmic(), "leaf k1.bounds"),
        (Leaf::integer("l1", [1], 0, 9).logarithmic(), "leaf l1.domain"),
    ];
    for (leaf, field) in bad {
        let name = leaf.name().to_owned();
        assert_eq!(Space::with_dtype(vec![leaf], DType::F64).map_err(field_of).map(|_| ()), Err(field.to_owned()), "{name}");
    }
}

#[test]
fn contradictions_between_leaves_are_refused() -> Test {
    let twice = Space::new(vec![Leaf::real("w", [1]), Leaf::real("w", [2])]);
    assert_eq!(twice.map_err(field_of).map(|_| ()), Err("leaf name".into()));
    assert_eq!(Space::new(vec![]).map_err(field_of).map(|_| ()), Err("leaves".into()));
    let frozen = Space::new(vec![Leaf::real("w", [1]).frozen(true)]);
    assert_eq!(frozen.map_err(field_of).map(|_| ()), Err("leaves".into()));
    let half = Space::with_dtype(vec![Leaf::real("w", [1])], DType::BF16);
    assert_eq!(half.map_err(field_of).map(|_| ()), Err("dtype".into()));
    let narrow = |dtype| vec![Leaf::real("w", [1]).dtype(dtype).bounds(0.1, 0.1 + 1e-12)];
    assert_eq!(Space::new(narrow(DType::F64)).map_err(field_of).map(|_| ()), Err("leaf w.bounds".into()));
    assert_eq!(Space::with_dtype(narrow(DType::F32), DType::F64).map_err(field_of).map(|_| ()), Err("leaf w.bounds".into()));
    Space::with_dtype(narrow(DType::F64), DType::F64)?;
    Ok(())
}

#[test]
fn starts_and_points_that_are_not_finite_are_refused_by_element() -> Test {
    let leaves = vec![Leaf::real("frozen", [4]).frozen(true), Leaf::real("a", [2]), Leaf::real("b", [3]).bounds(-1.0, 1.0)];
    let space = Space::new(leaves)?;
    let named = |error: Error| matches!(&error, Error::Invalid { field, valid, .. } if field.contains("b[1]") && valid.contains("finite"));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        let numbers = point(&[0.0, 0.0, 0.5, bad, 0.0], DType::F64)?;
        assert!(space.starting_at(&numbers).is_err_and(named), "a start of {bad}");
        assert!(space.encode(&numbers).is_err_and(named), "values of {bad}");
        let single = CowTensor::new(numbers.to_dtype(DType::F32)?);
        assert!(space.point(&single).is_err_and(named), "a point of {bad}");
    }
    let tiny = Space::new(vec![Leaf::real("a", [1]).scale(1e-30)])?;
    assert!(tiny.encode(&*point(&[1e30], DType::F64)?).is_err(), "in units of the scale it is infinite");
    Ok(())
}

#[test]
fn points_of_another_shape_or_dtype_are_refused() -> Test {
    let space = Space::bounded([(0.0, 1.0); 3])?;
    let short = point(&[1.0, 2.0], DType::F64)?;
    let single = point(&[1.0, 2.0, 3.0], DType::F32)?;
    for wrong in [short, single] {
        assert!(matches!(space.decode(&wrong), Err(Error::Shape { .. })));
        assert!(matches!(space.tensors(&wrong), Err(Error::Shape { .. })));
        assert!(matches!(space.confine(&mut wrong.clone()), Err(Error::Shape { .. })));
    }
    assert!(matches!(space.encode(&*point(&[1.0], DType::F64)?), Err(Error::Shape { .. })));
    assert!(matches!(space.starting_at(&*point(&[1.0], DType::F64)?), Err(Error::Shape { .. })));
    Ok(())
}

#[test]
fn what_fits_into_no_memory_is_refused_before_it_is_asked_for() -> Test {
    for shape in [vec![1 << 45], vec![1 << 40, 1 << 40, 3]] {
        let refused = Space::new(vec![Leaf::real("w", shape)]);
        assert!(matches!(refused, Err(Error::Memory { needed, available, .. }) if needed > available), "{refused:?}");
    }
    let refused = Space::real(1_000_000)?.zeros_for(10_000_000);
    assert!(matches!(&refused, Err(Error::Memory { parameters: 1_000_000, .. })), "{refused:?}");
    let said = refused.err().map(|e| e.to_string()).unwrap_or_default();
    assert!(said.starts_with("10000000 points: needs 80.000 TB of memory for 1000000 parameters; "), "{said}");
    Ok(())
}

#[test]
fn points_of_the_same_values_are_known_without_decoding_all_of_them() {
    let leaves = || {
        vec![Leaf::integer("n", [600], 0, 8), Leaf::real("x", [600]).bounds(0.0, 4.0), Leaf::real("fixed", [2]).bounds(1.0, 1.0)]
    };
    for dtype in [DType::F32, DType::F64] {
        let space = Space::with_dtype(leaves(), dtype).unwrap();
        let at = |i: usize, by: f64| {
            let mut values: Vec<f64> = space.start().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
            values[i] += by;
            Tensor::new(values, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
        };
        let same = |i: usize, by: f64| space.same_values(&at(i, by), &space.start()).unwrap();
        assert!(same(599, 0.0), "other memory, the same numbers");
        assert!(same(599, 0.01) && !same(599, 1.0), "an integer is rounded");
        assert!(!same(1199, 1e-3) && same(1200, 0.1), "a real number is not, and a fixed one is of no effect");
        assert!(space.same_values(&at(600, 100.0), &at(600, 200.0)).unwrap(), "outside the bounds all is at the bound");
        let (start, clone) = (space.start(), space.start());
        assert!(space.same_values(&start, &clone).unwrap());
        assert!(space.same_values(&start, &start.narrow(0, 0, 5).unwrap()).is_err());
    }
}

/// On the device where it is already: the same space, and nothing shared that is written to.
#[test]
fn a_space_goes_to_a_device() -> Test {
    let space = Space::new(vec![Leaf::real("w", [2]).bounds(0.0, 1.0)])?.starting_at(&*point(&[0.25, 0.5], DType::F32)?)?;
    let there = space.on(&Device::Cpu)?;
    let mut start = there.start();
    drop(there);
    start.make_mut()?.slice_set(&Tensor::zeros(2, DType::F32, &Device::Cpu)?, 0, 0)?;
    assert_eq!(space.decode(&space.start())?.to_vec1::<f32>()?, [0.25, 0.5]);
    assert!(space.numbers([1.0, 2.0], 2)?.dtype() == DType::F32 && space.numbers([1.0, 2.0], 3).is_err());
    let here = Space::new(vec![Leaf::real("w", [2])])?;
    assert_eq!(here.on(&Device::Cpu)?.start().to_vec1::<f32>()?, here.start().to_vec1::<f32>()?);
    Ok(())
}
