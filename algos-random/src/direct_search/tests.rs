use super::*;
use crate::StochasticThreePoints;
use moths_core::Function;

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
