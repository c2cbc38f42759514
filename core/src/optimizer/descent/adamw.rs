//! Adam with decoupled weight decay.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Descent, NamedDescent, preset_descent};
use crate::{
    Result, kernel,
    noise::Gradient,
    optimizer::{schedule::Schedule, settings},
    persist, register_descent,
    space::Space,
    tensor::CowTensor,
};

/// Settings of [`AdamW`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWConfig {
    /// η, the learning rate.
    pub rate: Schedule,
    /// β₁, the memory of the mean of gradients.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub beta1: f64,
    /// β₂, the memory of the mean of squared gradients.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub beta2: f64,
    /// ε, added to the root of the mean square.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// λ, the decoupled weight decay; 0 is plain Adam.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { rate: 0.05.into(), beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

/// Adam with decoupled weight decay (Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101).
///
/// ```text
/// m ← β₁ m + (1 − β₁) g          v ← β₂ v + (1 − β₂) g²
/// x ← (1 − η λ) x − η · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)
/// ```
///
/// Differs from the paper: λ defaults to 0, since search coordinates may lie far from zero.
///
/// Take it when gradients differ in size from coordinate to coordinate or from step to step, as estimates from losses do: it is the first
/// to try. `rmsprop` holds half the state and no mean; `sgd` keeps the size of a gradient, where that means something.
///
/// Tune first: `rate`, lower where the loss rises and falling towards the end; `beta1`, higher where gradients are noisier; `weight_decay`,
/// only where zero is a likely value.
#[doc = include_str!("settings/adamw.md")]
#[doc = include_str!("settings/adam.md")]
pub struct AdamW {
    config: AdamWConfig,
    step: u64,
    m: CowTensor,
    v: CowTensor,
}

kernel! { #[allow(clippy::too_many_arguments)] fn adamw(x: inout, m: inout, v: inout, g: sum, rate: num, decay: num, beta1: num, beta2: num, unbias1: num, unbias2: num, eps: num) {
    m = beta1 * m + (1.0 - beta1) * g;
    v = beta2 * v + (1.0 - beta2) * (g * g);
    x = x * decay - rate * ((m * unbias1) / (sqrt(v * unbias2) + eps));
} }

impl NamedDescent for AdamW {
    const ID: &'static str = "adamw";
    const SUMMARY: &'static str = "Adam with decoupled weight decay.";
    type Config = AdamWConfig;

    fn new(config: AdamWConfig, space: &Space) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, step: 0, m: space.zeros()?, v: space.zeros()? })
    }

    fn state_per_parameter(_: &AdamWConfig) -> Result<f64> {
        Ok(2.0)
    }
}

impl Descent for AdamW {
    fn descend(&mut self, at: &mut CowTensor, g: &Gradient) -> Result<()> {
        let (c, t) = (&self.config, (self.step + 1) as f64);
        let (rate, unbias) = (c.rate.at(self.step), |beta: f64| 1.0 / (1.0 - libm::pow(beta, t)));
        let decay = 1.0 - rate * c.weight_decay;
        let (unbias1, unbias2) = (unbias(c.beta1), unbias(c.beta2));
        adamw(at, &mut self.m, &mut self.v, g, rate, decay, c.beta1, c.beta2, unbias1, unbias2, c.eps)?;
        self.step += 1;
        Ok(())
    }
}

persist!(AdamW { step, m, v });
register_descent!(AdamW);
preset_descent!("adam", "Adam: `adamw` without weight decay.", AdamW, { "weight_decay": 0.0 });
