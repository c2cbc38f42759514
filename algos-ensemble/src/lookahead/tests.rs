use super::*;
use crate::scripted::{Scripted, answer};
use moths_core::{
    Function,
    persist::{Keep, State},
};

fn lookahead(inner: Scripted, every: u64, rate: f64) -> Lookahead {
    Lookahead::around(Box::new(inner), every, rate).unwrap()
}

fn fast(optimizer: &Lookahead) -> Vec<f64> {
    answer(&*optimizer.inner)
}

#[test]
fn slow_weights_follow_every_few_steps_and_the_search_goes_on_from_them() {
    let space = Space::real(2).unwrap();
    let mut optimizer = lookahead(Scripted::new(&space, &[&[1.0, 0.0], &[0.0, 2.0], &[3.0, 0.0]]), 3, 0.25);
    let mut objective = Function::new(space, |x| x[0]);
    for (slow, quick, evaluations) in [
        ([0.0, 0.0], [1.0, 0.0], 0),
        ([0.0, 0.0], [1.0, 2.0], 0),
        ([1.0, 0.5], [1.0, 0.5], 1), // a quarter of the way to (4, 2)
        ([1.0, 0.5], [2.0, 0.5], 0),
        ([1.0, 0.5], [2.0, 2.5], 0),
        ([2.0, 1.0], [2.0, 1.0], 1),
    ] {
        let report = optimizer.step(&mut objective).unwrap();
        assert_eq!((&answer(&optimizer)[..], &fast(&optimizer)[..]), (&slow[..], &quick[..]));
        assert_eq!(report.evaluations, evaluations);
    }
}

#[test]
fn the_defaults_are_those_of_the_paper() {
    let LookaheadConfig { every, rate, .. } = LookaheadConfig::default();
    assert_eq!((every, rate), (5, 0.5));
}

#[test]
fn slow_weights_that_failed_are_not_taken_and_the_steps_are_undone() {
    let space = Space::real(2).unwrap();
    let mut optimizer = lookahead(Scripted::new(&space, &[&[2.0, 0.0]]), 2, 0.5);
    // The fast weights are well at 4, the slow ones fail at 2.
    let mut objective = Function::new(space, |x| if x[0] == 2.0 { f64::NAN } else { -x[0] });
    (0..2).for_each(|_| drop(optimizer.step(&mut objective).unwrap()));
    assert_eq!((answer(&optimizer), fast(&optimizer)), (vec![0.0, 0.0], vec![0.0, 0.0]));
}

#[test]
fn when_the_fast_weights_have_converged_the_slow_ones_are_there_too() {
    let space = Space::real(2).unwrap();
    let mut optimizer = lookahead(Scripted::new(&space, &[&[1.0, 0.0]]).converged_after(3), 5, 0.5);
    let mut objective = Function::new(space.clone(), |x| x[0]);
    let said: Vec<bool> = (0..3).map(|_| optimizer.step(&mut objective).unwrap().converged.is_some()).collect();
    assert_eq!((said, answer(&optimizer)), (vec![false, false, true], vec![3.0, 0.0]));
    let mut optimizer = lookahead(Scripted::new(&space, &[&[1.0, 0.0]]).converged_after(3), 5, 0.5);
    let mut failing = Function::new(space, |_| f64::NAN);
    let said = (0..3).any(|_| optimizer.step(&mut failing).unwrap().converged.is_some());
    assert!(!said && answer(&optimizer) == [0.0, 0.0], "nor do they say so where that point failed");
}

#[test]
fn a_resumed_run_goes_on_in_the_middle_of_its_steps() {
    let space = Space::real(2).unwrap();
    let build = || lookahead(Scripted::new(&space, &[&[1.0, 0.0], &[0.0, 2.0]]), 3, 0.5);
    let (mut one, mut other) = (build(), build());
    let mut objective = Function::new(space.clone(), |x| x[0]);
    (0..4).for_each(|_| drop(one.step(&mut objective).unwrap()));
    State::of(&mut one).unwrap().restore(&mut other, Keep::Nothing).unwrap();
    for _ in 0..3 {
        assert_eq!(one.step(&mut objective).unwrap(), other.step(&mut objective).unwrap());
        assert_eq!((answer(&one), fast(&one)), (answer(&other), fast(&other)));
    }
    let taken = one.taken;
    one.move_to(&space.start()).unwrap();
    one.step(&mut objective).unwrap();
    assert_eq!((answer(&one), one.taken), (vec![0.0, 0.0], taken + 1), "after a move the steps go on counting");
}
