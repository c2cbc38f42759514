//! Backpropagation: the first-order yardstick that derivative-free methods are measured against.
//!
//! ```text
//! x ← descent(x, ∇f(x))
//! ```
//!
//! x, ∇f: \[d\] in search coordinates. Source: Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0.
//! Cost per step: one loss and one gradient, counted as one evaluation; d numbers of scratch for the gradient, beside what the objective
//! takes for it.
//!
//! Take it when the loss has a gradient: on MNIST it reaches 98.5 % where the best run of losses alone reaches 86.5 %. All others here are
//! for what has none.
//!
//! Tune first: `descent.rate`, lower where the loss rises or swings, and falling towards the end; then which `descent`.
//!
//! ```
//! use candle_core::Tensor;
//! use moths_core::{FlatModel, Key, Objective, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let mut objective = FlatModel::new(|vb| vb.get(3, "w"), |w: &mut Tensor, _| (&*w - 1.0)?.sqr()?.sum_all())?;
//! let mut optimizer = registry::build(&Spec::new("backprop"), objective.space(), Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..400 {
//!     optimizer.step(&mut objective)?;
//! }
//! assert!(optimizer.step(&mut objective)?.loss < 0.01 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/backprop.md")]

use moths_core::{
    CowTensor, Error, Key, Objective, Result, Space, Spec,
    optimizer::{Capabilities, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator},
    persist, register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// [`Backprop`] has no settings beside its `descent`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct BackpropConfig {}

/// Backpropagation as an optimizer. See the [module documentation](self).
pub type Backprop = GradientDescent<BackpropEstimator, Box<dyn Descent>>;

/// The exact gradient, where the objective has one.
pub struct BackpropEstimator {}

impl NamedEstimator for BackpropEstimator {
    const META: Meta = Meta::new(
        "backprop",
        Family::Random,
        "The exact gradient by backpropagation: the yardstick for what cannot use it.",
        "Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0",
    )
    .capabilities(
        Capabilities::NONE.needs_gradient(true).seeds_only(true).translation(true).beats_random(true).state_per_parameter(0.0),
    );
    type Config = BackpropConfig;

    fn new(_: Self::Config, _: &Space, _: Key) -> Result<Self> {
        Ok(Self {})
    }

    fn evaluations_per_step(_config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(1)
    }

    fn default_descent() -> Spec {
        Spec::new("adamw")
    }
}

impl Estimator for BackpropEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let Some((loss, gradient)) = objective.gradient(at)? else {
            return Err(Error::unsupported("backprop", "needs gradients, and this objective has none"));
        };
        let valid = loss.is_finite();
        let gradient = valid.then(|| gradient.into());
        Ok(Estimate::new(if valid { loss } else { f64::INFINITY }, gradient, 1))
    }
}

persist!(BackpropEstimator {});
register!(Backprop);
