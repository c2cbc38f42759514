use super::*;
use crate::{
    AnnealingConfig, StochasticThreePoints,
    simulated_annealing::{Annealing, Metropolis},
};
use moths_core::{Function, persist::State};

/// Another loss for the same point whenever it is asked.
struct Shifting(Function<fn(&[f64]) -> f64>, f64);

impl Objective for Shifting {
    fn space(&self) -> &Space {
        self.0.space()
    }
    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        Ok(self.0.evaluate(batch)?.into_iter().map(|loss| loss + self.1).collect())
    }
    fn stochastic(&self) -> bool {
        true
    }
    fn refresh(&mut self) -> Result<()> {
        self.1 += 100.0;
        Ok(())
    }
}

fn bowl(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2)).sum()
}

#[test]
fn the_loss_of_the_point_is_remembered_or_evaluated_again() {
    let space = Space::real(3).unwrap();
    let new = || <StochasticThreePoints as Algorithm>::new(Default::default(), &space, Key::new(1)).unwrap();
    let (mut calm, mut noisy) = (new(), new());
    let mut shifting = Shifting(Function::new(space.clone(), bowl), 0.0);
    for step in 0..30 {
        let report = calm.step(&mut Function::new(space.clone(), bowl)).unwrap();
        assert_eq!(report.evaluations, if step == 0 { 3 } else { 2 });
        assert_eq!(noisy.step(&mut shifting).unwrap().evaluations, 3);
        shifting.refresh().unwrap();
        let points = [&calm, &noisy].map(|search| search.answer().unwrap().to_vec1::<f64>().unwrap());
        assert_eq!(points[0], points[1], "only losses of one step are compared");
    }
    calm.move_to(&space.start()).unwrap();
    assert_eq!(calm.step(&mut Function::new(space.clone(), bowl)).unwrap().evaluations, 3);
}

/// The best candidate is one that the batch does not have, and cannot be gone to: the unit is not taken from such a step.
#[test]
fn a_judgement_that_fails_changes_nothing() {
    let space = Space::real(2).unwrap();
    let (x, clock, batch) = (space.start(), Clock::new(Key::new(1)), Batch::one(&space.start()).unwrap());
    let mut rule = <Annealing<Metropolis> as Rule>::new(AnnealingConfig::default(), &space).unwrap();
    let mut state = |losses: &[f64]| {
        let trial = Trial { x: &x, before: 1.0, losses, clock: &clock, stochastic: false, batch: &batch, space: &space };
        let failed = rule.judge(&trial).is_err();
        (failed, State::of(&mut rule).unwrap().digest().unwrap())
    };
    let (before, after) = (state(&[f64::INFINITY]), state(&[2.0, 0.0]));
    assert_eq!(after, (true, before.1.clone()));
    let judged = state(&[0.0]);
    assert!(!judged.0 && judged.1 != before.1);
}
