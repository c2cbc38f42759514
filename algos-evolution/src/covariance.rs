//! The constants of covariance matrix adaptation, and the step-size rule: what all its variants share.
//!
//! ```text
//! λ    = 4 + ⌊3 ln d⌋                      w'_i = ln((λ + 1)/2) − ln i,   i = 1..λ
//! c_σ  = (μ_eff + 2) / (d + μ_eff + 5)     d_σ  = 1 + 2 max(0, √((μ_eff − 1)/(d + 1)) − 1) + c_σ
//! c_c  = (4 + μ_eff/d) / (d + 4 + 2 μ_eff/d)
//! c_1  = 2 / ((d + 1.3)² + μ_eff)          c_μ  = min(1 − c_1, 2 (¼ + μ_eff + 1/μ_eff − 2) / ((d + 2)² + μ_eff))
//! ```
//!
//! The positive weights are scaled to the sum 1, and μ_eff = 1/Σ w_i² of them. The negative ones, which only C sees, are scaled to the sum
//! −min(1 + c_1/c_μ, 1 + 2 μ⁻_eff/(μ_eff + 2), (1 − c_1 − c_μ)/(d c_μ)): no decay of C, no faster learning than from the positive ones,
//! and a C that stays positive definite. μ⁻_eff = (Σ w')²/Σ w'² of them.
//! Source: Hansen 2016, "The CMA evolution strategy: a tutorial", arXiv:1604.00772, table 1.

use moths_core::{objective::Losses, optimizer::shaping};

use crate::{paths, population_size};

/// The constants of an update, all from d and λ.
pub(crate) struct Constants {
    pub(crate) lambda: usize,
    /// One a rank, the best first: the positive ones, and the negative ones where they are used.
    pub(crate) weights: Vec<f64>,
    pub(crate) mu_eff: f64,
    pub(crate) c_sigma: f64,
    pub(crate) d_sigma: f64,
    pub(crate) c_c: f64,
    pub(crate) c_1: f64,
    pub(crate) c_mu: f64,
    /// E‖z‖ for z ~ N(0, I) in d dimensions.
    pub(crate) chi: f64,
    dim: f64,
}

impl Constants {
    /// Of a full covariance, with negative weights.
    pub(crate) fn full(dim: usize, population: Option<usize>) -> Self {
        let mut constants = Self::with_rates(dim, population, |mu_eff| rates(dim as f64, mu_eff, 0.25));
        constants.weights.extend(constants.negative_weights());
        constants
    }

    /// Of a diagonal covariance (Ros & Hansen 2008): c_1 and c_μ times (d + 2)/3, as they were then, without the ¼; no negative weights.
    pub(crate) fn separable(dim: usize, population: Option<usize>) -> Self {
        Self::with_rates(dim, population, |mu_eff| {
            let factor = (dim as f64 + 2.0) / 3.0;
            let (c_1, c_mu) = rates(dim as f64, mu_eff, 0.0);
            (c_1 * factor, c_mu * factor)
        })
    }

    /// Of a diagonal and one direction (Akimoto, Auger & Hansen 2014): c_1 and c_μ times max((d − 5)/6, ½), without the ¼; another c_σ.
    pub(crate) fn directed(dim: usize, population: Option<usize>) -> Self {
        let d = dim as f64;
        let mut constants = Self::with_rates(dim, population, |mu_eff| {
            let factor = ((d - 5.0) / 6.0).max(0.5);
            let (c_1, c_mu) = rates(d, mu_eff, 0.0);
            (c_1 * factor, c_mu * factor)
        });
        let c_sigma = 0.5 / ((d / constants.mu_eff).sqrt() + 1.0);
        constants.d_sigma += c_sigma - constants.c_sigma;
        constants.c_sigma = c_sigma;
        constants
    }

    fn with_rates(dim: usize, population: Option<usize>, rates: impl Fn(f64) -> (f64, f64)) -> Self {
        let d = dim as f64;
        let lambda = population.unwrap_or_else(|| population_size::logarithmic(dim));
        let weights = shaping::recombination_weights(lambda);
        let mu_eff = shaping::effective_mass(&weights);
        let c_sigma = paths::step_size_rate(d, mu_eff);
        let (c_1, c_mu) = rates(mu_eff);
        let c_1 = c_1.min(1.0);
        Self {
            lambda,
            mu_eff,
            c_sigma,
            d_sigma: 1.0 + 2.0 * (((mu_eff - 1.0) / (d + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma,
            c_c: paths::covariance_rate(d, mu_eff),
            c_1,
            c_mu: c_mu.min(1.0 - c_1),
            chi: paths::expected_length(d),
            weights,
            dim: d,
        }
    }

    /// w_i < 0 of the ranks after the μ best.
    fn negative_weights(&self) -> Vec<f64> {
        let (middle, mu) = ((self.lambda as f64 + 1.0) / 2.0, self.weights.len());
        let raw: Vec<f64> = (mu + 1..=self.lambda).map(|i| libm::log(middle) - libm::log(i as f64)).collect();
        let mass = shaping::effective_mass(&raw);
        let no_decay = 1.0 + self.c_1 / self.c_mu;
        let no_faster = 1.0 + 2.0 * mass / (self.mu_eff + 2.0);
        let definite = (1.0 - self.c_1 - self.c_mu) / (self.dim * self.c_mu);
        let scale = no_decay.min(no_faster).min(definite) / raw.iter().sum::<f64>().abs();
        raw.into_iter().map(|w| scale * w).collect()
    }

    /// One weight a candidate, by rank. Candidates that failed come last, and have no positive weight; what the others have sums to 1.
    /// `None` when all failed.
    pub(crate) fn weights_by_candidate(&self, losses: &Losses) -> Option<Vec<f64>> {
        let mut weights = vec![0.0; losses.len()];
        shaping::order(losses).into_iter().zip(&self.weights).for_each(|(i, w)| {
            weights[i] = if losses[i].is_finite() { *w } else { w.min(0.0) };
        });
        let sum: f64 = weights.iter().filter(|w| **w > 0.0).sum();
        weights.iter_mut().filter(|w| **w > 0.0).for_each(|w| *w /= sum);
        (sum > 0.0).then_some(weights)
    }

    /// The factors of p_σ and of ⟨z⟩ in its update: 1 − c_σ and √(c_σ (2 − c_σ) μ_eff).
    pub(crate) fn sigma_path(&self) -> (f64, f64) {
        (1.0 - self.c_sigma, paths::gain(self.c_sigma, self.mu_eff))
    }

    /// h after step `t` (from 0): 0 while p_σ is so long that σ is far too small, and p_c must not grow; else 1.
    pub(crate) fn h(&self, length: f64, t: u64) -> f64 {
        let unbiased = length / (1.0 - libm::pow(1.0 - self.c_sigma, 2.0 * (t + 1) as f64)).sqrt();
        f64::from(u8::from(unbiased < (1.4 + 2.0 / (self.dim + 1.0)) * self.chi))
    }

    /// The factors of p_c and of ⟨y⟩ in its update: 1 − c_c and h √(c_c (2 − c_c) μ_eff).
    pub(crate) fn covariance_path(&self, h: f64) -> (f64, f64) {
        (1.0 - self.c_c, h * paths::gain(self.c_c, self.mu_eff))
    }

    /// The factor of C in its update, for weights of this sum: 1 − c_1 − c_μ Σw + (1 − h) c_1 c_c (2 − c_c).
    pub(crate) fn keep(&self, h: f64, sum: f64) -> f64 {
        1.0 - self.c_1 - self.c_mu * sum + (1.0 - h) * self.c_1 * self.c_c * (2.0 - self.c_c)
    }

    /// σ's factor for a p_σ of this length. A path longer than any sample would make σ explode: it grows e-fold at most.
    pub(crate) fn growth(&self, length: f64) -> f64 {
        libm::exp((self.c_sigma / self.d_sigma * (length / self.chi - 1.0)).min(1.0))
    }
}

/// c_1 and c_μ of the full method before they are limited.
fn rates(d: f64, mu_eff: f64, offset: f64) -> (f64, f64) {
    let c_1 = 2.0 / ((d + 1.3).powi(2) + mu_eff);
    (c_1, 2.0 * (mu_eff - 2.0 + 1.0 / mu_eff + offset) / ((d + 2.0).powi(2) + mu_eff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_those_of_the_tutorial() {
        // pycma 4.5 for d = 10, λ = 10: `es.sp.weights`, `es.sm.parameters()`, `es.sp.cc`. Its c_σ is another: 5.167/18.167 by hand.
        let k = Constants::full(10, None);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(k.mu_eff, 3.1672992814107017);
        close(k.c_sigma, 0.2844285879463675);
        close(k.d_sigma, 1.2844285879463675);
        close(k.c_c, 0.29499038303562225);
        close(k.c_1, 0.015283824524751714);
        close(k.c_mu, 0.02355177665041747);
        for (i, w) in [(0, 0.45627264690340597), (4, 0.025509591835974777), (5, -0.08001260758087224), (9, -0.5497499176973853)] {
            close(k.weights[i], w);
        }
    }
}
