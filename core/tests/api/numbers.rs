//! What a dtype can hold: values are inside their bounds after the last cast, integers are whole, fixed elements stay.

use crate::toy::{Test, Walk};
use candle_core::{DType, Device, Tensor};
use moths_core::{
    Batch, CowTensor, Error, Function, Key, Leaf, Objective, Outcome, Result, Sampler, Space, objective::Probe, space::Warning,
    tensor::host::to_f64s,
};
use proptest::prelude::*;

const FLOATS: [DType; 4] = [DType::F32, DType::F64, DType::BF16, DType::F16];
const SEARCHES: [DType; 2] = [DType::F32, DType::F64];
const ELEMENTS: usize = 100;
const POINTS: usize = 10_000;

/// Points of all sizes: inside, around and far outside.
fn points(space: &Space) -> Result<Vec<CowTensor>> {
    let n = POINTS.div_ceil(space.dim());
    (0..n)
        .map(|i| {
            let scale = [0.1, 1.0, 3.0, 1e30][i % 4];
            let probe = Probe::new(Key::new(i as u64), scale);
            Batch::seeded(&space.start(), Sampler::Normal, [probe]).row(0, space)
        })
        .chain([f64::INFINITY, f64::NEG_INFINITY, 0.0, 1e300, -1e300].map(|x| filled(space, x)))
        .collect()
}

fn filled(space: &Space, x: f64) -> Result<CowTensor> {
    Ok(Tensor::full(x, space.dim(), &Device::Cpu)?.to_dtype(space.dtype())?.into())
}

/// The values of a space's only leaf at a point: as decoded, and after the last cast.
fn values(space: &Space, point: &CowTensor) -> Result<(Vec<f64>, Vec<f64>)> {
    let decoded = space.decode(point)?;
    let tensor = space.tensors(&decoded)?.remove(0).1;
    Ok((to_f64s(&decoded)?, tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?))
}

/// Is every point of the space in [lo, hi], decoded as well as cast, and to a function?
fn all_inside(space: &Space, lo: f64, hi: f64) -> Result<bool> {
    let inside = |values: &[f64]| values.iter().all(|v| (lo..=hi).contains(v));
    let mut function = Function::new(space.clone(), |x| if inside(x) { 0.0 } else { 1.0 });
    for point in points(space)? {
        let (decoded, cast) = values(space, &point)?;
        if !inside(&decoded) || !inside(&cast) || function.evaluate(&Batch::one(&point)?)? != [0.0] {
            return Ok(false);
        }
    }
    Ok(true)
}

fn cast(x: f64, dtype: DType) -> Result<f64> {
    Ok(Tensor::new(x, &Device::Cpu)?.to_dtype(dtype)?.to_dtype(DType::F64)?.to_scalar()?)
}

#[test]
fn values_stay_inside_after_the_last_cast() -> Test {
    let bounds = [
        (0.0, 0.3),
        (-0.7, 0.1),
        (0.1, 0.3),
        (0.0, 1e5),
        (-1e5, 7.0),
        (1e-9, 1.0),
        (-1.0, -1e-9),
        (-1e-20, 1e-20),
        (1e-41, 1e-38),
        (-1e29, 1e29),
        (1e6, 1e6 + 1.0),
        (60_000.0, 70_000.0),
        (1.0, 1.0 + f64::EPSILON),
        (1.0, 1.0f32.next_up().into()),
        (-3.0, 1e29),
    ];
    for dtype in FLOATS {
        for search in SEARCHES {
            for (lo, hi) in bounds {
                let leaf = Leaf::real("x", [ELEMENTS]).dtype(dtype).bounds(lo, hi);
                match Space::with_dtype(vec![leaf], search) {
                    Ok(space) => assert!(all_inside(&space, lo, hi)?, "[{lo:e}, {hi:e}] in {dtype:?}, searched in {search:?}"),
                    Err(error) => refused(error, lo, hi, if dtype == DType::F64 { search } else { dtype })?,
                }
            }
        }
    }
    Ok(())
}

/// An interval is refused only where the dtype that is named has no finite number in it.
fn refused(error: Error, lo: f64, hi: f64, dtype: DType) -> Test {
    let told =
        matches!(&error, Error::Invalid { field, valid, .. } if field == "leaf x.bounds" && valid.contains(dtype.as_str()));
    assert!(told, "{error}");
    for x in [lo, hi, 0.5 * (lo + hi)] {
        let there = cast(x, dtype)?;
        assert!(!(lo..=hi).contains(&there) || there.is_infinite(), "{there} is in [{lo}, {hi}]");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_stay_inside_any_bounds(
        leaf in 0..4usize, search in 0..2usize, middle in -1.0..1.0f64, size in -40..6i32, width in -9..3i32, scaled: bool,
    ) {
        let (dtype, search) = (FLOATS[leaf], SEARCHES[search]);
        let (middle, half) = (middle * 10f64.powi(size), 10f64.powi(size + width));
        let (lo, hi) = (middle - half, middle + half);
        let leaf = Leaf::real("x", [ELEMENTS]).dtype(dtype).bounds(lo, hi);
        let leaf = if scaled { leaf.scale(0.37 * half.max(1e-29)) } else { leaf };
        match Space::with_dtype(vec![leaf], search) {
            Ok(space) => prop_assert!(all_inside(&space, lo, hi)?, "[{lo:e}, {hi:e}] in {dtype:?}, searched in {search:?}"),
            Err(error) => {
                let narrower = if dtype == DType::F64 { search } else { dtype };
                prop_assert!(refused(error, lo, hi, narrower).is_ok());
            }
        }
    }
}

#[test]
fn both_ends_of_an_interval_are_the_nearest_numbers_inside() -> Test {
    let cases = [
        (DType::BF16, 0.0, 0.3, 0.0, 0.298_828_125),
        (DType::F16, 0.0, 1e5, 0.0, 65_504.0),
        (DType::F16, 1e-9, 1.0, 2f64.powi(-24), 1.0),
        (DType::F32, 1e6, 1e6 + 1.0, 1e6, 1e6 + 1.0),
    ];
    for (dtype, lo, hi, least, most) in cases {
        let space = Space::new(vec![Leaf::real("x", [1]).dtype(dtype).bounds(lo, hi)])?;
        assert_eq!(values(&space, &filled(&space, f64::NEG_INFINITY)?)?.1, [least], "{dtype:?}");
        assert_eq!(values(&space, &filled(&space, f64::INFINITY)?)?.1, [most], "{dtype:?}");
    }
    Ok(())
}

#[test]
fn values_without_bounds_stay_finite_after_the_last_cast() -> Test {
    let largest = [f64::from(f32::MAX), f64::MAX, 3.389_531_389_251_535_5e38, 65_504.0];
    for (dtype, largest) in FLOATS.into_iter().zip(largest) {
        for search in SEARCHES {
            let space = Space::with_dtype(vec![Leaf::real("x", [2]).dtype(dtype).scale(10.0)], search)?;
            let most = if search == DType::F32 { largest.min(f32::MAX.into()) } else { largest };
            for (x, end) in [(1e308, most), (-1e308, -most)] {
                assert_eq!(values(&space, &filled(&space, x)?)?.1, [end; 2], "{dtype:?}, searched in {search:?}");
            }
            assert!(values(&space, &filled(&space, f64::NAN)?)?.1.iter().all(|x| x.is_nan()), "a failed number stays one");
            assert_eq!(values(&space, &filled(&space, 0.125)?)?.1, [1.25; 2]);
        }
    }
    let plain = Space::with_dtype(vec![Leaf::real("x", [1]).dtype(DType::BF16)], DType::F32)?;
    assert_eq!(values(&plain, &filled(&plain, 1e39)?)?.1, [largest[2]], "of unit scale too");
    Ok(())
}

#[test]
fn integers_are_whole_and_inside_in_every_dtype() -> Test {
    const FAR: i64 = 1 << 52;
    let cases: [(DType, &[(i64, i64)]); 9] = [
        (DType::U8, &[(0, 255), (200, 203)]),
        (DType::U32, &[(0, u32::MAX as i64), (4_294_967_000, u32::MAX as i64)]),
        (DType::I16, &[(-32_768, 32_767), (-5, 3)]),
        (DType::I32, &[(i32::MIN as i64, i32::MAX as i64), (2_147_483_000, 2_147_483_600)]),
        (DType::I64, &[(-FAR, FAR), (FAR - 3, FAR), (FAR - 7, FAR - 1), (1 - FAR, FAR - 1), (7, 7)]),
        (DType::F64, &[(-FAR, FAR), (FAR - 3, FAR), (-FAR, 3 - FAR)]),
        (DType::F32, &[(-(1 << 24), 1 << 24), ((1 << 24) - 7, 1 << 24)]),
        (DType::F16, &[(-2048, 2048), (2040, 2048)]),
        (DType::BF16, &[(-256, 256), (250, 256)]),
    ];
    for (dtype, domains) in cases {
        for search in SEARCHES {
            for &(lo, hi) in domains {
                whole(Leaf::integer("n", [ELEMENTS], lo, hi).dtype(dtype), lo, hi, search)
                    .map_err(|e| format!("{lo}..={hi} in {dtype:?}, searched in {search:?}: {e}"))?;
            }
        }
    }
    Ok(())
}

fn whole(leaf: Leaf, lo: i64, hi: i64, search: DType) -> Test {
    // An f32 does not hold all integers farther from 0 than this.
    let refused = search == DType::F32 && lo.unsigned_abs().max(hi.unsigned_abs()) > 1 << 24;
    let space = match Space::with_dtype(vec![leaf], search) {
        Err(Error::Invalid { field, .. }) if refused && field == "leaf n.domain" => return Ok(()),
        space => space?,
    };
    let mut seen = std::collections::BTreeSet::new();
    for point in points(&space)? {
        let (decoded, cast) = values(&space, &point)?;
        assert_eq!(decoded, cast, "a cast changes no integer");
        assert!(cast.iter().all(|v| v.fract() == 0.0 && (lo as f64..=hi as f64).contains(v)), "{cast:?}");
        seen.extend(cast.into_iter().map(|v| v as i64));
    }
    assert!(!refused, "{lo}..={hi} was searched in f32");
    assert!(seen.contains(&lo) && seen.contains(&hi));
    assert!(hi - lo > 8 || seen.len() as i64 == hi - lo + 1, "{seen:?} are not all");
    Ok(())
}

#[test]
fn narrow_intervals_far_from_zero_are_searched_as_finely_as_others() -> Test {
    let space = Space::new(vec![Leaf::real("x", [1]).bounds(1e6, 1e6 + 1.0)])?;
    assert_eq!(values(&space, &space.start())?.1, [1e6 + 0.5], "the middle");
    let mut coordinates: Vec<f64> = vec![];
    for i in 0..=16 {
        let number = 1e6 + f64::from(i) / 16.0;
        let there = space.encode(&Tensor::new(&[number], &Device::Cpu)?)?;
        assert_eq!(values(&space, &there)?.1, [number]);
        coordinates.extend(to_f64s(&there)?);
    }
    assert!(coordinates.windows(2).all(|x| (x[1] - x[0] - 0.25).abs() < 1e-6), "evenly: {coordinates:?}");
    // Of f64 leaves searched in f64, nothing is lost: 1e-9 is a number there.
    let fine = Space::with_dtype(vec![Leaf::real("x", [1]).dtype(DType::F64).bounds(1e6, 1e6 + 1.0)], DType::F64)?;
    let x = fine.encode(&Tensor::new(&[1e6 + 0.25 + 1e-9], &Device::Cpu)?)?;
    assert!((values(&fine, &x)?.1[0] - (1e6 + 0.25 + 1e-9)).abs() < 2e-10);
    Ok(())
}

#[test]
fn bounds_that_hold_few_numbers_are_warned_of() -> Test {
    let year = |dtype| Leaf::real("year", [1]).dtype(dtype).bounds(1e6, 1e6 + 1.0);
    let warning = |dtype| Warning::Coarse { leaf: "year".into(), bounds: (1e6, 1e6 + 1.0), dtype, numbers: 17 };
    assert_eq!(Space::new(vec![year(DType::F32)])?.warnings(), [warning(DType::F32)]);
    assert_eq!(Space::with_dtype(vec![year(DType::F64)], DType::F32)?.warnings(), [warning(DType::F32)], "the search is in f32");
    assert_eq!(Space::with_dtype(vec![year(DType::F64)], DType::F64)?.warnings(), []);
    assert_eq!(warning(DType::F32).to_string(), "leaf year.bounds = [1000000, 1000001]: only 17 numbers of f32 lie there");
    let quiet = vec![
        Leaf::real("fixed", [1]).bounds(3.0, 3.0),
        Leaf::real("free", [1]).dtype(DType::BF16),
        Leaf::real("unit", [1]).dtype(DType::BF16).bounds(0.0, 1.0),
        Leaf::integer("few", [1], 1, 2),
        Leaf::real("frozen", [1]).bounds(1e6, 1e6 + 1.0).frozen(true),
    ];
    assert_eq!(Space::new(quiet)?.warnings(), []);
    let each = Leaf::real("each", [2]).dtype(DType::F16).bounds_each([(0.0, 1.0), (1.0, 1.5)]);
    assert!(matches!(&Space::new(vec![each])?.warnings()[..], [Warning::Coarse { bounds: (1.0, 1.5), numbers: 513, .. }]));
    Ok(())
}

#[test]
fn an_outcome_tells_of_warnings() -> Test {
    let space = Space::new(vec![Leaf::real("year", [1]).bounds(1e6, 1e6 + 1.0)])?;
    let mut objective = Function::new(space.clone(), |x| x[0]);
    let outcome: Outcome =
        moths_core::minimize(&mut Walk::new(&space, Key::new(1), 3)?, &mut objective, &moths_core::Stop::steps(2))?;
    assert!(matches!(&outcome.warnings()[..], [Warning::Coarse { numbers: 17, .. }]));
    Ok(())
}

#[test]
fn numbers_that_no_dtype_of_a_leaf_has_are_refused_by_name() -> Test {
    let cases = [
        (Leaf::real("x", [1]).dtype(DType::F16).bounds(7e4, 1e5), "leaf x.bounds", "[70000, 100000]", "f16"),
        (Leaf::real("x", [1]).dtype(DType::F16).bounds(1e-9, 2e-9), "leaf x.bounds", "[0.000000001, 0.000000002]", "f16"),
        (Leaf::real("x", [1]).dtype(DType::BF16).bounds(0.3, 0.3001), "leaf x.bounds", "[0.3, 0.3001]", "bf16"),
        (Leaf::real("x", [2]).dtype(DType::F32).bounds_each([(0.0, 1.0), (1e300, 1e300)]), "leaf x.bounds", "1000", "f32"),
        (Leaf::integer("n", [1], (1 << 24) + 1, (1 << 24) + 1), "leaf n.domain", "16777217", "f32"),
    ];
    for (leaf, named, shown, dtype) in cases {
        match Space::new(vec![leaf]) {
            Err(Error::Invalid { field, value, valid }) => {
                assert!(field == named && value.contains(shown) && valid.contains(dtype), "{field} = {value}: {valid}")
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
    Ok(())
}
