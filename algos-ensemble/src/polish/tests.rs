use super::*;
use moths_core::{
    Function, Stop, minimize,
    persist::{Keep, State},
};
use moths_evolution as _;
use moths_random as _;

fn polish(space: &Space, inner: &str, then: &str, patience: u64) -> Polish {
    let config = PolishConfig { inner: Spec::new(inner), then: Spec::new(then), patience, tolerance: 0.01 };
    Polish::new(config, space, Key::new(3)).unwrap()
}

fn sphere(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2)).sum()
}

fn answer(optimizer: &Polish) -> Vec<f64> {
    optimizer.answer().unwrap().to_vec1().unwrap()
}

#[test]
fn what_is_gained_is_held_against_all_that_was() {
    for (origin, old, new, stalled) in [
        (10.0, 10.0, 9.0, false), // all of it
        (10.0, 10.0, 10.0, true), // nothing
        (10.0, 2.0, 3.0, true),   // it got worse
        (10.0, 1.0, 0.5, false),  // half of nine and a half
        (10.0, 0.5, 0.45, true),  // half a hundredth
        (f64::INFINITY, 5.0, 4.9, false),
        (10.0, 5.0, f64::INFINITY, true),
        (f64::INFINITY, f64::INFINITY, 3.0, false),
    ] {
        for added in [0.0, 1000.0] {
            assert_eq!(stalls(origin + added, old + added, new + added, 0.01), stalled, "{origin} {old} {new}");
        }
    }
}

#[test]
fn on_a_plateau_the_second_takes_over_where_the_first_stands() {
    let space = Space::real(3).unwrap();
    let mut optimizer = polish(&space, "spsa", "one-plus-one-es", 4);
    let mut alone = registry::build(&Spec::new("spsa"), &space, Key::new(3).fold(0)).unwrap();
    let mut flat = Function::new(space.clone(), |_| 1.0);
    for step in 1..=4 {
        let (mine, its) = (optimizer.step(&mut flat).unwrap(), alone.step(&mut flat).unwrap());
        assert_eq!(mine.evaluations - its.evaluations, if step == 4 { 1 } else { 0 }, "x is x⁻, and asked for once");
        assert_eq!(optimizer.trial.is_none(), step == 4);
        assert_eq!(optimizer.answer().unwrap().to_vec1::<f64>().unwrap(), alone.answer().unwrap().to_vec1::<f64>().unwrap());
    }
    assert_eq!(optimizer.inner[0].spec().name, "one-plus-one-es");
}

#[test]
fn the_second_begins_at_the_better_point() {
    let space = Space::real(2).unwrap();
    let mut optimizer = polish(&space, "random-walk", "one-plus-one-es", 3);
    let mut objective = Function::new(space.clone(), sphere);
    while optimizer.trial.is_some() {
        let old = optimizer.trial.as_ref().unwrap().old.to_vec1::<f64>().unwrap();
        optimizer.step(&mut objective).unwrap();
        assert!(optimizer.trial.is_some() || sphere(&answer(&optimizer)) <= sphere(&old));
    }
}

#[test]
fn it_is_done_when_the_second_is() {
    let space = Space::real(2).unwrap();
    let mut optimizer = polish(&space, "cma-es", "cma-es", 1_000_000);
    let mut objective = Function::new(space, sphere);
    let mut taken_over = None;
    for step in 0..2000 {
        let report = optimizer.step(&mut objective).unwrap();
        if taken_over.is_none() && optimizer.trial.is_none() {
            assert_eq!(report.converged, None, "the first has converged, not the whole");
            taken_over = Some(step);
        }
        if report.converged.is_some() {
            assert!(taken_over.is_some_and(|taken_over| taken_over < step));
            assert!(sphere(&answer(&optimizer)) < 1e-9);
            return;
        }
    }
    panic!("it has not converged");
}

#[test]
fn what_polishes_gets_further() {
    let space = Space::bounded(vec![(-5.0, 5.0); 4]).unwrap();
    let rosenbrock = |x: &[f64]| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum::<f64>();
    let lowest = |spec: Spec| {
        let mut ends: Vec<f64> = (0..5)
            .map(|seed| {
                let mut optimizer = registry::build(&spec, &space, Key::new(seed)).unwrap();
                minimize(&mut *optimizer, &mut Function::new(space.clone(), rosenbrock), &Stop::evaluations(6000))
                    .unwrap()
                    .tally
                    .lowest
            })
            .collect();
        ends.sort_by(f64::total_cmp);
        ends[2]
    };
    let (alone, polished) = (lowest(Spec::new("de")), lowest(Spec::new("polish")));
    assert!(polished < 1e-3 * alone, "{polished:e} polished, {alone:e} alone");
}

#[test]
fn a_saved_state_brings_the_one_at_work_along() {
    let space = Space::real(3).unwrap();
    let build = || polish(&space, "spsa", "one-plus-one-es", 3);
    let mut objective = Function::new(space.clone(), |_| 1.0);
    for steps in [2, 5] {
        let (mut one, mut other) = (build(), build());
        (0..steps).for_each(|_| drop(one.step(&mut objective).unwrap()));
        let state = State::of(&mut one).unwrap();
        assert_eq!(state.values().keys().any(|name| name.starts_with("trial")), steps == 2);
        state.restore(&mut other, Keep::Nothing).unwrap();
        for _ in 0..3 {
            assert_eq!(one.step(&mut objective).unwrap(), other.step(&mut objective).unwrap());
            assert_eq!(answer(&one), answer(&other));
        }
        // And back, where the second is at work already.
        State::of(&mut build()).unwrap().restore(&mut other, Keep::Nothing).unwrap();
        assert!(other.trial.is_some() && other.inner[0].spec().name == "spsa");
    }
}

#[test]
fn what_cannot_take_over_is_refused_at_once_and_by_name() {
    let then = Spec::new("cma-es").with("sigma", -1.0).unwrap();
    let refused = Polish::new(PolishConfig { then, ..PolishConfig::default() }, &Space::real(2).unwrap(), Key::new(1)).err();
    assert!(refused.as_ref().is_some_and(|error| error.to_string().contains("then.sigma")), "{refused:?}");
}
