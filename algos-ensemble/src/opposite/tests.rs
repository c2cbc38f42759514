use super::*;
use crate::scripted::{Scripted, answer};
use moths_core::{
    Function,
    persist::{Keep, State},
};

fn opposite(space: &Space, keep: OppositeKeep, strides: &[&[f64]]) -> Opposite {
    Opposite { inner: Box::new(Scripted::new(space, strides)), keep, loss: f64::INFINITY }
}

/// (x − 2)² + (y + 1)²
fn bowl(x: &[f64]) -> f64 {
    (x[0] - 2.0).powi(2) + (x[1] + 1.0).powi(2)
}

#[test]
fn a_step_up_is_turned_round() {
    let space = Space::real(2).unwrap();
    for keep in [OppositeKeep::Best, OppositeKeep::Opposite] {
        let mut optimizer = opposite(&space, keep, &[&[-1.0, 0.5], &[0.5, 0.0]]);
        let mut objective = Function::new(space.clone(), bowl);
        let report = optimizer.step(&mut objective).unwrap();
        // f(0, 0) = 5, f(−1, 0.5) = 11.25, f(1, −0.5) = 1.25.
        assert_eq!((answer(&optimizer), optimizer.loss), (vec![1.0, -0.5], 1.25));
        assert_eq!((report.loss, report.evaluations), (1.25, 3));
        let report = optimizer.step(&mut objective).unwrap();
        assert_eq!((answer(&optimizer), optimizer.loss), (vec![1.5, -0.5], 0.5), "a step down stands");
        assert_eq!(report.evaluations, 1, "the loss before is known, and the opposite is not asked for");
    }
}

#[test]
fn where_both_ways_lead_up_the_founding_idea_goes_up() {
    let space = Space::real(2).unwrap();
    for (keep, expected) in [(OppositeKeep::Best, vec![0.0, 0.0]), (OppositeKeep::Opposite, vec![-4.0, 0.0])] {
        let mut optimizer = opposite(&space, keep, &[&[4.0, 0.0]]);
        // f(±4, 0) > f(0, 0).
        optimizer.step(&mut Function::new(space.clone(), |x| (x[0] - 0.5).powi(2))).unwrap();
        assert_eq!(answer(&optimizer), expected, "{keep:?}");
    }
}

#[test]
fn an_opposite_that_failed_is_never_the_answer() {
    let space = Space::real(2).unwrap();
    for keep in [OppositeKeep::Best, OppositeKeep::Opposite] {
        let mut optimizer = opposite(&space, keep, &[&[1.0, 0.0]]);
        let failing = |x: &[f64]| if x[0] < 0.0 { f64::NAN } else { x[0] };
        optimizer.step(&mut Function::new(space.clone(), failing)).unwrap();
        assert_eq!((answer(&optimizer), optimizer.loss), (vec![0.0, 0.0], 0.0), "{keep:?}");
        // And where everything fails, it stays.
        optimizer.move_to(&space.start()).unwrap();
        optimizer.step(&mut Function::new(space.clone(), |_| f64::NAN)).unwrap();
        assert_eq!((answer(&optimizer), optimizer.loss), (vec![0.0, 0.0], f64::INFINITY), "{keep:?}");
    }
}

#[test]
fn the_opposite_is_inside_the_bounds() {
    let space = Space::bounded([(0.0, 4.0); 2]).unwrap();
    let mut optimizer = opposite(&space, OppositeKeep::Best, &[&[1.0, 0.0], &[1.5, 0.0]]);
    let mut objective = Function::new(space.clone(), |x| x[0]);
    optimizer.step(&mut objective).unwrap();
    optimizer.step(&mut objective).unwrap();
    assert_eq!(space.decode(&optimizer.answer().unwrap()).unwrap().to_vec1::<f64>().unwrap(), [0.0, 2.0]);
    assert_eq!(optimizer.loss, 0.0);
}

#[test]
fn what_it_has_learned_is_kept_and_saved() {
    let space = Space::real(2).unwrap();
    let (mut one, mut other) = (
        opposite(&space, OppositeKeep::Best, &[&[-1.0, 0.0], &[0.0, -0.5]]),
        opposite(&space, OppositeKeep::Best, &[&[-1.0, 0.0], &[0.0, -0.5]]),
    );
    let mut objective = Function::new(space, bowl);
    one.step(&mut objective).unwrap();
    let state = State::of(&mut one).unwrap();
    state.restore(&mut other, Keep::Nothing).unwrap();
    assert_eq!(one.step(&mut objective).unwrap(), other.step(&mut objective).unwrap());
    assert_eq!(
        (answer(&one), answer(&other)),
        (vec![1.0, -0.5], vec![1.0, -0.5]),
        "the second stride of the script, not the first again"
    );
}
