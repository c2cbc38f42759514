//! Particles with the best point each has seen, and a velocity: what all that fly have in common.

use std::ops::RangeInclusive;

use candle_core::Tensor;
use moths_core::{
    CowTensor, Key, Objective, Report, Result, Space, fuse,
    optimizer::{
        Comparison, Init, Population, Size, Suggestions,
        population::{Joining, shifted},
    },
    persist,
    tensor::host,
    with_scalar,
};

/// n particles.
#[derive(Clone)]
pub(crate) struct Swarm {
    /// The points p, and f(p_i).
    pub(crate) best: Population,
    /// The positions the next step evaluates.
    pub(crate) x: CowTensor,
    pub(crate) v: CowTensor,
}

persist!(Swarm { best, x in |swarm| swarm.rows(), v in |swarm| swarm.rows() });

/// What a swarm saw at its positions, all of it on the same data.
pub(crate) struct Seen {
    seen: Comparison,
    /// Whose position is better than what it had seen before.
    pub(crate) better: Vec<usize>,
    /// Is any of them better than all that was seen before?
    pub(crate) improved: bool,
    /// Had nothing been seen before?
    pub(crate) first: bool,
    pub(crate) report: Report,
}

impl Swarm {
    /// At rest, around the start.
    pub(crate) fn new(space: &Space, key: Key, size: &Size, init: Init) -> Result<Self> {
        let best = Population::new(space, &space.start(), key, size, init)?;
        Ok(Self { x: best.points().clone(), v: space.zeros_for(best.len())?, best })
    }

    fn rows(&self) -> RangeInclusive<usize> {
        self.best.len()..=self.best.len()
    }

    /// The same with n particles: whose p is worst leaves, and who joins begins at rest, around the best.
    pub(crate) fn sized(&self, n: usize, space: &Space, key: Key) -> Result<Self> {
        let mut swarm = self.clone();
        if n < swarm.best.len() {
            let kept = swarm.best.fittest(n);
            swarm.best.retain(&kept)?;
            (swarm.x, swarm.v) = (fuse::gather(&self.x, &kept)?, fuse::gather(&self.v, &kept)?);
        } else if n > swarm.best.len() {
            let old = swarm.best.len();
            swarm.best.join(n, Joining::Best, space, key)?;
            let newcomers = swarm.best.points().narrow(0, old, n - old)?;
            swarm.x = Tensor::cat(&[&*self.x, &newcomers], 0)?.into();
            swarm.v = Tensor::cat(&[&*self.v, &newcomers.zeros_like()?], 0)?.into();
        }
        Ok(swarm)
    }

    /// Evaluates the positions, beside the best points on a stochastic objective. Nothing has changed yet.
    pub(crate) fn look(&self, objective: &mut dyn Objective) -> Result<Seen> {
        let seen = self.best.against(self.x.clone(), objective)?;
        let better = (0..self.best.len()).filter(|&i| seen.losses[i] < seen.before[i]).collect();
        let lowest = seen.before.iter().copied().fold(f64::INFINITY, f64::min);
        let (improved, first) = (seen.losses.lowest() < lowest, lowest.is_infinite());
        Ok(Seen { better, improved, first, report: seen.report.clone(), seen })
    }

    /// p_i ← x_i where that is better.
    pub(crate) fn learn(&mut self, Seen { seen, better, .. }: &Seen) -> Result<()> {
        self.best.recall(seen.before.clone())?;
        self.best.replace(better, &self.x, &seen.losses)
    }

    /// The whole swarm moved so that the best point lies at `at`, where the first particle then rests; and who was in which place before. If
    /// it has no extent any more it is scattered anew, at rest.
    pub(crate) fn moved(&self, at: &CowTensor, space: &Space, key: Key) -> Result<(Self, Vec<usize>)> {
        let (best, order) = (self.best.moved(at, space, key)?, self.best.best_first());
        let (mut x, mut v) = match self.best.is_one_point()? {
            true => (best.points().clone(), self.v.zeros_like()?.into()),
            false => {
                let x = shifted(&fuse::gather(&self.x, &order)?, &*self.best.answer()?, at, space)?;
                (x, fuse::gather(&self.v, &order)?)
            }
        };
        x.set_row(0, at)?;
        v.set_row(0, &at.zeros_like()?)?;
        Ok((Self { best, x, v }, order))
    }

    /// The particles whose p is worst go to what was suggested, and rest there; of more points than particles the first are dropped.
    pub(crate) fn send(&mut self, suggestions: &Suggestions, space: &Space) -> Result<()> {
        if suggestions.is_empty() {
            return Ok(());
        }
        let worst_first: Vec<usize> = self.best.best_first().into_iter().rev().collect();
        suggestions.write(&mut self.x, &worst_first, space)?;
        let at_rest = space.zeros()?;
        let sent = suggestions.rows().len();
        worst_first.into_iter().take(sent).try_for_each(|i| self.v.set_row(i, &at_rest))
    }

    /// Are all best points, but for that of one particle, within 10⁻⁹ of each other, or of rounding? Looked at coordinate by coordinate, so that a
    /// swarm that is apart costs n numbers.
    pub(crate) fn agrees(&self, but: usize) -> Result<bool> {
        let (n, p) = (self.best.len(), self.best.points());
        let others: Vec<usize> = (0..n).filter(|&i| i != but).collect();
        let d = p.dims()[1];
        if others.len() < 2 {
            return Ok(false);
        }
        with_scalar!(p.dtype(), T => host::read::<T, _>(p, |p| {
            let at = |i: usize, j: usize| f64::from(p[i * d + j]);
            (0..d).all(|j| {
                let first = at(others[0], j);
                let near = 1e-9 + 4.0 * f64::from(T::EPSILON) * first.abs();
                others.iter().all(|&i| (at(i, j) - first).abs() <= near)
            })
        }))
    }

    /// Every particle begins anew, at rest, but for the best point of all, which one keeps; says who.
    pub(crate) fn scatter(&mut self, init: Init, space: &Space, key: Key) -> Result<usize> {
        let keeper = self.best.best();
        let x = init.points(space, &self.best.answer()?, key, self.best.len())?;
        let others: Vec<usize> = (0..self.best.len()).filter(|&i| i != keeper).collect();
        self.best.replace(&others, &x, &vec![f64::INFINITY; self.best.len()])?;
        (self.v, self.x) = (self.v.zeros_like()?.into(), x);
        Ok(keeper)
    }
}
