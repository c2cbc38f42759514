use moths_core::{
    Function, Horizon, Spec,
    persist::{Keep, State},
    registry,
};
use moths_evolution as _;
use moths_local as _;

use super::*;

fn valley(x: &[f64]) -> f64 {
    x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum()
}

/// A fresh one takes over a choice it has not made, in the middle of a round.
#[test]
fn a_choice_is_part_of_the_state() -> Result<()> {
    let space = Space::bounded([(-5.0, 5.0); 3])?;
    let build = |key| registry::build_for(&Spec::new("auto"), &space, Key::new(key), Horizon::evaluations(600)).unwrap();
    let (mut one, mut objective) = (build(1), Function::new(space.clone(), valley));
    for step in 0..40 {
        let mut other = build(2);
        State::of(&mut one)?.restore(&mut other, Keep::Nothing)?;
        assert_eq!(one.step(&mut objective)?, other.step(&mut objective)?, "step {step}");
        assert_eq!(State::of(&mut one)?.digest()?, State::of(&mut other)?.digest()?, "step {step}");
    }
    Ok(())
}

/// Integers, many parameters, none that is known: there is someone for all of them, as far as families are linked.
#[test]
fn there_is_someone_for_every_situation() -> Result<()> {
    let space = Space::real(4)?;
    let usual = Situation { dim: 4, discrete: 0, bounded: false, stochastic: false, outputs: false, evaluations: Some(400) };
    for situation in [
        usual.clone(),
        Situation { evaluations: None, ..usual.clone() },
        Situation { evaluations: Some(1), ..usual.clone() },
        Situation { discrete: 2, ..usual.clone() },
        Situation { stochastic: true, ..usual.clone() },
        Situation { dim: 1, evaluations: Some(50), ..usual.clone() },
        Situation { dim: 100_000, ..usual.clone() },
    ] {
        let choice = Choice::of(&situation, &space)?;
        assert!(!choice.members.is_empty(), "{situation}");
    }
    Ok(())
}
