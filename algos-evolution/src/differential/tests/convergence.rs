//! What the family needs to converge, beside a reference implementation.

use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};

use crate::convergence::Problem::{self, Ellipsoid, Rosenbrock, Sphere};

/// The median, over 11 seeds, of the evaluations until 1e-9 in [−5, 5]ᵈ with a budget of 10,000 d.
fn needed(spec: &Spec, problem: Problem, d: usize) -> u64 {
    let space = Space::bounded(vec![(-5.0, 5.0); d]).unwrap();
    let mut used: Vec<u64> = (0..11)
        .map(|seed| {
            let mut optimizer = registry::build(spec, &space, Key::new(seed)).unwrap();
            let stop = Stop::evaluations(10_000 * d as u64).or_target(1e-9);
            let end = minimize(&mut *optimizer, &mut Function::new(space.clone(), |x| problem.at(x)), &stop).unwrap();
            if end.tally.lowest <= 1e-9 { end.tally.evaluations } else { u64::MAX }
        })
        .collect();
    used.sort_unstable();
    used[5]
}

/// Medians of minionpy 1.9.1 (its algorithms LSHADE, jSO and DE) on the same problems, with the papers' settings: population 18 d, 25 √d ln d
/// and 10 d, archive 2.6 and 1, memory 6 and 5, F = 0.5 and CR = 0.9 for DE.
const REFERENCE: [(&str, Problem, usize, u64); 15] = [
    ("l-shade", Sphere, 10, 27_343),
    ("l-shade", Sphere, 20, 58_025),
    ("l-shade", Ellipsoid, 10, 36_121),
    ("l-shade", Ellipsoid, 20, 77_377),
    ("l-shade", Rosenbrock, 10, 47_067),
    ("l-shade", Rosenbrock, 20, 128_934),
    ("jso", Sphere, 10, 28_241),
    ("jso", Sphere, 20, 72_890),
    ("jso", Ellipsoid, 10, 36_187),
    ("jso", Ellipsoid, 20, 87_798),
    ("jso", Rosenbrock, 10, 47_068),
    ("jso", Rosenbrock, 20, 128_702),
    ("de", Sphere, 10, 25_875),
    ("de", Ellipsoid, 10, 32_685),
    ("de", Rosenbrock, 10, 85_666),
];

#[test]
fn as_many_evaluations_are_needed_as_by_the_reference() {
    for (id, problem, d, theirs) in REFERENCE {
        let spec = Spec::new(id);
        // The others have their papers' by default.
        let spec = if id == "de" { spec.with("population", 10 * d).unwrap() } else { spec };
        let ours = needed(&spec, problem, d);
        println!("| `{id}` | {problem:?} | {d} | {ours} | {theirs} |");
        assert!(
            (ours as f64 / theirs as f64 - 1.0).abs() < 0.05,
            "{id} on {problem:?} in {d} dimensions: {ours} instead of {theirs}"
        );
    }
}
