//! Gradient descent with momentum.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Descent, NamedDescent, preset_descent};
use crate::{
    Result, kernel,
    noise::Gradient,
    optimizer::{schedule::Schedule, settings},
    persist::{Fields, Persist},
    register_descent,
    space::Space,
    tensor::CowTensor,
};

/// Settings of [`Sgd`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SgdConfig {
    /// η, the learning rate.
    pub rate: Schedule,
    /// μ, how much of the velocity stays.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub momentum: f64,
    /// Look ahead: use the gradient as if the momentum had been applied already.
    pub nesterov: bool,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { rate: 0.01.into(), momentum: 0.0, nesterov: false }
    }
}

/// Gradient descent with heavy-ball or Nesterov momentum.
///
/// ```text
/// v ← μ v + g
/// x ← x − η v               heavy ball (Polyak 1964, doi:10.1016/0041-5553(64)90137-5)
/// x ← x − η (g + μ v)       Nesterov, as reformulated by Sutskever et al. 2013
/// ```
///
/// Without momentum no velocity is held.
///
/// Take it when the size of a gradient means something, as with the calibrated and clipped ones of `spsa`, or memory is short, as it has no
/// state without momentum. Where sizes differ between coordinates take `adamw`.
///
/// Tune first: `rate`, lower where the loss rises and falling towards the end; `momentum`, 0.9 where gradients are noisy or valleys narrow
/// (`heavy-ball` and `nesterov` have it; the rate then is lower).
#[doc = include_str!("settings/sgd.md")]
#[doc = include_str!("settings/heavy-ball.md")]
#[doc = include_str!("settings/nesterov.md")]
pub struct Sgd {
    config: SgdConfig,
    step: u64,
    v: Option<CowTensor>,
}

kernel! { fn plain(x: inout, g: sum, rate: num) {
    x = x - rate * g;
} }
kernel! { fn heavy_ball(x: inout, v: inout, g: sum, rate: num, mu: num) {
    v = mu * v + g;
    x = x - rate * v;
} }
kernel! { fn nesterov(x: inout, v: inout, g: sum, rate: num, mu: num) {
    v = mu * v + g;
    x = x - rate * (g + mu * v);
} }

impl NamedDescent for Sgd {
    const ID: &'static str = "sgd";
    const SUMMARY: &'static str = "Gradient descent, with heavy-ball or Nesterov momentum if wanted.";
    type Config = SgdConfig;

    fn new(config: SgdConfig, space: &Space) -> Result<Self> {
        settings::check(&config)?;
        let v = if config.momentum > 0.0 { Some(space.zeros()?) } else { None };
        Ok(Self { config, step: 0, v })
    }

    fn state_per_parameter(config: &SgdConfig) -> Result<f64> {
        Ok(if config.momentum > 0.0 { 1.0 } else { 0.0 })
    }
}

impl Descent for Sgd {
    fn descend(&mut self, at: &mut CowTensor, g: &Gradient) -> Result<()> {
        let (rate, mu) = (self.config.rate.at(self.step), self.config.momentum);
        match &mut self.v {
            None => plain(at, g, rate)?,
            Some(v) if self.config.nesterov => nesterov(at, v, g, rate, mu)?,
            Some(v) => heavy_ball(at, v, g, rate, mu)?,
        }
        self.step += 1;
        Ok(())
    }
}

impl Persist for Sgd {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("step", &mut self.step)?;
        self.v.as_mut().map_or(Ok(()), |v| fields.field("v", v))
    }
}

register_descent!(Sgd);
preset_descent!("heavy-ball", "Gradient descent with heavy-ball momentum 0.9: `sgd` with `momentum`.", Sgd, { "momentum": 0.9 });
preset_descent!("nesterov", "Gradient descent with Nesterov momentum 0.9: `sgd` with `momentum` and `nesterov`.", Sgd, { "momentum": 0.9, "nesterov": true });
