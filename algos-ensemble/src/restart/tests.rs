use moths_core::{
    Function, Stop, minimize,
    persist::{Keep, State},
};
use moths_evolution as _;
use moths_random as _;

use super::*;

fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2) + 10.0 - 10.0 * (std::f64::consts::TAU * (x - 1.0)).cos()).sum()
}

fn space() -> Space {
    Space::bounded([(-4.0, 5.0); 4]).unwrap()
}

fn restart(scheme: RestartScheme, restarts: Option<u64>) -> Restart {
    let inner = Spec::new("cma-es").with("sigma", 0.5).unwrap();
    Restart::new(RestartConfig { inner, scheme, restarts, ..RestartConfig::default() }, &space(), Key::new(3)).unwrap()
}

/// The populations, factors of σ and evaluations of the first runs.
fn runs(optimizer: &mut Restart, count: u64) -> Vec<Run> {
    let mut objective = Function::new(space(), rastrigin);
    let mut runs = vec![];
    while runs.len() < count as usize {
        let (before, number) = (optimizer.run, optimizer.clock.step);
        let report = optimizer.step(&mut objective).unwrap();
        if optimizer.clock.step > number {
            runs.push(Run { used: before.used + report.evaluations, ..before });
        }
    }
    runs
}

#[test]
fn the_population_of_ipop_doubles() {
    let populations: Vec<u64> = runs(&mut restart(RestartScheme::Ipop, None), 4).iter().map(|run| run.size).collect();
    assert_eq!(populations, [0, 16, 32, 64]);
}

#[test]
fn the_regimes_of_bipop_use_equally_many_evaluations() {
    let runs = runs(&mut restart(RestartScheme::Bipop, None), 14);
    assert_eq!((runs[1].size, runs[1].small, runs[2].small), (16, false, true));
    let (mut large, mut small, mut last_large, mut population) = (0, 0, runs[0].used, 8);
    for run in &runs[1..] {
        assert_eq!(run.small, small < large);
        if run.small {
            assert!((8..=population / 2).contains(&run.size) && (0.01..1.0).contains(&run.factor));
            // The last step may go over the limit, and is then compared.
            assert!(run.used < last_large / 2 + run.size + 2);
            small += run.used;
        } else {
            population *= 2;
            assert_eq!((run.size, run.factor), (population, 1.0));
            (last_large, large) = (run.used, large + run.used);
        }
    }
    assert!(small > 0 && population > 16);
}

#[test]
fn it_finds_the_lowest_of_many_valleys_where_one_run_does_not() {
    let lowest = |spec: &str, seed| {
        let mut optimizer = registry::build(&spec.parse().unwrap(), &space(), Key::new(seed)).unwrap();
        let stop = Stop::evaluations(60_000).or_target(1e-6);
        let end = minimize(&mut *optimizer, &mut Function::new(space(), rastrigin), &stop).unwrap();
        let at = rastrigin(&space().decode(&end.answer).unwrap().to_vec1::<f64>().unwrap());
        let found = end.tally.lowest <= 1e-6;
        assert!(!found || at <= 1e-4, "the answer {at} is not that of the best run");
        found
    };
    let solved = |spec: &str| (0..11).filter(|seed| lowest(spec, *seed)).count();
    let alone = solved(r#"{"name": "cma-es", "sigma": 0.5}"#);
    let ipop = solved(r#"{"name": "restart", "inner": {"name": "cma-es", "sigma": 0.5}}"#);
    let bipop = solved(r#"{"name": "restart", "scheme": "bipop", "inner": {"name": "cma-es", "sigma": 0.5}}"#);
    assert!(alone < 4 && ipop >= 10 && bipop >= 10, "{alone}, {ipop}, {bipop} of 11");
}

#[test]
fn a_saved_state_brings_its_population_along() {
    let mut optimizer = restart(RestartScheme::Bipop, None);
    runs(&mut optimizer, 3);
    let mut objective = Function::new(space(), rastrigin);
    let saved = State::of(&mut optimizer).unwrap();
    let mut resumed = restart(RestartScheme::Bipop, None);
    saved.restore(&mut resumed, Keep::Nothing).unwrap();
    for _ in 0..200 {
        assert_eq!(optimizer.step(&mut objective).unwrap(), resumed.step(&mut objective).unwrap());
    }
}

#[test]
fn it_ends_when_the_restarts_are_used_up() {
    let end =
        minimize(&mut restart(RestartScheme::Ipop, Some(2)), &mut Function::new(space(), rastrigin), &Stop::never()).unwrap();
    assert_eq!(end.reason, moths_core::run::Reason::Converged("the restarts are used up".into()));
}

fn built(spec: &str, space: &Space) -> Restart {
    let spec: Spec = spec.parse().unwrap();
    let config = serde_json::from_value(serde_json::Value::Object(spec.settings)).unwrap();
    Restart::new(config, space, Key::new(5)).unwrap()
}

/// Ends the present run, as if it had converged.
fn end_run(optimizer: &mut Restart) -> Run {
    optimizer.run.limit = 0;
    optimizer.step(&mut Function::new(optimizer.space.clone(), rastrigin)).unwrap();
    optimizer.run
}

#[test]
fn whatever_has_a_size_is_restarted_with_another_and_the_rest_without() {
    let sizes = |inner: &str| -> Vec<u64> {
        let mut optimizer = built(&format!(r#"{{"name": "restart", "growth": 1.5, "inner": {inner}}}"#), &space());
        (0..3).map(|_| end_run(&mut optimizer).size).collect()
    };
    assert_eq!(sizes(r#"{"name": "random-search", "candidates": 10}"#), [15, 22, 33]);
    // Pairs, not the evaluations of the first step, which calibrates.
    assert_eq!(sizes(r#"{"name": "spsa", "pairs": 4}"#), [6, 9, 13]);
    assert_eq!(sizes(r#""one-plus-one-es""#), [1, 2, 3]);
    // Of what a wrapper wraps.
    assert_eq!(sizes(r#"{"name": "undo", "inner": {"name": "snes", "population": 8}}"#), [12, 18, 27]);
    assert_eq!(sizes(r#""gradientless-descent""#), [0, 0, 0]);
}

#[test]
fn a_size_that_is_refused_is_raised_to_one_that_is_taken() {
    let mut optimizer = built(r#"{"name": "restart", "growth": 1.5, "inner": {"name": "cr-fm-nes", "population": 6}}"#, &space());
    let first: Vec<u64> = (0..2).map(|_| end_run(&mut optimizer).size).collect();
    assert_eq!(first, [9, 13]);
    let mut objective = Function::new(space(), rastrigin);
    // And the comparison with the run before.
    let evaluations = optimizer.step(&mut objective).unwrap().evaluations;
    assert!((15..=16).contains(&evaluations), "{evaluations}");
}

#[test]
fn restarts_are_scattered_around_where_the_search_was_moved() {
    let space = Space::real(4).unwrap();
    let mut optimizer = built(r#"{"name": "restart", "inner": "one-plus-one-es"}"#, &space);
    optimizer.move_to(&CowTensor::new((&*space.start() + 1e3).unwrap())).unwrap();
    for _ in 0..5 {
        end_run(&mut optimizer);
        let at: Vec<f64> = optimizer.inner[0].optimizer.answer().unwrap().to_vec1().unwrap();
        assert!(at.iter().all(|x| (x - 1e3).abs() < 6.0) && at.iter().any(|x| *x != 1e3), "{at:?}");
    }
}

#[test]
fn the_answer_is_the_best_of_all_runs() {
    let loss = |point: &CowTensor| rastrigin(&space().decode(point).unwrap().to_vec1::<f64>().unwrap());
    let mut optimizer = built(r#"{"name": "restart", "inner": "one-plus-one-es"}"#, &space());
    let (mut objective, mut lowest) = (Function::new(space(), rastrigin), f64::INFINITY);
    for step in 0..1000 {
        if step % 200 == 199 {
            end_run(&mut optimizer);
        }
        lowest = lowest.min(optimizer.step(&mut objective).unwrap().loss);
        let answer = loss(&optimizer.answer().unwrap());
        // Of the present run what came since the last comparison.
        assert!(answer <= lowest + 10.0);
        if optimizer.run.rivals && !optimizer.run.leads {
            assert_eq!(answer, optimizer.kept_loss);
        }
    }
    let [kept, mine] = [&optimizer.kept, &optimizer.inner[0].optimizer.answer().unwrap()].map(loss);
    assert!(loss(&optimizer.answer().unwrap()) <= kept.min(mine) + 1e-9, "{kept} {mine}");
}

/// One number a step is added to all its losses: what was kept must not win or lose by it.
#[test]
fn losses_of_different_data_are_not_compared() {
    struct Drifting(Space, f64);
    impl Objective for Drifting {
        fn space(&self) -> &Space {
            &self.0
        }
        fn evaluate(&mut self, batch: &moths_core::Batch) -> Result<Vec<f64>> {
            (0..batch.len())
                .map(|i| Ok(self.1 + rastrigin(&self.0.decode(&*batch.row(i, &self.0)?)?.to_vec1::<f64>()?)))
                .collect()
        }
        fn stochastic(&self) -> bool {
            true
        }
        fn refresh(&mut self) -> Result<()> {
            self.1 += 1000.0;
            Ok(())
        }
    }
    let loss = |point: &CowTensor| rastrigin(&space().decode(point).unwrap().to_vec1::<f64>().unwrap());
    let mut optimizer = built(r#"{"name": "restart", "inner": "one-plus-one-es"}"#, &space());
    let mut objective = Drifting(space(), 0.0);
    let (mut switched, mut ended) = ([0, 0], f64::INFINITY);
    for step in 0..3000 {
        optimizer.run.limit = if step % 300 == 299 { 0 } else { u64::MAX };
        let before = (optimizer.run.leads, optimizer.clock.step);
        optimizer.step(&mut objective).unwrap();
        objective.refresh().unwrap();
        if optimizer.clock.step > before.1 {
            let kept = loss(&optimizer.kept);
            // Beside a shift of millions, losses that are closer are the same.
            assert!(kept <= ended + 1e-8, "the kept answer rose from {ended} to {kept}");
            ended = kept;
        }
        switched[usize::from(optimizer.run.leads)] += usize::from(optimizer.run.leads != before.0);
    }
    assert!(switched[0] > 2 && switched[1] > 2, "{switched:?}");
}

#[test]
fn what_does_not_exist_is_refused() {
    let refused = Restart::new(RestartConfig { inner: Spec::new("cma"), ..RestartConfig::default() }, &space(), Key::new(1));
    assert!(matches!(refused.err(), Some(moths_core::Error::Unknown { name, .. }) if name == "cma"));
}
