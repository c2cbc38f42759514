//! Finite differences along coordinates: the gradient, as exactly as losses give it, for 2 d evaluations; or a block of it.
//!
//! ```text
//! ĝ_i = (f(x + c e_i) − f(x − c e_i)) / (2 c)          for i in S, and 0 for all others; S: `coordinates` of 1..d, drawn anew in every step
//! x ← descent(x, ĝ)
//! c_k = c / (k + 1)^γ
//! ```
//!
//! x, ĝ: \[d\]. With d up to `coordinates` (200 by default) S is all of them, in a random order, and ĝ is the whole gradient; with
//! more it is a random block. ĝ is in units of the median |ĝ_i| of the first step, and its elements are kept in \[−clip, clip\] of
//! them, far out by default: a guard against a simulator that blows up, no part of the method. An element with a candidate that
//! failed is 0.
//!
//! Source: Kiefer & Wolfowitz 1952, doi:10.1214/aoms/1177729392, for one dimension; Blum 1954, doi:10.1214/aoms/1177728659, for several.
//! Differs from the paper: any descent, by default Adam, takes the place of gains a_k = a/k, and random blocks of
//! coordinates keep a step affordable where there are many.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · min(d, coordinates) evaluations, in as many rounds as it takes to hold no more than some four million numbers of
//! candidates at once, or one candidate (f64, and once more in the dtype of the space where that is f32); no state of size d beside the
//! point and the descent's; beside these candidates some 4 d numbers of scratch.
//!
//! Take it when there are some hundreds of parameters at most, the loss is smooth and has little noise, and a step may cost 2 d
//! evaluations; `spsa` takes two, whatever d, and `forward-differences` half.
//!
//! Tune first: `c`, as small as rounding and noise of the loss allow; `descent.rate`; `coordinates`, fewer for more but less exact steps.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("fdsa"), &space, Key::new(1))?;
//! for _ in 0..100 {
//!     assert_eq!(optimizer.step(&mut objective)?.evaluations, 8);
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.01);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/fdsa.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Result, Schedule, Space, Spec,
    noise::Gradient,
    optimizer::{Capabilities, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator, settings},
    persist,
    persist::Clock,
    register,
    tensor::host,
};
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::slopes::{self, Unit};

/// Settings of [`Fdsa`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FdsaConfig {
    /// c_k, how far a coordinate is moved.
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

impl Default for FdsaConfig {
    fn default() -> Self {
        Self { c: Schedule::power(0.1, 0.0, 0.101), coordinates: 200, calibrate: true, clip: 1000.0 }
    }
}

/// FDSA as an optimizer. See the [module documentation](self) for equations.
pub type Fdsa = GradientDescent<FdsaEstimator, Box<dyn Descent>>;

/// Central differences along every coordinate.
pub type FdsaEstimator = DifferencesEstimator<true>;

/// Differences along every coordinate: central or forward.
pub struct DifferencesEstimator<const CENTRAL: bool> {
    differences: Differences,
}

impl<const CENTRAL: bool> NamedEstimator for DifferencesEstimator<CENTRAL> {
    const META: Meta = Meta::new(
        "fdsa",
        Family::Random,
        "The gradient by central differences along coordinates: exact, and 2 d evaluations.",
        "Kiefer & Wolfowitz 1952, doi:10.1214/aoms/1177729392",
    )
    .capabilities(Capabilities::NONE.translation(true).beats_random(true).state_per_parameter(0.0));
    type Config = FdsaConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let unit = Unit::new(usize::from(config.calibrate), config.clip);
        Ok(Self { differences: Differences { config, central: CENTRAL, space: space.clone(), clock: Clock::new(key), unit } })
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space) -> Option<u64> {
        let coordinates = config.coordinates.min(space.dim()) as u64;
        Some(if CENTRAL { 2 * coordinates } else { coordinates + 1 })
    }

    fn default_descent() -> Spec {
        Spec::new("adamw")
    }
}

impl<const CENTRAL: bool> Estimator for DifferencesEstimator<CENTRAL> {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        self.differences.estimate(at, objective)
    }
}

/// How many numbers of candidates there are at once.
const HELD: usize = 1 << 22;

/// What the two have in common.
struct Differences {
    config: FdsaConfig,
    central: bool,
    space: Space,
    clock: Clock,
    unit: Unit,
}

impl Differences {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let c = self.config.c.at(self.clock.step);
        let x = host::to_f64s(at)?;
        let mut losses = if self.central { vec![] } else { objective.losses(&Batch::one(at)?)?.to_vec() };
        let ways: &[f64] = if self.central { &[1.0, -1.0] } else { &[1.0] };
        let chosen = self.coordinates(x.len());
        let moves: Vec<(usize, f64)> = chosen.iter().flat_map(|&i| ways.iter().map(move |way| (i, way * c))).collect();
        for moves in moves.chunks((HELD / x.len()).max(1)) {
            losses.extend_from_slice(&objective.losses(&self.moved(&x, moves)?)?);
        }
        let slopes = if self.central { slopes::of_pairs(&losses, c) } else { slopes::one_sided(&losses, c) };
        let unit = self.unit.after(&slopes);
        let gradient = self.gradient(&chosen, &slopes, &unit)?;
        self.unit = unit;
        self.clock.tick();
        let loss = losses.iter().copied().fold(f64::INFINITY, f64::min);
        Ok(Estimate::new(loss, gradient.map(Gradient::from), losses.len() as u64))
    }

    /// S.
    fn coordinates(&self, d: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..d).collect();
        let (chosen, _) = all.partial_shuffle(&mut self.clock.key().stream(), self.config.coordinates.min(d));
        chosen.to_vec()
    }

    /// One candidate for every (i, by): x with `by` added to coordinate i.
    fn moved(&self, x: &[f64], moves: &[(usize, f64)]) -> Result<Batch> {
        let mut rows = x.repeat(moves.len());
        rows.chunks_mut(x.len()).zip(moves).for_each(|(row, (i, by))| row[*i] += by);
        Ok(Batch::Dense(self.tensor(rows, (moves.len(), x.len()))?))
    }

    /// ĝ from the slopes along the coordinates; `None` when all failed.
    fn gradient(&self, along: &[usize], slopes: &[f64], unit: &Unit) -> Result<Option<CowTensor>> {
        let shaped: Vec<f64> = slopes.iter().map(|slope| unit.of(*slope)).collect();
        if shaped.iter().all(|slope| !slope.is_finite()) {
            return Ok(None);
        }
        let mut elements = vec![0.0; self.space.dim()];
        let valid = along.iter().zip(shaped).filter(|(_, slope)| slope.is_finite());
        valid.for_each(|(i, slope)| elements[*i] = slope);
        let d = elements.len();
        Ok(Some(self.tensor(elements, d)?))
    }

    fn tensor(&self, values: Vec<f64>, shape: impl Into<candle_core::Shape>) -> Result<CowTensor> {
        Ok(self.space.numbers(values, shape.into())?.into())
    }
}

persist!(Differences { clock, unit });
persist!([const CENTRAL: bool] DifferencesEstimator<CENTRAL> { differences });
register!(Fdsa);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::Function;

    /// Central differences are exact for quadratics, and for cubics off by c² times their third derivative / 6.
    #[test]
    fn one_estimate_is_that_of_the_paper() {
        let space = Space::real(3).unwrap();
        let at: CowTensor = candle_core::Tensor::new(&[0.5, -1.0, 2.0], space.device()).unwrap().into();
        let mut objective = Function::new(space.clone(), |x| x[0] * x[1] + 3.0 * x[1] * x[1] + x[2].powi(3));
        let config = FdsaConfig { c: 0.25.into(), calibrate: false, clip: 0.0, ..FdsaConfig::default() };
        let estimate = FdsaEstimator::new(config, &space, Key::new(1)).unwrap().estimate(&at, &mut objective).unwrap();
        let got: Vec<f64> = estimate.gradient.unwrap().dense().unwrap().to_vec1().unwrap();
        let expected = [-1.0, 0.5 - 6.0, 12.0 + 0.0625];
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
        assert_eq!(estimate.evaluations, 6);
    }

    #[test]
    fn an_element_with_a_failed_candidate_is_zero() {
        let space = Space::real(2).unwrap();
        let mut objective = Function::new(space.clone(), |x| if x[0] > 0.0 { f64::NAN } else { 3.0 * x[1] });
        let mut fdsa = FdsaEstimator::new(FdsaConfig::default(), &space, Key::new(1)).unwrap();
        let estimate = fdsa.estimate(&space.start(), &mut objective).unwrap();
        let got: Vec<f64> = estimate.gradient.unwrap().dense().unwrap().to_vec1().unwrap();
        assert!(got[0] == 0.0 && (got[1] - 1.0).abs() < 1e-12, "{got:?}");
    }
}
