//! Only the signs of the gradient.

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

/// Settings of [`Sign`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignConfig {
    /// η, the length of a step in every coordinate.
    pub rate: Schedule,
}

impl Default for SignConfig {
    fn default() -> Self {
        Self { rate: 0.01.into() }
    }
}

/// Sign descent (Bernstein et al. 2018, arXiv:1802.04434).
///
/// ```text
/// x ← x − η · sign(g)       sign(0) = 0
/// ```
///
/// Take it when neither the size of a gradient nor that of its elements can be trusted, and there is no memory for a momentum. Otherwise
/// take `lion`.
///
/// Tune first: `rate`, the accuracy that is wanted in the end, and so a schedule that falls.
#[doc = include_str!("settings/sign.md")]
pub struct Sign {
    config: SignConfig,
    step: u64,
}

kernel! { fn sign(x: inout, g: sum, rate: num) {
    x = x - rate * signum(g);
} }

impl NamedDescent for Sign {
    const ID: &'static str = "sign";
    const SUMMARY: &'static str = "Steps of one length in every coordinate, by the sign of the gradient.";
    type Config = SignConfig;

    fn new(config: SignConfig, _: &Space) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { config, step: 0 })
    }

    fn state_per_parameter(_: &SignConfig) -> Result<f64> {
        Ok(0.0)
    }
}

impl Descent for Sign {
    fn descend(&mut self, at: &mut CowTensor, g: &Gradient) -> Result<()> {
        sign(at, g, self.config.rate.at(self.step))?;
        self.step += 1;
        Ok(())
    }
}

persist!(Sign { step });
register_descent!(Sign);
