//! The (1+1) evolution strategy with the 1/5 success rule: one parent, and a step size that keeps one step in five successful.
//!
//! ```text
//! y_i = x + σ z_i                              z_i ~ N(0, I), i = 1..λ
//! p   = share of the i with f(y_i) ≤ f(x)
//! σ   ← σ exp((p − 1/5) / √(d + 1))
//! x   ← the best y_i if f(y_i) ≤ f(x)
//! ```
//!
//! x, z: \[d\]. Source: Rechenberg 1973, "Evolutionsstrategie"; the continuous form of the rule and its damping √(d + 1): Hansen, Arnold &
//! Auger 2015, doi:10.1007/978-3-662-43505-2_44.
//! Differs from the sources: λ children may be evaluated in a step (1, as the name says, by default), and σ follows the share of them that
//! succeeded; σ stays between 1e-12 and 1e6 times what it was, so that neither a plateau nor a run of failures takes it out of range.
//! Integers and flags begin a step in the middle of their value and leave it, however small σ is, with the probability 1/n, ¼ at most, n being how many of
//! them there are, or a quarter of that beside reals; of flags that is all, as in the (1+1)-EA. Where there are some, a step that is no better is no success: most change nothing.
//! On a stochastic objective σ never exceeds its first value: steps of any length lead down on one minibatch more often than one time in
//! five, and σ would grow without end.
//! Minima on a wall are not promised: in a corner of many dimensions nearly all steps lead along a wall that is folded, and one length serves all coordinates.
//! Cost per step: λ evaluations in one round, one more when f(x) is not known; 1 number of state per parameter; d numbers of scratch, the
//! point that is taken, and with integers or flags 2 d more.
//!
//! Take it when a deterministic loss is evaluated one point at a time, or memory is short: the least search that finds the length of its
//! steps. Where scales differ take `sep-cma-es` or `cma-es`; on minibatches, where success says little of a length,
//! `stochastic-three-points`.
//!
//! Tune first: `length`, about the way to the minimum; `children`, as many as can be evaluated at once.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("one-plus-one-es"), &space, Key::new(1))?;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 1e-8);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/one-plus-one-es.md")]

use moths_core::{
    Batch, CowTensor, Result, Sampler, Space,
    optimizer::{Capabilities, Family, Meta},
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DirectSearch, Directions, Rule, Trial, Verdict,
    direct_search::{DOWNHILL, Flips},
};

/// The share of successful steps that is aimed at.
const TARGET: f64 = 0.2;

/// Settings of [`OnePlusOneEs`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OnePlusOneEsConfig {
    /// σ √d, the length of the first steps in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub length: f64,
    /// λ, children a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub children: usize,
    /// The distribution of z.
    pub sampler: Sampler,
}

impl Default for OnePlusOneEsConfig {
    fn default() -> Self {
        Self { length: 1.0, children: 1, sampler: Sampler::Normal }
    }
}

/// The (1+1)-ES. See the [module documentation](self) for equations.
pub type OnePlusOneEs = DirectSearch<OnePlusOneEsRule>;

/// The rule of [`OnePlusOneEs`].
pub struct OnePlusOneEsRule {
    config: OnePlusOneEsConfig,
    directions: Directions,
    /// `None` where all coordinates are real.
    flips: Option<Flips>,
    /// √(d + 1).
    damping: f64,
    /// σ √d.
    length: f64,
}

impl Rule for OnePlusOneEsRule {
    const META: Meta = Meta::new(
        "one-plus-one-es",
        Family::Random,
        "Random steps, kept if they lead down, of a length that keeps one in five successful.",
        "Rechenberg 1973; Hansen, Arnold & Auger 2015, doi:10.1007/978-3-662-43505-2_44",
    )
    .capabilities(DOWNHILL.discrete(true))
    .size("children");
    type Config = OnePlusOneEsConfig;

    fn new(config: Self::Config, space: &Space) -> Result<Self> {
        let damping = (space.dim() as f64 + 1.0).sqrt();
        let directions = Directions::new(config.sampler, space);
        Ok(Self { directions, flips: Flips::of(space, config.sampler)?, damping, length: config.length, config })
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        Self::META.capabilities.rotation(config.sampler.is_isotropic())
    }

    fn candidates(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(config.children as u64)
    }

    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch> {
        let steps: Vec<_> = (0..self.config.children).map(|i| (clock.key().member(i as u64), self.length)).collect();
        match &self.flips {
            None => Ok(self.directions.batch(x, &steps)),
            Some(flips) => flips.batch(&self.directions, x, &steps, self.length),
        }
    }

    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict> {
        let verdict = trial.if_not_higher()?;
        let ties = self.flips.is_none();
        let success = |loss: f64| loss < trial.before || (ties && loss == trial.before);
        let successes = trial.losses.iter().filter(|loss| loss.is_finite() && success(**loss)).count();
        let share = successes as f64 / trial.losses.len() as f64;
        let adapted = self.length * libm::exp((share - TARGET) / self.damping);
        let most = if trial.stochastic { 1.0 } else { 1e6 };
        self.length = adapted.clamp(1e-12 * self.config.length, most * self.config.length);
        Ok(verdict)
    }
}

persist!(OnePlusOneEsRule { length });
register!(OnePlusOneEs);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Optimizer, Stop, minimize, optimizer::Algorithm};

    fn bowl(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum()
    }

    /// The strategy of the overview in plain numbers, on the same noise.
    #[test]
    fn steps_are_those_of_the_overview() {
        let (space, key) = (Space::real(3).unwrap(), Key::new(6));
        let mut es = <OnePlusOneEs as Algorithm>::new(Default::default(), &space, key).unwrap();
        let (mut x, mut sigma) = (vec![0.0; 3], 1.0 / 3f64.sqrt());
        for t in 0..40 {
            let mut z = space.zeros().unwrap();
            Sampler::Normal.fill(key.fold(t).fold(0), &mut z).unwrap();
            let y: Vec<f64> = x.iter().zip(z.to_vec1::<f64>().unwrap()).map(|(x, z)| x + sigma * z).collect();
            let success = bowl(&y) <= bowl(&x);
            sigma *= ((if success { 1.0 } else { 0.0 } - 0.2) / 2.0f64).exp();
            x = if success { y } else { x };
            es.step(&mut Function::new(space.clone(), bowl)).unwrap();
            let got: Vec<f64> = es.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-9), "step {t}: {got:?} {x:?}");
        }
    }

    /// On the sphere the distance falls by a factor of about exp(-0.2/d) an evaluation (Rechenberg's progress coefficient, 0.202 at best).
    #[test]
    fn on_the_sphere_it_is_as_fast_as_the_theory_says() {
        let d = 20;
        let space = Space::real(d).unwrap();
        let mut sphere = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
        let mut used: Vec<f64> = (0..9)
            .map(|seed| {
                let mut es = <OnePlusOneEs as Algorithm>::new(Default::default(), &space, Key::new(seed)).unwrap();
                minimize(&mut es, &mut sphere, &Stop::evaluations(50_000).or_target(1e-9)).unwrap().tally.evaluations as f64
            })
            .collect();
        used.sort_unstable_by(f64::total_cmp);
        let rate = 0.5 * (d as f64 / 1e-9).ln() / used[4] * d as f64;
        assert!((0.14..0.21).contains(&rate), "{rate}, {used:?}");
    }
}
