//! Losses of points that may be compared with each other, asked for only where they are not known.
//!
//! A loss of a deterministic objective lasts: one that is remembered need not be asked for again, nor that of a point which the step
//! evaluated itself as its best candidate. On a stochastic objective all points are evaluated, on the same data.

use moths_core::{
    Batch, CowTensor, Objective, Optimizer, Report, Result, Space, objective::layer::Best, tensor::host, with_scalar,
};

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
            Some((loss, candidate)) if is_same(candidate, point, space)? => Some(*loss),
            _ => None,
        })
    }
}

/// Have two points \[d\] the same parameter values, to the bit, and so the same loss?
pub(crate) fn is_same(a: &CowTensor, b: &CowTensor, space: &Space) -> Result<bool> {
    is_same_point(&space.decode(a)?, &space.decode(b)?, space)
}

/// Are two points \[d\] the same, to the bit? Those with the same parameter values need not be.
pub(crate) fn is_same_point(a: &CowTensor, b: &CowTensor, space: &Space) -> Result<bool> {
    Ok(with_scalar!(space.dtype(), T => host::read::<T, _>(a, |a| {
        host::read::<T, _>(b, |b| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()))
    })?)?)
}

/// The losses of points on the same data, and what it took to know them.
pub(crate) struct Contest {
    /// One a point, in order; +∞ for one that failed.
    pub(crate) losses: Vec<f64>,
    lowest: f64,
    pub(crate) evaluations: u64,
}

impl Contest {
    /// `remembered`: losses that are known if losses last; +∞ for those that are not.
    pub(crate) fn of(points: &[&CowTensor], remembered: &[f64], seen: &Seen, objective: &mut dyn Objective) -> Result<Self> {
        let mut losses = vec![f64::INFINITY; points.len()];
        if !objective.stochastic() {
            for (loss, (point, remembered)) in losses.iter_mut().zip(points.iter().zip(remembered)) {
                *loss = seen.loss_of(point, objective.space())?.unwrap_or(*remembered);
            }
        }
        let unknown: Vec<usize> = (0..points.len()).filter(|&k| losses[k].is_infinite()).collect();
        if unknown.is_empty() {
            return Ok(Self { losses, lowest: f64::INFINITY, evaluations: 0 });
        }
        let batches: Vec<Batch> = unknown.iter().map(|&k| Batch::one(points[k])).collect::<Result<_>>()?;
        let asked = objective.losses(&Batch::Joined(batches.into()))?;
        unknown.iter().zip(asked.iter()).for_each(|(&k, loss)| losses[k] = *loss);
        Ok(Self { losses, lowest: asked.lowest(), evaluations: asked.len() as u64 })
    }

    /// The first point of lowest loss; `None` where all failed.
    pub(crate) fn best(&self) -> Option<usize> {
        let best = (0..self.losses.len()).min_by(|&a, &b| self.losses[a].total_cmp(&self.losses[b]))?;
        self.losses[best].is_finite().then_some(best)
    }

    /// The report of a step that was followed by this contest.
    pub(crate) fn added_to(&self, report: Report) -> Report {
        report.and(self.lowest, self.evaluations)
    }
}
