//! Asking and telling takes the path of stepping, whenever and however often it is interrupted.

use crate::toy::{Test, Walk, bowl};
use moths_core::{
    AskTell, Batch, CowTensor, Error, Function, Key, Objective, Optimizer, Report, Result, Space, persist,
    persist::{Keep, State},
    run::Ask,
    tensor::host::to_f64s,
};

fn search(space: &Space) -> Result<AskTell> {
    Ok(AskTell::new(Box::new(Walk::new(space, Key::new(1), 3)?), space))
}

/// Asks and tells until a step is done, letting `between` interfere.
fn step(search: &mut AskTell, mut between: impl FnMut(&mut AskTell) -> Result<()>) -> Result<Report> {
    let mut objective = Function::new(search.space().clone(), bowl);
    loop {
        match search.ask()? {
            Ask::Done(report) => return Ok(report),
            Ask::Evaluate(batch) => {
                between(search)?;
                search.tell(objective.evaluate(&batch)?)?;
            }
        }
        between(search)?;
    }
}

#[test]
fn asking_is_stepping() -> Test {
    let space = Space::real(4)?;
    let (mut walk, mut search) = (Walk::new(&space, Key::new(1), 3)?, search(&space)?);
    for _ in 0..6 {
        assert_eq!(walk.step(&mut Function::new(space.clone(), bowl))?, step(&mut search, |_| Ok(()))?);
        assert_eq!(State::of(&mut walk)?.digest()?, State::of(search.optimizer())?.digest()?);
    }
    assert_eq!(to_f64s(&*walk.answer()?)?, to_f64s(&*search.answer()?)?);
    Ok(())
}

#[test]
fn asking_twice_asks_the_same() -> Test {
    let space = Space::real(4)?;
    let mut search = search(&space)?;
    let asked = |search: &mut AskTell| -> Result<Vec<f64>> {
        match search.ask()? {
            Ask::Evaluate(batch) => to_f64s(&*batch.dense(&space)?),
            Ask::Done(report) => Err(Error::Objective(format!("{report:?}"))),
        }
    };
    let first = asked(&mut search)?;
    assert_eq!(asked(&mut search)?, first);
    search.tell(vec![1.0, 2.0, 3.0])?;
    let second = asked(&mut search)?;
    assert_eq!((asked(&mut search)?, second.len()), (second.clone(), 4), "the second round asks for one candidate");
    Ok(())
}

#[test]
fn what_is_told_must_fit_what_was_asked() -> Test {
    let mut search = search(&Space::real(4)?)?;
    assert!(matches!(search.tell(vec![1.0]), Err(Error::Unsupported { .. })));
    search.ask()?;
    for wrong in [vec![], vec![1.0; 2], vec![1.0; 4]] {
        assert!(matches!(search.tell(wrong), Err(Error::Shape { .. })));
    }
    search.tell(vec![f64::NAN, 2.0, 3.0])?;
    assert!(matches!(search.tell(vec![1.0; 3]), Err(Error::Unsupported { .. })), "told already");
    Ok(())
}

#[test]
fn looking_at_the_state_changes_nothing() -> Test {
    let space = Space::real(4)?;
    let (mut watched, mut alone) = (search(&space)?, search(&space)?);
    for _ in 0..3 {
        let look = |search: &mut AskTell| State::of(search).map(|_| ());
        assert_eq!(step(&mut watched, look)?, step(&mut alone, |_| Ok(()))?);
    }
    Ok(())
}

#[test]
fn a_search_can_be_saved_at_any_time() -> Test {
    let space = Space::real(4)?;
    let (mut moved, mut alone) = (search(&space)?, search(&space)?);
    for _ in 0..3 {
        let elsewhere = |search: &mut AskTell| {
            let state = State::of(search)?;
            let mut other = AskTell::new(Box::new(Walk::new(&space, Key::new(99), 3)?), &space);
            state.restore(&mut other, Keep::Nothing)?;
            *search = other;
            Ok(())
        };
        assert_eq!(step(&mut moved, elsewhere)?, step(&mut alone, |_| Ok(()))?);
    }
    assert_eq!(State::of(&mut moved)?.digest()?, State::of(&mut alone)?.digest()?);
    Ok(())
}

#[test]
fn a_state_whose_losses_do_not_add_up_is_refused() -> Test {
    struct Losses {
        lengths: Vec<u64>,
    }
    persist!(Losses { lengths });
    let mut search = search(&Space::real(4)?)?;
    search.ask()?;
    search.tell(vec![1.0, 2.0, 3.0])?;
    let before = State::of(&mut search)?.digest()?;
    let foreign = State::of(&mut Losses { lengths: vec![7] })?;
    assert!(matches!(foreign.restore(&mut search, Keep::Nothing), Err(Error::State { .. })));
    assert_eq!(State::of(&mut search)?.digest()?, before);
    Ok(())
}

/// An optimizer that wants a gradient.
struct Greedy;
persist!(Greedy {});

impl Optimizer for Greedy {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let at = objective.space().start();
        match objective.gradient(&at)? {
            Some((loss, _)) => Ok(Report::new(loss, 1)),
            None => Err(Error::unsupported("greedy", "needs gradients")),
        }
    }

    fn answer(&self) -> Result<CowTensor> {
        Err(Error::unsupported("greedy", "has no answer"))
    }

    fn move_to(&mut self, _: &CowTensor) -> Result<()> {
        Ok(())
    }
}

#[test]
fn what_needs_gradients_says_so() -> Test {
    let space = Space::real(2)?;
    let mut search = AskTell::new(Box::new(Greedy), &space);
    assert!(matches!(search.ask(), Err(Error::Unsupported { .. })));
    assert!(matches!(search.ask(), Err(Error::Unsupported { .. })), "and says it again");
    Ok(())
}

#[test]
fn candidates_that_failed_are_told_as_nan() -> Test {
    let space = Space::real(4)?;
    let mut search = search(&space)?;
    let report = loop {
        match search.ask()? {
            Ask::Evaluate(batch) => search.tell(vec![f64::NAN; Batch::len(&batch)])?,
            Ask::Done(report) => break report,
        }
    };
    assert_eq!((report.loss, report.evaluations), (f64::INFINITY, 4));
    assert_eq!(to_f64s(&*search.answer()?)?, [0.0; 4], "nothing better than the start was found");
    Ok(())
}
