use super::*;

static NEVER: AtomicBool = AtomicBool::new(false);

fn plan(problem: &str, optimizer: &str) -> Plan {
    let optimizer = optimizer.parse().expect("a spec");
    let (options, evaluations) = (Default::default(), 900);
    Plan { problem: problem.into(), options, optimizer, seed: 3, evaluations, horizon: Some(evaluations), target: None }
}

fn run(plan: Plan, threads: usize, from: Option<&Checkpoint>, saving: Option<Saving>) -> Result<Summary> {
    let mut session = Session::new(plan, threads)?;
    from.map_or(Ok(()), |checkpoint| session.restore(checkpoint))?;
    session.run(Surroundings { saving, seconds: None, audience: &mut (), interrupted: &NEVER })
}

/// The curve without its clock, as bits.
fn path(summary: &Summary) -> Vec<(u64, u64, Vec<u64>)> {
    let bits = |row: &Row| (row.evaluations, row.lowest.to_bits(), row.figures.iter().map(|f| f.to_bits()).collect());
    summary.curve.rows().iter().map(bits).collect()
}

#[test]
fn threads_and_checkpoints_change_nothing() -> Result<()> {
    let place = tempfile::tempdir().expect("a folder");
    for (problem, optimizer) in [("digits", "open-es"), ("rosenbrock", "pso")] {
        let saving = Saving { path: place.path().join(problem), every: 7, caller: ().into() };
        let alone = path(&run(plan(problem, optimizer), 1, None, None)?);
        assert_eq!(alone, path(&run(plan(problem, optimizer), 3, None, None)?), "{problem}: three threads");
        assert_eq!(alone, path(&run(plan(problem, optimizer), 1, None, Some(saving))?), "{problem}: many checkpoints");
    }
    Ok(())
}

struct Ends<'a> {
    after: u64,
    flag: &'a AtomicBool,
}

impl Audience for Ends<'_> {
    fn step(&mut self, tally: &Tally) {
        if tally.evaluations >= self.after {
            self.flag.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn an_interrupted_run_goes_on_as_if_nothing_had_happened() -> Result<()> {
    let place = tempfile::tempdir().expect("a folder");
    for optimizer in ["open-es", "sep-cma-es", "pso", "spsa"] {
        let plan = plan("ackley", optimizer);
        let saving = Saving { path: place.path().join(optimizer), every: 1_000_000, caller: ().into() };
        let flag = AtomicBool::new(false);
        let audience = &mut Ends { after: 333, flag: &flag };
        let around = Surroundings { saving: Some(saving.clone()), seconds: None, audience, interrupted: &flag };
        let first = Session::new(plan.clone(), 1)?.run(around)?;
        assert!(first.reason.is_none() && first.tally.evaluations < 500);
        let resumed = run(plan.clone(), 1, Some(&Checkpoint::open(&saving.path)?), None)?;
        assert_eq!(path(&resumed), path(&run(plan, 1, None, None)?), "{optimizer}");
    }
    Ok(())
}

#[test]
fn failing_candidates_end_nothing() -> Result<()> {
    for optimizer in ["open-es", "sep-cma-es", "pso", "spsa", "random-search"] {
        let summary = run(plan("nan", optimizer), 1, None, None)?;
        assert_eq!(summary.reason, Some(Reason::Evaluations), "{optimizer}");
        assert!(summary.tally.lowest.is_finite() && summary.last().figures[0] == summary.tally.lowest, "{optimizer}");
    }
    Ok(())
}

#[test]
fn a_run_that_comes_to_nothing_is_an_error() -> Result<()> {
    let mut poor = plan("sphere", "sep-cma-es");
    poor.evaluations = 3;
    let refused = run(poor, 1, None, None);
    assert!(matches!(refused, Err(Error::Budget { limit: 3, used: 0, asked }) if asked > 3), "{refused:?}");
    Ok(())
}

#[test]
fn the_point_that_reached_the_target_is_handed_over_by_whatever_optimizer() -> Result<()> {
    for optimizer in ["dual-annealing", "open-es", "vd-cma-es", "gaussian-smoothing"] {
        let plan = Plan { target: Some(1.0), evaluations: 20_000, ..plan("sphere", optimizer) };
        let summary = run(plan, 1, None, None)?;
        assert_eq!((&summary.reason, summary.answer), (&Some(Reason::Target), Answer::Best), "{optimizer}");
        assert!(summary.last().figures[0] <= 1.0 && summary.last().figures[0] == summary.tally.lowest, "{optimizer}");
    }
    Ok(())
}

#[test]
fn a_target_ends_a_run() -> Result<()> {
    let mut plan = plan("sphere", "sep-cma-es");
    plan.target = Some(10.0);
    assert_eq!(run(plan, 1, None, None)?.reason, Some(Reason::Target));
    assert!(Session::new(Plan { optimizer: Spec::new("psoo"), ..self::plan("sphere", "pso") }, 1).is_err());
    Ok(())
}

/// A run that has ended by itself, or could not pay for the next step, has ended: however often it is gone on with, nothing is evaluated, and it
/// says the same.
#[test]
fn what_has_ended_has_ended() -> Result<()> {
    let place = tempfile::tempdir().expect("a folder");
    let (mut converged, mut short) = (0, 0);
    for entry in registry::entries().into_iter().filter(|entry| entry.meta.capabilities.needs_only_losses()) {
        let id = entry.meta.id;
        let file = place.path().join(id);
        let saving = || Some(Saving { path: file.clone(), every: 1_000_000, caller: ().into() });
        // Long enough to converge, and a budget that few steps divide.
        for (dim, evaluations) in [(Some(2), 6_000), (None, 397)] {
            let options = problem::Options { dim, ..Default::default() };
            let plan = Plan { options, evaluations, horizon: Some(evaluations), ..plan("sphere", id) };
            let first = run(plan.clone(), 1, None, saving())?;
            converged += usize::from(matches!(first.reason, Some(Reason::Converged(_))));
            short += usize::from(first.tally.short_of.is_some());
            for again in 0..3 {
                let resumed = run(plan.clone(), 1, Some(&Checkpoint::open(&file)?), saving())?;
                assert_eq!((&resumed.reason, &resumed.tally), (&first.reason, &first.tally), "{id}, {evaluations}, {again}");
                assert_eq!(path(&resumed), path(&first), "{id}, {evaluations}, {again}");
            }
        }
    }
    assert!(converged > 10 && short > 3, "{converged} converged, {short} could not pay");
    Ok(())
}
