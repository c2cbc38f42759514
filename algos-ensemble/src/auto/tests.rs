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
    let usual = Situation {
        dim: 4,
        discrete: 0,
        tables: false,
        bounded: false,
        stochastic: false,
        outputs: false,
        evaluations: Some(400),
    };
    for situation in [
        usual.clone(),
        Situation { evaluations: None, ..usual.clone() },
        Situation { evaluations: Some(1), ..usual.clone() },
        Situation { discrete: 2, ..usual.clone() },
        Situation { discrete: 2, evaluations: Some(100), ..usual.clone() },
        Situation { discrete: 4, tables: true, ..usual.clone() },
        Situation { discrete: 2, evaluations: None, ..usual.clone() },
        Situation { discrete: 20, dim: 500, ..usual.clone() },
        Situation { discrete: 20, dim: 5000, ..usual.clone() },
        Situation { stochastic: true, ..usual.clone() },
        Situation { dim: 1, evaluations: Some(50), ..usual.clone() },
        Situation { dim: 100_000, ..usual.clone() },
    ] {
        let choice = Choice::of(&situation, &space)?;
        assert!(!choice.members.is_empty(), "{situation}");
    }
    Ok(())
}

/// A suggestion that is better than the answer is where the search goes on, and one that is worse is not; on data that change, too.
#[test]
fn suggestions_are_compared_with_the_answer() -> Result<()> {
    struct Noisy<'a>(&'a mut dyn Objective);
    impl Objective for Noisy<'_> {
        fn space(&self) -> &Space {
            self.0.space()
        }
        fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
            self.0.evaluate(batch)
        }
        fn stochastic(&self) -> bool {
            true
        }
    }
    let space = Space::bounded([(-5.0, 5.0); 3])?;
    let at = |x: f64| space.encode(&candle_core::Tensor::new(&[x, x, x], space.device())?);
    for stochastic in [false, true] {
        let mut optimizer = registry::build_for(&Spec::new("auto"), &space, Key::new(1), Horizon::evaluations(900))?;
        let mut valley = Function::new(space.clone(), valley);
        let mut noisy = Noisy(&mut valley);
        let mut plain = Function::new(space.clone(), super::tests::valley);
        let objective: &mut dyn Objective = if stochastic { &mut noisy } else { &mut plain };
        optimizer.suggest(&Batch::one(&at(1.0)?)?)?;
        optimizer.step(objective)?;
        let loss = |optimizer: &dyn Optimizer| {
            Ok::<_, moths_core::Error>(super::tests::valley(&space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?))
        };
        let before = loss(&*optimizer)?;
        optimizer.suggest(&Batch::one(&at(-4.0)?)?)?;
        optimizer.step(objective)?;
        let after = loss(&*optimizer)?;
        assert!(before < 20_000.0 && after < 20_000.0, "{stochastic}: {before} {after}, {}", super::tests::valley(&[-4.0; 3]));
    }
    Ok(())
}
