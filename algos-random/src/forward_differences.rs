//! One-sided differences along every coordinate: a gradient for d + 1 evaluations.
//!
//! ```text
//! ĝ_i = (f(x + c e_i) − f(x)) / c          for i in S, as in `fdsa`
//! x ← descent(x, ĝ)
//! ```
//!
//! x, ĝ: \[d\]. Half the evaluations of [`fdsa`](crate::fdsa), with which it shares its code, its units and its clipping; but the
//! curvature does not cancel: ĝ_i is off by c/2 · ∂²f/∂x_i², so that c has to be small, as small as the rounding of the loss allows,
//! and on a noisy loss `fdsa` is the better buy.
//!
//! Source: the forward form in Blum 1954, doi:10.1214/aoms/1177728659.
//! Differs from the paper: any descent, by default Adam, takes the place of its gains.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: min(d, coordinates) + 1 evaluations, the first in a round of its own; no state of size d beside the point and the
//! descent's; scratch as `fdsa`.
//!
//! Take it when the loss is exact to many digits, so that c can be small, and the evaluations of `fdsa`, twice as many, are too dear; with
//! noise take `fdsa`.
//!
//! Tune first: `c`, as small as the rounding of the loss allows, for the error is c/2 times the curvature; `descent.rate`; `coordinates`,
//! fewer for more but less exact steps.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("forward-differences"), &space, Key::new(1))?;
//! for _ in 0..100 {
//!     assert_eq!(optimizer.step(&mut objective)?.evaluations, 5);
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.01);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/forward-differences.md")]

use moths_core::{
    Schedule,
    optimizer::{Descent, GradientDescent, Meta, NamedEstimator, Preset, PresetEstimator},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FdsaConfig, FdsaEstimator, fdsa::DifferencesEstimator};

/// Settings of [`ForwardDifferences`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ForwardDifferencesConfig {
    /// c, how far a coordinate is moved.
    pub c: Schedule,
    /// How many coordinates a step looks along, all of them where there are fewer.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub coordinates: usize,
    /// Divide gradients by the median size of the elements of the first one.
    pub calibrate: bool,
    /// The steepest an element may be, in that unit; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub clip: f64,
}

impl Default for ForwardDifferencesConfig {
    fn default() -> Self {
        Self { c: 0.01.into(), coordinates: 200, calibrate: true, clip: 1000.0 }
    }
}

/// Forward differences as an optimizer. See the [module documentation](self) for equations.
pub type ForwardDifferences = GradientDescent<ForwardDifferencesEstimator, Box<dyn Descent>>;

/// One-sided differences along every coordinate.
pub type ForwardDifferencesEstimator = PresetEstimator<ForwardDifferencesConfig>;

impl Preset for ForwardDifferencesConfig {
    const META: Meta = FdsaEstimator::META
        .id("forward-differences")
        .summary("The gradient by one-sided differences along every coordinate: d + 1 evaluations.")
        .citation("Blum 1954, doi:10.1214/aoms/1177728659");
    type Of = DifferencesEstimator<false>;

    fn settings(self) -> FdsaConfig {
        let Self { c, coordinates, calibrate, clip } = self;
        FdsaConfig { c, coordinates, calibrate, clip }
    }
}

register!(ForwardDifferences);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Space, optimizer::Estimator};

    /// The gradient, and half of c times the second derivatives.
    #[test]
    fn one_estimate_is_that_of_the_formula() {
        let space = Space::real(2).unwrap();
        let mut objective = Function::new(space.clone(), |x| 3.0 * x[0] - x[1] + 4.0 * x[1] * x[1]);
        let config = ForwardDifferencesConfig { c: 0.25.into(), calibrate: false, clip: 0.0, ..Default::default() };
        let mut estimator = ForwardDifferencesEstimator::new(config, &space, Key::new(1)).unwrap();
        let estimate = estimator.estimate(&space.start(), &mut objective).unwrap();
        assert_eq!(estimate.gradient.unwrap().dense().unwrap().to_vec1::<f64>().unwrap(), [3.0, -1.0 + 0.125 * 8.0]);
        assert_eq!(estimate.evaluations, 3);
    }
}
