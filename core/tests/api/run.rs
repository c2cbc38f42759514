//! The loop around steps: every way to stop, and nothing used beyond the budget.

use std::{ops::ControlFlow, thread::sleep, time::Duration};

use crate::toy::{Test, Walk, bowl};
use moths_core::{
    Batch, CowTensor, Error, Function, Key, Objective, Optimizer, Outcome, Report, Result, Space, Stop, minimize,
    objective::layer::Budget,
    persist,
    persist::State,
    run::{Reason, Tally, minimize_from},
    tensor::host::to_f64s,
};

fn walk(space: &Space) -> Result<Walk> {
    Walk::new(space, Key::new(1), 3)
}

/// A walk of four evaluations a step over the bowl.
fn run(stop: &Stop) -> Result<Outcome> {
    let space = Space::real(3)?;
    minimize(&mut walk(&space)?, &mut Function::new(space, bowl), stop)
}

#[test]
fn a_budget_is_used_as_far_as_whole_steps_go_and_never_exceeded() -> Test {
    let space = Space::real(3)?;
    for limit in (0..30).filter(|limit| !(1..4).contains(limit)) {
        let mut counted = Budget::count(Function::new(space.clone(), bowl));
        let outcome = minimize(&mut walk(&space)?, &mut counted, &Stop::evaluations(limit))?;
        assert_eq!(outcome.reason, Reason::Evaluations);
        assert_eq!(outcome.tally.steps, limit / 4);
        // The first round of a step that is then refused was evaluated: it counts.
        assert_eq!(outcome.tally.evaluations, counted.used());
        assert!((limit / 4 * 4..=limit).contains(&counted.used()), "{} evaluations of {limit}", counted.used());
    }
    Ok(())
}

#[test]
fn a_budget_that_allows_no_step_is_refused_with_what_it_lacks() -> Test {
    let space = Space::real(3)?;
    for (limit, used, asked) in [(1, 0, 3), (2, 0, 3), (3, 3, 1)] {
        let refused = minimize(&mut walk(&space)?, &mut Function::new(space.clone(), bowl), &Stop::evaluations(limit)).err();
        let Some(Error::Budget { limit: l, used: u, asked: a }) = refused else { panic!("{refused:?}") };
        assert_eq!((l, u, a), (limit, used, asked));
    }
    // Whoever has taken steps before has only come to the end.
    let mut walk = walk(&space)?;
    let tally = minimize(&mut walk, &mut Function::new(space.clone(), bowl), &Stop::steps(1))?.tally;
    let on = |_: &mut moths_core::run::Progress<'_>| Ok(ControlFlow::Continue(()));
    let end = minimize_from(tally, &mut walk, &mut Function::new(space, bowl), &Stop::evaluations(6), on)?;
    assert_eq!((end.reason, end.tally.steps), (Reason::Evaluations, 1));
    Ok(())
}

#[test]
fn a_run_in_which_every_candidate_failed_is_an_error() -> Test {
    let space = Space::real(3)?;
    for failure in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut failing = Function::new(space.clone(), |_: &[f64]| failure);
        let failed = minimize(&mut walk(&space)?, &mut failing, &Stop::evaluations(8).or_target(0.0)).err();
        assert!(matches!(failed, Some(Error::AllFailed { evaluations: 8, reason: Reason::Evaluations })), "{failed:?}");
        // A run that is only paused may find something yet.
        let pause = |_: &mut moths_core::run::Progress<'_>| Ok(ControlFlow::Break(()));
        let paused = minimize_from(Tally::default(), &mut walk(&space)?, &mut failing, &Stop::never(), pause)?;
        assert!(paused.reason == Reason::Observer && paused.best.is_none() && paused.loss.is_none());
    }
    Ok(())
}

#[test]
fn minus_infinity_is_a_failure_like_any_other() -> Test {
    let space = Space::real(3)?;
    let mut log_of_zero = Function::new(space.clone(), |x: &[f64]| if x[0] > 0.2 { f64::NEG_INFINITY } else { bowl(x) });
    let end = minimize(&mut walk(&space)?, &mut log_of_zero, &Stop::evaluations(400).or_target(-1.0))?;
    assert!(end.reason == Reason::Evaluations && end.tally.lowest > 0.0, "{end:?}");
    Ok(())
}

/// Its answer is the mean of all points it has seen, which it never evaluates.
struct Mean {
    walk: Walk,
}
persist!(Mean { walk });

impl Optimizer for Mean {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.walk.step(objective)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(CowTensor::new((&*self.walk.answer()? * 0.5)?))
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.walk.move_to(at)
    }
}

#[test]
fn the_best_point_is_handed_out_with_its_loss_whatever_the_answer() -> Test {
    let space = Space::real(3)?;
    let objective = || Function::new(space.clone(), bowl);
    let stop = Stop::evaluations(4000).or_target(0.5);
    let end = minimize(&mut Mean { walk: walk(&space)? }, &mut objective(), &stop)?;
    let (values, loss) = end.best_values()?.ok_or("a point was evaluated")?;
    assert!(end.reason == Reason::Target && loss <= 0.5 && loss == end.tally.lowest && loss == bowl(&to_f64s(&values)?));
    assert!(end.loss.is_none() && bowl(&to_f64s(&*end.values()?)?) > 0.5, "nobody has evaluated the answer");
    let own = minimize(&mut walk(&space)?, &mut objective(), &stop)?;
    assert!(own.loss.is_some() && own.loss == own.best.map(|best| best.loss), "a walk stands on its best point");
    Ok(())
}

#[test]
fn only_the_point_that_reaches_the_target_is_kept_where_no_other_is_wanted() -> Test {
    let space = Space::real(3)?;
    let objective = || Function::new(space.clone(), bowl);
    let without = minimize(&mut walk(&space)?, &mut objective(), &Stop::steps(5).without_best())?;
    assert!(without.best.is_none() && without.loss.is_none());
    let reached =
        minimize(&mut Mean { walk: walk(&space)? }, &mut objective(), &Stop::steps(5000).or_target(0.5).without_best())?;
    assert!(reached.reason == Reason::Target && reached.best.is_some_and(|best| best.loss <= 0.5));
    Ok(())
}

/// The bowl on data that change: every step's losses are higher by a number of their own.
struct Shifted(Function<fn(&[f64]) -> f64>, f64);

impl Objective for Shifted {
    fn space(&self) -> &Space {
        self.0.space()
    }
    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        Ok(self.0.evaluate(batch)?.into_iter().map(|loss| loss + self.1).collect())
    }
    fn stochastic(&self) -> bool {
        true
    }
    fn refresh(&mut self) -> Result<()> {
        self.1 = -self.1 - 1.0;
        Ok(())
    }
}

#[test]
fn nothing_seen_of_a_stochastic_objective_is_the_best_but_what_reached_the_target() -> Test {
    let space = Space::real(3)?;
    let shifted = || Shifted(Function::new(space.clone(), bowl), 3.0);
    let end = minimize(&mut walk(&space)?, &mut shifted(), &Stop::steps(10))?;
    assert!(end.best.is_none() && end.loss.is_none());
    let end = minimize(&mut walk(&space)?, &mut shifted(), &Stop::steps(1000).or_target(-2.0))?;
    assert!(end.reason == Reason::Target && end.loss.is_none(), "{end:?}");
    assert!(end.best.is_some_and(|best| best.loss <= -2.0 && best.loss == end.tally.lowest));
    Ok(())
}

#[test]
fn a_step_the_budget_does_not_allow_changes_nothing() -> Test {
    let space = Space::real(3)?;
    let (mut one, mut other) = (walk(&space)?, walk(&space)?);
    // The second step of `one` gets its first round, but not its second.
    minimize(&mut one, &mut Function::new(space.clone(), bowl), &Stop::evaluations(7))?;
    minimize(&mut other, &mut Function::new(space, bowl), &Stop::evaluations(4))?;
    assert_eq!(State::of(&mut one)?.digest()?, State::of(&mut other)?.digest()?);
    Ok(())
}

#[test]
fn it_stops_after_steps() -> Test {
    let outcome = run(&Stop::steps(5).or_evaluations(1000))?;
    assert_eq!((outcome.reason, outcome.tally.steps, outcome.tally.evaluations), (Reason::Steps, 5, 20));
    assert_eq!(run(&Stop::steps(0))?.tally, Tally::default());
    Ok(())
}

#[test]
fn it_stops_at_a_target() -> Test {
    let outcome = run(&Stop::steps(10_000).or_target(0.5))?;
    assert_eq!(outcome.reason, Reason::Target);
    assert!(outcome.tally.lowest <= 0.5 && outcome.tally.steps < 10_000);
    assert_eq!(outcome.tally.improved_at, outcome.tally.evaluations);
    assert!(bowl(&to_f64s(&*outcome.values()?)?) <= 0.5, "and the answer is the point that reached it");
    Ok(())
}

#[test]
fn it_stops_when_the_time_is_up() -> Test {
    let space = Space::real(3)?;
    let mut slow = Function::new(space.clone(), |x: &[f64]| {
        sleep(Duration::from_millis(2));
        bowl(x)
    });
    let outcome = minimize(&mut walk(&space)?, &mut slow, &Stop::steps(10_000).or_seconds(0.03))?;
    assert_eq!(outcome.reason, Reason::Seconds);
    assert!(outcome.tally.seconds >= 0.03 && outcome.tally.steps <= 4, "{:?}", outcome.tally);
    Ok(())
}

#[test]
fn it_stops_when_nothing_gets_better() -> Test {
    let space = Space::real(3)?;
    let stop = Stop::steps(10_000).or_stagnation(20);
    let outcome = minimize(&mut walk(&space)?, &mut Function::new(space.clone(), |_: &[f64]| 7.0), &stop)?;
    assert_eq!((outcome.reason, outcome.tally.evaluations, outcome.tally.improved_at), (Reason::Stagnation, 24, 4));
    let failing = minimize(&mut walk(&space)?, &mut Function::new(space, |_: &[f64]| f64::NAN), &stop).err();
    assert!(matches!(failing, Some(Error::AllFailed { evaluations: 20, reason: Reason::Stagnation })), "{failing:?}");
    Ok(())
}

#[test]
fn the_first_condition_that_holds_is_named() -> Test {
    assert_eq!(run(&Stop::evaluations(4).or_steps(1).or_target(f64::INFINITY))?.reason, Reason::Target);
    assert_eq!(run(&Stop::evaluations(4).or_steps(1))?.reason, Reason::Evaluations);
    assert_eq!(run(&Stop::evaluations(5).or_steps(1))?.reason, Reason::Steps);
    Ok(())
}

/// Says that it has converged after three steps.
struct Tired {
    walk: Walk,
    steps: u64,
}
persist!(Tired { walk, steps });

impl Optimizer for Tired {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let report = self.walk.step(objective)?;
        self.steps += 1;
        Ok(report.converged((self.steps == 3).then_some("tired")))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.walk.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.walk.move_to(at)
    }
}

#[test]
fn it_stops_when_the_optimizer_says_so() -> Test {
    let space = Space::real(3)?;
    let mut tired = Tired { walk: walk(&space)?, steps: 0 };
    let outcome = minimize(&mut tired, &mut Function::new(space, bowl), &Stop::never())?;
    assert_eq!((&outcome.reason, outcome.tally.steps), (&Reason::Converged("tired".into()), 3));
    assert_eq!(outcome.reason.to_string(), "tired");
    Ok(())
}

#[test]
fn an_observer_sees_every_step_and_may_end_the_run() -> Test {
    let space = Space::real(3)?;
    let mut seen = vec![];
    let outcome = minimize_from(Tally::default(), &mut walk(&space)?, &mut Function::new(space, bowl), &Stop::steps(100), |p| {
        let values = p.objective.space().decode(&*p.optimizer.answer()?)?;
        seen.push((p.tally.steps, p.report.evaluations, bowl(&to_f64s(&values)?)));
        Ok(if p.tally.steps == 6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    assert_eq!((outcome.reason, outcome.tally.steps), (Reason::Observer, 6));
    assert_eq!(seen.iter().map(|s| (s.0, s.1)).collect::<Vec<_>>(), (1..=6).map(|t| (t, 4)).collect::<Vec<_>>());
    assert_eq!(seen.last().map(|s| s.2), Some(outcome.tally.lowest), "a walk keeps the best point");
    Ok(())
}

#[test]
fn an_observer_that_fails_ends_the_run_with_its_error() -> Test {
    let space = Space::real(3)?;
    let failed = minimize_from(Tally::default(), &mut walk(&space)?, &mut Function::new(space, bowl), &Stop::steps(9), |_| {
        Err(Error::Objective("the disk is full".into()))
    });
    assert!(matches!(failed, Err(Error::Objective(why)) if why == "the disk is full"));
    Ok(())
}

#[test]
fn a_resumed_run_goes_on_counting_and_ends_where_the_whole_run_ends() -> Test {
    let space = Space::real(3)?;
    let go_on = |tally, walk: &mut Walk, limit| {
        let mut objective = Function::new(space.clone(), bowl);
        minimize_from(tally, walk, &mut objective, &Stop::evaluations(limit), |_| Ok(ControlFlow::Continue(())))
    };
    let whole = go_on(Tally::default(), &mut walk(&space)?, 100)?;
    let mut walk = walk(&space)?;
    let first = go_on(Tally::default(), &mut walk, 40)?.tally;
    assert_eq!(first.evaluations, 40);
    let second = go_on(first.clone(), &mut walk, 100)?;
    assert!(second.tally.seconds >= first.seconds);
    let timeless = |tally: Tally| Tally { seconds: 0.0, ..tally };
    assert_eq!(timeless(second.tally.clone()), timeless(whole.tally));
    assert_eq!(to_f64s(&second.answer)?, to_f64s(&whole.answer)?);

    let over = go_on(second.tally, &mut walk, 50)?;
    assert_eq!((over.reason, over.tally.evaluations), (Reason::Evaluations, 100), "more than the new budget was used before");
    Ok(())
}

#[test]
fn an_objective_that_fails_leaves_the_optimizer_as_it_was() -> Test {
    struct Failing {
        inner: Function<fn(&[f64]) -> f64>,
        calls: u64,
    }
    impl Objective for Failing {
        fn space(&self) -> &Space {
            self.inner.space()
        }
        fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
            self.calls += 1;
            if self.calls == 6 { Err(Error::Objective("lost".into())) } else { self.inner.evaluate(batch) }
        }
    }
    let space = Space::real(3)?;
    let (mut failed, mut whole) = (walk(&space)?, walk(&space)?);
    let mut failing = Failing { inner: Function::new(space.clone(), bowl), calls: 0 };
    let outcome = minimize(&mut failed, &mut failing, &Stop::steps(10));
    assert!(matches!(outcome, Err(Error::Objective(_))));
    minimize(&mut whole, &mut Function::new(space, bowl), &Stop::steps(2))?;
    assert_eq!(State::of(&mut failed)?.digest()?, State::of(&mut whole)?.digest()?);
    Ok(())
}

#[test]
fn stochastic_objectives_are_refreshed_between_steps_and_others_never() -> Test {
    struct Noisy {
        inner: Function<fn(&[f64]) -> f64>,
        stochastic: bool,
        log: Vec<&'static str>,
    }
    impl Objective for Noisy {
        fn space(&self) -> &Space {
            self.inner.space()
        }
        fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
            self.log.push("evaluate");
            self.inner.evaluate(batch)
        }
        fn stochastic(&self) -> bool {
            self.stochastic
        }
        fn refresh(&mut self) -> Result<()> {
            self.log.push("refresh");
            Ok(())
        }
    }
    let space = Space::real(3)?;
    for (stochastic, step) in [(true, vec!["evaluate", "evaluate", "refresh"]), (false, vec!["evaluate", "evaluate"])] {
        let mut noisy = Noisy { inner: Function::new(space.clone(), bowl), stochastic, log: vec![] };
        minimize(&mut walk(&space)?, &mut noisy, &Stop::steps(2))?;
        assert_eq!(noisy.log, step.repeat(2));
    }
    Ok(())
}
