//! What the particles are: their points, what they remember, and who joins and leaves.

use std::ops::RangeInclusive;

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Key, Objective, Result, Space, fuse,
    objective::Losses,
    optimizer::{Comparison, Population, population::Joining},
    persist::{Fields, Persist},
};
use rand::seq::SliceRandom;

use super::watch::Watch;

/// The particles, and what moves with them.
#[derive(Clone)]
pub(super) struct Swarm {
    /// The points x, and the losses they had where they were evaluated last.
    pub(super) x: Population,
    /// The points y, and f(y_j), where particles remember.
    pub(super) y: Option<Population>,
    /// m and v, where the drift has moments.
    pub(super) moments: Option<(CowTensor, CowTensor)>,
}

impl Swarm {
    fn count(&self) -> RangeInclusive<usize> {
        self.x.len()..=self.x.len()
    }

    /// The same with n particles: whose loss is highest leaves, or whom the lot falls on where losses are of different steps; who joins begins around the
    /// mean.
    pub(super) fn of(&self, n: usize, by_lot: bool, space: &Space, key: Key) -> Result<Self> {
        let mut swarm = self.clone();
        let old = swarm.x.len();
        if n < old {
            let mut kept = swarm.y.as_ref().unwrap_or(&swarm.x).fittest(if by_lot { old } else { n });
            if by_lot {
                kept.shuffle(&mut key.stream());
                kept.truncate(n);
                kept.sort_unstable();
            }
            swarm.x.retain(&kept)?;
            swarm.y.as_mut().map_or(Ok(()), |y| y.retain(&kept))?;
            if let Some((m, v)) = &mut swarm.moments {
                (*m, *v) = (fuse::gather(m, &kept)?, fuse::gather(v, &kept)?);
            }
        } else if n > old {
            swarm.x.join(n, Joining::Mean, space, key)?;
            // Nothing is known of what they remember, so that the first point they are evaluated at takes its place.
            swarm.y.as_mut().map_or(Ok(()), |y| y.join(n, Joining::Mean, space, key))?;
            if let Some((m, v)) = &mut swarm.moments {
                let none = space.zeros_for(n - old)?;
                (*m, *v) = (Tensor::cat(&[&**m, &*none], 0)?.into(), Tensor::cat(&[&**v, &*none], 0)?.into());
            }
        }
        Ok(swarm)
    }

    /// Some of these points.
    pub(super) fn rows(of: &Population, drawn: &[usize]) -> Result<CowTensor> {
        if drawn.len() == of.len() { Ok(of.points().clone()) } else { fuse::gather(of.points(), drawn) }
    }

    /// Evaluates these particles beside what they, and the watch, remember.
    pub(super) fn evaluate(&self, drawn: &[usize], watch: &Watch, objective: &mut dyn Objective) -> Result<Comparison> {
        let (mut points, mut remembered) = (vec![], vec![]);
        if let Some(point) = &watch.point {
            points.push(Batch::one(point)?);
            remembered.push(watch.loss);
        }
        if let Some(y) = &self.y {
            points.push(Batch::Dense(Self::rows(y, drawn)?));
            remembered.extend(drawn.iter().map(|&j| y.losses()[j]));
        }
        let candidates = Batch::Dense(Self::rows(&self.x, drawn)?);
        objective.losses_beside(&candidates, &Batch::Joined(points.into()), Some(&remembered))
    }

    /// What the particles that were drawn have seen: who is better than what it remembers remembers that.
    pub(super) fn learn(&mut self, drawn: &[usize], before: &[f64], losses: &Losses) -> Result<()> {
        let among = |all: &[f64], values: &[f64]| {
            let mut all = all.to_vec();
            drawn.iter().zip(values).for_each(|(&j, loss)| all[j] = *loss);
            all
        };
        self.x.judge(&among(self.x.losses(), losses))?;
        if let Some(y) = &mut self.y {
            y.recall(among(y.losses(), before))?;
            let better: Vec<usize> = drawn.iter().copied().filter(|&j| self.x.losses()[j] < y.losses()[j]).collect();
            y.replace(&better, self.x.points(), self.x.losses())?;
        }
        Ok(())
    }

    /// y, of which the consensus is made.
    pub(super) fn remembered(&self) -> &Population {
        self.y.as_ref().unwrap_or(&self.x)
    }
}

impl Persist for Swarm {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("x", &mut self.x)?;
        let rows = self.count();
        if let Some(y) = &mut self.y {
            fields.field("y", y)?;
            if y.len() != *rows.start() {
                return Err(fields.refusal("has not as many rows as x".into()));
            }
        }
        if let Some((m, v)) = &mut self.moments {
            fields.within("m", m, rows.clone())?;
            fields.within("v", v, rows)?;
        }
        Ok(())
    }
}
