//! Steps by the sign of two mixtures of gradients.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Descent, NamedDescent};
use crate::{
    Result, kernel,
    noise::Gradient,
    optimizer::{schedule::Schedule, settings},
    persist, register_descent,
    space::Space,
    tensor::CowTensor,
};

/// Settings of [`Lion`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LionConfig {
    /// η, the length of a step in every coordinate.
    pub rate: Schedule,
    /// β₁, the share of the momentum in the direction of the step.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub beta1: f64,
    /// β₂, the memory of the momentum.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub beta2: f64,
    /// λ, the decoupled weight decay.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

impl Default for LionConfig {
    fn default() -> Self {
        Self { rate: 0.01.into(), beta1: 0.9, beta2: 0.99, weight_decay: 0.0 }
    }
}

/// Lion (Chen et al. 2023, arXiv:2302.06675).
///
/// ```text
/// x ← x − η (sign(β₁ m + (1 − β₁) g) + λ x)
/// m ← β₂ m + (1 − β₂) g
/// ```
///
/// with sign(0) = 0. Differs from the paper: λ defaults to 0, since search coordinates may lie far from zero.
///
/// Take it when the size of gradients means nothing, a momentum is wanted, and the state should be half that of `adamw`. `sign` has no
/// momentum, and no state at all.
///
/// Tune first: `rate`, 3 to 10 times lower than for `adamw`, as all coordinates go all the way in every step (Chen et al.); `beta1`, lower
/// where gradients change fast.
#[doc = include_str!("settings/lion.md")]
pub struct Lion {
    config: LionConfig,
    step: u64,
    m: CowTensor,
}

kernel! { fn lion(x: inout, m: inout, g: sum, rate: num, decay: num, beta1: num, beta2: num) {
    x = decay * x - rate * signum(beta1 * m + (1.0 - beta1) * g);
    m = beta2 * m + (1.0 - beta2) * g;
} }

impl NamedDescent for Lion {
    const ID: &'static str = "lion";
    const SUMMARY: &'static str = "Steps of one length in every coordinate, by the sign of gradient and momentum together.";
    type Config = LionConfig;

    fn new(config: LionConfig, space: &Space) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, step: 0, m: space.zeros()? })
    }

    fn state_per_parameter(_: &LionConfig) -> Result<f64> {
        Ok(1.0)
    }
}

impl Descent for Lion {
    fn descend(&mut self, at: &mut CowTensor, g: &Gradient) -> Result<()> {
        let (c, rate) = (&self.config, self.config.rate.at(self.step));
        lion(at, &mut self.m, g, rate, 1.0 - rate * c.weight_decay, c.beta1, c.beta2)?;
        self.step += 1;
        Ok(())
    }
}

persist!(Lion { step, m });
register_descent!(Lion);
