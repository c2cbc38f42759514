//! When going on is pointless: the shared criteria, and those that need m and the axes of C.

use moths_core::{Result, objective::Losses, optimizer::convergence};

use super::CmaEs;

impl CmaEs {
    /// The criterion that says stop, after a generation of these losses.
    pub(super) fn converged(&self, losses: &Losses) -> Result<Option<&'static str>> {
        let small = |x: f64| convergence::vanished(self.sigma * x.abs(), self.sigma_0);
        // Discrete coordinates never stop moving, and fixed ones go anywhere.
        let mut real = (0..self.m.len()).filter(|i| self.margin.is_real(*i)).peekable();
        if real.peek().is_some() && real.all(|i| small(self.scratch.deviations[i]) && small(self.p_c[i])) {
            return Ok(Some(convergence::VANISHED));
        }
        let largest = self.matrix.axes.iter().copied().fold(0.0, f64::max);
        let ran_away = convergence::exploded(self.sigma * largest, self.sigma_0);
        let said = ran_away.or_else(|| convergence::degenerate(self.matrix.condition())).or_else(|| self.said_by(losses));
        if said.is_some() { Ok(said) } else { self.without_effect() }
    }

    /// What losses say: on a stochastic objective there is no history, and they say nothing.
    fn said_by(&self, losses: &Losses) -> Option<&'static str> {
        // Small learning rates take long, and know why.
        let stagnates = || self.rates.0.is_none().then(|| self.history.stagnates(self.clock.step)).flatten();
        self.history.flat(losses).or_else(stagnates)
    }

    /// Steps so small that adding them changes nothing.
    fn without_effect(&self) -> Result<Option<&'static str>> {
        let changes = |(m, by): (&f64, f64)| self.rounded(m + by) != self.rounded(*m);
        let steps = self.scratch.deviations.iter().zip(&self.a).map(|(s, a)| 0.2 * self.sigma * a * s);
        if !self.m.iter().zip(steps).enumerate().all(|(i, step)| self.margin.is_fixed(i) || changes(step)) {
            return Ok(Some("no-effect-coord: 0.2 deviations do not change a coordinate"));
        }
        let axis = self.matrix.axis(self.clock.step as usize % self.m.len())?;
        let steps = axis.into_iter().zip(&self.a).map(|(axis, a)| 0.1 * self.sigma * a * axis);
        Ok((!self.m.iter().zip(steps).any(changes)).then_some("no-effect-axis: 0.1 deviations along an axis change nothing"))
    }
}

#[cfg(test)]
mod tests;
