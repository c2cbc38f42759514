//! The smallest optimizer with everything an optimizer has: noise, two rounds a step, state in place.
#![allow(dead_code, reason = "every test binary uses its own part")]

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Sampler, Space, fuse, kernel, objective::Probe, persist,
    persist::Clock,
};

/// What every test returns.
pub(crate) type Test = std::result::Result<(), Box<dyn std::error::Error>>;

/// Looks at `width` normal neighbours of the best point, then at the point beyond the best of them.
pub(crate) struct Walk {
    clock: Clock,
    space: Space,
    at: CowTensor,
    loss: f64,
    /// The mean of all points seen, so that something is updated in place.
    mean: CowTensor,
    width: usize,
}

kernel! { fn remember(mean: inout, at: mat, rate: num) {
    mean = mean + rate * (at - mean);
} }

impl Walk {
    /// `width` + 1 evaluations a step.
    pub(crate) fn new(space: &Space, key: Key, width: usize) -> Result<Self> {
        let mean = space.zeros()?;
        Ok(Self { clock: Clock::new(key), space: space.clone(), at: space.start(), loss: f64::INFINITY, mean, width })
    }
}

impl Optimizer for Walk {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let probe = |i: usize, scale| Probe::new(self.clock.key().fold(i as u64), scale);
        let probes: Vec<Probe> = (0..self.width).map(|i| probe(i, 0.3)).collect();
        let near = Batch::seeded(&self.at, Sampler::Normal, probes);
        let first = objective.losses(&near)?;
        let best = first.best().map_or(0, |(i, _)| i);
        let beyond = Batch::seeded(&self.at, Sampler::Normal, [probe(best, 0.6)]);
        let second = objective.losses(&beyond)?;
        let (batch, i, loss) = if second[0] < first[best] { (&beyond, 0, second[0]) } else { (&near, best, first[best]) };
        if loss < self.loss {
            (self.at, self.loss) = (batch.row(i, &self.space)?, loss);
        }
        remember(&mut self.mean, &self.at, 0.5)?;
        self.clock.tick();
        Ok(Report::new(loss, self.width as u64 + 1))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.at.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        (self.at, self.loss) = (at.clone(), f64::INFINITY);
        Ok(())
    }
}

persist!(Walk { clock, at, loss, mean });

/// Σ (xᵢ − 1)².
pub(crate) fn bowl(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 1.0).powi(2)).sum()
}

/// The norm of the difference of two points.
pub(crate) fn distance(a: &Tensor, b: &Tensor) -> Result<f64> {
    fuse::norm(&(a - b)?)
}

/// The bits of a list of numbers: equal where the numbers are, NaN and −0 included.
pub(crate) fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}
