//! Gradient descent with momentum.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Descent, NamedDescent, preset_descent};
use crate::{
    Error, Result, kernel,
    noise::Gradient,
    objective::{Advance, Home},
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
    /// λ, the pull back to where the search began: a fine-tune that should not forget.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub anchor: f64,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { rate: 0.01.into(), momentum: 0.0, nesterov: false, anchor: 0.0 }
    }
}

/// Gradient descent with heavy-ball or Nesterov momentum.
///
/// ```text
/// x ← x − η λ (x − x₀)      with `anchor` λ, x₀ being where the search began; η λ is 1 at most
/// v ← μ v + g
/// x ← x − η v               heavy ball (Polyak 1964, doi:10.1016/0041-5553(64)90137-5)
/// x ← x − η (g + μ v)       Nesterov, as reformulated by Sutskever et al. 2013
/// ```
///
/// Without momentum no velocity is held; then it also steers a model that holds the point itself. With an anchor x₀ is held (in place it is read
/// again from where the weights came from).
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
    /// x₀, where there is an anchor and the point is not the model's.
    start: Option<CowTensor>,
}

kernel! { fn pull(x: inout, start: mat, by: num) {
    x = x - by * (x - start);
} }
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
        let start = (config.anchor > 0.0 && !space.is_in_place()).then(|| space.start());
        Ok(Self { config, step: 0, v, start })
    }

    fn state_per_parameter(config: &SgdConfig) -> Result<f64> {
        Ok(if config.momentum > 0.0 { 1.0 } else { 0.0 })
    }

    fn in_place(config: &SgdConfig) -> bool {
        config.momentum == 0.0
    }
}

impl Descent for Sgd {
    fn descend(&mut self, at: &mut CowTensor, g: &Gradient) -> Result<()> {
        let (rate, mu) = (self.config.rate.at(self.step), self.config.momentum);
        if let Some(start) = &self.start {
            g.check(at)?;
            pull(at, start, self.pull(rate))?;
        }
        match &mut self.v {
            None => plain(at, g, rate)?,
            Some(v) if self.config.nesterov => nesterov(at, v, g, rate, mu)?,
            Some(v) => heavy_ball(at, v, g, rate, mu)?,
        }
        self.step += 1;
        Ok(())
    }

    fn steer(&mut self, home: &mut dyn Home, g: &Gradient) -> Result<()> {
        let (Some((noise, terms)), None) = (g.terms(), &self.v) else {
            return Err(Error::unsupported("`sgd`", "steers a model in place by seeds and without momentum only"));
        };
        let rate = self.config.rate.at(self.step);
        home.advance(&Advance::new(noise, terms, rate).anchored(self.pull(rate)))?;
        self.step += 1;
        Ok(())
    }
}

impl Sgd {
    /// How much of the way back to the start a step goes.
    fn pull(&self, rate: f64) -> f64 {
        (rate * self.config.anchor).clamp(0.0, 1.0)
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
