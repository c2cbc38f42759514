//! The runs between restarts: what each is given, what it has used, and which comes next.

use moths_core::{Key, Sampler, persist};

use super::{Restart, RestartScheme};

/// The run that is going on.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Run {
    /// λ; 0: as in the settings.
    pub(super) size: u64,
    /// Of σ.
    pub(super) factor: f64,
    pub(super) small: bool,
    /// Evaluations it may use.
    pub(super) limit: u64,
    pub(super) used: u64,
    /// Is there an answer of a run before it, and none was told to forget it?
    pub(super) rivals: bool,
    /// Is its answer the better one, as far as was compared?
    pub(super) leads: bool,
    /// After how many evaluations the next comparison is due.
    pub(super) next: u64,
}

persist!(Run { size in |_| .., factor, small, limit in |_| .., used, rivals, leads, next });

impl Run {
    /// Without a rival.
    pub(super) const FIRST: Self =
        Self { size: 0, factor: 1.0, small: false, limit: u64::MAX, used: 0, rivals: false, leads: true, next: 0 };
    /// Against those before it, to which it is compared after its first step.
    const LATER: Self = Self { rivals: true, leads: false, ..Self::FIRST };
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
    pub(super) fn next_run(&mut self, key: Key) -> Run {
        let Some(most) = self.size.most else { return Run::LATER };
        let (base, growth) = (self.base as f64, self.config.growth);
        if self.config.scheme == RestartScheme::Bipop && self.spent.small < self.spent.large {
            let mut u = [0.0f64; 2];
            Sampler::Uniform.fill_slice(key, &mut u);
            // The sampler's uniform lies in ±√3.
            let [u1, u2] = u.map(|u| u / 12f64.sqrt() + 0.5);
            let size = base * libm::pow((self.large / (growth * base)).max(1.0), u1 * u1);
            let limit = self.spent.last_large / 2;
            return Run { size: size as u64, factor: libm::pow(10.0, -2.0 * u2), small: true, limit, ..Run::LATER };
        }
        self.large = (self.large * growth).min(most);
        Run { size: self.large as u64, ..Run::LATER }
    }
}
