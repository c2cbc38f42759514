//! SubZero: gradient descent from two evaluations, each matrix searched in a random subspace that stays for many steps.
//!
//! ```text
//! z_k = √(m n) / r · U Z_k Vᵀ          of every matrix [m, n] of the model; Z_k: [r, r] ~ N(0, 1) in each step
//! U: [m, r], V: [n, r]                 with orthonormal columns, the Q of normal matrices; new in every `interval` steps
//! p_k = (f(x + c z_k) − f(x − c z_k)) / (2 c)          k = 1..pairs
//! ĝ   = mean over `pairs` of p̂_k z_k                   p̂_k = p_k in units of the first slopes, clipped
//! x   ← descent(x, ĝ)                                  x − η ĝ by default
//! ```
//!
//! x, z_k, ĝ: \[d\]; elements of z have variance 1, over U, V and Z. Leaves that are no matrices, and matrices with no more rows or columns than
//! r, have normal noise. While U and V stay, a matrix is searched by r² numbers in place of m n, so that a slope along z says more of each.
//!
//! Source: Yu et al. 2024, arXiv:2410.08989.
//! Differs from the paper: p is divided by the unit of `calibration` and limited to `clip` of it, and c falls with the step (see
//! [`mezo`](crate::mezo)); any descent takes the place of plain gradient descent; leaves of more than two
//! dimensions are matrices \[first, all others\]. Gains are those of noise of variance 1 for matrices of all sizes: those of U Z Vᵀ as it stands, ε
//! and η', are c = ε r / √(m n) and η = η' r² / (m n) here. In units of the parameters of language models, which deviate by about 0.02, an ε of
//! 1e-3 and a η of 1e-6 for noise of variance 1 are c = 1e-3 / 0.02 = 0.05 and η = 1e-6 / 0.02² = 0.0025, as in `mezo`, with
//! `calibration: "paper"`, which is neither unit nor limit.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round, 2 · max(pairs, calibration) in the first; no state of size d beside the point and
//! the descent's; scratch of r (m + n) numbers for a matrix, which stay for the interval, and r m for a matrix and pair, and d with
//! `clip-up`. An element of noise is r multiplications; new bases are 4 r² (m + n) for a matrix.
//!
//! Take it when a model of large matrices is tuned in the memory that evaluating it takes. Of small ones, r² is not much less than m n: take
//! `mezo`, or `lozo`, which draws one of the two sides in each step.
//!
//! Tune first: `descent.rate`, lower where the loss rises; `c`, large enough that losses differ by more than their noise; `interval`, shorter
//! where the loss stands still long before bases are drawn anew; `rank`.
//!
//! ```
//! use moths_core::{Function, Key, Leaf, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::new(vec![Leaf::real("weight", [5, 4])])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("subzero").with("rank", 2)?.with("interval", 20)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..1000 {
//!     optimizer.step(&mut objective)?;
//! }
//! assert!(optimizer.step(&mut objective)?.loss < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/subzero.md")]

use moths_core::{
    CowTensor, Key, Objective, Result, Sampler, Schedule, Space, Spec,
    optimizer::{Capabilities, DataDraws, Descent, Estimate, Estimator, Family, GradientDescent, Meta, NamedEstimator, settings},
    persist, register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    lazy::{Lazy, LazySettings},
    slopes::Calibration,
};

/// Settings of [`Subzero`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SubzeroConfig {
    /// c, the length of the perturbation in every search coordinate.
    pub c: Schedule,
    /// Pairs of candidates a step, averaged.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// r, the columns of both bases of a matrix.
    #[schemars(range(min = 1, max = 1000))]
    pub rank: usize,
    /// After how many steps the bases are drawn anew.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub interval: u64,
    /// Pairs of the first step, from which the unit of slopes is taken; 0: they stay in that of the loss; `"paper"`: also no clipping.
    pub calibration: Calibration,
    /// The steepest slope a pair may have, in that unit; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub clip: f64,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for SubzeroConfig {
    fn default() -> Self {
        Self {
            c: Schedule::power(0.05, 100.0, 0.5),
            pairs: 1,
            rank: 24,
            interval: 1000,
            calibration: 10.into(),
            clip: 0.25,
            draws: DataDraws::Shared,
        }
    }
}

/// SubZero as an optimizer. See the [module documentation](self) for equations.
pub type Subzero = GradientDescent<SubzeroEstimator, Box<dyn Descent>>;

/// The gradient estimate of SubZero.
pub struct SubzeroEstimator {
    lazy: Lazy,
}

impl NamedEstimator for SubzeroEstimator {
    const META: Meta = Meta::new(
        "subzero",
        Family::Random,
        "A gradient from two evaluations in a random subspace of every matrix, which stays for many steps. Only seeds are held.",
        "Yu et al. 2024, arXiv:2410.08989",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).in_place(true).translation(true).beats_random(true).state_per_parameter(0.0),
    )
    .size("pairs");
    type Config = SubzeroConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let unit = config.calibration.unit(config.clip);
        let SubzeroConfig { c, pairs, rank, interval, draws, .. } = config;
        let settings = LazySettings { sampler: Sampler::Subspace { rank }, c, pairs, interval, momentum: 0.0, draws };
        Ok(Self { lazy: Lazy::new(settings, unit, space, key) })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.pairs as u64)
    }

    fn default_descent() -> Spec {
        let rate = json!({ "power": { "from": 0.1, "offset": 1000.0, "exponent": 0.602 } });
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), rate)].into_iter().collect() }
    }
}

impl Estimator for SubzeroEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        self.lazy.estimate(at, objective)
    }
}

persist!(SubzeroEstimator { lazy });
register!(Subzero);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Leaf, Optimizer, optimizer::Algorithm};

    const M: usize = 6;
    const N: usize = 5;

    fn space() -> Space {
        Space::with_dtype(vec![Leaf::real("w", [M, N]), Leaf::real("b", [2])], candle_core::DType::F64).unwrap()
    }

    fn cubic(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i % 5 + 1) as f64 * x * x + x * x * x - x).sum()
    }

    fn noise(step: u64, interval: u64) -> Vec<f64> {
        let (key, mut z) = (Key::new(6), space().zeros().unwrap());
        let shared = key.fold(step / interval * interval).fold(u64::MAX);
        Sampler::Subspace { rank: 2 }.over(&space()).sharing(shared).fill(key.fold(step).member(0), &mut z).unwrap();
        z.to_vec1().unwrap()
    }

    /// The paper's steps on the same noise; one of them fails, and is none.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (rate, interval, c) = (0.01, 3, 0.2);
        let estimator =
            SubzeroConfig { c: c.into(), rank: 2, interval, calibration: Calibration::PAPER, ..SubzeroConfig::default() };
        let descent = Spec::new("sgd").with("rate", rate).unwrap();
        let settings = moths_core::optimizer::GradientDescentConfig { estimator, descent };
        let mut subzero = <Subzero as Algorithm>::new(settings, &space(), Key::new(6)).unwrap();
        let mut x = vec![0.0; M * N + 2];
        for step in 0..8 {
            let failing = step == 4;
            let z = noise(step, interval);
            let at = |c: f64| cubic(&x.iter().zip(&z).map(|(x, z)| x + c * z).collect::<Vec<_>>());
            let p = (at(c) - at(-c)) / (2.0 * c);
            if !failing {
                x.iter_mut().zip(&z).for_each(|(x, z)| *x -= rate * p * z);
            }
            let loss = move |x: &[f64]| if failing { f64::NAN } else { cubic(x) };
            assert_eq!(subzero.step(&mut Function::new(space(), loss)).unwrap().evaluations, 2);
            let got: Vec<f64> = subzero.answer().unwrap().to_vec1().unwrap();
            assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{step}: {got:?} {x:?}");
        }
    }

    /// Within an interval all noise of the matrix is made of r² = 4 matrices, so that the fifth follows from four; the next interval's does not.
    #[test]
    fn an_interval_searches_few_numbers_of_a_matrix() {
        let left = |steps: [u64; 5]| {
            let mut basis: Vec<Vec<f64>> = vec![];
            let mut left = 0.0;
            for step in steps {
                let mut z = noise(step, 10)[..M * N].to_vec();
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                let whole = dot(&z, &z).sqrt();
                for _ in 0..2 {
                    for other in &basis {
                        let along = dot(&z, other);
                        z.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
                    }
                }
                let length = dot(&z, &z).sqrt();
                left = length / whole;
                basis.push(z.into_iter().map(|x| x / length).collect());
            }
            left
        };
        assert!(left([0, 1, 2, 3, 9]) < 1e-12 && left([0, 1, 2, 3, 10]) > 1e-2);
    }
}
