use std::{fs::File, path::Path, time::Instant};

use flate2::read::GzDecoder;

use super::*;

/// A row of `reference/bbob.csv.gz`.
struct Row {
    function: u32,
    dim: usize,
    instance: u32,
    /// The value at the minimiser.
    minimum: f64,
    /// The values at the [points].
    values: [f64; 4],
}

fn reference() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/bbob.csv.gz");
    let mut table = csv::Reader::from_reader(GzDecoder::new(File::open(path).unwrap()));
    let row = |cells: csv::StringRecord| {
        let number = |i: usize| cells[i].parse::<f64>().unwrap();
        let [function, dim, instance] = [0, 1, 2].map(|i| cells[i].parse::<u32>().unwrap());
        Row { function, dim: dim as usize, instance, minimum: number(3), values: [4, 5, 6, 7].map(number) }
    };
    table.records().map(|cells| row(cells.unwrap())).collect()
}

/// The points of a row, as `reference/bbob.py` has them: two inside of the box, one outside, one near the minimiser.
fn points(row: &Row, minimiser: &[f64]) -> [Vec<f64>; 4] {
    let unit = |p: u64| {
        let first = 64 * (4 * (100 * u64::from(row.function) + u64::from(row.instance)) + p);
        (1..=row.dim as u64).map(move |i| ((first + i) as f64 * 0.618_033_988_749_894_9).fract())
    };
    let outside = |(i, u): (usize, f64)| if i % 2 == 0 { 5.0 + 5.0 * u } else { 20.0 * u - 10.0 };
    [
        unit(0).map(|u| 10.0 * u - 5.0).collect(),
        unit(1).map(|u| 10.0 * u - 5.0).collect(),
        unit(2).enumerate().map(outside).collect(),
        unit(3).zip(minimiser).map(|(u, x)| x + 0.2 * u - 0.1).collect(),
    ]
}

/// Points of [-6, 6]ᵈ.
fn scattered(n: usize, dim: usize) -> impl Iterator<Item = Vec<f64>> {
    (0..n as u64).map(move |seed| random::uniform(dim, seed + 1).into_iter().map(|u| 12.0 * u - 6.0).collect())
}

fn every(dims: &[usize], instances: &[u32]) -> impl Iterator<Item = Bbob> {
    let each = move |dim: usize| instances.iter().map(move |instance| (dim, *instance));
    let cases: Vec<_> = dims.iter().flat_map(|dim| each(*dim)).collect();
    (1..=24).flat_map(move |number| cases.clone().into_iter().map(move |(dim, i)| Bbob::new(number, dim, i).unwrap()))
}

fn describe(bbob: &Bbob) -> String {
    format!("{}/d{}/i{}", bbob.function().name(), bbob.dim(), bbob.instance())
}

#[test]
fn all_values_are_cocos() {
    let rows = reference();
    assert_eq!(rows.len(), 24 * 6 * 15);
    for row in rows {
        let mut bbob = Bbob::new(row.function, row.dim, row.instance).unwrap();
        let (name, minimum) = (describe(&bbob), bbob.minimum());
        assert!((minimum - row.minimum).abs() <= 1e-11 * minimum.abs().max(1.0), "{name}: {minimum} is not {}", row.minimum);
        let points = points(&row, bbob.minimiser());
        for (i, (x, coco)) in points.iter().zip(row.values).enumerate() {
            let value = bbob.value(x);
            assert!((value - coco).abs() <= 1e-9 * coco.abs(), "{name}, point {i}: {value} is not {coco}");
        }
    }
}

#[test]
fn the_minimum_is_at_the_minimiser() {
    for mut bbob in every(&[2, 3, 7, 40, 80], &[1, 2, 15, 200_000]) {
        let best = bbob.minimiser().to_vec();
        let gap = bbob.value(&best) - bbob.minimum();
        assert!(gap.abs() <= 1e-11, "{}: {gap:e}", describe(&bbob));
        assert!(best.iter().all(|x| x.abs() <= 5.0), "{}: {best:?}", describe(&bbob));
    }
}

#[test]
fn nothing_is_lower() {
    for mut bbob in every(&[2, 5, 20], &[1, 7]) {
        let (name, minimum, best) = (describe(&bbob), bbob.minimum(), bbob.minimiser().to_vec());
        for (x, scale) in scattered(400, bbob.dim()).zip([1e-8, 1e-4, 1e-2, 1.0].into_iter().cycle()) {
            let near: Vec<f64> = best.iter().zip(&x).map(|(best, x)| best + scale * x).collect();
            for value in [bbob.value(&x), bbob.value(&near)] {
                assert!(value >= minimum - 1e-11, "{name}: {value} is lower than {minimum}");
            }
        }
    }
}

#[test]
fn equal_instances_give_equal_bits_and_others_do_not() {
    for mut bbob in every(&[2, 10], &[1, 2]) {
        let (number, dim, instance) = (bbob.function().number, bbob.dim(), bbob.instance());
        let mut clone = bbob.clone();
        let [mut again, mut other] = [instance, instance + 1].map(|i| Bbob::new(number, dim, i).unwrap());
        for x in scattered(10, dim) {
            let bits = bbob.value(&x).to_bits();
            assert_eq!([clone.value(&x).to_bits(), again.value(&x).to_bits()], [bits; 2]);
            assert_ne!(other.value(&x).to_bits(), bits);
        }
    }
}

#[test]
fn no_evaluation_remembers_another() {
    for mut bbob in every(&[5], &[1]) {
        let points: Vec<_> = scattered(10, 5).collect();
        let forth: Vec<_> = points.iter().map(|x| bbob.value(x).to_bits()).collect();
        let back: Vec<_> = points.iter().rev().map(|x| bbob.value(x).to_bits()).collect();
        assert!(forth.iter().eq(back.iter().rev()), "{}", describe(&bbob));
    }
}

#[test]
fn large_dimensions_are_finite_and_keep_their_minimum() {
    for mut bbob in every(&[640], &[1]) {
        let best = bbob.minimiser().to_vec();
        assert!((bbob.value(&best) - bbob.minimum()).abs() <= 1e-9, "{}", describe(&bbob));
        for x in scattered(3, 640) {
            let value = bbob.value(&x);
            assert!(value.is_finite() && value > bbob.minimum(), "{}: {value}", describe(&bbob));
        }
    }
}

#[test]
fn what_is_no_point_has_no_value() {
    for mut bbob in every(&[3], &[1]) {
        assert!(bbob.value(&[0.0; 2]).is_nan() && bbob.value(&[0.0; 4]).is_nan() && bbob.value(&[0.0, f64::NAN, 0.0]).is_nan());
    }
}

#[test]
fn what_there_is_not_is_refused() {
    let refusal = |number, dim, instance| Bbob::new(number, dim, instance).err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(refusal(0, 2, 1), "function = 0: an integer from 1 to 24");
    assert_eq!(refusal(25, 2, 1), "function = 25: an integer from 1 to 24");
    assert_eq!(refusal(1, 1, 1), "--dim = 1: an integer from 2 to 640");
    assert_eq!(refusal(1, 641, 1), "--dim = 641: an integer from 2 to 640");
    assert_eq!(refusal(1, 2, 0), "--instance = 0: an integer from 1 to 200000");
    assert_eq!(refusal(1, 2, 200_001), "--instance = 200001: an integer from 1 to 200000");
}

#[test]
fn functions_are_numbered_and_grouped() {
    assert!(FUNCTIONS.iter().map(|f| f.number).eq(1..=24));
    let sizes = [Group::Separable, Group::Moderate, Group::IllConditioned, Group::MultiModal, Group::WeaklyStructured]
        .map(|group| FUNCTIONS.iter().filter(|f| f.group == group).count());
    assert_eq!(sizes, [5, 4, 5, 5, 5]);
}

/// `cargo test --release -p moths-cli --lib bbob::tests::speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    println!("nanoseconds an evaluation, the fastest of 300 runs\n{:4}{:>9}{:>9}{:>9}{:>9}", "", 2, 5, 20, 40);
    for function in &FUNCTIONS {
        let times = [2, 5, 20, 40].map(|dim| {
            let mut bbob = Bbob::new(function.number, dim, 1).unwrap();
            let points: Vec<_> = scattered(64, dim).collect();
            let run = |_| {
                let start = Instant::now();
                (0..5).for_each(|_| points.iter().for_each(|x| _ = std::hint::black_box(bbob.value(x))));
                start.elapsed().as_secs_f64() * 1e9 / (5.0 * 64.0)
            };
            (0..300).map(run).fold(f64::INFINITY, f64::min)
        });
        println!("{:4}{}", function.name(), times.map(|t| format!("{t:9.0}")).concat());
    }
}
