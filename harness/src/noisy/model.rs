//! What noise does to a loss: the formulas of BBOB's noisy suite, by name.
//!
//! With f = loss − minimum ≥ 0, U and V uniform on (0, 1), N and M standard normal, all independent, D the number of variables:
//!
//! ```text
//! Gaussian   f̃ = f · exp(β N)                                          β = 0.01                              severe: 1
//! uniform    f̃ = f · U^β · max(1, (10⁹ / (f + 10⁻⁹⁹))^(α V))           α = 0.01 (0.49 + 1/D), β = 0.01       severe: 0.49 + 1/D, 1
//! Cauchy     f̃ = f + α · max(0, 1000 + [U < p] · N / (|M| + 10⁻¹⁹⁹))   α = 0.01, p = 0.05                    severe: 1, 0.2
//! ```
//!
//! Source: Hansen, Finck, Ros, Auger 2009, "Real-parameter black-box optimization benchmarking 2009: noisy functions definitions",
//! INRIA RR-6869, hal:inria-00369466.

use std::{fmt, str::FromStr};

use rand::RngExt;
use serde::{Deserialize, Serialize};

use moths::{Error, Key, Result};

/// A noise of BBOB's noisy suite, by name.
///
/// ```
/// use moths_harness::noisy::{Noise, NoiseModel};
///
/// let noise: Noise = "uniform-severe".parse()?;
/// assert_eq!(noise.model(5), NoiseModel::Uniform { alpha: 0.49 + 1.0 / 5.0, beta: 1.0 });
/// let refusal = "gausian".parse::<Noise>().err().map(|e| e.to_string());
/// assert_eq!(refusal.as_deref(), Some("unknown noise `gausian`; did you mean `gaussian`?"));
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// A factor that is mostly within one percent of 1.
    Gaussian,
    /// A factor that is mostly between 1/e and e.
    GaussianSevere,
    /// A factor that is mostly within a few percent of 1, and up to 1.5 near the minimum.
    Uniform,
    /// A factor from 0 to a thousand where f = 10⁵, and to a million where f = 1.
    UniformSevere,
    /// One loss in twenty is an outlier.
    Cauchy,
    /// One loss in five is an outlier, a hundred times as large.
    CauchySevere,
}

impl Noise {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Gaussian, Self::GaussianSevere, Self::Uniform, Self::UniformSevere, Self::Cauchy, Self::CauchySevere];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::GaussianSevere => "gaussian-severe",
            Self::Uniform => "uniform",
            Self::UniformSevere => "uniform-severe",
            Self::Cauchy => "cauchy",
            Self::CauchySevere => "cauchy-severe",
        }
    }

    /// Its formula for functions of `dim` variables.
    pub fn model(self, dim: usize) -> NoiseModel {
        let alpha = 0.49 + 1.0 / dim as f64;
        match self {
            Self::Gaussian => NoiseModel::Gaussian { beta: 0.01 },
            Self::GaussianSevere => NoiseModel::Gaussian { beta: 1.0 },
            Self::Uniform => NoiseModel::Uniform { alpha: 0.01 * alpha, beta: 0.01 },
            Self::UniformSevere => NoiseModel::Uniform { alpha, beta: 1.0 },
            Self::Cauchy => NoiseModel::Cauchy { alpha: 0.01, p: 0.05 },
            Self::CauchySevere => NoiseModel::Cauchy { alpha: 1.0, p: 0.2 },
        }
    }
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Noise {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|noise| noise.name() == name);
        found.ok_or_else(|| Error::unknown("noise", name, Self::ALL.map(Self::name)))
    }
}

/// A formula for noise. α and β are not negative.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum NoiseModel {
    /// A log-normal factor: as strong everywhere.
    Gaussian {
        /// β, the deviation of the factor's logarithm.
        beta: f64,
    },
    /// Two uniform factors: the stronger, the nearer the minimum.
    Uniform {
        /// α, the exponent of the factor that increases losses.
        alpha: f64,
        /// β, the exponent of the factor that decreases them.
        beta: f64,
    },
    /// Rare outliers without mean or variance.
    Cauchy {
        /// α, the scale of the outliers.
        alpha: f64,
        /// p, how often they come: 0 to 1.
        p: f64,
    },
}

impl NoiseModel {
    /// f̃: what a loss that lies `f` above the minimum looks like under the noise of `key`.
    pub fn disturb(&self, f: f64, key: Key) -> f64 {
        let mut draws = key.stream();
        match *self {
            Self::Gaussian { beta } => f * libm::exp(beta * draws.normals().0),
            Self::Uniform { alpha, beta } => {
                let (u, v): (f64, f64) = (draws.random(), draws.random());
                f * libm::pow(u, beta) * libm::pow(1e9 / (f + 1e-99), alpha * v).max(1.0)
            }
            Self::Cauchy { alpha, p } => {
                let (n, m) = draws.normals();
                let outlier = if draws.random::<f64>() < p { n / (m.abs() + 1e-199) } else { 0.0 };
                f + alpha * (1000.0 + outlier).max(0.0)
            }
        }
    }

    /// Are its parameters within their ranges?
    pub(super) fn check(&self) -> Result<()> {
        let parameters: &[(&str, f64, f64)] = match *self {
            Self::Gaussian { beta } => &[("beta", beta, f64::MAX)],
            Self::Uniform { alpha, beta } => &[("alpha", alpha, f64::MAX), ("beta", beta, f64::MAX)],
            Self::Cauchy { alpha, p } => &[("alpha", alpha, f64::MAX), ("p", p, 1.0)],
        };
        match parameters.iter().find(|(_, value, most)| !(0.0..=*most).contains(value)) {
            Some((name, value, 1.0)) => Err(Error::invalid(format!("noise.{name}"), value, "a number from 0 to 1")),
            Some((name, value, _)) => Err(Error::invalid(format!("noise.{name}"), value, "a finite number, not negative")),
            None => Ok(()),
        }
    }
}
