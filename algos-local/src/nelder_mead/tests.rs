//! Steps by hand, and points by hand.

use moths_core::{Function, Key, Optimizer, Space, Stop, minimize, optimizer::Algorithm};

use super::*;

/// The points that steps ask, in their order.
fn asked(space: &Space, f: impl Fn(&[f64]) -> f64 + Send, side: f64, steps: usize) -> Vec<Vec<f64>> {
    let mut points = vec![];
    let mut search = NelderMead::new(NelderMeadConfig { side }, space, Key::new(0)).unwrap();
    for _ in 0..steps {
        let mut objective = Function::new(space.clone(), |x| {
            points.push(x.to_vec());
            f(x)
        });
        search.step(&mut objective).unwrap();
    }
    points
}

#[test]
fn steps_are_those_of_the_equations() {
    // Two coordinates: expansion 2, contraction ½, shrink ½.
    let points = asked(&Space::real(2).unwrap(), |x| (x[0] - 3.0).powi(2) + (x[1] - 1.0).powi(2), 1.0, 3);
    let by_hand = [
        // The simplex, with losses 10, 5 and 9.
        [0.0, 0.0],
        [1.0, 0.0],
        [0.0, 1.0],
        // Its worst through the middle of the others, (½, ½): 4, the lowest; and on to (3/2, 3/2): 2.5, taken.
        [1.0, 1.0],
        [1.5, 1.5],
        // (0, 1) through (5/4, 3/4): 0.5, the lowest; on to (15/4, 1/4): 1.125, not taken.
        [2.5, 0.5],
        [3.75, 0.25],
        // (1, 0) through (2, 1): 1, between the two; taken.
        [3.0, 2.0],
    ];
    assert_eq!(points, by_hand.map(Vec::from));
}

#[test]
fn a_simplex_that_finds_nothing_shrinks_in_one_round() {
    // (0, 1) through (½, 0) is (1, -1), no better: inside there is (¼, ½), which is.
    let kinked = asked(&Space::real(2).unwrap(), |x| x[0].abs() + x[1].abs(), 1.0, 1);
    assert_eq!(kinked[3..], [vec![1.0, -1.0], vec![0.25, 0.5]]);
    // Where nothing is better than anything, all but the first go halfway to it.
    let flat = asked(&Space::real(2).unwrap(), |_| 1.0, 1.0, 1);
    assert_eq!(flat[5..], [vec![0.5, 0.0], vec![0.0, 0.5]]);
}

#[test]
fn a_side_is_turned_where_there_is_no_room() {
    let start = candle_core::Tensor::new(&[4.0, 4.0], &candle_core::Device::Cpu).unwrap();
    let space = Space::bounded([(0.0, 4.0), (0.0, 8.0)]).unwrap().starting_at(&start).unwrap();
    let points = asked(&space, |x| x[0] + x[1], 1.0, 1);
    assert_eq!(points[..3], [vec![4.0, 4.0], vec![3.0, 4.0], vec![4.0, 6.0]]);
}

#[test]
fn kinks_and_failures_are_no_hindrance() {
    let space = Space::bounded([(-5.0, 5.0); 2]).unwrap();
    let f = |x: &[f64]| if x[0] < -0.5 { f64::NAN } else { (x[0] - 1.0).abs() + 3.0 * (x[1] + 2.0).abs() };
    let mut search = NelderMead::new(NelderMeadConfig::default(), &space, Key::new(0)).unwrap();
    let end = minimize(&mut search, &mut Function::new(space, f), &Stop::evaluations(400)).unwrap();
    assert!(end.tally.lowest < 1e-8, "{}", end.tally.lowest);
}
