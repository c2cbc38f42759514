use std::{fs::File, path::Path};

use flate2::read::GzDecoder;

use super::*;

/// A row of `reference/mixint.csv.gz`.
struct Row {
    function: u32,
    dim: usize,
    instance: u32,
    /// The value at the minimiser.
    minimum: f64,
    /// The values at the [points].
    values: [f64; 3],
}

fn reference() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/mixint.csv.gz");
    let mut table = csv::Reader::from_reader(GzDecoder::new(File::open(path).unwrap()));
    let row = |cells: csv::StringRecord| {
        let number = |i: usize| cells[i].parse::<f64>().unwrap();
        let [function, dim, instance] = [0, 1, 2].map(|i| cells[i].parse::<u32>().unwrap());
        Row { function, dim: dim as usize, instance, minimum: number(3), values: [4, 5, 6].map(number) }
    };
    table.records().map(|cells| row(cells.unwrap())).collect()
}

/// The points of a row, as `reference/mixint.py` has them: two inside of the box, one that leaves it. None of their integers is whole.
fn points(row: &Row) -> [Vec<f64>; 3] {
    let unit = |p: u64, i: usize| {
        let first = 64 * (4 * (100 * u64::from(row.function) + u64::from(row.instance)) + p);
        ((first + i as u64 + 1) as f64 * 0.618_033_988_749_894_9).fract()
    };
    let ends = |i: usize| SIZES.get(i / (row.dim / 5)).map_or((-5.0, 5.0), |size| (0.0, f64::from(size - 1)));
    let within = |p: u64, wider: f64| {
        let place = |i: usize| (ends(i), unit(p, i));
        let point = |((lo, hi), u): ((f64, f64), f64)| lo - wider * (hi - lo) + (1.0 + 2.0 * wider) * (hi - lo) * u;
        (0..row.dim).map(place).map(point).collect()
    };
    [within(0, 0.0), within(1, 0.0), within(2, 0.5)]
}

#[test]
fn all_values_are_cocos() {
    let rows = reference();
    assert_eq!(rows.len(), 24 * 4 * 15);
    for row in rows {
        let mut mixed = MixInt::new(row.function, row.dim, row.instance).unwrap();
        let name = format!("f{} {}-D i{}", row.function, row.dim, row.instance);
        let minimum = mixed.minimum();
        assert!((minimum - row.minimum).abs() <= 1e-11 * minimum.abs().max(1.0), "{name}: {minimum} is not {}", row.minimum);
        for (i, (x, coco)) in points(&row).iter().zip(row.values).enumerate() {
            let value = mixed.value(x);
            assert!((value - coco).abs() <= 1e-9 * coco.abs(), "{name}, point {i}: {value} is not {coco}");
        }
    }
}

#[test]
fn the_minimum_is_at_the_minimiser_which_has_integers() {
    for (number, dim, instance) in (1..=24).flat_map(|f| [(f, 5, 1), (f, 15, 2), (f, 45, 3)]) {
        let mut mixed = MixInt::new(number, dim, instance).unwrap();
        let best = mixed.minimiser();
        assert!((mixed.value(&best) - mixed.minimum()).abs() <= 1e-11, "f{number} {dim}-D i{instance}");
        assert!(best[..dim / 5 * 4].iter().all(|x| x.fract() == 0.0 && *x >= 0.0));
    }
}

#[test]
fn numbers_worked_out_by_hand() {
    // Regular places of two values are ±4/3; the lower is nearer to -1, and is moved there.
    let two = placed(2, -1.0);
    assert!(two[0] == -1.0 && (two[1] - 5.0 / 3.0).abs() < 1e-15, "{two:?}");
    // Of four, -2.4, -0.8, 0.8 and 2.4: beyond the last, it is the last.
    let four = placed(4, 4.0);
    assert!(four.iter().zip([-0.8, 0.8, 2.4, 4.0]).all(|(a, b)| (a - b).abs() < 1e-15), "{four:?}");
    assert_eq!([-3.0, -0.4, 0.5, 1.4, 2.6, 9.0].map(|x| nearest(x, 4)), [0, 0, 1, 1, 3, 3]);
}

#[test]
fn what_is_no_point_has_no_value() {
    let mut mixed = MixInt::new(1, 5, 1).unwrap();
    assert!(mixed.value(&[0.0; 4]).is_nan() && mixed.value(&[f64::NAN, 0.0, 0.0, 0.0, 0.0]).is_nan());
    assert_eq!(mixed.value(&[-7.0, 0.4, 0.0, 99.0, 1.0]), mixed.value(&[0.0, 0.0, 0.0, 15.0, 1.0]));
}
