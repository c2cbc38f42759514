//! Gradients divided by their recent size.

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

/// Settings of [`RmsProp`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RmsPropConfig {
    /// η, the learning rate.
    pub rate: Schedule,
    /// ρ, the memory of the mean of squared gradients.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub memory: f64,
    /// ε, added to the root of the mean square.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
}

impl Default for RmsPropConfig {
    fn default() -> Self {
        Self { rate: 0.01.into(), memory: 0.9, eps: 1e-8 }
    }
}

/// RMSProp (Tieleman & Hinton 2012, Lecture 6.5 of "Neural Networks for Machine Learning").
///
/// ```text
/// s ← ρ s + (1 − ρ) g²          x ← x − η g / (√s + ε)
/// ```
///
/// Take it when gradients differ in size from coordinate to coordinate, and their mean is not wanted, or is taken already, as where many
/// pairs are averaged. Otherwise take `adamw`, whose mean of gradients costs 1 number of state more.
///
/// Tune first: `rate`, lower where the loss rises and falling towards the end; `memory`, nearer to 1 where gradients are noisier.
#[doc = include_str!("settings/rmsprop.md")]
pub struct RmsProp {
    config: RmsPropConfig,
    step: u64,
    s: CowTensor,
}

kernel! { fn rmsprop(x: inout, s: inout, g: sum, rate: num, memory: num, eps: num) {
    s = memory * s + (1.0 - memory) * (g * g);
    x = x - rate * g / (sqrt(s) + eps);
} }

impl NamedDescent for RmsProp {
    const ID: &'static str = "rmsprop";
    const SUMMARY: &'static str = "Gradients divided by the root of their recent mean square.";
    type Config = RmsPropConfig;

    fn new(config: RmsPropConfig, space: &Space) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, step: 0, s: space.zeros()? })
    }

    fn state_per_parameter(_: &RmsPropConfig) -> Result<f64> {
        Ok(1.0)
    }
}

impl Descent for RmsProp {
    fn descend(&mut self, at: &mut CowTensor, g: &Gradient) -> Result<()> {
        rmsprop(at, &mut self.s, g, self.config.rate.at(self.step), self.config.memory, self.config.eps)?;
        self.step += 1;
        Ok(())
    }
}

persist!(RmsProp { step, s });
register_descent!(RmsProp);
