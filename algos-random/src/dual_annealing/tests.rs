use super::{visits::visiting_sigma, *};
use moths_core::{Function, Stop, minimize};

fn annealing(config: DualAnnealingConfig, space: &Space, seed: u64) -> DualAnnealing {
    DualAnnealing::new(config, space, Key::new(seed)).unwrap()
}

#[test]
fn the_visiting_distribution_is_the_published_one() {
    // The published form, with the sine and Γ(2 - f5) that are cancelled above; computed with scipy's constants.
    let published = |q: f64, t: f64| {
        let (less, pi) = (q - 1.0, std::f64::consts::PI);
        let f4 =
            pi.sqrt() * t.powf(1.0 / less) * ((4.0 - q) * less.ln()).exp() / (((2.0 - q) * 2f64.ln() / less).exp() * (3.0 - q));
        let f5 = 1.0 / less - 0.5;
        let f6 = pi * (1.0 - f5) / (pi * (1.0 - f5)).sin() / libm::tgamma(2.0 - f5);
        (-less * (f6 / f4).ln() / (3.0 - q)).exp()
    };
    for (q, t) in [(2.62, 5230.0), (2.62, 0.1), (2.0, 3.0), (1.9, 50.0)] {
        let (ours, theirs) = (visiting_sigma(q, t), published(q, t));
        assert!((ours / theirs - 1.0).abs() < 1e-10, "q {q}, T {t}: {ours} {theirs}");
    }
    // q = 2 is Cauchy's distribution of scale T.
    assert!((visiting_sigma(2.0, 3.0) - 3.0).abs() < 1e-12);
}

#[test]
fn a_chain_moves_all_coordinates_and_then_one_after_another() {
    let space = Space::bounded([(-1.0, 1.0); 3]).unwrap();
    let mut search = annealing(DualAnnealingConfig { visits: 2, ..Default::default() }, &space, 1);
    for step in 0..6 {
        search.steps = step;
        let x: Vec<f64> = search.incumbent.x.to_vec1().unwrap();
        for y in search.visits().unwrap().to_vec2::<f64>().unwrap() {
            let moved: Vec<usize> = (0..3).filter(|j| x[*j] != y[*j]).collect();
            assert_eq!(moved, if step < 3 { vec![0, 1, 2] } else { vec![step as usize - 3] });
            assert!(y.iter().all(|y| y.abs() <= 2.0), "inside the bounds, in search coordinates: {y:?}");
        }
    }
}

#[test]
fn temperatures_fall_and_begin_anew() {
    let space = Space::real(1).unwrap();
    let mut search = annealing(DualAnnealingConfig { restart: 0.01, ..Default::default() }, &space, 1);
    assert!((search.temperature(1.0) - 5230.0).abs() < 1e-9);
    // T_3 = 5230 (2^1.62 - 1) / (4^1.62 - 1)
    assert!((search.temperature(3.0) - 5230.0 * (2f64.powf(1.62) - 1.0) / (4f64.powf(1.62) - 1.0)).abs() < 1e-9);
    let (mut anew, mut before) = (false, 0);
    for _ in 0..3000 {
        search.step(&mut Function::new(space.clone(), |x| x[0].abs())).unwrap();
        anew |= search.chains < before;
        before = search.chains;
    }
    assert!(anew);
}

#[test]
fn it_finds_the_lowest_of_many_minima() {
    let space = Space::bounded([(-5.12, 5.12); 5]).unwrap();
    let found = (0..5).filter(|seed| {
        let mut rastrigin = Function::new(space.clone(), |x| {
            x.iter().map(|x| x - 1.3).map(|x| x * x + 10.0 - 10.0 * (std::f64::consts::TAU * x).cos()).sum()
        });
        let stop = Stop::evaluations(30_000).or_target(1e-6);
        let mut search = annealing(DualAnnealingConfig::default(), &space, *seed);
        minimize(&mut search, &mut rastrigin, &stop).unwrap().tally.lowest <= 1e-6
    });
    assert!(found.count() >= 3);
}

#[test]
fn told_the_length_of_the_run_it_cools_once_and_stays_cold() {
    let space = Space::real(1).unwrap();
    let told = DualAnnealingConfig { restart: 0.01, evaluations: Some(2000), ..Default::default() };
    let mut search = annealing(told, &space, 1);
    let (mut used, mut before) = (0, f64::INFINITY);
    while used < 3000 {
        let now = search.temperature(search.time());
        assert!(now <= before);
        if used >= 2000 {
            assert!((now / 52.3 - 1.0).abs() < 1e-9, "{now}");
        } else if used < 1000 {
            assert!(now > 100.0, "{now} after {used}");
        }
        before = now;
        used += search.step(&mut Function::new(space.clone(), |x| x[0].abs())).unwrap().evaluations;
    }
}

#[test]
fn its_answer_is_the_best_it_has_seen_also_while_a_local_search_goes_on() {
    let space = Space::bounded([(-5.12, 5.12); 5]).unwrap();
    let bowl = |x: &[f64]| x.iter().map(|x| (x - 1.3).powi(2)).sum::<f64>();
    for local in ["one-plus-one-es", "spsa"].map(Spec::new) {
        for seed in 0..10 {
            let config = DualAnnealingConfig { local: local.clone(), ..Default::default() };
            let mut search = annealing(config, &space, seed);
            let end = minimize(&mut search, &mut Function::new(space.clone(), bowl), &Stop::evaluations(900)).unwrap();
            let answer = bowl(&end.values().unwrap().to_vec1::<f64>().unwrap());
            assert_eq!((answer, end.loss), (end.tally.lowest, Some(end.tally.lowest)), "{local}, seed {seed}");
        }
    }
}
