//! When a search is told that going on is pointless.

use candle_core::DType;
use moths_core::{
    Batch, Function, Leaf, Objective, Result, Space,
    objective::Losses,
    optimizer::convergence::{History, Spread, VANISHED},
    persist::State,
};

/// These numbers as losses.
fn losses(values: &[f64]) -> Result<Losses> {
    let (space, mut next) = (Space::real(1)?, values.iter());
    let mut read = Function::new(space.clone(), |_| *next.next().expect("a loss for every candidate"));
    let objective: &mut dyn Objective = &mut read;
    objective.losses(&Batch::Dense(space.zeros_for(values.len())?))
}

/// The generation, from 0, after which this is said of generations of four, d = 2: T = 25.
fn said(mut history: History, of: impl Fn(u64) -> [f64; 4]) -> Result<Option<(u64, &'static str)>> {
    for t in 0..2000 {
        if let Some(said) = history.judge(&losses(&of(t))?, false, t) {
            return Ok(Some((t, said.split(':').next().unwrap_or(said))));
        }
    }
    Ok(None)
}

#[test]
fn flat_losses_end_a_search_after_t_generations() -> Result<()> {
    let same_best = |t: u64| [3.0, 4.0 + t as f64, 5.0, 6.0];
    assert_eq!(said(History::new(2, 4), same_best)?, Some((24, "equal-fun-values")));
    let nearly = |t: u64| [3.0 + 1e-13 * (t % 2) as f64, 3.0, 3.0 + 2e-13, 3.0];
    assert_eq!(said(History::new(2, 4), nearly)?, Some((24, "equal-fun-values")));
    let level = |t: u64| [3.0 + 1e-13 * (t % 3) as f64; 4];
    assert_eq!(said(History::new(2, 4), level)?, Some((24, "tol-fun")));
    Ok(())
}

#[test]
fn a_population_that_keeps_its_best_waits_until_all_are_level() -> Result<()> {
    assert_eq!(said(History::of_population(2, 4), |t| [3.0, 4.0 + t as f64, 5.0, 6.0])?, None);
    assert_eq!(said(History::of_population(2, 4), |_| [3.0; 4])?, Some((24, "tol-fun")));
    Ok(())
}

#[test]
fn losses_that_get_no_better_stagnate_and_those_that_do_never() -> Result<()> {
    let noise = |t: u64, i: u64| ((t * 4 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64;
    let lottery = |t: u64| [0, 1, 2, 3].map(|i| noise(t, i));
    let (t, reason) = said(History::new(2, 4), lottery)?.unwrap();
    assert_eq!(reason, "stagnation");
    assert!(t >= 134, "after {t} generations, fewer than 120 + 15");
    let falling = |t: u64| [0, 1, 2, 3].map(|i| noise(t, i) * 0.97f64.powi(t as i32));
    assert!(said(History::new(2, 4), falling)?.is_none_or(|(t, reason)| t > 900 && reason == "tol-fun"), "it was getting better");
    Ok(())
}

#[test]
fn losses_of_different_data_and_of_another_place_are_not_compared() -> Result<()> {
    let mut history = History::new(2, 4);
    let flat = losses(&[1.0; 4])?;
    assert!((0..100).all(|t| history.judge(&flat, true, t).is_none()), "on a stochastic objective losses say nothing");
    assert!((0..24).all(|t| history.judge(&flat, false, t).is_none()));
    history.clear();
    assert!((0..24).all(|t| history.judge(&flat, false, t).is_none()), "the search had moved on");
    assert!(history.judge(&losses(&[f64::NAN; 4])?, false, 24).is_none(), "a generation of which all failed does not count");
    assert!(history.judge(&flat, false, 25).is_some());
    Ok(())
}

#[test]
fn a_history_has_an_end() -> Result<()> {
    let (mut long, mut short) = (History::new(2, 4), History::of_population(2, 4));
    for t in 0..60_000u64 {
        let losses = losses(&[t as f64, 0.5, 2.0 - t as f64, 1.0])?;
        long.push(&losses);
        short.push(&losses);
    }
    assert!(State::of(&mut long)?.bytes() <= 2 * 8 * 25_000 + 200);
    assert!(State::of(&mut short)?.bytes() <= 8 * 32 + 200);
    Ok(())
}

#[test]
fn only_real_coordinates_say_that_steps_have_vanished() -> Result<()> {
    let leaves =
        vec![Leaf::real("x", [2]), Leaf::integer("n", [2], -3, 6), Leaf::bool("on", [1]), Leaf::integer("one", [1], 7, 7)];
    let space = Space::with_dtype(leaves, DType::F64)?;
    // Natural scales are a quarter of the interval: 10/4 and 2/4 values a unit.
    let least: Vec<f64> = space.least_deviations().collect();
    assert_eq!(least, [0.0, 0.0, 0.1 / 2.5, 0.1 / 2.5, 0.2, 0.0]);
    assert_eq!(space.floor_tensor()?.unwrap().to_vec1::<f64>()?, least);
    assert!(Space::real(3)?.floor_tensor()?.is_none());
    assert_eq!(Spread::of(&space, [1e-13, 1e-13, 1.0, 1.0, 1.0, 1e-13]).judge(1.0), Some(VANISHED));
    assert_eq!(Spread::of(&space, [1e-13, 1e-11, 1.0, 1.0, 1.0, 1e-13]).judge(1.0), None);
    assert!(Spread::of(&space, [1.0, 1.0, 1.0, 2e4, 1.0, 1.0]).judge(1.0).is_some_and(|said| said.starts_with("tol-x-up")));
    let switches = Space::new(vec![Leaf::bool("on", [2])])?;
    assert_eq!(Spread::of(&switches, [1e-13, 1e-13]).judge(1.0), None, "there is no real coordinate to say so");
    Ok(())
}
