//! When going on is pointless: the criteria of the tutorial's section B.3.

use moths_core::{Losses, Result, persist};

use super::CmaEs;

/// The losses of past generations.
pub(super) struct History {
    /// The lowest of each generation, the last one last.
    best: Vec<f64>,
    /// The median of each generation.
    median: Vec<f64>,
    /// 10 + ⌈30 d/λ⌉ generations.
    short: usize,
    /// The fewest generations that can stagnate: 120 + ⌈30 d/λ⌉.
    long: usize,
}

persist!(History { best, median });

/// The most generations that are looked at.
const LONGEST: usize = 20_000;

impl History {
    pub(super) fn new(dim: usize, lambda: usize) -> Self {
        let some = (30 * dim).div_ceil(lambda);
        Self { best: vec![], median: vec![], short: 10 + some, long: (120 + some).min(LONGEST) }
    }

    pub(super) fn clear(&mut self) {
        self.best.clear();
        self.median.clear();
    }

    /// Another generation, of which not all failed.
    pub(super) fn push(&mut self, losses: &Losses) {
        self.median.push(median(losses));
        self.best.push(losses.lowest());
        if self.best.len() > LONGEST + LONGEST / 4 {
            self.best.drain(..LONGEST / 4);
            self.median.drain(..LONGEST / 4);
        }
    }

    /// Flat, or as good as flat.
    fn flat(&self, losses: &Losses) -> Option<&'static str> {
        let recent = &self.best[self.best.len().checked_sub(self.short)?..];
        let extent = |values: &[f64]| values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
        let ((least, most), (low, high)) = (extent(recent), extent(losses));
        if least == most {
            return Some("equal-fun-values: the best loss of every recent generation is the same");
        }
        (most.max(high) - least.min(low) < 1e-12).then_some("tol-fun: the losses of all recent generations are within 1e-12")
    }

    /// Are best and median no better than they were? Asked ten times while the generations looked at pass.
    fn stagnates(&self, generation: u64) -> bool {
        let window = (generation as usize / 5).clamp(self.long, LONGEST).min(self.best.len());
        if window < self.long || !generation.is_multiple_of(window.div_ceil(10) as u64) {
            return false;
        }
        let part = (3 * window).div_ceil(10);
        let no_better = |values: &[f64]| {
            let values = &values[values.len() - window..];
            median(&values[window - part..]) >= median(&values[..part])
        };
        no_better(&self.best) && no_better(&self.median)
    }
}

fn median(values: &[f64]) -> f64 {
    let (mut values, middle) = (values.to_vec(), values.len() / 2);
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

impl CmaEs {
    /// The criterion that says stop, after a generation of these losses.
    pub(super) fn converged(&self, losses: &Losses) -> Result<Option<&'static str>> {
        let small = |x: f64| self.sigma * x.abs() < 1e-12 * self.sigma_0;
        // Discrete coordinates never stop moving.
        let mut real = (0..self.m.len()).filter(|i| self.margin.is_real(*i)).peekable();
        if real.peek().is_some() && real.all(|i| small(self.scratch.deviations[i]) && small(self.p_c[i])) {
            return Ok(Some("tol-x: steps became 1e-12 of the first"));
        }
        let largest = self.matrix.axes.iter().copied().fold(0.0, f64::max);
        if self.sigma * largest > 1e4 * self.sigma_0 {
            return Ok(Some("tol-x-up: steps became 1e4 of the first"));
        }
        if self.matrix.condition() > 1e14 {
            return Ok(Some("condition-cov: the condition of C exceeds 1e14"));
        }
        if let Some(reason) = self.history.flat(losses) {
            return Ok(Some(reason));
        }
        // Small learning rates take long, and know why.
        if self.rates.0.is_none() && self.history.stagnates(self.clock.step) {
            return Ok(Some("stagnation: best and median loss have not become better for long"));
        }
        self.without_effect()
    }

    /// Steps so small that adding them changes nothing.
    fn without_effect(&self) -> Result<Option<&'static str>> {
        let changes = |(m, by): (&f64, f64)| self.rounded(m + by) != self.rounded(*m);
        let steps = self.scratch.deviations.iter().zip(&self.a).map(|(s, a)| 0.2 * self.sigma * a * s);
        if !self.m.iter().zip(steps).all(changes) {
            return Ok(Some("no-effect-coord: 0.2 deviations do not change a coordinate"));
        }
        let axis = self.matrix.axis(self.clock.step as usize % self.m.len())?;
        let steps = axis.into_iter().zip(&self.a).map(|(axis, a)| 0.1 * self.sigma * a * axis);
        Ok((!self.m.iter().zip(steps).any(changes)).then_some("no-effect-axis: 0.1 deviations along an axis change nothing"))
    }
}

#[cfg(test)]
mod tests;
