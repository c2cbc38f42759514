//! Two whose meta says what is not so, whatever their settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flaw::Flaw;
use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta},
    persist, register, registry,
};

/// Settings of both.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BraggartConfig {
    flaw: Flaw,
    /// Changes nothing.
    #[schemars(range(min = 1, max = 100))]
    stride: usize,
}

impl Default for BraggartConfig {
    fn default() -> Self {
        Self { flaw: Flaw::None, stride: 1 }
    }
}

/// Goes wherever the stroller goes.
macro_rules! strolls {
    ($name:ident, $meta:expr) => {
        pub(super) struct $name {
            inner: Box<dyn Optimizer>,
        }

        impl Algorithm for $name {
            const META: Meta = $meta;
            type Config = BraggartConfig;

            fn new(_: BraggartConfig, space: &Space, key: Key) -> Result<Self> {
                Ok(Self { inner: registry::build(&Spec::new("stroller"), space, key)? })
            }

            fn capabilities(_: &BraggartConfig) -> Result<Capabilities> {
                Ok(Capabilities::NONE)
            }
        }

        impl Optimizer for $name {
            fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
                self.inner.step(objective)
            }

            fn answer(&self) -> Result<CowTensor> {
                self.inner.answer()
            }

            fn move_to(&mut self, at: &CowTensor) -> Result<()> {
                self.inner.move_to(at)
            }
        }

        persist!($name { inner });
        register!($name);
    };
}

strolls!(
    Braggart,
    Meta::new("braggart", Family::Random, "Promises too much.", "none").capabilities(Capabilities::NONE.monotone(true))
);
strolls!(Mismeasured, Meta::new("mismeasured", Family::Random, "Names a size that is none.", "none").size("stride"));
