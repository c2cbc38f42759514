//! Evolution paths: memories of the last steps, long where these went the same way and short where they went to and fro.
//!
//! ```text
//! p   ← (1 − c) p + √(c (2 − c) μ_eff) ⟨z⟩              so that p ~ N(0, I) while selection is random
//! c_σ = (μ_eff + 2)/(d + μ_eff + 5)                     of the path that step sizes follow
//! c_c = (4 + μ_eff/d)/(d + 4 + 2 μ_eff/d)               of the path that covariances follow
//! ```
//!
//! p, z: \[d\]; ⟨z⟩: the mean over the selected, whose weights have the effective mass μ_eff.
//! Source: Hansen 2016, "The CMA evolution strategy: a tutorial", arXiv:1604.00772, table 1.

use moths_core::kernel;

kernel! { pub(crate) fn follow(p: inout, z: mat, keep: num, gain: num) {
    p = keep * p + gain * z;
} }

/// c_σ.
pub(crate) fn step_size_rate(d: f64, mu_eff: f64) -> f64 {
    (mu_eff + 2.0) / (d + mu_eff + 5.0)
}

/// c_c.
pub(crate) fn covariance_rate(d: f64, mu_eff: f64) -> f64 {
    (4.0 + mu_eff / d) / (d + 4.0 + 2.0 * mu_eff / d)
}

/// √(c (2 − c) μ_eff), the factor of ⟨z⟩.
pub(crate) fn gain(c: f64, mu_eff: f64) -> f64 {
    (c * (2.0 - c) * mu_eff).sqrt()
}

/// χ = E‖z‖ for z ~ N(0, I) in d dimensions, the length of a path while selection is random.
pub(crate) fn expected_length(d: f64) -> f64 {
    d.sqrt() * (1.0 - 1.0 / (4.0 * d) + 1.0 / (21.0 * d * d))
}
