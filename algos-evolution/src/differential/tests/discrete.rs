//! Integers and flags.

use moths_core::{Function, Key, Leaf, Space, Spec, Stop, minimize, registry};

/// Eight integers and four flags, the optimum at neither the middle nor the ends.
fn found(id: &str, seed: u64) -> bool {
    let leaves = vec![Leaf::integer("steps", [8], -20, 100), Leaf::bool("on", [4])];
    let space = Space::new(leaves).unwrap();
    let best = |j: usize| if j < 8 { 3.0 + 7.0 * j as f64 } else { (j % 2) as f64 };
    let f = move |x: &[f64]| x.iter().enumerate().map(|(j, x)| (x - best(j)).abs()).sum();
    let mut optimizer = registry::build(&Spec::new(id), &space, Key::new(seed)).unwrap();
    let stop = Stop::evaluations(40_000).or_target(0.0);
    minimize(&mut *optimizer, &mut Function::new(space, f), &stop).unwrap().tally.lowest == 0.0
}

#[test]
fn integers_and_flags_are_found_exactly() {
    for id in ["de", "jade", "shade", "l-shade", "jso"] {
        let times = (0..11).filter(|seed| found(id, *seed)).count();
        assert!(times >= 10, "{id}: {times} of 11");
    }
}
