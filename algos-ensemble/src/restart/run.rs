//! The runs between restarts: what each is given, what it has used, and which comes next.

use moths_core::{Key, Result, Sampler, persist};

use super::{Restart, RestartScheme, property};

/// The run that is going on.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Run {
    /// λ; 0: as in the settings.
    pub(super) population: u64,
    /// Of σ.
    pub(super) factor: f64,
    pub(super) small: bool,
    /// Evaluations it may use.
    pub(super) limit: u64,
    pub(super) used: u64,
    /// The lowest loss of its last step.
    pub(super) loss: f64,
}

persist!(Run { population, factor, small, limit, used, loss });

impl Run {
    pub(super) const FIRST: Self =
        Self { population: 0, factor: 1.0, small: false, limit: u64::MAX, used: 0, loss: f64::INFINITY };
}

/// Evaluations used.
#[derive(Default)]
pub(super) struct Regimes {
    pub(super) large: u64,
    pub(super) small: u64,
    pub(super) last_large: u64,
}

persist!(Regimes { large, small, last_large });

impl Restart {
    /// What comes after the run that has ended, and been counted; `key` says how small a small one is.
    pub(super) fn next_run(&mut self, key: Key) -> Result<Run> {
        let schema = property(&self.config.inner, "population")?;
        let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
        let (base, growth) = (self.base as f64, self.config.growth);
        if self.config.scheme == RestartScheme::Bipop && self.spent.small < self.spent.large {
            let mut u = [0.0f64; 2];
            Sampler::Uniform.fill_slice(key, &mut u);
            // The sampler's uniform lies in ±√3.
            let [u1, u2] = u.map(|u| u / 12f64.sqrt() + 0.5);
            let population = base * libm::pow(self.large / (growth * base), u1 * u1);
            let limit = self.spent.last_large / 2;
            return Ok(Run {
                population: population as u64,
                factor: libm::pow(10.0, -2.0 * u2),
                small: true,
                limit,
                ..Run::FIRST
            });
        }
        self.large = (self.large * growth).min(most);
        Ok(Run { population: self.large as u64, ..Run::FIRST })
    }
}
