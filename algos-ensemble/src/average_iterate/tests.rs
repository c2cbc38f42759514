use super::*;
use crate::scripted::{Scripted, answer};
use moths_core::{
    Function, Leaf,
    persist::{Keep, State},
};

fn averaged(space: &Space, config: &AverageIterateConfig, strides: &[&[f64]]) -> AverageIterate {
    AverageIterate::around(Box::new(Scripted::new(space, strides)), config).unwrap()
}

fn polyak(from: u64) -> AverageIterateConfig {
    AverageIterateConfig { average: Average::Polyak, from, ..AverageIterateConfig::default() }
}

fn ema(decay: f64) -> AverageIterateConfig {
    AverageIterateConfig { average: Average::Ema, decay, ..AverageIterateConfig::default() }
}

/// The answers of five steps along 1, 3, 6, 10, 15.
fn answers(config: &AverageIterateConfig) -> Vec<f64> {
    let space = Space::real(1).unwrap();
    let mut optimizer = averaged(&space, config, &[&[1.0], &[2.0], &[3.0], &[4.0], &[5.0]]);
    let mut objective = Function::new(space, |x| x[0]);
    (0..5)
        .map(|_| {
            let report = optimizer.step(&mut objective).unwrap();
            assert_eq!(report.evaluations, 0, "nothing is asked for");
            answer(&optimizer)[0]
        })
        .collect()
}

fn close(one: &[f64], other: &[f64]) -> bool {
    one.iter().zip(other).all(|(one, other)| (one - other).abs() < 1e-12)
}

#[test]
fn polyaks_mean_is_that_of_all_answers_from_a_step_on() {
    assert!(close(&answers(&polyak(0)), &[1.0, 2.0, 10.0 / 3.0, 5.0, 7.0]));
    assert!(close(&answers(&polyak(2)), &[1.0, 3.0, 6.0, 8.0, 31.0 / 3.0]), "before it, the answers themselves");
}

#[test]
fn weights_of_the_exponential_mean_sum_to_one_from_the_first_on() {
    let by_hand = |xs: &[f64]| {
        let weights: Vec<f64> = (0..xs.len()).map(|i| 0.5f64.powi((xs.len() - 1 - i) as i32)).collect();
        xs.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>() / weights.iter().sum::<f64>()
    };
    let xs = [1.0, 3.0, 6.0, 10.0, 15.0];
    let expected: Vec<f64> = (1..=5).map(|n| by_hand(&xs[..n])).collect();
    let answers = answers(&ema(0.5));
    assert!(answers[0] == 1.0 && close(&answers, &expected), "{answers:?}");
    assert_eq!(self::answers(&ema(0.0)), xs);
}

#[test]
fn the_wrapped_optimizer_is_not_disturbed_and_a_move_begins_anew() {
    let space = Space::real(1).unwrap();
    let mut optimizer = averaged(&space, &polyak(1), &[&[1.0]]);
    let mut objective = Function::new(space.clone(), |x| x[0]);
    (0..4).for_each(|_| drop(optimizer.step(&mut objective).unwrap()));
    assert_eq!((answer(&*optimizer.inner), answer(&optimizer)), (vec![4.0], vec![3.0]));
    optimizer.move_to(&CowTensor::new((&*space.start() + 100.0).unwrap())).unwrap();
    let answers: Vec<f64> = (0..3)
        .map(|_| {
            optimizer.step(&mut objective).unwrap();
            answer(&optimizer)[0]
        })
        .collect();
    assert_eq!(answers, [101.0, 102.0, 102.5]);
}

#[test]
fn equal_levels_are_that_level_and_others_one_between() {
    let space = Space::with_dtype(vec![Leaf::integer("n", [1], 0, 8)], candle_core::DType::F64).unwrap();
    let at = |level: f64| space.encode(&candle_core::Tensor::new(&[level], space.device()).unwrap()).unwrap();
    let start = space.start().to_vec1::<f64>().unwrap()[0];
    let to = |level: f64| at(level).to_vec1::<f64>().unwrap()[0] - start;
    let decoded = |optimizer: &AverageIterate| space.decode(&optimizer.answer().unwrap()).unwrap().to_vec1::<f64>().unwrap()[0];
    let mut objective = Function::new(space.clone(), |x| x[0]);
    let mut optimizer = averaged(&space, &polyak(0), &[&[to(1.0)], &[to(3.0) - to(1.0)]]);
    optimizer.step(&mut objective).unwrap();
    assert_eq!(decoded(&optimizer), 1.0);
    optimizer.step(&mut objective).unwrap();
    assert_eq!(decoded(&optimizer), 2.0);
    let mut optimizer = averaged(&space, &ema(0.9), &[&[to(3.2)], &[to(2.8) - to(3.2)], &[to(3.2) - to(2.8)]]);
    for _ in 0..3 {
        optimizer.step(&mut objective).unwrap();
        assert_eq!(decoded(&optimizer), 3.0);
    }
}

#[test]
fn a_resumed_run_goes_on_with_its_mean() {
    let space = Space::real(1).unwrap();
    for config in [polyak(2), ema(0.9)] {
        let build = || averaged(&space, &config, &[&[1.0], &[-3.0]]);
        let (mut one, mut other) = (build(), build());
        let mut objective = Function::new(space.clone(), |x| x[0]);
        (0..5).for_each(|_| drop(one.step(&mut objective).unwrap()));
        State::of(&mut one).unwrap().restore(&mut other, Keep::Nothing).unwrap();
        (0..3).for_each(|_| drop((one.step(&mut objective).unwrap(), other.step(&mut objective).unwrap())));
        assert_eq!(answer(&one), answer(&other));
    }
}
