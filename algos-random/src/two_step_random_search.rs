//! Two-step random search: long and short steps in turn, each kept if it leads down.
//!
//! ```text
//! x ← argmin { f(x), f(x + σ s), f(x − σ s) }          s ~ D, E‖s‖² = 1; σ = σ₁ in even steps, σ₂ in odd ones
//! ```
//!
//! x, s: \[d\]. The long steps leave saddles and shallow basins, the short ones go down where long ones overshoot. Source: Lucchi, Orvieto &
//! Solomou 2021, arXiv:2110.13265, the plain method (not the one that extracts negative curvature).
//! Differs from the paper: both ways are evaluated at once and the better is taken, where the paper takes the first that leads down.
//! This is [`stochastic-three-points`](crate::stochastic_three_points) with two lengths in turn, and not a method of its own beyond that.
//! Minima on a wall are not promised: steps are of lengths that a schedule says, and end longer than 1e-6 of a box.
//! Cost per step: 2 · directions evaluations in one round, one more when f(x) is not known; 1 number of state per parameter; d numbers of
//! scratch, the point that is taken.
//!
//! Take it when saddles or shallow basins hold up steps of one length, such as those of `stochastic-three-points`; `gradientless-descent`
//! tries all lengths, for more evaluations a step.
//!
//! Tune first: `long`, about the width of the basins that are to be left; `short`, the accuracy that is wanted, falling if it is high.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::real(4)?;
//! let saddle = |x: &[f64]| x[0].powi(2) + x[2].powi(2) + x[3].powi(2) - x[1].powi(2) + 0.1 * x[1].powi(4);
//! let mut optimizer = registry::build(&Spec::new("two-step-random-search"), &space, Key::new(1))?;
//! for _ in 0..300 {
//!     optimizer.step(&mut Function::new(space.clone(), saddle))?;
//! }
//! assert!(saddle(&optimizer.answer()?.to_vec1::<f64>()?) < -2.0, "it began in the saddle at 0; the lowest loss is -2.5");
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/two-step-random-search.md")]

use moths_core::{
    Sampler, Schedule,
    optimizer::{Family, Meta},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DirectSearch,
    stochastic_three_points::{Lengths, StochasticThreePointsConfig, ThreePoints},
};

/// Settings of [`TwoStepRandomSearch`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TwoStepRandomSearchConfig {
    /// σ₁, the length of the long steps in search coordinates.
    pub long: Schedule,
    /// σ₂, the length of the short steps in search coordinates.
    pub short: Schedule,
    /// Directions a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub directions: usize,
    /// D, the distribution of directions.
    pub sampler: Sampler,
}

impl Default for TwoStepRandomSearchConfig {
    fn default() -> Self {
        Self { long: 2.0.into(), short: 0.1.into(), directions: 1, sampler: Sampler::Normal }
    }
}

/// Two-step random search. See the [module documentation](self) for equations.
pub type TwoStepRandomSearch = DirectSearch<ThreePoints<TwoStepRandomSearchConfig>>;

impl Lengths for TwoStepRandomSearchConfig {
    const META: Meta = Meta::new(
        "two-step-random-search",
        Family::Random,
        "Long and short random steps in turn, each kept if it leads down.",
        "Lucchi, Orvieto & Solomou 2021, arXiv:2110.13265",
    )
    .capabilities(StochasticThreePointsConfig::META.capabilities)
    .size("directions");

    fn length(&self, k: u64) -> f64 {
        let length = if k.is_multiple_of(2) { &self.long } else { &self.short };
        length.at(k)
    }

    fn directions(&self) -> usize {
        self.directions
    }

    fn sampler(&self) -> Sampler {
        self.sampler
    }
}

register!(TwoStepRandomSearch);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Optimizer, Space, optimizer::Algorithm};

    #[test]
    fn lengths_alternate() {
        let space = Space::real(400).unwrap();
        let mut search = <TwoStepRandomSearch as Algorithm>::new(Default::default(), &space, Key::new(1)).unwrap();
        for expected in [2.0, 0.1, 2.0, 0.1] {
            let before: Vec<f64> = search.answer().unwrap().to_vec1().unwrap();
            // A slope: one of the two ways always leads down.
            search.step(&mut Function::new(space.clone(), |x| x.iter().sum())).unwrap();
            let after: Vec<f64> = search.answer().unwrap().to_vec1().unwrap();
            let length = before.iter().zip(&after).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!((length / expected - 1.0).abs() < 0.15, "{length} instead of {expected}");
        }
    }
}
