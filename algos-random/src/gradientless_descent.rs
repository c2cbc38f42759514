//! Gradientless descent: steps of all lengths at once, halved from R to r; the best is taken.
//!
//! ```text
//! y_{j,k} = x + 2^{−k} R v_{j,k}          v ~ D, E‖v‖² = 1; k = 0..K, K = ⌈log₂(R/r)⌉; j = 1..trials
//! x ← argmin { f(x), f(y_{j,k}) }
//! ```
//!
//! x, v: \[d\]. No length has to be known, nor adapted: of K + 1 lengths one is right to a factor of two, which costs a factor K + 1 in
//! evaluations and gains that it cannot be fooled. Source: Golovin et al. 2020, arXiv:1911.06317, GLD-Search.
//! Differs from the paper: D is the sampler's distribution, by default normal, whose length is nearly constant when d is not small, where the
//! paper's analysis has the ball or the sphere. (A widely used implementation shrinks one radius over time instead; that is another method.)
//! Minima on a wall are not promised: in a corner of many dimensions nearly all steps are folded, and a step has one length in all coordinates.
//! Cost per step: trials · (K + 1) evaluations in one round, one more when f(x) is not known; 1 number of state per parameter; d numbers of
//! scratch, the point that is taken.
//!
//! Take it when nobody knows how long steps should be, or it changes abruptly, and K + 1 candidates can be evaluated at a time;
//! `one-plus-one-es` finds one length by itself with one evaluation a step, and reaches more of BBOB from 5 dimensions on.
//!
//! Tune first: `shortest`, the accuracy that is wanted; `longest`, about the way to the minimum; each halving between them costs `trials`
//! evaluations a step.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("gradientless-descent"), &space, Key::new(1))?;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.01);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/gradientless-descent.md")]

use moths_core::{
    Batch, CowTensor, Error, Result, Sampler, Space,
    optimizer::{Capabilities, Family, Meta},
    persist,
    persist::Clock,
    register,
    rng::Seed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DirectSearch, Directions, Rule, Trial, Verdict, direct_search::DOWNHILL};

/// Settings of [`GradientlessDescent`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GradientlessDescentConfig {
    /// R, the longest step in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub longest: f64,
    /// r, the shortest step in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub shortest: f64,
    /// Steps of each length.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub trials: usize,
    /// D, the distribution of directions.
    pub sampler: Sampler,
}

impl Default for GradientlessDescentConfig {
    fn default() -> Self {
        Self { longest: 4.0, shortest: 0.01, trials: 1, sampler: Sampler::Normal }
    }
}

/// Gradientless descent. See the [module documentation](self) for equations.
pub type GradientlessDescent = DirectSearch<GradientlessDescentRule>;

/// The rule of [`GradientlessDescent`].
pub struct GradientlessDescentRule {
    config: GradientlessDescentConfig,
    directions: Directions,
}

impl Rule for GradientlessDescentRule {
    const META: Meta = Meta::new(
        "gradientless-descent",
        Family::Random,
        "Random steps of all lengths at once, halved from the longest to the shortest; the best is taken.",
        "Golovin et al. 2020, arXiv:1911.06317",
    )
    .capabilities(DOWNHILL);
    type Config = GradientlessDescentConfig;

    fn new(config: Self::Config, space: &Space) -> Result<Self> {
        if config.shortest > config.longest {
            return Err(Error::invalid("shortest", config.shortest, format!("at most `longest`, {}", config.longest)));
        }
        Ok(Self { directions: Directions::new(config.sampler, space), config })
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        Self::META.capabilities.rotation(config.sampler.is_isotropic())
    }

    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch> {
        let lengths = self.lengths();
        let trials = (0..self.config.trials).flat_map(|_| &lengths);
        let steps: Vec<(Seed, f64)> = trials.enumerate().map(|(i, length)| (clock.key().member(i as u64), *length)).collect();
        Ok(self.directions.batch(x, &steps))
    }

    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict> {
        trial.if_lower()
    }
}

impl GradientlessDescentRule {
    /// R, R/2, R/4, ... as far as the first that is r or shorter.
    fn lengths(&self) -> Vec<f64> {
        let halved =
            std::iter::successors(Some(self.config.longest), |length| (*length > self.config.shortest).then(|| length / 2.0));
        halved.collect()
    }
}

persist!(GradientlessDescentRule {});
register!(GradientlessDescent);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Stop, minimize, optimizer::Algorithm};

    #[test]
    fn the_lengths_of_a_step_are_those_of_the_paper() {
        let space = Space::real(1000).unwrap();
        let config = GradientlessDescentConfig { longest: 2.0, shortest: 0.2, trials: 2, sampler: Sampler::Normal };
        let mut rule = GradientlessDescentRule::new(config, &space).unwrap();
        let batch = rule.propose(&space.start(), &Clock::new(Key::new(1))).unwrap();
        let lengths: Vec<f64> = (0..batch.len())
            .map(|i| batch.row(i, &space).unwrap().to_vec1::<f64>().unwrap().iter().map(|x| x * x).sum::<f64>().sqrt())
            .collect();
        let expected = [2.0, 1.0, 0.5, 0.25, 0.125, 2.0, 1.0, 0.5, 0.25, 0.125];
        assert!(lengths.len() == 10 && lengths.iter().zip(expected).all(|(a, b)| (a / b - 1.0).abs() < 0.1), "{lengths:?}");
    }

    #[test]
    fn bounds_of_the_length_must_be_in_order() {
        let config = GradientlessDescentConfig { longest: 0.1, shortest: 1.0, ..Default::default() };
        let refused = <GradientlessDescent as Algorithm>::new(config, &Space::real(2).unwrap(), Key::new(1)).err();
        assert!(matches!(refused, Some(Error::Invalid { field, .. }) if field == "shortest"));
    }

    /// The theorem: the distance falls geometrically, at a rate of about 1/(d K) an evaluation for a well-conditioned bowl.
    #[test]
    fn it_converges_geometrically_until_the_shortest_step() {
        let space = Space::real(10).unwrap();
        let config = GradientlessDescentConfig { shortest: 1e-6, ..Default::default() };
        let mut search = <GradientlessDescent as Algorithm>::new(config, &space, Key::new(3)).unwrap();
        let mut bowl = Function::new(space, |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
        let end = minimize(&mut search, &mut bowl, &Stop::evaluations(20_000).or_target(1e-10)).unwrap();
        assert!(end.tally.lowest <= 1e-10, "{:?}", end.tally);
    }
}
