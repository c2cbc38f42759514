use super::*;
use crate::scripted::{Scripted, answer};
use moths_core::{
    Function,
    persist::{Keep, State},
};

fn parabola_step(space: &Space, reach: f64, check: bool, strides: &[&[f64]]) -> ParabolaStep {
    ParabolaStep::around(Box::new(Scripted::new(space, strides)), reach, check, space)
}

/// 3 (x − 2.5)² + y²
fn bowl(x: &[f64]) -> f64 {
    3.0 * (x[0] - 2.5).powi(2) + x[1] * x[1]
}

#[test]
fn on_a_quadratic_it_goes_to_the_lowest_point_of_the_line() {
    let space = Space::real(2).unwrap();
    for check in [true, false] {
        // Down: 0, 1 and 2, and the lowest 1.5 steps beyond the better end.
        let mut optimizer = parabola_step(&space, 4.0, check, &[&[1.0, 0.0], &[-8.0, 0.0]]);
        let mut objective = Function::new(space.clone(), bowl);
        let report = optimizer.step(&mut objective).unwrap();
        assert_eq!((answer(&optimizer), report.evaluations), (vec![2.5, 0.0], if check { 4 } else { 3 }));
        assert_eq!(optimizer.loss, if check { 0.0 } else { f64::INFINITY });
        // Up both ways: it stays, to the bit.
        optimizer.step(&mut objective).unwrap();
        assert_eq!(answer(&optimizer), [2.5, 0.0]);
    }
}

#[test]
fn a_step_up_is_measured_backwards() {
    let space = Space::real(2).unwrap();
    let mut optimizer = parabola_step(&space, 4.0, true, &[&[-2.0, 0.0]]);
    let (mut asked, mut at) = (vec![], vec![]);
    optimizer
        .step(&mut Function::new(space.clone(), |x| {
            asked.push(x[0]);
            bowl(x)
        }))
        .unwrap();
    at.extend(answer(&optimizer));
    assert_eq!((asked, at), (vec![0.0, -2.0, 2.0, 2.5], vec![2.5, 0.0]));
}

#[test]
fn the_parabola_is_not_believed_beyond_its_reach_nor_where_it_curves_down() {
    let space = Space::real(2).unwrap();
    let mut optimizer = parabola_step(&space, 0.75, true, &[&[1.0, 0.0]]);
    optimizer.step(&mut Function::new(space.clone(), bowl)).unwrap();
    // 1 + 0.75 is no better than 2, the third point: 3 · 0.75² against 3 · 0.5².
    assert_eq!((answer(&optimizer), optimizer.loss), (vec![2.0, 0.0], 0.75));
    let mut optimizer = parabola_step(&space, 4.0, true, &[&[1.0, 0.0]]);
    let report = optimizer.step(&mut Function::new(space, |x| -x[0] * x[0])).unwrap();
    assert_eq!((answer(&optimizer), report.evaluations), (vec![2.0, 0.0], 3), "the best of the three");
    assert_eq!(lowest_of_parabola(4.0, 1.0, 0.0), Some(1.0));
    assert_eq!(lowest_of_parabola(2.0, 1.0, 0.0), None, "a straight line has no lowest point");
    assert_eq!(lowest_of_parabola(1.0, 1.0, 9.0), Some(-0.5));
    assert_eq!(lowest_of_parabola(f64::INFINITY, 1.0, 9.0), None);
}

#[test]
fn a_vertex_that_is_worse_or_failed_is_not_taken() {
    let space = Space::real(2).unwrap();
    // The parabola through 0, 1 and 2 is lowest at 2.5, where there is a wall.
    for wall in [f64::NAN, 100.0] {
        let mut optimizer = parabola_step(&space, 4.0, true, &[&[1.0, 0.0]]);
        optimizer.step(&mut Function::new(space.clone(), |x| if x[0] > 2.2 { wall } else { bowl(x) })).unwrap();
        assert_eq!((answer(&optimizer), optimizer.loss), (vec![2.0, 0.0], 0.75));
    }
}

#[test]
fn without_a_check_it_goes_back_from_where_everything_fails() {
    let space = Space::real(2).unwrap();
    let walled = |x: &[f64]| if x[0] > 2.2 { f64::NAN } else { bowl(x) };
    for strides in [&[&[1.0, 0.0][..], &[0.1, 0.0]][..], &[&[1.0, 0.0], &[0.0, 0.0]]] {
        let mut optimizer = parabola_step(&space, 4.0, false, strides);
        let mut objective = Function::new(space.clone(), walled);
        optimizer.step(&mut objective).unwrap();
        assert_eq!(answer(&optimizer), [2.5, 0.0], "nobody knows that it fails");
        let mut resumed = parabola_step(&space, 4.0, false, strides);
        State::of(&mut optimizer).unwrap().restore(&mut resumed, Keep::Nothing).unwrap();
        for optimizer in [&mut optimizer, &mut resumed] {
            optimizer.step(&mut objective).unwrap();
            assert_eq!(answer(optimizer), [2.0, 0.0], "the lowest of the three");
        }
    }
}
