//! Steps of one length, with momentum, up to a highest speed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Descent, NamedDescent};
use crate::{
    Result, fuse, kernel,
    noise::Gradient,
    optimizer::{schedule::Schedule, settings},
    persist, register_descent,
    space::Space,
    tensor::CowTensor,
};

/// Settings of [`ClipUp`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClipUpConfig {
    /// η, the length of a step: the root mean square over coordinates.
    pub rate: Schedule,
    /// m, how much of the velocity stays.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub momentum: f64,
    /// The highest speed, in units of η.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub max_speed: f64,
}

impl Default for ClipUpConfig {
    fn default() -> Self {
        Self { rate: 0.01.into(), momentum: 0.9, max_speed: 2.0 }
    }
}

/// ClipUp (Toklu, Liskowski & Srivastava 2020, arXiv:2008.02387): the length of a gradient, which says little where losses are ranks or
/// noise, is not looked at.
///
/// ```text
/// v ← m v + η g / ‖g‖
/// v ← v max_speed η / ‖v‖          where ‖v‖ is more than max_speed η
/// x ← x − v
/// ```
///
/// ‖·‖ is the root mean square over the d coordinates. Differs from the paper, whose lengths are Euclidean, and so √d times these:
/// here one rate is as fast in any dimension.
/// A gradient of zeros adds nothing to the velocity.
///
/// Take it when gradients are of ranks or noise, so that only their direction can be trusted, and steps must stay short compared with a
/// perturbation, as in `pgpe`. `sign` goes by single coordinates, `adamw` by their recent sizes.
///
/// Tune first: `rate`, the root mean square of a step, about 1/30 of the deviation of the candidates; then `max_speed`, higher where the
/// way is long and straight.
#[doc = include_str!("settings/clip-up.md")]
pub struct ClipUp {
    config: ClipUpConfig,
    step: u64,
    v: CowTensor,
}

kernel! { fn accelerate(v: inout, g: mat, momentum: num, scale: num) {
    v = momentum * v + scale * g;
} }
kernel! { fn go(x: inout, v: inout, shrink: num) {
    v = shrink * v;
    x = x - v;
} }

impl NamedDescent for ClipUp {
    const ID: &'static str = "clip-up";
    const SUMMARY: &'static str = "Steps of one length down the gradient, with momentum, up to a highest speed.";
    type Config = ClipUpConfig;

    fn new(config: ClipUpConfig, space: &Space) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, step: 0, v: space.zeros()? })
    }

    fn state_per_parameter(_: &ClipUpConfig) -> Result<f64> {
        Ok(1.0)
    }
}

impl Descent for ClipUp {
    fn descend(&mut self, at: &mut CowTensor, g: &Gradient) -> Result<()> {
        g.check(at)?;
        let g = &*g.dense()?;
        let (rate, root) = (self.config.rate.at(self.step), (g.elem_count() as f64).sqrt());
        let length = fuse::norm(g)? / root;
        accelerate(&mut self.v, g, self.config.momentum, if length > 0.0 { rate / length } else { 0.0 })?;
        let (speed, most) = (fuse::norm(&self.v)? / root, self.config.max_speed * rate);
        go(at, &mut self.v, if speed > most { most / speed } else { 1.0 })?;
        self.step += 1;
        Ok(())
    }
}

persist!(ClipUp { step, v });
register_descent!(ClipUp);
