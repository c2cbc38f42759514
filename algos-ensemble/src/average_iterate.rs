//! Answers with an average of another optimizer's answers, which is left alone.
//!
//! ```text
//! x_t = the wrapped optimizer's answer after its step t, from the first that counts on: t = 1, 2, ..
//! x̄_t = x̄_{t−1} + w_t (x_t − x̄_{t−1})
//! polyak   w_t = 1 / t                         the mean of all
//! ema      w_t = (1 − β) / (1 − βᵗ)            weights βᵗ⁻ⁱ, which sum to 1 from the first on: x̄_1 = x_1
//! ```
//!
//! x, x̄: \[d\]. β: `decay`. Where steps swing about their way, by noise or by a high rate, their average does not, and it costs no
//! evaluation. It is never evaluated, though, and nothing says that it is better than the answers it is made of: in a curved valley it lies
//! on the slope. With `polyak` the first `from` steps do not count, and are answered by x_t itself; after `move_to` all begins anew.
//!
//! An average of integers and flags is taken in search coordinates, and rounded when it is decoded: between levels 1 and 3 it is 2, for which
//! nobody has asked; of equal levels it is that level. `converged` is not handed on: when the wrapped optimizer is done, the average is still on
//! its way to where it stands.
//! Source: Polyak & Juditsky 1992, doi:10.1137/0330046; the correction of the exponential average is that of Adam (Kingma & Ba 2015,
//! arXiv:1412.6980).
//! Cost per step: the wrapped step; 1 number of state per parameter more; scratch of the wrapped step, of a copy of the state it overwrites,
//! and 1 number per parameter.
//!
//! Measured as in `opposite`, around `spsa` with steps of one length (`sign`, 0.1): alone 5.5, 10, 1.2, 11; β = 0.95, the default, 5.5, 5.5,
//! 0.47, 5.8; β = 0.99 5.5, 2.9, 0.25, 2.8; `polyak` 5.5, 0.43, 0.03, 0.3. What makes progress all the time, as `open-es`, is held back by long
//! averages.
//!
//! Take it when losses are noisy and what is deployed at the end counts: around descents on minibatches. Where the search itself should
//! go on from the average, take `lookahead`.
//!
//! Tune first: `decay`, of which 1 / (1 − β) is the number of steps averaged over; the rate of `inner`, which may be higher and need
//! not fall.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(4)?;
//! let f = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! // Steps of one length never come to rest.
//! let swinging: Spec = r#"{"name": "spsa", "descent": {"name": "sign", "rate": 0.1}}"#.parse()?;
//! let mut optimizer = registry::build(&swinging, &space, Key::new(1))?;
//! let mut averaged = registry::build(&Spec::new("average-iterate").with("inner", serde_json::json!(swinging))?, &space, Key::new(1))?;
//! for _ in 0..500 {
//!     optimizer.step(&mut Function::new(space.clone(), f))?;
//!     averaged.step(&mut Function::new(space.clone(), f))?;
//! }
//! let loss = |x: moths_core::CowTensor| Ok::<_, moths_core::Error>(f(&x.to_vec1::<f64>()?));
//! assert!(loss(averaged.answer()?)? < loss(optimizer.answer()?)?);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/average-iterate.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec, kernel,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::atomically,
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How answers are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Average {
    /// All alike.
    Polyak,
    /// The late ones more.
    Ema,
}

/// Settings of [`AverageIterate`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AverageIterateConfig {
    /// The optimizer whose answers are averaged.
    pub inner: Spec,
    /// How they are averaged.
    pub average: Average,
    /// With polyak: steps at the beginning that do not count.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub from: u64,
    /// With ema: β, how much of the average stays in a step.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub decay: f64,
}

impl Default for AverageIterateConfig {
    fn default() -> Self {
        Self { inner: Spec::new("spsa"), average: Average::Ema, from: 0, decay: 0.95 }
    }
}

/// Answers with an average of another optimizer's answers. See the [module documentation](self).
pub struct AverageIterate {
    inner: Box<dyn Optimizer>,
    average: Average,
    from: u64,
    decay: f64,
    /// x̄.
    mean: CowTensor,
    /// Steps since it began.
    steps: u64,
}

kernel! { fn mix(mean: out, old: mat, x: mat, weight: num) {
    mean = old + weight * (x - old);
} }

impl Algorithm for AverageIterate {
    const META: Meta = Meta::new(
        "average-iterate",
        Family::Ensemble,
        "The average of the wrapped optimizer's answers, which it does not disturb: Polyak's, or an exponential one.",
        "Polyak & Juditsky 1992, doi:10.1137/0330046",
    )
    .capabilities(Capabilities::NONE.beats_random(true).state_per_parameter(2.0));
    type Config = AverageIterateConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Self::around(registry::build_part("inner", &config.inner, space, key)?, &config)
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = registry::capabilities(&config.inner)?;
        let kept = inner.state_per_parameter + 1.0;
        // It lags: behind the best, behind what is done, and off the walls. Of all that is left behind, polyak's mean keeps a share for ever.
        Ok(inner
            .monotone(false)
            .discrete(false)
            .converges(false)
            .escapes(false)
            .at_walls(false)
            .beats_random(inner.beats_random && config.average == Average::Ema)
            .state_per_parameter(kept))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        registry::evaluations_per_step_of_part("inner", &config.inner, space, stochastic)
    }
}

impl AverageIterate {
    fn around(inner: Box<dyn Optimizer>, config: &AverageIterateConfig) -> Result<Self> {
        let &AverageIterateConfig { average, from, decay, .. } = config;
        Ok(Self { mean: inner.answer()?, inner, average, from, decay, steps: 0 })
    }

    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let report = self.inner.step(objective)?;
        self.steps += 1;
        let (x, weight) = (self.inner.answer()?, self.weight());
        if weight == 1.0 {
            self.mean = x;
        } else {
            let mut mean = objective.space().zeros()?;
            mix(&mut mean, &self.mean, &x, weight)?;
            self.mean = mean;
        }
        Ok(report.converged(None))
    }

    /// w_t.
    fn weight(&self) -> f64 {
        match self.average {
            Average::Polyak => 1.0 / self.steps.saturating_sub(self.from).max(1) as f64,
            Average::Ema => (1.0 - self.decay) / (1.0 - libm::pow(self.decay, self.steps as f64)),
        }
    }
}

impl Optimizer for AverageIterate {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.mean.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)?;
        (self.mean, self.steps) = (self.inner.answer()?, 0);
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.inner.suggest(points)
    }
}

persist!(AverageIterate { inner, mean, steps });
register!(AverageIterate);
