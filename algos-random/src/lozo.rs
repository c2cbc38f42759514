//! LOZO: gradient descent from two evaluations, along perturbations of low rank whose row space stays for some steps.
//!
//! ```text
//! z_k = U_k Vᵀ / √r            of every matrix [m, n] of the model; U_k: [m, r] new in each step, V: [n, r] in every `interval` steps
//! p_k = (f(x + c z_k) − f(x − c z_k)) / (2 c)          k = 1..pairs
//! g   = mean over `pairs` of p̂_k z_k                   p̂_k = p_k in units of the first slopes, clipped
//! ĝ   ← β ĝ + (1 − β) g                                β: `momentum`; ĝ = 0 where V is new
//! x   ← descent(x, ĝ)                                  x − η ĝ by default
//! ```
//!
//! x, z_k, ĝ: \[d\]; elements of U and V are N(0, 1), so that those of z have variance 1. Leaves that are no matrices, and matrices with no more
//! rows or columns than r, have normal noise. While V stays, x moves in the matrices U Vᵀ alone: a search of m r numbers in place of m n. What
//! is held of ĝ are seeds and weights, β^(t − s) (1 − β) p̂ for each pair of the steps s of the interval, never a tensor.
//!
//! Source: Chen et al. 2024, arXiv:2410.07698 (LOZO; with β = 0.9 it is LOZO-M).
//! Differs from the paper: p is divided by the unit of `calibration` and limited to `clip` of it, and c falls with the step (see
//! [`mezo`](crate::mezo)); any descent takes the place of plain gradient descent; the momentum is that of all leaves, and it is dropped where V is
//! drawn anew, where the paper projects it on the new V: of two random V, n × r, the projection keeps about r/n of its square, so that
//! there is little between the two. The paper perturbs by ε U Vᵀ and moves by η p U Vᵀ / r; with z = U Vᵀ / √r that is c = ε √r and η as it
//! stands. Its ε = 1e-3 and η = 1e-6 are in units of the parameters of language models, which deviate by about 0.02; one unit of a search
//! coordinate is such a deviation, so that c = 1e-3 · √2 / 0.02 = 0.07 and η = 1e-6 / 0.02² = 0.0025 here, with `calibration: "paper"`, which is
//! neither unit nor limit.
//! Minima on a wall are not promised: nothing nearer to it than the length of a perturbation is resolved.
//! Cost per step: 2 · pairs evaluations in one round, 2 · max(pairs, calibration) in the first; no state of size d beside the point and
//! the descent's; scratch of r (m + n) numbers for a matrix and pair, and d with `clip-up`. With momentum, noise of as many steps is drawn
//! again as the interval has seen, or as β leaves a millionth of: 132 of 0.9; its scratch likewise.
//!
//! Take it when a model of matrices is tuned in the memory that evaluating it takes, and its gradients are of low rank, as those of language
//! models are said to be. Otherwise take `mezo`, which perturbs everything; `subzero` keeps both sides of a matrix for a while.
//!
//! Tune first: `descent.rate`, lower where the loss rises; `c`, large enough that losses differ by more than their noise; `interval`, shorter
//! where the loss stands still long before V is drawn anew.
//!
//! ```
//! use moths_core::{Function, Key, Leaf, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::new(vec![Leaf::real("weight", [5, 4])])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&Spec::new("lozo").with("interval", 20)?, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..1000 {
//!     optimizer.step(&mut objective)?;
//! }
//! assert!(optimizer.step(&mut objective)?.loss < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/lozo.md")]

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

/// Settings of [`Lozo`], beside its `descent`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LozoConfig {
    /// c, the length of the perturbation in every search coordinate (ε √r of the paper).
    pub c: Schedule,
    /// Pairs of candidates a step, averaged.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
    /// r, the rank of the perturbation of a matrix.
    #[schemars(range(min = 1, max = 1000))]
    pub rank: usize,
    /// After how many steps V is drawn anew (ν of the paper).
    #[schemars(range(min = 1, max = 1_000_000))]
    pub interval: u64,
    /// β, how much of the gradient stays for the next step; 0: nothing.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub momentum: f64,
    /// Pairs of the first step, from which the unit of slopes is taken; 0: they stay in that of the loss; `"paper"`: also no clipping.
    pub calibration: Calibration,
    /// The steepest slope a pair may have, in that unit; 0: any.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub clip: f64,
    /// Which candidates of a step see the same data of a stochastic objective.
    pub draws: DataDraws,
}

impl Default for LozoConfig {
    fn default() -> Self {
        Self {
            c: Schedule::power(0.07, 100.0, 0.5),
            pairs: 1,
            rank: 2,
            interval: 50,
            momentum: 0.0,
            calibration: 10.into(),
            clip: 0.25,
            draws: DataDraws::Shared,
        }
    }
}

/// LOZO as an optimizer. See the [module documentation](self) for equations.
pub type Lozo = GradientDescent<LozoEstimator, Box<dyn Descent>>;

/// The gradient estimate of LOZO.
pub struct LozoEstimator {
    lazy: Lazy,
}

impl NamedEstimator for LozoEstimator {
    const META: Meta = Meta::new(
        "lozo",
        Family::Random,
        "A gradient from two evaluations along noise of low rank, whose row space stays for some steps. Only seeds are held.",
        "Chen et al. 2024, arXiv:2410.07698",
    )
    .capabilities(
        Capabilities::NONE.seeds_only(true).in_place(true).translation(true).beats_random(true).state_per_parameter(0.0),
    )
    .size("pairs");
    type Config = LozoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let unit = config.calibration.unit(config.clip);
        let LozoConfig { c, pairs, rank, interval, momentum, draws, .. } = config;
        let sampler = Sampler::LowRank { rank };
        Ok(Self { lazy: Lazy::new(LazySettings { sampler, c, pairs, interval, momentum, draws }, unit, space, key) })
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space) -> Option<u64> {
        Some(2 * config.pairs as u64)
    }

    fn default_descent() -> Spec {
        let rate = json!({ "power": { "from": 0.1, "offset": 1000.0, "exponent": 0.602 } });
        Spec { name: "sgd".into(), settings: [("rate".to_owned(), rate)].into_iter().collect() }
    }
}

impl Estimator for LozoEstimator {
    fn estimate(&mut self, at: &CowTensor, objective: &mut dyn Objective) -> Result<Estimate> {
        self.lazy.estimate(at, objective)
    }
}

persist!(LozoEstimator { lazy });
register!(Lozo);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Leaf, Optimizer, optimizer::Algorithm, persist::State};

    const M: usize = 5;
    const N: usize = 4;

    /// A matrix and a bias.
    fn space() -> Space {
        Space::with_dtype(vec![Leaf::real("w", [M, N]), Leaf::real("b", [3])], candle_core::DType::F64).unwrap()
    }

    fn cubic(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i % 5 + 1) as f64 * x * x + x * x * x - x).sum()
    }

    fn lozo(momentum: f64, interval: u64, rate: f64) -> Lozo {
        let estimator =
            LozoConfig { c: 0.2.into(), momentum, interval, calibration: Calibration::PAPER, ..LozoConfig::default() };
        let descent = Spec::new("sgd").with("rate", rate).unwrap();
        <Lozo as Algorithm>::new(moths_core::optimizer::GradientDescentConfig { estimator, descent }, &space(), Key::new(6))
            .unwrap()
    }

    /// The noise of a step, with the key that V follows from.
    fn noise(step: u64, interval: u64) -> Vec<f64> {
        let (key, mut z) = (Key::new(6), space().zeros().unwrap());
        let shared = key.fold(step / interval * interval).fold(u64::MAX);
        Sampler::LowRank { rank: 2 }.over(&space()).sharing(shared).fill(key.fold(step).member(0), &mut z).unwrap();
        z.to_vec1().unwrap()
    }

    /// Algorithms 1 and 2 of the paper on the same noise, but for the projection; the third interval begins with a step that failed.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (rate, interval, c) = (0.01, 3, 0.2);
        for momentum in [0.0, 0.9] {
            let mut lozo = lozo(momentum, interval, rate);
            let (mut x, mut n) = (vec![0.0; M * N + 3], vec![0.0; M * N + 3]);
            for step in 0..11 {
                if step % interval == 0 {
                    n.fill(0.0);
                }
                let failing = step == 7;
                let z = noise(step, interval);
                let at = |c: f64| cubic(&x.iter().zip(&z).map(|(x, z)| x + c * z).collect::<Vec<_>>());
                let p = (at(c) - at(-c)) / (2.0 * c);
                if !failing {
                    n.iter_mut().zip(&z).for_each(|(n, z)| *n = momentum * *n + (1.0 - momentum) * p * z);
                    x.iter_mut().zip(&n).for_each(|(x, n)| *x -= rate * n);
                }
                let loss = move |x: &[f64]| if failing { f64::NAN } else { cubic(x) };
                assert_eq!(lozo.step(&mut Function::new(space(), loss)).unwrap().evaluations, 2);
                let got: Vec<f64> = lozo.answer().unwrap().to_vec1().unwrap();
                assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{momentum} {step}: {got:?} {x:?}");
            }
        }
    }

    /// What LOZO is about: within an interval the matrix has moved by one of rank r, and over two by one of a higher rank.
    #[test]
    fn a_matrix_moves_in_one_space_of_rows_until_the_next_is_drawn() {
        let mut lozo = lozo(0.5, 6, 0.01);
        let rank_of = |moved: &[f64]| {
            let mut rows: Vec<Vec<f64>> = moved[..M * N].chunks(N).map(<[f64]>::to_vec).collect();
            let (mut rank, size) = (0, moved.iter().fold(0.0, |a: f64, b| a.max(b.abs())));
            for column in 0..N {
                let Some(pivot) = (rank..M).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs())) else {
                    break;
                };
                if rows[pivot][column].abs() < 1e-9 * size {
                    continue;
                }
                rows.swap(rank, pivot);
                let top = rows[rank].clone();
                for row in &mut rows[rank + 1..] {
                    let factor = row[column] / top[column];
                    row.iter_mut().zip(&top).for_each(|(x, t)| *x -= factor * t);
                }
                rank += 1;
            }
            rank
        };
        let mut after = |steps: usize| -> usize {
            (0..steps).for_each(|_| assert!(lozo.step(&mut Function::new(space(), cubic)).is_ok()));
            rank_of(&lozo.answer().unwrap().to_vec1::<f64>().unwrap())
        };
        assert_eq!((after(6), after(6)), (2, 4));
    }

    /// A few numbers a step, none of the size of the model, and they are gone with V.
    #[test]
    fn momentum_is_seeds_and_weights_of_the_interval_alone() {
        let mut estimator = LozoEstimator::new(
            LozoConfig { momentum: 0.9, interval: 4, calibration: 0.into(), ..LozoConfig::default() },
            &space(),
            Key::new(1),
        )
        .unwrap();
        let at = space().start();
        let mut held = |loss: fn(&[f64]) -> f64| {
            estimator.estimate(&at, &mut Function::new(space(), loss)).unwrap();
            (estimator.lazy.past_len(), State::of(&mut estimator).unwrap())
        };
        let lengths: Vec<usize> = (0..6).map(|step| held(if step == 2 { |_| f64::NAN } else { cubic }).0).collect();
        assert_eq!(lengths, [1, 2, 2, 3, 1, 2]);
    }

    #[test]
    fn a_state_goes_on_in_another_optimizer() {
        let (mut one, mut other) = (lozo(0.9, 4, 0.01), lozo(0.9, 4, 0.01));
        let mut objective = Function::new(space(), cubic);
        (0..6).for_each(|_| assert!(one.step(&mut objective).is_ok()));
        State::of(&mut one).unwrap().restore(&mut other, moths_core::persist::Keep::Nothing).unwrap();
        (0..5).for_each(|_| assert!(one.step(&mut objective).is_ok() && other.step(&mut objective).is_ok()));
        assert_eq!(one.answer().unwrap().to_vec1::<f64>().unwrap(), other.answer().unwrap().to_vec1::<f64>().unwrap());
    }
}
