//! Where annealing looks: the visiting distribution, and how hot it is.

use moths_core::{CowTensor, Result, kernel, tensor::host, with_scalar};

use super::DualAnnealing;

kernel! { fn visit(y: out, x: row, best: row, lower: row, width: row, sigma: num, power: num, a: normal, b: normal, u: uniform) {
    let step = sigma * a * exp(0.0 - power * ln(max(abs(b), 0.000001)));
    let tame = select(abs(step) < 1000.0 * width, step, u * width);
    let from = select(lower > -1000000000000000000000000000000.0, lower, best - 0.5 * width);
    let turns = (x - from + tame) / width;
    y = from + width * (turns - floor(turns));
} }

impl DualAnnealing {
    /// t, from 1: the chain, or how much of the run is done.
    pub(super) fn time(&self) -> f64 {
        let Some(all) = self.config.evaluations else { return (self.chains + 1) as f64 };
        let less = self.config.visit - 1.0;
        // Where T_t = restart · T_0.
        let end = libm::pow(1.0 + (libm::pow(2.0, less) - 1.0) / self.config.restart, 1.0 / less) - 1.0;
        1.0 + (end - 1.0) * (self.used as f64 / all as f64).min(1.0)
    }

    /// T_t.
    pub(super) fn temperature(&self, t: f64) -> f64 {
        let power = |base: f64| libm::pow(base, self.config.visit - 1.0) - 1.0;
        self.config.temperature * power(2.0) / power(t + 1.0)
    }

    /// `visits` candidates around x: in all coordinates in the first half of a chain, in one in the second.
    pub(super) fn visits(&self) -> Result<CowTensor> {
        let (q, key, x) = (self.config.visit, self.clock.key(), &self.incumbent.x);
        let mut y = self.space.zeros_for(self.config.visits)?;
        let (sigma, power) = (visiting_sigma(q, self.temperature(self.time())), (q - 1.0) / (3.0 - q));
        visit(&mut y, x, &self.best.x, &self.lower, &self.width, sigma, power, key.fold(1), key.fold(2), key.fold(3))?;
        let d = self.space.dim();
        if self.steps >= d as u64 {
            let only = (self.steps as usize - d) % d;
            with_scalar!(x.dtype(), T => host::read::<T, _>(x, |x| host::edit::<T, _>(&mut y, |y| {
                for row in y.chunks_mut(d) {
                    let moved = row[only];
                    row.copy_from_slice(x);
                    row[only] = moved;
                }
            }))?)?;
        }
        self.space.confine(&mut y)?;
        Ok(y)
    }
}

/// σ of the visiting distribution with the parameter q at the temperature T.
pub(super) fn visiting_sigma(q: f64, temperature: f64) -> f64 {
    let (less, pi) = (q - 1.0, std::f64::consts::PI);
    let ln_4 = 0.5 * libm::log(pi) + libm::log(temperature) / less + (4.0 - q) * libm::log(less)
        - (2.0 - q) * std::f64::consts::LN_2 / less
        - libm::log(3.0 - q);
    libm::exp(less / (3.0 - q) * (ln_4 - libm::lgamma(1.0 / less - 0.5)))
}
