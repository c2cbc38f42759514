//! Losses of points that may be compared with each other, asked for only where they are not known.
//!
//! A loss of a deterministic objective lasts: one that is remembered need not be asked for again, nor that of a point which the step
//! evaluated itself as its best candidate. On a stochastic objective all points are evaluated, on the same data.

use moths_core::{Batch, CowTensor, Objective, Optimizer, Report, Result, Space, objective::layer::Best};

/// What a step evaluated: its candidate of lowest loss, and that loss; nothing on a stochastic objective.
#[derive(Default)]
pub(crate) struct Seen(Option<(f64, CowTensor)>);

impl Seen {
    /// A step of `inner`, and what it evaluated.
    pub(crate) fn step(inner: &mut dyn Optimizer, objective: &mut dyn Objective) -> Result<(Report, Self)> {
        if objective.stochastic() {
            return Ok((inner.step(objective)?, Self(None)));
        }
        let mut watched = Best::new(objective);
        let report = inner.step(&mut watched)?;
        Ok((report, Self(watched.best().cloned())))
    }

    /// The loss of this point, if it is the one that was evaluated.
    pub(crate) fn loss_of(&self, point: &CowTensor, space: &Space) -> Result<Option<f64>> {
        Ok(match &self.0 {
            Some((loss, candidate)) if space.same_values(candidate, point)? => Some(*loss),
            _ => None,
        })
    }
}

/// The losses of points on the same data, and what it took to know them.
pub(crate) struct Contest {
    /// One a point, in order; +∞ for one that failed.
    pub(crate) losses: Vec<f64>,
    lowest: f64,
    pub(crate) evaluations: u64,
}

impl Contest {
    /// `remembered`: losses that are known if losses last; +∞ for those that are not. What stands there twice is asked for once.
    pub(crate) fn of(points: &[&CowTensor], remembered: &[f64], seen: &Seen, objective: &mut dyn Objective) -> Result<Self> {
        let firsts = firsts(points, objective.space())?;
        let mut losses = vec![f64::INFINITY; points.len()];
        if !objective.stochastic() {
            for (k, remembered) in remembered.iter().enumerate() {
                let known = seen.loss_of(points[k], objective.space())?.unwrap_or(*remembered);
                losses[firsts[k]] = losses[firsts[k]].min(known);
            }
        }
        let unknown: Vec<usize> = (0..points.len()).filter(|&k| firsts[k] == k && losses[k].is_infinite()).collect();
        let mut contest = Self { losses, lowest: f64::INFINITY, evaluations: unknown.len() as u64 };
        if !unknown.is_empty() {
            let batches: Vec<Batch> = unknown.iter().map(|&k| Batch::one(points[k])).collect::<Result<_>>()?;
            let asked = objective.losses(&Batch::Joined(batches.into()))?;
            unknown.iter().zip(asked.iter()).for_each(|(&k, loss)| contest.losses[k] = *loss);
            contest.lowest = asked.lowest();
        }
        (0..points.len()).for_each(|k| contest.losses[k] = contest.losses[firsts[k]]);
        Ok(contest)
    }

    /// The first point of lowest loss; `None` where all failed.
    pub(crate) fn best(&self) -> Option<usize> {
        lowest(&self.losses)
    }

    /// The report of a step that was followed by this contest.
    pub(crate) fn added_to(&self, report: Report) -> Report {
        report.and(self.lowest, self.evaluations)
    }
}

/// The first of the lowest losses; `None` where all failed.
pub(crate) fn lowest(losses: &[f64]) -> Option<usize> {
    let lowest = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b]))?;
    losses[lowest].is_finite().then_some(lowest)
}

/// Where each of these points stands first.
fn firsts(points: &[&CowTensor], space: &Space) -> Result<Vec<usize>> {
    let mut firsts: Vec<usize> = vec![];
    for (k, point) in points.iter().enumerate() {
        let mut first = k;
        for j in (0..k).filter(|&j| firsts[j] == j) {
            if space.same_values(points[j], point)? {
                first = j;
                break;
            }
        }
        firsts.push(first);
    }
    Ok(firsts)
}
