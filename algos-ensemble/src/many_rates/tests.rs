use super::*;
use crate::scripted::{Scripted, answer};
use moths_core::{
    Function,
    persist::{Keep, State},
};

fn many_rates(space: &Space, factors: &[f64], memory: f64, strides: &[&[f64]]) -> ManyRates {
    let grid = grid(factors).unwrap();
    let inner = Box::new(Scripted::new(space, strides));
    ManyRates { inner, wins: vec![0; grid.len()], grid, memory, rate: 1.0, loss: f64::INFINITY }
}

const FACTORS: &[f64] = &[0.0, 0.25, 0.5, 1.0, 2.0, 4.0];

fn bowl(x: &[f64]) -> f64 {
    (x[0] - 3.875).powi(2) + (x[1] - 0.125).powi(2)
}

#[test]
fn the_best_length_is_kept_and_counted() {
    let space = Space::real(2).unwrap();
    let mut optimizer = many_rates(&space, FACTORS, 0.0, &[&[1.0, 0.0], &[-0.5, 0.25], &[-1.0, 0.0]]);
    let mut objective = Function::new(space.clone(), bowl);
    let report = optimizer.step(&mut objective).unwrap();
    assert_eq!((answer(&optimizer), report.evaluations), (vec![4.0, 0.0], 6));
    assert_eq!((optimizer.loss, report.loss), (0.03125, 0.03125));
    let report = optimizer.step(&mut objective).unwrap();
    assert_eq!((answer(&optimizer), report.evaluations), (vec![3.875, 0.0625], 5), "where it begins is known");
    optimizer.step(&mut objective).unwrap();
    assert_eq!(answer(&optimizer), [3.875, 0.0625], "a quarter of the step is too long");
    assert_eq!(optimizer.wins, [0, 1, 0, 0, 1, 1], "of 1, 0.25, 0.5, 2, 4, 0");
}

#[test]
fn where_every_length_is_worse_it_stays() {
    let space = Space::real(2).unwrap();
    let mut optimizer = many_rates(&space, FACTORS, 0.0, &[&[-1.0, 0.0]]);
    optimizer.step(&mut Function::new(space.clone(), bowl)).unwrap();
    assert_eq!((answer(&optimizer), optimizer.loss), (vec![0.0, 0.0], bowl(&[0.0, 0.0])));
    assert_eq!(optimizer.wins, [0, 0, 0, 0, 0, 1], "1, 0.25, 0.5, 2, 4, 0");
    let mut optimizer = many_rates(&space, &[1.0, -2.0], 0.0, &[&[-1.0, 0.0]]);
    optimizer.step(&mut Function::new(space, bowl)).unwrap();
    assert_eq!((answer(&optimizer), optimizer.wins), (vec![2.0, 0.0], vec![0, 1, 0]), "backwards, where that is tried");
}

#[test]
fn of_equals_the_step_as_it_was_taken_wins() {
    let space = Space::real(2).unwrap();
    let mut optimizer = many_rates(&space, FACTORS, 0.0, &[&[1.0, 0.0]]);
    optimizer.step(&mut Function::new(space, |_| 7.0)).unwrap();
    assert_eq!((answer(&optimizer), optimizer.wins), (vec![1.0, 0.0], vec![1, 0, 0, 0, 0, 0]));
}

#[test]
fn the_rate_follows_who_wins_and_neither_vanishes_nor_explodes() {
    let space = Space::real(2).unwrap();
    let mut optimizer = many_rates(&space, FACTORS, 0.5, &[&[1.0, 0.0]]);
    let mut downhill = Function::new(space.clone(), |x| -x[0]);
    for (rate, x) in [(2.0, 4.0), (4.0, 12.0), (8.0, 28.0)] {
        optimizer.step(&mut downhill).unwrap();
        assert_eq!((optimizer.rate, answer(&optimizer)[0]), (rate, x));
    }
    (0..50).for_each(|_| drop(optimizer.step(&mut downhill).unwrap()));
    assert_eq!(optimizer.rate, 1024.0);
    let mut uphill = Function::new(space.clone(), |x| x[0]);
    optimizer.step(&mut uphill).unwrap();
    assert_eq!(optimizer.rate, 512.0, "where none wins all become shorter by √¼");
    (0..50).for_each(|_| drop(optimizer.step(&mut uphill).unwrap()));
    assert_eq!(optimizer.rate, 1.0 / 1024.0);
    let mut plain = many_rates(&space, FACTORS, 0.0, &[&[1.0, 0.0]]);
    plain.step(&mut downhill).unwrap();
    assert_eq!(plain.rate, 1.0);
}

#[test]
fn what_failed_is_never_the_answer() {
    let space = Space::real(2).unwrap();
    let mut optimizer = many_rates(&space, FACTORS, 0.0, &[&[1.0, 0.0]]);
    optimizer.step(&mut Function::new(space.clone(), |x| if x[0] > 0.6 { f64::NAN } else { -x[0] })).unwrap();
    assert_eq!(answer(&optimizer), [0.5, 0.0]);
    optimizer.step(&mut Function::new(space, |_| f64::NAN)).unwrap();
    assert_eq!((answer(&optimizer), optimizer.wins), (vec![0.5, 0.0], vec![0, 0, 1, 0, 0, 1]));
}

#[test]
fn factors_that_are_none_are_refused_by_name() {
    let space = Space::real(2).unwrap();
    for factors in [vec![], vec![0.0], vec![1.0, f64::NAN], vec![f64::INFINITY], (1..=65).map(f64::from).collect()] {
        let config = ManyRatesConfig { factors: factors.clone(), ..ManyRatesConfig::default() };
        let refused = ManyRates::new(config, &space, Key::new(1)).err();
        assert!(matches!(refused, Some(Error::Invalid { field, .. }) if field == "factors"), "{factors:?}");
    }
    assert_eq!(grid(&[0.0, 2.0, 1.0, 2.0, -1.0]).unwrap(), [1.0, 2.0, -1.0, 0.0]);
}

#[test]
fn a_resumed_run_goes_on_with_the_rate_it_had() {
    let space = Space::real(2).unwrap();
    let build = || many_rates(&space, FACTORS, 0.5, &[&[1.0, 0.0], &[0.0, 0.5]]);
    let (mut one, mut other) = (build(), build());
    let mut objective = Function::new(space.clone(), bowl);
    one.step(&mut objective).unwrap();
    State::of(&mut one).unwrap().restore(&mut other, Keep::Nothing).unwrap();
    assert_eq!(other.rate, 2.0);
    assert_eq!(one.step(&mut objective).unwrap(), other.step(&mut objective).unwrap());
    assert_eq!((answer(&one), &one.wins), (answer(&other), &other.wins));
}
