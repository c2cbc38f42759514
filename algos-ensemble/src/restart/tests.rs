use moths_core::{Function, Keep, State, Stop, minimize};
use moths_evolution as _;

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
    let populations: Vec<u64> = runs(&mut restart(RestartScheme::Ipop, None), 4).iter().map(|run| run.population).collect();
    assert_eq!(populations, [0, 16, 32, 64]);
}

#[test]
fn the_regimes_of_bipop_use_equally_many_evaluations() {
    let runs = runs(&mut restart(RestartScheme::Bipop, None), 14);
    assert_eq!((runs[1].population, runs[1].small, runs[2].small), (16, false, true));
    let (mut large, mut small, mut last_large, mut population) = (0, 0, runs[0].used, 8);
    for run in &runs[1..] {
        assert_eq!(run.small, small < large);
        if run.small {
            assert!((8..=population / 2).contains(&run.population) && (0.01..1.0).contains(&run.factor));
            assert!(run.used < last_large / 2 + run.population);
            small += run.used;
        } else {
            population *= 2;
            assert_eq!((run.population, run.factor), (population, 1.0));
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
    assert_eq!(end.reason, moths_core::Reason::Converged("the restarts are used up"));
}

#[test]
fn what_has_no_population_is_refused() {
    let refused = Restart::new(RestartConfig { inner: Spec::new("undo"), ..RestartConfig::default() }, &space(), Key::new(1));
    assert!(matches!(refused.err(), Some(Error::Invalid { field, value, .. }) if field == "inner" && value == "undo"));
}
