use std::{f64::consts::PI, sync::mpsc};

use moths_core::{Batch, Function, Objective, Optimizer, Space, Stop, minimize};

use super::{line::Line, *};

fn search(config: BrentStepConfig, space: &Space) -> BrentStep {
    BrentStep::of(config, space).unwrap()
}

fn rastrigin(x: &[f64]) -> f64 {
    let part = |(i, x): (usize, &f64)| {
        let z = x - 0.3 * i as f64 - 0.7;
        z * z + 10.0 - 10.0 * libm::cos(2.0 * PI * z)
    };
    x.iter().enumerate().map(part).sum()
}

/// Of (x - 1)² in [-2, 2] from 0: both ends; the parabola through -2, 0, 2; then the interval next to 1 that is longest, which is the easiest as
/// long as it hides as much as the others, √a = (√f + √ε) / width.
#[test]
fn the_first_ten_points_of_a_line_are_those_worked_out_by_hand() {
    let space = Space::bounded([(-2.0, 2.0)]).unwrap();
    let (send, seen) = mpsc::channel();
    let mut objective = Function::new(space.clone(), move |x| {
        send.send(x[0]).unwrap();
        (x[0] - 1.0).powi(2)
    });
    let mut search = search(BrentStepConfig::default(), &space);
    for _ in 0..9 {
        search.step(&mut objective).unwrap();
    }
    let seen: Vec<f64> = seen.try_iter().collect();
    assert_eq!(seen, [0.0, -2.0, 2.0, 1.0, 0.5, 1.5, 0.75, 1.25, 0.875, 1.125]);
}

#[test]
fn both_selections_solve_a_separable_rastrigin() {
    let space = Space::bounded([(-5.0, 5.0); 5]).unwrap();
    for selection in [Selection::RoundRobin, Selection::QuadraticInterpolation] {
        let mut search = search(BrentStepConfig { selection, ..BrentStepConfig::default() }, &space);
        let stop = Stop::evaluations(5000).or_target(1e-8);
        let end = minimize(&mut search, &mut Function::new(space.clone(), rastrigin), &stop).unwrap();
        assert!(end.tally.lowest <= 1e-8, "{selection:?}: {:e}", end.tally.lowest);
    }
}

#[test]
fn a_slope_is_solved_by_its_ends() {
    let space = Space::bounded([(-1.0, 4.0); 3]).unwrap();
    let mut objective = Function::new(space.clone(), |x| x[0] - 10.0 * x[1] + 100.0 * x[2]);
    let mut search = search(BrentStepConfig::default(), &space);
    let used: u64 = (0..2).map(|_| search.step(&mut objective).unwrap().evaluations).sum();
    let answer: Vec<f64> = space.decode(&search.answer().unwrap()).unwrap().to_vec1().unwrap();
    assert_eq!((answer, used), (vec![-1.0, 4.0, -1.0], 7));
}

/// The start and a half of every line fail; then everything does.
#[test]
fn the_edge_of_failures_is_found() {
    let space = Space::bounded([(-5.0, 5.0); 2]).unwrap();
    let half = |x: &[f64]| if x[0] < 0.5 || x[1] < 0.0 { f64::NAN } else { (x[0] - 0.5).powi(2) + (x[1] - 3.0).powi(2) };
    let end = minimize(
        &mut search(BrentStepConfig::default(), &space),
        &mut Function::new(space.clone(), half),
        &Stop::evaluations(2000).or_target(1e-6),
    );
    assert!(end.unwrap().tally.lowest <= 1e-6);
    let mut search = search(BrentStepConfig::default(), &space);
    let mut nothing = Function::new(space.clone(), |_: &[f64]| f64::NAN);
    assert!((0..200).any(|_| search.step(&mut nothing).unwrap().converged.is_some()));
}

#[test]
fn a_line_grows_where_it_has_no_end_and_forgets_what_is_high() {
    let space = Space::real(1).unwrap();
    let mut search = search(BrentStepConfig::default(), &space);
    let mut objective = Function::new(space, |x| (x[0] - 1000.0).powi(2));
    while search.step(&mut objective).unwrap().converged.is_none() {}
    assert!((search.method.x[0] - 1000.0).abs() < 1e-4);

    let mut line = Line::through(0.0);
    (1..3000).for_each(|k| line.learn(f64::from(k), f64::from(k % 1500)));
    assert!(line.points() == line::MOST && line.best() == 0.0);
}

/// A number that changes from step to step is added to all losses; nothing of an earlier step may count.
#[test]
fn on_a_stochastic_objective_a_step_is_a_line_search_of_its_own() {
    struct Drifting(Space, f64);
    impl Objective for Drifting {
        fn space(&self) -> &Space {
            &self.0
        }
        fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
            let f = |x: Vec<f64>| self.1 + x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
            (0..batch.len()).map(|i| Ok(f(self.0.decode(&*batch.row(i, &self.0)?)?.to_vec1()?))).collect()
        }
        fn stochastic(&self) -> bool {
            true
        }
    }
    let space = Space::bounded([(-5.0, 5.0); 3]).unwrap();
    let mut search = search(BrentStepConfig::default(), &space);
    for step in 0..60 {
        let report = search.step(&mut Drifting(space.clone(), f64::from(step) * 10.0)).unwrap();
        assert_eq!((report.evaluations, report.converged), (7, None));
    }
    let answer: Vec<f64> = space.decode(&search.answer().unwrap()).unwrap().to_vec1().unwrap();
    assert!(answer.iter().all(|x| (x - 1.0).abs() < 1e-3), "{answer:?}");
}
