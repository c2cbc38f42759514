//! The numbers of the update, and the rates that go by how far the search moves.

use moths_core::optimizer::shaping;

use super::CrFmNesConfig;
use crate::{paths, population_size, utilities};

/// The constants of the update, all from d and λ.
pub(super) struct Constants {
    pub(super) lambda: usize,
    pub(super) dim: f64,
    /// ŵ by rank.
    pub(super) by_rank: Vec<f64>,
    pub(super) mu_eff: f64,
    pub(super) c_sigma: f64,
    pub(super) c_c: f64,
    pub(super) c_1: f64,
    /// χ.
    pub(super) chi: f64,
    pub(super) alpha: f64,
    pub(super) sigma_0: f64,
}

impl Constants {
    pub(super) fn new(config: &CrFmNesConfig, dim: usize) -> Self {
        let d = dim as f64;
        let lambda = config.population.unwrap_or_else(|| population_size::logarithmic(dim).next_multiple_of(2));
        let by_rank = utilities::by_rank(lambda);
        let mu_eff = shaping::effective_mass(&by_rank);
        Self {
            lambda,
            dim: d,
            by_rank,
            mu_eff,
            c_sigma: paths::step_size_rate(d, mu_eff),
            c_c: paths::covariance_rate(d, mu_eff),
            c_1: ((d - 5.0) / 6.0).max(0.0) * 2.0 / ((d + 1.3) * (d + 1.3) + mu_eff),
            chi: paths::expected_length(d),
            alpha: distance_exponent(d) * (lambda as f64 / d).sqrt().min(1.0),
            sigma_0: config.sigma,
        }
    }

    /// η_σ.
    pub(super) fn sigma_rate(&self, path: f64, valid: f64) -> f64 {
        match path / self.chi {
            moving if moving >= 1.0 => 1.0,
            stagnating if stagnating >= 0.1 => libm::tanh((0.024 * valid + 0.7 * self.dim + 20.0) / (self.dim + 12.0)),
            _ => 2.0 * libm::tanh((0.025 * valid + 0.75 * self.dim + 10.0) / (self.dim + 4.0)),
        }
    }

    /// η_B.
    pub(super) fn shape_rate(&self, valid: f64) -> f64 {
        libm::tanh(((0.02 * valid).min(3.0 * libm::log(self.dim)) + 5.0) / (0.23 * self.dim + 25.0))
    }
}

/// a with (1 + a²) e^{a²/2} = .24 (d + 10), by Newton's method from above, where it only falls.
fn distance_exponent(d: f64) -> f64 {
    let mut a = 8.0;
    for _ in 0..100 {
        let e = libm::exp(a * a / 2.0);
        a -= ((1.0 + a * a) * e - 0.24 * (d + 10.0)) / (a * (3.0 + a * a) * e);
    }
    a
}
