//! Simultaneous perturbation stochastic approximation: a gradient from two evaluations, whatever the dimension.
//!
//! ```text
//! ĝ = (f(x + c Δ) − f(x − c Δ)) / (2 c) · Δ⁻¹          Δ ∈ {−1, +1}ᵈ, so that Δ⁻¹ = Δ; the mean over `pairs`
//! x ← descent(x, ĝ)
//! c_k = c / (k + 1)^γ,  a_k = a ((A + 1) / (A + k + 1))^α,  γ = 0.101, α = 0.602
//! ```
//!
//! Calibration (Spall 1998, section III.B: choose a so that the first steps have a wanted size): ĝ is divided by the median
//! of |f(x + c Δ) − f(x − c Δ)| / (2 c) over the pairs of the first step, at least `calibration` of them, so that its elements begin near
//! ±1 and a is the length of the first step in every search coordinate, whatever the unit of the loss. Should slopes ever be 1e-12 of that,
//! the first step was no measure (a simulator that blew up), and the unit is taken anew.
//!
//! x, Δ, ĝ: \[d\]. Source: Spall 1992, doi:10.1109/9.119632; gain sequences of Spall 1998, doi:10.1109/7.705889.
//! Differs from the paper: several pairs may be averaged, any descent takes the place of plain gradient descent, and a pair with a
//! candidate that failed counts for nothing.
//! With the default gains it can leave the valley where slopes grow steeply (Rosenbrock): there, lower the rate, or wrap it in `undo`.
//! Cost per step: 2 · pairs evaluations in one round, 2 · calibration in the first; no state of size d beside the point and the descent's.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("spsa").with("pairs", 2)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```

use moths_core::{
    Antithetic, Capabilities, Clock, CowTensor, Descend, Descent, Draws, Estimate, Estimator, Family, Key, Meta, NamedEstimator,
    Objective, Result, Sampler, Schedule, Space, Spec, persist, register, settings,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Settings of [`Spsa`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SpsaConfig {
    /// c_k, the length of the perturbation in every search coordinate.
    pub c: Schedule,
    /// Pairs of candidates a step, averaged.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// Pairs of the first step, from which the unit of the loss is taken; 0: the gradient stays in that unit.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub calibration: usize,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: Draws,
}

impl Default for SpsaConfig {
    fn default() -> Self {
        Self { c: Schedule::power(0.1, 0.0, 0.101), pairs: 1, calibration: 10, draws: Draws::Shared }
    }
}

/// SPSA as an optimizer. See the [module documentation](self) for equations.
pub type Spsa = Descend<SpsaEstimator, Box<dyn Descent>>;

/// The two-point gradient estimate of SPSA.
pub struct SpsaEstimator {
    config: SpsaConfig,
    space: Space,
    clock: Clock,
    /// What gradients are divided by; 0 until it is calibrated.
    unit: f64,
}

impl NamedEstimator for SpsaEstimator {
    const META: Meta = Meta {
        id: "spsa",
        family: Family::Random,
        summary: "A gradient from two evaluations along one random direction of signs, whatever the dimension.",
        citation: "Spall 1992, doi:10.1109/9.119632",
        capabilities: Capabilities {
            seeds_only: true,
            translation: true,
            beats_random: true,
            state_per_parameter: 0.0,
            ..Capabilities::NONE
        },
    };
    type Config = SpsaConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let unit = if config.calibration == 0 { 1.0 } else { 0.0 };
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), unit })
    }

    fn default_descent() -> Spec {
        let rate = json!({ "power": { "from": 0.05, "offset": 100.0, "exponent": 0.602 } });
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), rate)].into_iter().collect() }
    }
}

impl Estimator for SpsaEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        let calibrated = self.unit > 0.0;
        let pairs = Antithetic {
            key: self.clock.key(),
            pairs: if calibrated { self.config.pairs } else { self.config.pairs.max(self.config.calibration) },
            scale: self.config.c.at(self.clock.step),
            sampler: Sampler::Rademacher,
            draws: self.config.draws,
        };
        let losses = objective.losses(&pairs.batch(at, &self.space))?;
        let unit = self.unit_after(&losses, pairs.scale);
        // Nothing can be said of a flat start, or of one where every pair failed: the next step calibrates.
        let gradient = if unit > 0.0 {
            let values: Vec<f64> = losses.iter().map(|loss| loss / unit).collect();
            pairs.combine(&values, &self.space)?
        } else {
            None
        };
        self.unit = unit;
        self.clock.tick();
        Ok(Estimate { loss: losses.lowest(), gradient, evaluations: losses.len() as u64 })
    }
}

impl SpsaEstimator {
    fn unit_after(&self, losses: &[f64], c: f64) -> f64 {
        if self.config.calibration == 0 {
            return 1.0;
        }
        let slope = median_slope(losses, c);
        let no_measure = slope > 0.0 && slope < 1e-12 * self.unit;
        if self.unit == 0.0 || no_measure { slope } else { self.unit }
    }
}

/// The median of |f₊ − f₋| / (2 c) over the pairs that did not fail; 0 when all did.
fn median_slope(losses: &[f64], c: f64) -> f64 {
    let mut slopes: Vec<f64> = losses.chunks(2).map(|f| (f[0] - f[1]).abs() / (2.0 * c)).filter(|s| s.is_finite()).collect();
    slopes.sort_unstable_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied().unwrap_or(0.0)
}

persist!(SpsaEstimator { clock, unit });
register!(Spsa);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{CowTensor, Function, kernel};

    kernel! { fn signs(x: out, z: sign) { x = z; } }

    fn estimator(config: SpsaConfig, space: &Space) -> SpsaEstimator {
        SpsaEstimator::new(config, space, Key::new(7)).unwrap()
    }

    fn cubic(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i + 1) as f64 * x * x + x * x * x).sum()
    }

    /// The formula of the paper, one pair at a time, on the same signs.
    #[test]
    fn one_estimate_is_that_of_the_paper() {
        let space = Space::real(5).unwrap();
        let at: CowTensor = candle_core::Tensor::new(&[0.3, -0.2, 1.0, 0.0, 2.0], space.device()).unwrap().into();
        let config = SpsaConfig { c: 0.25.into(), pairs: 3, calibration: 0, ..SpsaConfig::default() };
        let mut objective = Function::new(space.clone(), cubic);
        let estimate = estimator(config, &space).estimate(&at, &mut objective).unwrap();
        let x: Vec<f64> = at.to_vec1().unwrap();
        let mut expected = vec![0.0; 5];
        for pair in 0..3 {
            let mut delta = space.zeros().unwrap();
            signs(&mut delta, Key::new(7).fold(0).fold(pair)).unwrap();
            let delta: Vec<f64> = delta.to_vec1().unwrap();
            let moved = |c: f64| -> Vec<f64> { x.iter().zip(&delta).map(|(x, d)| x + c * d).collect() };
            let slope = (cubic(&moved(0.25)) - cubic(&moved(-0.25))) / 0.5;
            expected.iter_mut().zip(&delta).for_each(|(g, d)| *g += slope / d / 3.0);
        }
        let got: Vec<f64> = estimate.gradient.unwrap().to_vec1().unwrap();
        assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12 * b.abs().max(1.0)), "{got:?} {expected:?}");
        assert_eq!(estimate.evaluations, 6);
    }

    #[test]
    fn calibration_takes_the_unit_of_the_loss_away() {
        let space = Space::real(5).unwrap();
        let at: CowTensor = candle_core::Tensor::new(&[0.3, -0.2, 1.0, 0.0, 2.0], space.device()).unwrap().into();
        let run = |unit: f64| -> Vec<Vec<f64>> {
            let mut objective = Function::new(space.clone(), |x| unit * cubic(x));
            let mut spsa = estimator(SpsaConfig::default(), &space);
            (0..3).map(|_| spsa.estimate(&at, &mut objective).unwrap().gradient.unwrap().to_vec1().unwrap()).collect()
        };
        // A power of two changes no mantissa.
        assert_eq!(run(1.0), run(1024.0));
    }

    #[test]
    fn a_pair_with_a_failed_candidate_counts_for_nothing_and_a_flat_start_is_no_step() {
        let space = Space::real(2).unwrap();
        let at = space.zeros().unwrap();
        let mut failing = Function::new(space.clone(), |x| if x[0] > 0.0 { f64::NAN } else { x[1] });
        assert!(estimator(SpsaConfig::default(), &space).estimate(&at, &mut failing).unwrap().gradient.is_none());
        let mut flat = Function::new(space.clone(), |_| 1.0);
        assert!(estimator(SpsaConfig::default(), &space).estimate(&at, &mut flat).unwrap().gradient.is_none());
    }
}
