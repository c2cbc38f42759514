//! Learning rates of m and Σ = σ² C that keep the signal-to-noise ratio of their updates: for multimodal and noisy problems.
//!
//! ```text
//! Δ_m, Δ_Σ  what a step of CMA-ES adds to m and to Σ;   Δ̃_m = Σ^{−½} Δ_m,   Δ̃_Σ = Σ^{−½} Δ_Σ Σ^{−½} / √2
//! E ← (1 − β) E + β Δ̃,   V ← (1 − β) V + β ‖Δ̃‖²                      for m and Σ alike
//! SNR = (‖E‖² − β/(2 − β) V) / (V − ‖E‖²)
//! η ← min(1, η exp(min(γ η, β) clamp(SNR/(α η) − 1, −1, 1)))
//! m ← m + η_m Δ_m,   Σ ← Σ + η_Σ Δ_Σ,   σ ← (det Σ)^{1/2d} η_m^{before}/η_m,   C ← Σ / (det Σ)^{1/d}
//! ```
//!
//! E_m: \[d\]; E_Σ: \[d, d\]; α = 1.4, β_m = 0.1, β_Σ = 0.03, γ = 0.1. Source: Nomura, Akimoto & Ono 2023, "CMA-ES with learning rate
//! adaptation", arXiv:2304.03473. C is decomposed in every generation, and
//! the criterion Stagnation does not apply.

use moths_core::{
    CowTensor, Result, Space, persist,
    persist::{Fields, Persist},
    tensor::host,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use moths_core::tensor::products::Products;

/// How much of an update is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRate {
    /// All of it.
    #[default]
    Fixed,
    /// As much as its signal-to-noise ratio allows (LRA-CMA-ES, arXiv:2304.03473): slower, for multimodal and noisy problems.
    Adapted,
}

const ALPHA: f64 = 1.4;
const BETA_M: f64 = 0.1;
const BETA_SIGMA: f64 = 0.03;
const GAMMA: f64 = 0.1;

/// Of one set of parameters.
#[derive(Debug)]
struct Rate {
    eta: f64,
    v: f64,
}

persist!(Rate { eta, v });

impl Rate {
    /// The next η, from ‖Δ̃‖² and ‖E‖².
    fn adapt(&mut self, beta: f64, square: f64, e_square: f64) {
        self.v = (1.0 - beta) * self.v + beta * square;
        let noise = self.v - e_square;
        let snr = if noise > 0.0 { (e_square - beta / (2.0 - beta) * self.v) / noise } else { 0.0 };
        let change = (snr / (ALPHA * self.eta) - 1.0).clamp(-1.0, 1.0);
        self.eta = (self.eta * libm::exp((GAMMA * self.eta).min(beta) * change)).min(1.0);
    }
}

/// Both learning rates, and the averages they follow from.
pub(super) struct Rates {
    m: Rate,
    e_m: Vec<f64>,
    sigma: Rate,
    e_sigma: CowTensor,
}

persist!(Rates { m, e_m, sigma, e_sigma });

/// Rates where they are adapted.
pub(super) struct Adaptation(pub(super) Option<Rates>);

impl Persist for Adaptation {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |rates| rates.visit(fields))
    }
}

/// m, σ and C before a step, and Σ^{−½} σ = C^{−½}.
pub(super) struct Before {
    m: Vec<f64>,
    sigma: f64,
    c: Vec<f64>,
    inverse_root: Vec<f64>,
}

impl Before {
    pub(super) fn of(m: &[f64], sigma: f64, matrix: &Matrix) -> Result<Self> {
        Ok(Self { m: m.to_vec(), sigma, c: matrix.covariance()?, inverse_root: matrix.inverse_root()? })
    }
}

impl Rates {
    pub(super) fn new(space: &Space) -> Result<Self> {
        let rate = || Rate { eta: 1.0, v: 0.0 };
        let d = space.dim();
        Ok(Self { m: rate(), e_m: vec![0.0; d], sigma: rate(), e_sigma: super::matrix::zeros(space)? })
    }

    /// Takes back part of a step: what m, σ and C become instead.
    pub(super) fn apply(
        &mut self,
        before: &Before,
        a: &[f64],
        m: &mut [f64],
        sigma: &mut f64,
        matrix: &mut Matrix,
    ) -> Result<()> {
        let d = m.len();
        let delta_m: Vec<f64> = m.iter().zip(&before.m).map(|(now, then)| now - then).collect();
        let unscaled: Vec<f64> = delta_m.iter().zip(a).map(|(delta, a)| delta / a).collect();
        let mut local = vec![0.0; d];
        f64::combine(0.0, &unscaled, &before.inverse_root, d, &mut local);
        local.iter_mut().for_each(|x| *x /= before.sigma);
        let square = follow(BETA_M, &local, &mut self.e_m);
        let eta_before = self.m.eta;
        self.m.adapt(BETA_M, square, norm2(&self.e_m));

        // Of Σ / σ², for the σ before.
        let growth = (*sigma / before.sigma).powi(2);
        let (now, then) = (matrix.covariance()?, &before.c);
        let delta: Vec<f64> = now.iter().zip(then).map(|(now, then)| growth * now - then).collect();
        let (mut half, mut local) = (vec![0.0; d * d], vec![0.0; d * d]);
        f64::combine(0.0, &delta, &before.inverse_root, d, &mut half);
        f64::combine(0.0, &before.inverse_root, &half, d, &mut local);
        local.iter_mut().for_each(|x| *x *= std::f64::consts::FRAC_1_SQRT_2);
        let (square, e_square) = host::edit::<f64, _>(&mut self.e_sigma, |e| (follow(BETA_SIGMA, &local, e), norm2(e)))?;
        self.sigma.adapt(BETA_SIGMA, square, e_square);

        m.iter_mut().zip(&before.m).zip(&delta_m).for_each(|((m, then), delta)| *m = then + self.m.eta * delta);
        let scale = matrix.replace(|c| {
            c.iter_mut().zip(then).zip(&delta).for_each(|((c, then), delta)| *c = then + self.sigma.eta * delta);
        })?;
        *sigma = before.sigma * scale * eta_before / self.m.eta;
        Ok(())
    }
}

/// E ← (1 − β) E + β Δ; ‖Δ‖².
fn follow(beta: f64, delta: &[f64], e: &mut [f64]) -> f64 {
    e.iter_mut().zip(delta).for_each(|(e, delta)| *e = (1.0 - beta) * *e + beta * delta);
    norm2(delta)
}

fn norm2(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum()
}
