//! What the family needs to converge, beside a reference implementation.

use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};

type Loss = fn(&[f64]) -> f64;

fn sphere(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2)).sum()
}

/// Of condition 10⁶.
fn ellipsoid(x: &[f64]) -> f64 {
    let last = (x.len() - 1) as f64;
    x.iter().enumerate().map(|(i, x)| 10f64.powf(6.0 * i as f64 / last) * (x - 1.0).powi(2)).sum()
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum()
}

/// The median, over 11 seeds, of the evaluations until 1e-9 in [−5, 5]ᵈ with a budget of 10,000 d.
fn needed(id: &str, f: Loss, d: usize) -> u64 {
    let space = Space::bounded(vec![(-5.0, 5.0); d]).unwrap();
    let mut used: Vec<u64> = (0..11)
        .map(|seed| {
            let mut optimizer = registry::build(&Spec::new(id), &space, Key::new(seed)).unwrap();
            let stop = Stop::evaluations(10_000 * d as u64).or_target(1e-9);
            let end = minimize(&mut *optimizer, &mut Function::new(space.clone(), f), &stop).unwrap();
            if end.tally.lowest <= 1e-9 { end.tally.evaluations } else { u64::MAX }
        })
        .collect();
    used.sort_unstable();
    used[5]
}

/// Medians of minionpy 1.9.1 (its algorithms LSHADE, jSO and DE) on the same problems, with the papers' settings: population 18 d, 25 √d ln d
/// and 10 d, archive 2.6 and 1, memory 6 and 5, F = 0.5 and CR = 0.9 for DE.
const REFERENCE: [(&str, &str, usize, u64); 15] = [
    ("l-shade", "sphere", 10, 27_343),
    ("l-shade", "sphere", 20, 58_025),
    ("l-shade", "ellipsoid", 10, 36_121),
    ("l-shade", "ellipsoid", 20, 77_377),
    ("l-shade", "rosenbrock", 10, 47_067),
    ("l-shade", "rosenbrock", 20, 128_934),
    ("jso", "sphere", 10, 28_241),
    ("jso", "sphere", 20, 72_890),
    ("jso", "ellipsoid", 10, 36_187),
    ("jso", "ellipsoid", 20, 87_798),
    ("jso", "rosenbrock", 10, 47_068),
    ("jso", "rosenbrock", 20, 128_702),
    ("de", "sphere", 10, 25_875),
    ("de", "ellipsoid", 10, 32_685),
    ("de", "rosenbrock", 10, 85_666),
];

#[test]
fn as_many_evaluations_are_needed_as_by_the_reference() {
    for (id, name, d, theirs) in REFERENCE {
        let f: Loss = match name {
            "sphere" => sphere,
            "ellipsoid" => ellipsoid,
            _ => rosenbrock,
        };
        let ours = needed(id, f, d);
        println!("| `{id}` | {name} | {d} | {ours} | {theirs} |");
        assert!((ours as f64 / theirs as f64 - 1.0).abs() < 0.05, "{id} in {d} dimensions: {ours} instead of {theirs}");
    }
}
