//! Categories, levels, logarithms, bounds with one end, and leaves that depend on others.

use crate::toy::Test;
use candle_core::{DType, Device, Tensor};
use moths_core::{
    Batch, CowTensor, Error, Function, Key, Leaf, Objective, Result, Sampler, Space,
    objective::{Named, Probe},
    space::Domain,
    tensor::host::to_f64s,
};

const SEARCHES: [DType; 2] = [DType::F32, DType::F64];

fn point(values: &[f64], space: &Space) -> Result<CowTensor> {
    Ok(space.numbers(values, values.len())?.into())
}

fn decoded(space: &Space, x: &[f64]) -> Result<Vec<f64>> {
    to_f64s(&*space.decode(&*point(x, space)?)?)
}

/// Points inside, at the ends, and far outside.
fn points(space: &Space) -> Result<Vec<CowTensor>> {
    let probe = |i: u64| Probe::new(Key::new(i), [0.3, 3.0, 100.0][i as usize % 3]);
    let batch = Batch::seeded(&space.start(), Sampler::Normal, (0..300).map(probe).collect::<Vec<_>>());
    let filled = |x: f64| point(&vec![x; space.dim()], space);
    let ends = [1e30, -1e30].map(filled);
    (0..batch.len()).map(|i| batch.row(i, space)).chain(ends).chain([Ok(space.start())]).collect()
}

fn every_kind(dtype: DType) -> Result<Space> {
    let leaves = vec![
        Leaf::category("optimizer", [1], 3),
        Leaf::levels("weights", [2], (-7..=8).map(|k| 0.1 * f64::from(k)).collect::<Vec<_>>()).dtype(DType::BF16),
        Leaf::levels("batch", [1], [16.0, 32.0, 64.0]).dtype(DType::U8),
        Leaf::real("rate", [2]).bounds(1e-5, 1e-1).logarithmic(),
        Leaf::integer("width", [1], 8, 1024).logarithmic(),
        Leaf::real("above", [1]).at_least(0.5),
        Leaf::real("below", [1]).at_most(-3.0).scale(2.0),
        Leaf::real("some", [3]).bounds_each([(0.0, f64::INFINITY), (f64::NEG_INFINITY, f64::INFINITY), (1.0, 2.0)]),
        Leaf::real("momentum", [2]).bounds(0.0, 1.0).when("optimizer", [1.0, 2.0]),
        Leaf::bool("nesterov", [1]).when("optimizer", [2.0]),
        Leaf::integer("delay", [1], 1, 9).when("nesterov", [1.0]),
    ];
    Space::with_dtype(leaves, dtype)
}

#[test]
fn a_category_is_a_whole_number_and_has_no_order() -> Test {
    let space = Space::with_dtype(vec![Leaf::category("c", [1], 4).scale(1.0)], DType::F64)?;
    for (x, choice) in [(-9.0, 0.0), (-0.4, 0.0), (0.6, 1.0), (2.4, 2.0), (3.4, 3.0), (1e300, 3.0)] {
        assert_eq!(decoded(&space, &[x])?, [choice], "{x}");
    }
    let leaf = &space.leaves()[0];
    assert_eq!((leaf.domain(), leaf.domain().count(), leaf.interval(0)), (Domain::Category { choices: 4 }, Some(4), (0.0, 3.0)));
    assert!(!leaf.domain().is_ordered() && Domain::Bool.is_ordered() && space.is_discrete());
    assert_eq!((space.intervals().collect::<Vec<_>>(), space.steps().collect::<Vec<_>>()), (vec![(-0.5, 3.5)], vec![4]));
    let tensors = space.tensors(&*space.decode(&*point(&[2.0], &space)?)?)?;
    assert_eq!(tensors[0].1.to_vec1::<u32>()?, [2]);
    Ok(())
}

#[test]
fn levels_are_searched_by_index_and_encoded_as_the_nearest() -> Test {
    for dtype in SEARCHES {
        let space = Space::with_dtype(vec![Leaf::levels("b", [1], [16.0, 32.0, 64.0, 512.0]).scale(1.0)], dtype)?;
        for (x, level) in [(-5.0, 16.0), (0.4, 16.0), (0.6, 32.0), (2.2, 64.0), (2.6, 512.0), (f64::INFINITY, 512.0)] {
            assert_eq!(decoded(&space, &[x])?, [level], "{x}");
        }
        assert!(decoded(&space, &[f64::NAN])?[0].is_nan());
        for (value, index) in [(0.0, 0.0), (23.9, 0.0), (24.0, 0.0), (24.1, 1.0), (64.0, 2.0), (289.0, 3.0), (1e9, 3.0)] {
            assert_eq!(to_f64s(&*space.encode(&*point(&[value], &space)?)?)?, [index], "{value}");
        }
        // (512 − 16) / 3 a level.
        let mut slope = point(&[3.0], &space)?;
        space.pull_back(&space.start(), &mut slope)?;
        assert!((to_f64s(&slope)?[0] - 496.0).abs() < 1e-4);
    }
    Ok(())
}

#[test]
fn levels_are_numbers_of_the_dtype_that_a_model_gets() -> Test {
    let bf16 =
        |x: f64| -> Result<f64> { Ok(Tensor::new(x, &Device::Cpu)?.to_dtype(DType::BF16)?.to_dtype(DType::F64)?.to_scalar()?) };
    for dtype in SEARCHES {
        let space = every_kind(dtype)?;
        for level in -7..=8 {
            let mut values = to_f64s(&*space.decode(&space.start())?)?;
            values[1] = 0.1 * f64::from(level);
            let there = to_f64s(&*space.decode(&*space.encode(&*point(&values, &space)?)?)?)?;
            assert_eq!(there[1], bf16(values[1])?);
        }
    }
    let one = Space::new(vec![Leaf::levels("one", [2], [0.3])])?;
    assert_eq!((decoded(&one, &[-4.0, 9.0])?, one.has_fixed()), (vec![f64::from(0.3f32); 2], true));
    Ok(())
}

/// Their indices are no numbers of the model: bf16 has no 299.
#[test]
fn more_levels_than_the_dtype_can_count_are_all_there() -> Test {
    let levels: Vec<f64> = (0..300).map(|k| f64::powi(2.0, k / 8 - 20) * (1.0 + 0.125 * f64::from(k % 8))).collect();
    let space = Space::new(vec![Leaf::levels("x", [1], levels.clone()).dtype(DType::BF16)])?;
    for level in levels {
        let at = space.encode(&*point(&[level], &space)?)?;
        assert_eq!(decoded(&space, &to_f64s(&at)?)?, [level]);
    }
    Ok(())
}

#[test]
fn the_logarithm_is_what_is_searched() -> Test {
    let space = Space::with_dtype(vec![Leaf::real("r", [3]).dtype(DType::F64).bounds(1e-5, 1e-1).logarithmic()], DType::F64)?;
    // The middle, and a unit of the search: a quarter of ln 10⁴.
    let unit = 1e4f64.ln() / 4.0;
    let start = to_f64s(&space.start())?;
    let values = decoded(&space, &[start[0], start[0] + 1.0, start[0] - 2.5])?;
    for (value, expected) in values.iter().zip([1e-3, 1e-3 * unit.exp(), 1e-5]) {
        assert!((value / expected - 1.0).abs() < 1e-13, "{value} {expected}");
    }
    assert_eq!(values[2], 1e-5);
    let given = [1e-4, 0.0, -7.0];
    let there = decoded(&space, &to_f64s(&*space.encode(&*point(&given, &space)?)?)?)?;
    assert!((there[0] / 1e-4 - 1.0).abs() < 1e-13 && there[1..] == [1e-5; 2], "{there:?}");
    Ok(())
}

#[test]
fn a_slope_by_a_logarithm_is_the_slope_times_the_value() -> Test {
    let leaves = vec![
        Leaf::real("r", [2]).dtype(DType::F64).bounds(1e-3, 10.0).logarithmic(),
        Leaf::real("open", [1]).dtype(DType::F64).at_least(0.1).logarithmic().scale(0.5),
        Leaf::real("plain", [1]).dtype(DType::F64).scale(3.0),
    ];
    let space = Space::with_dtype(leaves, DType::F64)?;
    let x = [0.2, -1.1, 0.4, 0.7];
    let f = |x: &[f64]| Ok::<_, Error>(decoded(&space, x)?.iter().map(|v| v * v).sum::<f64>());
    let slopes: Vec<f64> = decoded(&space, &x)?.iter().map(|v| 2.0 * v).collect();
    let mut gradient = point(&slopes, &space)?;
    space.pull_back(&*point(&x, &space)?, &mut gradient)?;
    for (i, g) in to_f64s(&gradient)?.into_iter().enumerate() {
        let [mut up, mut down] = [x, x];
        (up[i], down[i]) = (up[i] + 1e-6, down[i] - 1e-6);
        let difference = (f(&up)? - f(&down)?) / 2e-6;
        assert!((g - difference).abs() < 1e-7 * (1.0 + difference.abs()), "{i}: {g} {difference}");
    }
    Ok(())
}

#[test]
fn integers_on_a_logarithmic_scale_have_their_ends() -> Test {
    for dtype in SEARCHES {
        let space = Space::with_dtype(vec![Leaf::integer("n", [1], 8, 1024).logarithmic()], dtype)?;
        let (lower, upper) = space.intervals().next().unwrap_or_default();
        assert_eq!((decoded(&space, &[lower])?, decoded(&space, &[upper])?), (vec![8.0], vec![1024.0]));
        let middle = decoded(&space, &to_f64s(&space.start())?)?[0];
        assert_eq!(middle, (7.5f64 * 1024.5).sqrt().round());
        for n in [8.0, 9.0, 77.0, 1023.0, 1024.0] {
            assert_eq!(decoded(&space, &to_f64s(&*space.encode(&*point(&[n], &space)?)?)?)?, [n]);
        }
        // The room of a value is what its logarithm says.
        let edge = |n: f64| (lower + (upper - lower) * (n / 7.5).ln() / (1024.5f64 / 7.5).ln(), n);
        for (x, n) in [edge(8.5), edge(100.5)] {
            assert!(decoded(&space, &[x + 1e-3])?[0] >= n + 0.5);
            assert!(decoded(&space, &[x - 1e-3])?[0] <= n - 0.5);
        }
        assert_eq!(space.steps().collect::<Vec<_>>(), [0]);
        assert!(space.is_discrete() && space.least_deviations().all(|least| least > 0.0));
    }
    Ok(())
}

#[test]
fn a_bound_may_be_alone() -> Test {
    for dtype in SEARCHES {
        let leaves = vec![
            Leaf::real("above", [1]).at_least(-1.0),
            Leaf::real("far", [1]).at_least(5.0),
            Leaf::real("below", [1]).at_most(-3.0).scale(2.0),
        ];
        let space = Space::with_dtype(leaves, dtype)?;
        assert!(space.is_bounded());
        let ends: Vec<_> = space.intervals().collect();
        assert_eq!(ends, [(-1.0, f64::INFINITY), (5.0, f64::INFINITY), (f64::NEG_INFINITY, -1.5)]);
        assert_eq!(to_f64s(&space.start())?, [0.0, 6.0, -2.5], "a unit inside");
        let far = [-4.0, 3.0, 0.5];
        let moved = |change: fn(&Space, &mut CowTensor) -> Result<()>, x: &[f64]| {
            let mut x = point(x, &space)?;
            change(&space, &mut x)?;
            to_f64s(&x)
        };
        assert_eq!(moved(Space::confine, &far)?, [-1.0, 5.0, -1.5]);
        assert_eq!(moved(Space::fold, &far)?, [2.0, 7.0, -3.5]);
        let inside = [-0.5, 8.25, -100.0];
        for change in [Space::confine, Space::fold, Space::smooth, Space::unsmooth] {
            assert_eq!(moved(change, &inside)?, inside);
        }
        let smooth = moved(Space::smooth, &far)?;
        assert_eq!(
            smooth.iter().map(|x| (x * 100.0).round() / 100.0).collect::<Vec<_>>(),
            [1.76, 6.76, -3.26],
            "mirrored at lo − a"
        );
        let there = moved(Space::smooth, &moved(Space::unsmooth, &[-0.97, 5.05, -1.51])?)?;
        assert!(there.iter().zip([-0.97, 5.05, -1.51]).all(|(a, b)| (a - b).abs() < 1e-5), "{there:?}");
        let points = space.scatter(&space.start(), Key::new(1), 500)?;
        let rows = to_f64s(&points)?;
        assert!(rows.chunks(3).all(|row| row.iter().zip(&ends).all(|(x, (lo, hi))| lo <= x && x <= hi)));
        assert!(rows.chunks(3).any(|row| row[1] > 7.5), "normal around the start, and mirrored");
    }
    Ok(())
}

#[test]
fn decoding_is_idempotent_and_keeps_every_domain() -> Test {
    for dtype in SEARCHES {
        let space = every_kind(dtype)?;
        for x in points(&space)? {
            let values = space.decode(&x)?;
            let again = space.decode(&*space.encode(&values)?)?;
            let (first, second) = (to_f64s(&values)?, to_f64s(&again)?);
            // A logarithm is rounded on the way there and back.
            assert!(first.iter().zip(&second).all(|(a, b)| (a - b).abs() <= 2e-6 * a.abs()), "{first:?} {second:?}");
            let elements = space.leaves().iter().flat_map(|leaf| (0..leaf.len()).map(move |i| (leaf, i)));
            for ((leaf, i), value) in elements.zip(first) {
                let (lo, hi) = leaf.interval(i);
                assert!((lo..=hi).contains(&value) || leaf.domain() != Domain::Real, "{}[{i}] = {value}", leaf.name());
            }
        }
    }
    Ok(())
}

#[test]
fn a_leaf_that_is_off_has_the_values_of_the_start() -> Test {
    for dtype in SEARCHES {
        let space = every_kind(dtype)?;
        let mut given = to_f64s(&*space.decode(&space.start())?)?;
        given[12..].copy_from_slice(&[0.25, 0.75, 1.0, 7.0]);
        let at = |space: &Space, optimizer: f64, tail: [f64; 4]| -> Result<Vec<f64>> {
            let mut values = given.clone();
            values[0] = optimizer;
            values[12..].copy_from_slice(&tail);
            Ok(decoded(space, &to_f64s(&*space.encode(&*point(&values, space)?)?)?)?[12..].to_vec())
        };
        let tail = [0.25, 0.75, 1.0, 7.0];
        assert_eq!(at(&space, 2.0, tail)?, tail, "all are on");
        assert_eq!(
            at(&space, 1.0, tail)?,
            [0.25, 0.75, 1.0, 5.0],
            "of a flag that is off, whatever it is, what depends on it is off"
        );
        assert_eq!(at(&space, 0.0, tail)?, [0.5, 0.5, 1.0, 5.0]);
        assert_eq!(at(&space, 2.0, [0.25, 0.75, 0.0, 7.0])?, [0.25, 0.75, 0.0, 5.0]);
        let elsewhere = space.starting_at(&*point(&given, &space)?)?;
        assert_eq!(at(&elsewhere, 0.0, [0.1, 0.2, 0.0, 3.0])?, [0.25, 0.75, 1.0, 7.0], "another start");
        // Coordinates that are of no effect have no slope, and make no difference.
        let off = elsewhere.encode(&*point(&[&[0.0], &given[1..]].concat(), &space)?)?;
        let mut slopes = point(&[1.0; 16], &space)?;
        elsewhere.pull_back(&off, &mut slopes)?;
        let slopes = to_f64s(&slopes)?;
        assert!(slopes[..12].iter().all(|g| *g != 0.0) && slopes[12..] == [0.0; 4], "{slopes:?}");
        let mut other = to_f64s(&off)?;
        other[14] += 0.9;
        assert!(elsewhere.same_values(&off, &*point(&other, &space)?)?);
        other[1] += 2.0;
        assert!(!elsewhere.same_values(&off, &*point(&other, &space)?)?);
    }
    Ok(())
}

#[test]
fn a_condition_is_on_a_discrete_leaf_before() {
    let refused = |leaves: Vec<Leaf>| match Space::new(leaves) {
        Err(Error::Invalid { field, value, .. }) => format!("{field} = {value}"),
        Err(Error::Unknown { kind, name, nearest, .. }) => format!("{kind}: {name}, {nearest:?}"),
        other => format!("{other:?}"),
    };
    let x = |on: &str, value: f64| Leaf::real("x", [1]).when(on, [value]);
    let n = || Leaf::integer("number", [1], 1, 3);
    assert!(Space::new(vec![n(), x("number", 3.0)]).is_ok());
    assert_eq!(refused(vec![n(), x("numbr", 3.0)]), "leaf of the condition of x: numbr, Some(\"number\")");
    assert_eq!(refused(vec![x("number", 3.0), n()]), "leaf x.condition = number");
    assert_eq!(refused(vec![x("x", 3.0)]), "leaf x.condition = x");
    assert_eq!(refused(vec![Leaf::real("r", [1]), x("r", 3.0)]), "leaf x.condition = r");
    assert_eq!(refused(vec![Leaf::bool("b", [2]), x("b", 1.0)]), "leaf x.condition = b");
    assert_eq!(refused(vec![n().frozen(true), x("number", 1.0)]), "leaf x.condition = number");
    assert_eq!(refused(vec![n(), x("number", 4.0)]), "leaf x.condition = 4");
    assert_eq!(refused(vec![n(), x("number", 1.5)]), "leaf x.condition = 1.5");
    assert_eq!(refused(vec![n(), Leaf::real("x", [1]).when("number", [])]), "leaf x.condition = no value");
    assert_eq!(refused(vec![Leaf::levels("l", [1], [0.1, 0.2]), x("l", 0.15)]), "leaf x.condition = 0.15");
    assert!(Space::new(vec![Leaf::levels("l", [1], [0.1, 0.2]), x("l", 0.1)]).is_ok(), "0.1 as it is written");
}

#[test]
fn leaves_are_written_and_read_and_older_ones_are_what_they_were() -> Test {
    for leaf in every_kind(DType::F64)?.leaves() {
        let text = serde_json::to_string(leaf)?;
        assert_eq!(&serde_json::from_str::<Leaf>(&text)?, leaf, "{text}");
    }
    let old =
        r#"{"name":"w","shape":[2],"dtype":"f32","domain":"real","bounds":{"same":[-1.0,1.0]},"scale":null,"frozen":false}"#;
    let leaf = Leaf::real("w", [2]).bounds(-1.0, 1.0);
    assert_eq!((serde_json::from_str::<Leaf>(old)?, serde_json::to_string(&leaf)?), (leaf, old.to_owned()));
    Ok(())
}

#[test]
fn a_function_asks_for_its_parameters_by_name() -> Test {
    let space = every_kind(DType::F64)?;
    let start = Batch::one(&space.start())?;
    let mut all = Function::named(space.clone(), |p| {
        assert_eq!((p.choice("optimizer")?, p.integer("optimizer")?, p.flag("nesterov")?), (1, 1, true));
        assert_eq!((p.integer("delay")?, p.values("momentum")?), (5, &[0.5, 0.5][..]));
        p.real("width")
    });
    assert_eq!(all.evaluate(&start)?, [88.0]);
    let said = |f: fn(&Named<'_>) -> Result<f64>| match Function::named(space.clone(), f).evaluate(&start) {
        Err(e) => e.to_string(),
        Ok(losses) => format!("{losses:?}"),
    };
    assert_eq!(said(|p| p.real("widht")), "unknown leaf of the space `widht`; did you mean `width`?");
    assert!(said(|p| p.real("rate")).contains("leaf rate"), "two elements");
    assert!(said(|p| Ok(p.integer("above")? as f64)).starts_with("domain of leaf above = Real"));
    assert!(said(|p| Ok(p.choice("delay")? as f64)).starts_with("domain of leaf delay"));
    assert!(said(|p| p.flag("delay").map(|_| 0.0)).starts_with("domain of leaf delay"));
    Ok(())
}
