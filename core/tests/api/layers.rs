//! What can be laid around an objective.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::toy::{Test, Walk, bits, bowl};
use moths_core::{
    Batch, CowTensor, Error, Function, Key, Objective, Optimizer, Result, Sampler, Space, TensorFunction,
    objective::{
        Probe,
        layer::{Best, Budget, Pool},
    },
    persist::State,
    run::Replay,
    tensor::host::to_f64s,
};

fn space() -> Result<Space> {
    Space::real(3)
}

fn near_start(n: u64) -> Result<Batch> {
    let probes: Vec<Probe> = (0..n).map(|i| Probe::new(Key::new(i), 1.0).of_draw(i as u32)).collect();
    Ok(Batch::seeded(&space()?.start(), Sampler::Normal, probes))
}

/// A bowl that lies higher for later draws, and that can be differentiated.
struct Drawn(Space);

impl Objective for Drawn {
    fn space(&self) -> &Space {
        &self.0
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        (0..batch.len()).map(|i| Ok(bowl(&to_f64s(&*batch.row(i, &self.0)?)?) + f64::from(batch.draw(i)))).collect()
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, candle_core::Tensor)>> {
        Ok(Some((bowl(&to_f64s(at)?), ((&**at - 1.0)? * 2.0)?)))
    }
}

#[test]
fn a_budget_counts_and_refuses_whole_batches() -> Test {
    let mut budget = Budget::new(Drawn(space()?), 10);
    assert_eq!(budget.evaluate(&near_start(6)?)?.len(), 6);
    budget.gradient(&space()?.start())?;
    assert_eq!(budget.used(), 7);
    let refused = budget.evaluate(&near_start(4)?);
    assert!(matches!(refused, Err(Error::Budget { limit: 10, used: 7, asked: 4 })), "{refused:?}");
    assert_eq!(budget.used(), 7);
    assert_eq!(budget.evaluate(&near_start(3)?)?.len(), 3);
    assert!(matches!(budget.gradient(&space()?.start()), Err(Error::Budget { asked: 1, .. })));
    Ok(())
}

#[test]
fn an_evaluation_that_failed_is_not_counted() -> Test {
    let mut budget = Budget::count(TensorFunction::new(space()?, |_| candle_core::bail!("lost")));
    assert!(budget.evaluate(&near_start(6)?).is_err());
    assert_eq!(budget.used(), 0);
    Ok(())
}

#[test]
fn best_remembers_the_first_lowest_candidate_of_all() -> Test {
    let losses = vec![vec![f64::NAN, f64::NEG_INFINITY], vec![3.0, 2.0, 2.0], vec![5.0], vec![2.0], vec![1.5]];
    let mut best = Best::new(Replay::new(space()?, losses));
    assert!(best.best().is_none());
    let batch = near_start(3)?;
    best.evaluate(&batch.part(0..2))?;
    assert!(best.best().is_none(), "what is not finite has failed");
    let point = |best: &Best<Replay>| best.best().map(|(loss, at)| Ok::<_, Error>((*loss, to_f64s(at)?))).transpose();
    best.evaluate(&batch)?;
    assert_eq!(point(&best)?, Some((2.0, to_f64s(&*batch.row(1, &space()?)?)?)));
    best.evaluate(&batch.part(0..1))?;
    best.evaluate(&batch.part(2..3))?;
    assert_eq!(point(&best)?, Some((2.0, to_f64s(&*batch.row(1, &space()?)?)?)), "neither worse nor equal losses replace it");
    best.evaluate(&batch.part(2..3))?;
    assert_eq!(point(&best)?, Some((1.5, to_f64s(&*batch.row(2, &space()?)?)?)));
    Ok(())
}

#[test]
fn best_travels_with_a_state() -> Test {
    let mut best = Best::new(Drawn(space()?));
    let nothing = State::of(&mut best)?;
    best.evaluate(&near_start(5)?)?;
    let something = State::of(&mut best)?;
    let found = best.best().map(|(loss, at)| (*loss, at.clone()));
    nothing.restore(&mut best, moths_core::persist::Keep::Nothing)?;
    assert!(best.best().is_none());
    something.restore(&mut best, moths_core::persist::Keep::Nothing)?;
    let (Some((loss, at)), Some((again, there))) = (found, best.best()) else { return Err("nothing came back".into()) };
    assert_eq!((loss, to_f64s(&at)?), (*again, to_f64s(there)?));
    Ok(())
}

#[test]
fn more_losses_than_candidates_are_an_error_and_no_panic() -> Test {
    let mut best = Best::new(Replay::new(space()?, vec![vec![3.0, 2.0, 1.0]]));
    let wrong = (&mut best as &mut dyn Objective).losses(&near_start(2)?);
    assert!(matches!(wrong, Err(Error::Objective(_) | Error::Shape { .. })), "{wrong:?}");
    Ok(())
}

#[test]
fn a_pool_gives_the_losses_of_one_replica() -> Test {
    for replicas in [1, 2, 5] {
        let mut pool = Pool::new((0..replicas).map(|_| Ok(Drawn(space()?))).collect::<Result<Vec<_>>>()?)?;
        for n in [0, 1, 2, 3, 7, 64] {
            let batch = near_start(n)?;
            let serial = Drawn(space()?).evaluate(&batch)?;
            assert_eq!(bits(&pool.evaluate(&batch)?), bits(&serial), "{replicas} replicas, {n} candidates");
        }
        let (loss, _) = pool.gradient(&space()?.start())?.ok_or("a gradient")?;
        assert_eq!(loss, 3.0);
    }
    assert!(matches!(Pool::new(Vec::<Drawn>::new()), Err(Error::Invalid { .. })));
    Ok(())
}

#[test]
fn a_pool_that_fails_says_why_and_can_be_used_again() -> Test {
    let replica = || {
        Ok::<_, Error>(Function::new(space()?, |x: &[f64]| {
            assert!(x[0] < 100.0, "a replica gave up");
            bowl(x)
        }))
    };
    let mut pool = Pool::new(vec![replica()?, replica()?])?;
    let far = CowTensor::new((space()?.start().ones_like()? * 1e3)?);
    let poisoned = Batch::Joined([near_start(9)?, Batch::one(&far)?].into());
    let panicked = catch_unwind(AssertUnwindSafe(|| pool.evaluate(&poisoned)));
    let message = panicked.err().and_then(|p| p.downcast_ref::<&str>().map(|s| (*s).to_owned()));
    assert_eq!(message.as_deref(), Some("a replica gave up"));
    assert_eq!(pool.evaluate(&near_start(9)?)?, replica()?.evaluate(&near_start(9)?)?);

    let mut failing = Pool::new(vec![TensorFunction::new(space()?, |_| candle_core::bail!("out of memory"))])?;
    assert!(matches!(failing.evaluate(&near_start(3)?), Err(Error::Tensor(_))));
    Ok(())
}

/// Takes `steps` steps of a walk over this objective, and gives what is left of it.
fn walked(objective: &mut dyn Objective, steps: usize) -> Result<Vec<(String, Vec<u64>)>> {
    let mut walk = Walk::new(objective.space(), Key::new(1), 3)?;
    for _ in 0..steps {
        walk.step(objective)?;
    }
    State::of(&mut walk)?.digest()
}

#[test]
fn a_replay_of_another_run_is_noticed() -> Test {
    let mut replay = Replay::new(space()?, vec![vec![1.0, 2.0]]);
    let wrong = (&mut replay as &mut dyn Objective).losses(&near_start(3)?);
    assert!(matches!(wrong, Err(Error::Objective(_) | Error::Shape { .. })), "{wrong:?}");
    Ok(())
}

#[test]
fn layers_go_around_layers() -> Test {
    let pool = Pool::new(vec![Drawn(space()?), Drawn(space()?)])?;
    let mut all = Best::new(Budget::new(pool, 8));
    let once = walked(&mut all, 2)?;
    assert_eq!(once, walked(&mut Drawn(space()?), 2)?);
    assert_eq!(all.inner().used(), 8);
    assert!(matches!(walked(&mut all, 1), Err(Error::Budget { .. })));
    Ok(())
}
