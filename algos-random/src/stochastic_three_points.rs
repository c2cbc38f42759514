//! Stochastic three points: the best of where you are and one step either way along a random direction.
//!
//! ```text
//! x ← argmin { f(x), f(x + α_k s), f(x − α_k s) }          s ~ D, E‖s‖² = 1; the best over several s
//! α_k = α ((A + 1)/(A + 1 + k))^½,  A = 100
//! ```
//!
//! x, s: \[d\]. Source: Bergou, Gorbunov & Richtárik 2020, arXiv:1902.03591, where α_k = α/√(k + 1).
//! Differs from the paper: the step begins to shrink after A steps, so that one α serves short and long runs, and several directions may be
//! tried in a step. Where the length of the run is known, α_k falls by the same factor in every step, from 2 to 0.03: BBOB in 5 and 10 dimensions
//! wants a lower end, a network of 2,410 parameters a higher one. Steps never grow: once they are much shorter than the way that is left, progress is slow;
//! [`one-plus-one-es`](crate::one_plus_one_es) finds the length by itself.
//! Minima on a wall are not promised: steps are of lengths that a schedule says, and end longer than 1e-6 of a box.
//! Cost per step: 2 · directions evaluations in one round, one more when f(x) is not known; 1 number of state per parameter; d numbers of
//! scratch, the point that is taken.
//!
//! Take it when the length of the run is known, or the loss is of minibatches, so that a schedule of lengths is safer than one that adapts.
//! On a deterministic loss `one-plus-one-es` finds the length by itself.
//!
//! Tune first: `alpha`, from the way to the minimum down to the accuracy that is wanted; `directions`, half as many as can be evaluated at
//! once.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("stochastic-three-points").with("alpha", 0.1)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..200 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/stochastic-three-points.md")]

use moths_core::{
    Batch, CowTensor, Result, Sampler, Schedule, Space,
    optimizer::{
        Capabilities, Family, Meta,
        schedule::{Curve, Power},
    },
    persist,
    persist::Clock,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{DirectSearch, Directions, Rule, Trial, Verdict, direct_search::DOWNHILL};

/// Settings of [`StochasticThreePoints`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StochasticThreePointsConfig {
    /// α_k, the length of a step in search coordinates; null: falls from 2 to 0.03 over the run, and as 2/√k where nobody knows how long that is.
    #[schemars(extend("x-horizon" = Schedule::exponential(2.0, 0.03, None)))]
    pub alpha: Option<Schedule>,
    /// Directions a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub directions: usize,
    /// D, the distribution of directions.
    pub sampler: Sampler,
}

impl Default for StochasticThreePointsConfig {
    fn default() -> Self {
        Self { alpha: None, directions: 1, sampler: Sampler::Normal }
    }
}

/// α where nobody knows how long the run is.
const UNTOLD: Schedule = Schedule::Curve(Curve::Power(Power { from: 2.0, offset: Some(100.0), exponent: 0.5 }));

/// Stochastic three points. See the [module documentation](self) for equations.
pub type StochasticThreePoints = DirectSearch<ThreePoints<StochasticThreePointsConfig>>;

/// The best of a point and one step either way, of the lengths that the settings `C` say.
pub struct ThreePoints<C> {
    config: C,
    directions: Directions,
}

/// Settings of the methods that are [`ThreePoints`] with steps of their own lengths.
pub trait Lengths: Serialize + DeserializeOwned + JsonSchema + Default + Send + 'static {
    /// What the method is.
    const META: Meta;
    /// The length of step k.
    fn length(&self, k: u64) -> f64;
    /// Directions a step.
    fn directions(&self) -> usize;
    /// The distribution of directions.
    fn sampler(&self) -> Sampler;
}

impl Lengths for StochasticThreePointsConfig {
    const META: Meta = Meta::new(
        "stochastic-three-points",
        Family::Random,
        "The best of the point and one step either way along a random direction.",
        "Bergou, Gorbunov & Richtarik 2020, arXiv:1902.03591",
    )
    .capabilities(DOWNHILL)
    .size("directions");

    fn length(&self, k: u64) -> f64 {
        self.alpha.as_ref().unwrap_or(&UNTOLD).at(k)
    }

    fn directions(&self) -> usize {
        self.directions
    }

    fn sampler(&self) -> Sampler {
        self.sampler
    }
}

impl<C: Lengths> Rule for ThreePoints<C> {
    const META: Meta = C::META;
    type Config = C;

    fn new(config: C, space: &Space) -> Result<Self> {
        Ok(Self { directions: Directions::new(config.sampler(), space), config })
    }

    fn capabilities(config: &C) -> Capabilities {
        C::META.capabilities.rotation(config.sampler().is_isotropic())
    }

    fn candidates(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.directions() as u64)
    }

    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch> {
        let (key, alpha) = (clock.key(), self.config.length(clock.step));
        let either_way = |i| [alpha, -alpha].map(|length| (key.member(i as u64), length));
        let steps: Vec<_> = (0..self.config.directions()).flat_map(either_way).collect();
        Ok(self.directions.batch(x, &steps))
    }

    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict> {
        trial.if_lower()
    }
}

persist!([C: Lengths] ThreePoints<C> {});
register!(StochasticThreePoints);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Key, Optimizer, optimizer::Algorithm};

    fn bowl(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum()
    }

    /// The rule of the paper in plain numbers, on the same directions.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (space, key) = (Space::real(3).unwrap(), Key::new(6));
        let config = StochasticThreePointsConfig { alpha: Some(Schedule::power(0.8, 0.0, 0.5)), ..Default::default() };
        let mut search = <StochasticThreePoints as Algorithm>::new(config, &space, key).unwrap();
        let mut x = vec![0.0; 3];
        for k in 0..20 {
            let mut s = space.zeros().unwrap();
            Sampler::Normal.fill(key.fold(k).fold(0), &mut s).unwrap();
            let s: Vec<f64> = s.to_vec1().unwrap();
            let alpha = 0.8 / (k as f64 + 1.0).sqrt() / 3f64.sqrt();
            let moved = |sign: f64| -> Vec<f64> { x.iter().zip(&s).map(|(x, s)| x + sign * alpha * s).collect() };
            let three = [x.clone(), moved(1.0), moved(-1.0)];
            x = three.into_iter().min_by(|a, b| bowl(a).total_cmp(&bowl(b))).unwrap();
            search.step(&mut Function::new(space.clone(), bowl)).unwrap();
            let got: Vec<f64> = search.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "step {k}: {got:?} {x:?}");
        }
    }
}
