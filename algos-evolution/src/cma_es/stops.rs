//! When going on is pointless: the shared criteria, and those that need m and the axes of C, in the tutorial's order.

use candle_core::DType;
use moths_core::{
    Result,
    optimizer::convergence::{self, History},
};

use super::{CmaEsDistribution, Generation};

impl CmaEsDistribution {
    /// What the deviations say: that they vanished, exploded, or that C is degenerate.
    pub(super) fn said_by_deviations(&self) -> Option<&'static str> {
        let small = |x: f64| convergence::vanished(self.sigma * x.abs(), self.sigma_0);
        // Discrete coordinates never stop moving, and fixed ones go anywhere.
        let mut real = (0..self.p_c.len()).filter(|i| self.margin.is_real(*i)).peekable();
        if real.peek().is_some() && real.all(|i| small(self.scratch.deviations[i]) && small(self.p_c[i])) {
            return Some(convergence::VANISHED);
        }
        let largest = self.matrix.axes.iter().copied().fold(0.0, f64::max);
        let ran_away = convergence::exploded(self.sigma * largest, self.sigma_0);
        ran_away.or_else(|| convergence::degenerate(self.matrix.condition()))
    }

    /// What losses say: of different data, which are never compared, nothing.
    pub(super) fn said_by_losses(&self, after: &Generation<'_>, history: &mut History) -> Option<&'static str> {
        if after.stochastic {
            history.clear();
            return None;
        }
        history.push(after.losses);
        // Small learning rates take long, and know why.
        let stagnates = || self.rates.0.is_none().then(|| history.stagnates(after.clock.step)).flatten();
        history.flat(after.losses).or_else(stagnates)
    }

    /// Steps so small that adding them to m changes nothing.
    pub(super) fn without_effect(&self, m: &[f64], after: &Generation<'_>) -> Result<Option<&'static str>> {
        let rounded = |x: f64| if after.space.dtype() == DType::F32 { f64::from(x as f32) } else { x };
        let changes = |(m, by): (&f64, f64)| rounded(m + by) != rounded(*m);
        let steps = self.scratch.deviations.iter().zip(&self.a).map(|(s, a)| 0.2 * self.sigma * a * s);
        if !m.iter().zip(steps).enumerate().all(|(i, step)| self.margin.is_fixed(i) || changes(step)) {
            return Ok(Some("no-effect-coord: 0.2 deviations do not change a coordinate"));
        }
        let axis = self.matrix.axis(after.clock.step as usize % m.len())?;
        let steps = axis.into_iter().zip(&self.a).map(|(axis, a)| 0.1 * self.sigma * a * axis);
        Ok((!m.iter().zip(steps).any(changes)).then_some("no-effect-axis: 0.1 deviations along an axis change nothing"))
    }
}
