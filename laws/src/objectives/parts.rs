//! A loss is of a candidate.

use super::{
    super::{Law, broken::Verdict},
    Judged, batch, bits,
};
use moths_core::{Batch, Objective, Result};

pub(super) const LAW: Law<Judged> = Law {
    name: "parts",
    statement: "equal points have equal losses within a step, also when asked again, alone, in parts, in another order, as numbers and joined",
    holds,
};

fn holds(judged: &Judged) -> Verdict {
    let mut objective = judged.make()?;
    for step in 0..3 {
        let batch = batch(&*objective)?;
        let whole = objective.evaluate(&batch)?;
        ensure!(whole.len() == batch.len(), "{} losses came back for {} candidates", whole.len(), batch.len());
        for (how, ask) in WAYS {
            let losses = ask(&mut *objective, &batch)?;
            let differs = bits(&whole).iter().zip(bits(&losses)).position(|(a, b)| *a != b);
            if let Some(i) = differs {
                ensure!(false, "after {step} refreshes, {how}, candidate {i} has the loss {} instead of {}", losses[i], whole[i]);
            }
        }
        for (one, other) in [(2, 5), (3, 6)] {
            let equal = bits(&whole)[one] == bits(&whole)[other];
            ensure!(equal, "after {step} refreshes, one point has the losses {} and {}", whole[one], whole[other]);
        }
        objective.refresh()?;
    }
    Ok(())
}

type Ask = fn(&mut dyn Objective, &Batch) -> Result<Vec<f64>>;

const WAYS: &[(&str, Ask)] = &[
    ("asked again", |objective, batch| objective.evaluate(batch)),
    ("alone, the last first", alone),
    ("in parts of three", |objective, batch| in_parts(objective, batch, 3)),
    ("in parts of five", |objective, batch| in_parts(objective, batch, 5)),
    ("twice in one batch", twice),
    ("asked once more", |objective, batch| objective.evaluate(batch)),
];

fn alone(objective: &mut dyn Objective, batch: &Batch) -> Result<Vec<f64>> {
    let mut losses = vec![];
    for i in (0..batch.len()).rev() {
        losses.extend(objective.evaluate(&batch.part(i..i + 1))?);
    }
    losses.reverse();
    Ok(losses)
}

fn in_parts(objective: &mut dyn Objective, batch: &Batch, size: usize) -> Result<Vec<f64>> {
    let mut losses = vec![];
    for from in (0..batch.len()).step_by(size) {
        losses.extend(objective.evaluate(&batch.part(from..batch.len().min(from + size)))?);
    }
    Ok(losses)
}

fn twice(objective: &mut dyn Objective, batch: &Batch) -> Result<Vec<f64>> {
    let both = objective.evaluate(&Batch::Joined([batch.clone(), batch.clone()].into()))?;
    Ok(both[batch.len()..].to_vec())
}
