//! n + 1 points of which the worst goes through the middle of the others: the word of [`nelder_mead`](crate::nelder_mead) and
//! [`subplex`](crate::subplex).
//!
//! ```text
//! c   = mean of all but the worst, x_w
//! x_r = c + (c − x_w)                         reflection;  taken where f_r < f of the last but one
//! x_e = c + χ (c − x_w)                       expansion, where f_r is the lowest;  the better of the two is taken
//! x_c = c ± γ (c − x_w)                       contraction;  taken where f_c ≤ f_r (outside, +) or f_c < f_w (inside, −)
//! x_i ← x_0 + δ (x_i − x_0)                   shrink, in one batch, where all of this fails
//! ```

use moths_core::{Result, persist};

use crate::{Oracle, Room};

/// Levels of a discrete coordinate, in units of its least useful deviation.
const LEVEL: f64 = 10.0;

/// χ, γ, δ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coefficients {
    pub(crate) expand: f64,
    pub(crate) contract: f64,
    pub(crate) shrink: f64,
}

/// A simplex in some of d coordinates; the others are the same in all its points.
#[derive(Clone)]
pub(crate) struct Simplex {
    dim: usize,
    /// The most points it may have.
    most: usize,
    losses: Vec<f64>,
    /// \[n + 1, d\], the lowest first.
    points: Vec<f64>,
}

persist!(Simplex {
    losses in |simplex| 0..=simplex.most,
    points in |simplex| simplex.losses.len() * simplex.dim..=simplex.losses.len() * simplex.dim
});

impl Simplex {
    /// None yet, of `dim` coordinates, and `axes` at most that differ.
    pub(crate) fn none(dim: usize, axes: usize) -> Self {
        Self { dim, most: axes + 1, losses: vec![], points: vec![] }
    }

    /// There is none any more.
    pub(crate) fn clear(&mut self) {
        self.losses.clear();
        self.points.clear();
    }

    /// Are there two points at least?
    pub(crate) fn exists(&self) -> bool {
        self.losses.len() > 1
    }

    /// x, and x + side e_i for each axis; `known`: the loss of x, which is not asked again.
    pub(crate) fn begin(&mut self, x: &[f64], known: Option<f64>, sides: &[(usize, f64)], oracle: &mut Oracle<'_>) -> Result<()> {
        let mut points: Vec<f64> = x.iter().copied().cycle().take((sides.len() + 1) * self.dim).collect();
        for (row, (i, side)) in points.chunks_exact_mut(self.dim).skip(1).zip(sides) {
            row[*i] += side;
        }
        let own = if known.is_some() { self.dim } else { 0 };
        let losses = oracle.losses(&mut points[own..])?;
        self.losses = known.into_iter().chain(losses.iter().copied()).collect();
        self.points = points;
        self.sort();
        Ok(())
    }

    /// All losses again: those of another step are of other data.
    pub(crate) fn refresh(&mut self, oracle: &mut Oracle<'_>) -> Result<()> {
        let losses = oracle.losses(&mut self.points)?;
        self.losses.copy_from_slice(&losses);
        self.sort();
        Ok(())
    }

    /// The lowest point.
    pub(crate) fn point(&self) -> &[f64] {
        &self.points[..self.dim]
    }

    /// Its loss.
    pub(crate) fn loss(&self) -> f64 {
        self.losses[0]
    }

    /// The largest difference of a coordinate from that of the lowest point.
    pub(crate) fn size(&self) -> f64 {
        let from = |row: &[f64]| row.iter().zip(self.point()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        self.points.chunks_exact(self.dim).map(from).fold(0.0, f64::max)
    }

    /// Do its losses differ by rounding at most, or have all of them failed?
    pub(crate) fn is_flat(&self) -> bool {
        let (lowest, highest) = (self.losses[0], self.losses[self.losses.len() - 1]);
        lowest == highest || highest - lowest <= f64::EPSILON * lowest.abs()
    }

    /// One iteration.
    pub(crate) fn advance(&mut self, with: Coefficients, oracle: &mut Oracle<'_>) -> Result<()> {
        match self.better(with, oracle)? {
            Some((point, loss)) => self.replace(&point, loss),
            None => self.shrink(with.shrink, oracle)?,
        }
        Ok(())
    }

    /// What takes the place of the worst, and its loss.
    fn better(&self, with: Coefficients, oracle: &mut Oracle<'_>) -> Result<Option<(Vec<f64>, f64)>> {
        let n = self.losses.len() - 1;
        let (best, second, worst) = (self.losses[0], self.losses[n - 1], self.losses[n]);
        let centre = self.centre();
        let mut reflected = self.beyond(&centre, 1.0);
        let loss = oracle.loss(&mut reflected)?;
        if loss < best {
            let mut expanded = self.beyond(&centre, with.expand);
            let farther = oracle.loss(&mut expanded)?;
            return Ok(Some(if farther < loss { (expanded, farther) } else { (reflected, loss) }));
        }
        if loss < second {
            return Ok(Some((reflected, loss)));
        }
        let outside = loss < worst;
        let mut contracted = self.beyond(&centre, if outside { with.contract } else { -with.contract });
        let closer = oracle.loss(&mut contracted)?;
        let taken = if outside { closer <= loss } else { closer < worst };
        Ok(taken.then_some((contracted, closer)))
    }

    /// c.
    fn centre(&self) -> Vec<f64> {
        let n = self.losses.len() - 1;
        let mut centre = vec![0.0; self.dim];
        for row in self.points.chunks_exact(self.dim).take(n) {
            centre.iter_mut().zip(row).for_each(|(c, x)| *c += x / n as f64);
        }
        // What is the same in all points is not to be rounded.
        let (first, last) = (self.point(), &self.points[n * self.dim..]);
        let same = |i: &usize| self.points.chunks_exact(self.dim).all(|row| row[*i] == first[*i]);
        (0..self.dim).filter(|i| first[*i] == last[*i]).filter(same).for_each(|i| centre[i] = first[i]);
        centre
    }

    /// c + t (c − x_w).
    fn beyond(&self, centre: &[f64], t: f64) -> Vec<f64> {
        let worst = &self.points[self.points.len() - self.dim..];
        centre.iter().zip(worst).map(|(c, w)| c + t * (c - w)).collect()
    }

    /// The worst makes way.
    fn replace(&mut self, point: &[f64], loss: f64) {
        let n = self.losses.len() - 1;
        self.losses[n] = loss;
        self.points[n * self.dim..].copy_from_slice(point);
        self.sort();
    }

    fn shrink(&mut self, delta: f64, oracle: &mut Oracle<'_>) -> Result<()> {
        let (first, others) = self.points.split_at_mut(self.dim);
        for row in others.chunks_exact_mut(self.dim) {
            row.iter_mut().zip(&*first).for_each(|(x, x_0)| *x = x_0 + delta * (*x - x_0));
        }
        let losses = oracle.losses(others)?;
        self.losses[1..].copy_from_slice(&losses);
        self.sort();
        Ok(())
    }

    /// By loss; of equals the one that was there first stays first.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.losses.len()).collect();
        order.sort_by(|i, j| self.losses[*i].total_cmp(&self.losses[*j]));
        self.losses = order.iter().map(|i| self.losses[*i]).collect();
        self.points = order.iter().flat_map(|i| &self.points[i * self.dim..(i + 1) * self.dim]).copied().collect();
    }
}

/// A side of coordinate `i` from x: a level at least where values are discrete, and turned to where there is more room where it would end outside.
pub(crate) fn side_within(room: &Room, i: usize, x: f64, side: f64) -> f64 {
    let (lower, upper) = room.interval(i);
    let side = side.abs().max(LEVEL * room.least_deviation(i)).copysign(side);
    if (lower..=upper).contains(&(x + side)) {
        return side;
    }
    let (up, down) = (upper - x, x - lower);
    if up >= down { side.abs().min(up) } else { -side.abs().min(down) }
}
