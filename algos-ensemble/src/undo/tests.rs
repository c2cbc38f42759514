use super::*;
use moths_core::{Batch, Function, Stop, minimize, persist::Clock};

/// Moves its point by a fresh random step, good or bad.
struct Drift {
    clock: Clock,
    at: CowTensor,
    space: Space,
}

persist!(Drift { clock, at });

impl Optimizer for Drift {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let losses = objective.losses(&Batch::one(&self.at)?)?;
        self.at = self.space.scatter(&self.at, self.clock.key(), 1)?.flatten_all()?.copy()?.into();
        self.clock.tick();
        Ok(Report::of(&losses))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.at.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.at = at.clone();
        Ok(())
    }
}

#[test]
fn a_bad_step_is_undone_and_the_next_is_another_one() {
    let space = Space::real(3).unwrap();
    let drift = Drift { clock: Clock::new(Key::new(4)), at: space.start(), space: space.clone() };
    let mut undo = Undo { inner: Box::new(drift), loss: f64::INFINITY };
    let sphere = |x: &[f64]| x.iter().map(|x| (x - 2.0).powi(2)).sum::<f64>();
    let (mut lowest, mut undone, mut kept) = (f64::INFINITY, 0, 0);
    for step in 0..50 {
        let before: Vec<f64> = undo.answer().unwrap().to_vec1().unwrap();
        let report = undo.step(&mut Function::new(space.clone(), sphere)).unwrap();
        let after: Vec<f64> = undo.answer().unwrap().to_vec1().unwrap();
        assert_eq!(report.evaluations, 2, "step {step}: the loss before it was seen in the step");
        assert!(sphere(&after) <= lowest, "the loss of the answer never rises");
        lowest = sphere(&after);
        *(if before == after { &mut undone } else { &mut kept }) += 1;
    }
    assert!(undone > 10 && kept > 3, "{undone} undone, {kept} kept");
}

/// Σ κ^(i/(d−1)) (x_i − 1)²
fn bowl(condition: f64) -> impl Fn(&[f64]) -> f64 {
    move |x| {
        let last = x.len() as f64 - 1.0;
        x.iter().enumerate().map(|(i, x)| condition.powf(i as f64 / last) * (x - 1.0).powi(2)).sum()
    }
}

/// Evaluations until a candidate of loss 1e-6 is seen in ten dimensions: the median of 9 seeds.
fn evaluations(spec: &Spec, condition: f64) -> u64 {
    let mut all: Vec<u64> = (0..9)
        .map(|seed| {
            let space = Space::real(10).unwrap();
            let mut optimizer = registry::build(spec, &space, Key::new(seed)).unwrap();
            let stop = Stop::evaluations(1_000_000).or_target(1e-6);
            minimize(&mut *optimizer, &mut Function::new(space, bowl(condition)), &stop).unwrap().tally.evaluations
        })
        .collect();
    all.sort_unstable();
    all[4]
}

/// A wrapper must not take away what it wraps for: steps that are undone must not undo what was learned from them.
#[test]
fn what_adapts_a_step_size_goes_on_adapting_it() {
    use {moths_evolution as _, moths_random as _};
    for (inner, conditions) in [
        ("cma-es", &[1.0, 1e4][..]),
        ("sep-cma-es", &[1.0, 1e4]),
        ("snes", &[1.0, 1e4]),
        ("xnes", &[1.0, 1e4]),
        ("one-plus-one-es", &[1.0, 1e3]),
    ] {
        for &condition in conditions {
            let alone = evaluations(&Spec::new(inner), condition);
            let undone = evaluations(&Spec::new("undo").with("inner", inner).unwrap(), condition);
            assert!(undone <= 2 * alone, "{inner}, condition {condition:e}: {undone} evaluations, {alone} without");
        }
    }
}

/// A layer that counts: where the answer is a candidate of the step, or stays, nothing more is evaluated.
#[test]
fn what_is_known_is_not_asked_for() {
    use {moths_evolution as _, moths_random as _};
    for inner in ["one-plus-one-es", "de", "random-search"] {
        let space = Space::real(3).unwrap();
        let mut alone = registry::build(&Spec::new(inner), &space, Key::new(1)).unwrap();
        let mut wrapped = registry::build(&Spec::new("undo").with("inner", inner).unwrap(), &space, Key::new(1)).unwrap();
        let mut used = [0, 0];
        for _ in 0..50 {
            used[0] += alone.step(&mut Function::new(space.clone(), bowl(10.0))).unwrap().evaluations;
            used[1] += wrapped.step(&mut Function::new(space.clone(), bowl(10.0))).unwrap().evaluations;
        }
        assert!(used[1] <= used[0] + 1, "{inner}: {used:?}");
    }
}
