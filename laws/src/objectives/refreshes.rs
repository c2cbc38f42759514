//! New data come when they are called for.

use super::{
    super::{Law, broken::Verdict},
    Judged, batch, bits,
};
use moths_core::Objective;

pub(super) const LAW: Law<Judged> = Law {
    name: "refreshes",
    statement: "a refresh changes losses exactly where the objective says that it is stochastic; to skip n steps is to refresh n times; two of a \
                kind are alike after every refresh",
    holds,
};

/// Refreshes by which something must have changed: on a plateau most candidates do equally badly on all data.
const PATIENCE: usize = 100;

fn holds(judged: &Judged) -> Verdict {
    let [mut objective, mut twin] = [judged.make()?, judged.make()?];
    let batch = batch(&*objective)?;
    let losses = |objective: &mut Box<dyn Objective>| Ok::<_, moths_core::Error>(bits(&objective.evaluate(&batch)?));
    let (first, mut moved) = (losses(&mut objective)?, false);
    for k in 1..=PATIENCE {
        objective.refresh()?;
        twin.refresh()?;
        let now = losses(&mut objective)?;
        ensure!(losses(&mut twin)? == now, "after {k} refreshes, another of its kind gives other losses");
        moved |= now != first;
        ensure!(!moved || objective.stochastic(), "it is not stochastic, yet refresh {k} has changed losses");
        if k >= 3 && (moved || !objective.stochastic()) {
            break;
        }
    }
    ensure!(moved || !objective.stochastic(), "it is stochastic, yet {PATIENCE} refreshes have changed no loss");
    for steps in [0, 1, 7, 100] {
        let [mut slow, mut fast] = [judged.make()?, judged.make()?];
        (0..steps).try_for_each(|_| slow.refresh())?;
        fast.skip(steps)?;
        ensure!(losses(&mut slow)? == losses(&mut fast)?, "{steps} steps skipped are not so many refreshes");
    }
    Ok(())
}
