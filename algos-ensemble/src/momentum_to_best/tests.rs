use super::*;
use crate::scripted::{Scripted, answer};
use moths_core::{
    Function,
    persist::{Keep, State},
};

fn momentum_to_best(space: &Space, memory: f64, pull: f64, strides: &[&[f64]]) -> MomentumToBest {
    MomentumToBest::around(Box::new(Scripted::new(space, strides)), memory, pull, space).unwrap()
}

fn v(optimizer: &MomentumToBest) -> Vec<f64> {
    optimizer.v.to_vec1().unwrap()
}

/// (x − 1)² + y²
fn bowl(x: &[f64]) -> f64 {
    (x[0] - 1.0).powi(2) + x[1] * x[1]
}

#[test]
fn it_is_drawn_to_the_best_answer_so_far() {
    let space = Space::real(2).unwrap();
    let mut optimizer = momentum_to_best(&space, 0.5, 0.25, &[&[1.0, 0.0], &[2.0, 4.0], &[0.0, 0.0]]);
    let mut objective = Function::new(space.clone(), bowl);
    let report = optimizer.step(&mut objective).unwrap();
    assert_eq!((answer(&optimizer), v(&optimizer), optimizer.loss), (vec![1.0, 0.0], vec![0.0, 0.0], 0.0));
    assert_eq!(report.evaluations, 2, "where it began and where it came to: nothing is drawn where the answer is the best");
    // x' = (3, 4), v = ½ ((1, 0) − x') = (−1, −2), y = x' + ¼ v.
    let report = optimizer.step(&mut objective).unwrap();
    assert_eq!((answer(&optimizer), v(&optimizer)), (vec![2.75, 3.5], vec![-1.0, -2.0]));
    assert_eq!((report.evaluations, optimizer.loss), (2, bowl(&[2.75, 3.5])));
    assert_eq!((optimizer.best.to_vec1::<f64>().unwrap(), optimizer.best_loss), (vec![1.0, 0.0], 0.0));
    // v = ½ (−1, −2) + ½ ((1, 0) − (2.75, 3.5)) = (−1.375, −2.75).
    let report = optimizer.step(&mut objective).unwrap();
    assert_eq!((answer(&optimizer), v(&optimizer)), (vec![2.40625, 2.8125], vec![-1.375, -2.75]));
    assert_eq!(report.evaluations, 1, "the step led nowhere, and the loss there is known");
}

#[test]
fn a_point_on_the_way_back_may_be_the_best() {
    let space = Space::real(2).unwrap();
    let mut optimizer = momentum_to_best(&space, 0.0, 0.5, &[&[3.0, 0.0]]);
    // From 0 to 3 and halfway back.
    optimizer.step(&mut Function::new(space, bowl)).unwrap();
    assert_eq!((answer(&optimizer), optimizer.best_loss), (vec![1.5, 0.0], 0.25));
    assert_eq!(optimizer.best.to_vec1::<f64>().unwrap(), [1.5, 0.0]);
}

#[test]
fn where_the_way_back_fails_the_step_stands_and_where_both_fail_it_is_undone() {
    let space = Space::real(2).unwrap();
    let mut optimizer = momentum_to_best(&space, 0.0, 0.5, &[&[4.0, 0.0]]);
    optimizer.step(&mut Function::new(space.clone(), |x| if x[0] == 2.0 { f64::NAN } else { x[0] })).unwrap();
    assert_eq!(answer(&optimizer), [4.0, 0.0]);
    let mut optimizer = momentum_to_best(&space, 0.0, 0.5, &[&[4.0, 0.0]]);
    optimizer.step(&mut Function::new(space.clone(), |x| if x[0] > 1.0 { f64::NAN } else { x[0] })).unwrap();
    assert_eq!(answer(&optimizer), [0.0, 0.0]);
    optimizer.step(&mut Function::new(space, |_| f64::NAN)).unwrap();
    assert_eq!(answer(&optimizer), [0.0, 0.0]);
}

#[test]
fn after_a_move_nothing_draws_it_back() {
    let space = Space::real(2).unwrap();
    let mut optimizer = momentum_to_best(&space, 0.5, 0.5, &[&[4.0, 0.0]]);
    let mut objective = Function::new(space.clone(), bowl);
    optimizer.step(&mut objective).unwrap();
    assert_ne!(v(&optimizer), [0.0, 0.0]);
    let far = CowTensor::new((&*space.start() + 100.0).unwrap());
    optimizer.move_to(&far).unwrap();
    assert_eq!((v(&optimizer), answer(&optimizer)), (vec![0.0, 0.0], vec![100.0, 100.0]));
    // The best is where it was moved to, and half of half of the step is taken back.
    optimizer.step(&mut objective).unwrap();
    assert_eq!(answer(&optimizer), [103.0, 100.0]);
}

#[test]
fn the_best_is_evaluated_on_the_data_of_the_step() {
    use moths_core::{Batch, Objective};
    /// |x| and an offset that changes from step to step.
    struct Shifted(Space, f64);
    impl Objective for Shifted {
        fn space(&self) -> &Space {
            &self.0
        }
        fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
            (0..batch.len()).map(|i| Ok(batch.row(i, &self.0)?.to_vec1::<f64>()?[0].abs() + self.1)).collect()
        }
        fn stochastic(&self) -> bool {
            true
        }
        fn refresh(&mut self) -> Result<()> {
            self.1 -= 100.0;
            Ok(())
        }
    }
    let space = Space::real(1).unwrap();
    let mut optimizer = momentum_to_best(&space, 0.5, 0.5, &[&[1.0]]);
    let mut objective = Shifted(space, 0.0);
    for k in 0..5 {
        let report = optimizer.step(&mut objective).unwrap();
        objective.refresh().unwrap();
        assert_eq!(optimizer.best.to_vec1::<f64>().unwrap(), [0.0], "in step {k} a lower loss is that of easier data");
        assert_eq!(report.evaluations, 3);
    }
}

#[test]
fn a_resumed_run_goes_on_with_its_momentum() {
    let space = Space::real(2).unwrap();
    let build = || momentum_to_best(&space, 0.5, 0.25, &[&[1.0, 0.0], &[2.0, 4.0], &[-1.0, 1.0]]);
    let (mut one, mut other) = (build(), build());
    let mut objective = Function::new(space.clone(), bowl);
    (0..2).for_each(|_| drop(one.step(&mut objective).unwrap()));
    State::of(&mut one).unwrap().restore(&mut other, Keep::Nothing).unwrap();
    assert_eq!(one.step(&mut objective).unwrap(), other.step(&mut objective).unwrap());
    assert_eq!((answer(&one), v(&one)), (answer(&other), v(&other)));
}
