//! Random walks of order n: what is drawn is a change of position, of velocity, of acceleration, ...
//!
//! ```text
//! for b = 1..best_of:   w_{n−1} = step · z_b;   w_i = v_i + w_{i+1} for i = n−2..0;   f_b = f(x + w_0)
//! if min f_b ≤ f(x):    x ← x + w_0,  v_i ← w_i              of the best b
//! else, of the worst b: v_{n−2} ← v_{n−2} − step · z_b       if `opposite`; n = 1: x ← x − step · z_b
//!                       v_i ← v_i + v_{i+1}                  if `propagation`, for i = n−3..0 (downward) or 0..n−3 (reverse)
//! ```
//!
//! x, z, w_i, v_i: \[d\]; z ~ D, E‖z‖² = 1; v begins at zero. Downward, the correction of v_{n−2} reaches v_0 in the same step; in reverse each
//! order follows the one above it as it was, and the correction reaches v_{n−3} only. Propagation begins with order 3, and its two ways
//! differ from order 4 on.
//!
//! With n = 1, best_of 1 and no opposite move, the default, it is the random optimisation of Matyas 1965. Source of the orders: the founding notes
//! of this project. Differs from them: `step` is the length of the whole change, not of each coordinate; at a bound v_0 is the part
//! of the step that could be made; on a deterministic objective a point that an opposite move led to is evaluated before it is compared
//! with, where the notes went on comparing with the lowest loss seen, which the walk could then not reach again.
//!
//! When it helps: order 1, with steps that fall. The default, 2 √(101/(t + 101)), was chosen among powers of 1/2, 3/4 and 1 from 1, 2 and 4 on the
//! sphere, Rastrigin and Rosenbrock in their boxes, in 2, 5 and 10 dimensions, at 1,000 and at 20,000 evaluations, and on the digits: of 18
//! medians of 9 seeds all are below random search's (10-D, 20,000: Rastrigin 38 and 69, Rosenbrock 11 and 7,300, sphere 0.018 and 11). Higher
//! powers are finer in the end in few dimensions, but stop too early in many (digits, 10,000 evaluations: 1/2 0.36, 3/4 1.1, 1 1.7). Where the
//! length of the run is known, the step falls from 2 to 0.02 in it (10-D, 20,000 evaluations: sphere 6e-4, Rosenbrock 6.5, medians of 5 seeds).
//! The opposite move saves evaluations on smooth losses of many parameters with steps of one length (digits, 10,000
//! evaluations, steps of 0.5, medians of 3 seeds: loss 0.125 with it, 0.182 without; MNIST with minibatches, 37,500 evaluations, one seed: 78 % and
//! 70 %), but its answer is then a point that may be worse than the last, and it harms where the way down is narrow (Rosenbrock in 10
//! dimensions, 5,000 evaluations: gap 393 with it, 37 without). Order 2 and above,
//! with steps of one length, rarely help: a velocity that no longer leads down is mended along one random direction a step, which takes about d
//! steps, and meanwhile the walk stands (order 2, steps of 0.05: digits 2.4, chance being 2.3; Rosenbrock a gap of 60,000). A walk that drops
//! what fails keeps a velocity better: [`inf-order-walk`](crate::inf_order_walk).
//! Minima on a wall are not promised: steps are of lengths that a schedule says, and end longer than 1e-6 of a box.
//! Cost per step: best_of evaluations in one round, one more when f(x) is not known; n numbers of state per parameter; d numbers of
//! scratch, 4 d with n of 2 and more.
//!
//! Take it when the length of the run is known, so that steps can fall over it, or a plain walk is wanted to compare with;
//! `one-plus-one-es` finds the length of its steps, and `inf-order-walk` keeps a velocity better than orders above 1 do.
//!
//! Tune first: `step`, from the way to the minimum down to the accuracy that is wanted; `opposite`, for smooth losses of many parameters;
//! `order`, 1 unless a race says otherwise.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("random-walk").with("order", 2)?.with("step", 0.02)?.with("best_of", 3)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..300 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 1.0);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/random-walk.md")]

use moths_core::{
    Batch, CowTensor, Result, Sampler, Schedule, Space,
    optimizer::{Capabilities, Family, Meta},
    persist,
    persist::Clock,
    register,
    rng::Seed,
    space::Walls,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DirectSearch, Rule, Trial, Verdict, walk::Motion};

pub use crate::walk::Propagation;

/// Settings of [`RandomWalk`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RandomWalkConfig {
    /// n: 1 draws steps, 2 changes of the step, 3 changes of its change, ...
    #[schemars(range(min = 1, max = 100))]
    pub order: usize,
    /// The length of what is drawn, in search coordinates; null: falls over the run, and as 1/√k where nobody knows how long that is.
    #[schemars(extend("x-horizon" = Schedule::exponential(2.0, 0.02, None)))]
    pub step: Option<Schedule>,
    /// Candidates a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub best_of: usize,
    /// After a step that led nowhere, the opposite of what was drawn is done.
    pub opposite: bool,
    /// How far the opposite reaches, from order 3 on.
    pub propagation: Propagation,
    /// D, the distribution of what is drawn.
    pub sampler: Sampler,
}

impl Default for RandomWalkConfig {
    fn default() -> Self {
        Self { order: 1, step: None, best_of: 1, opposite: false, propagation: Propagation::None, sampler: Sampler::Normal }
    }
}

/// A random walk. See the [module documentation](self) for equations.
pub type RandomWalk = DirectSearch<RandomWalkRule>;

/// The rule of [`RandomWalk`].
pub struct RandomWalkRule {
    config: RandomWalkConfig,
    step: Schedule,
    motion: Motion,
}

impl Rule for RandomWalkRule {
    const META: Meta = Meta::new(
        "random-walk",
        Family::Random,
        "A walk of any order: draws changes of the position, or of its velocity, or of its acceleration, ...",
        "the founding notes of moths; order 1: Matyas 1965, \"Random optimization\"",
    )
    .capabilities(
        Capabilities::NONE
            .seeds_only(true)
            .rank_based(true)
            .translation(true)
            .rotation(true)
            .monotone(true)
            .beats_random(true)
            .walls(Walls::Fold),
    )
    .size("best_of");
    type Config = RandomWalkConfig;

    fn new(config: Self::Config, space: &Space) -> Result<Self> {
        let step = config.step.clone().unwrap_or_else(|| Schedule::power(2.0, 100.0, 0.5));
        Ok(Self { motion: Motion::new(config.order, config.sampler, space)?, step, config })
    }

    fn capabilities(config: &Self::Config) -> Capabilities {
        Self::META
            .capabilities
            .rotation(config.sampler.is_isotropic())
            .monotone(!config.opposite || config.order > 1)
            .beats_random(config.order == 1)
            .state_per_parameter(config.order as f64)
    }

    /// Where a step back leads is evaluated in the next step; among several candidates one that leads down is usual, and steps back are rare.
    fn evaluations_per_step(config: &Self::Config, _space: &Space, stochastic: bool) -> Option<u64> {
        let steps_back = config.opposite && config.order == 1 && config.best_of == 1;
        Some(config.best_of as u64 + u64::from(stochastic || steps_back))
    }

    fn propose(&mut self, x: &CowTensor, clock: &Clock) -> Result<Batch> {
        self.motion.candidates(x, clock.key(), self.config.best_of, self.step.at(clock.step))
    }

    fn judge(&mut self, trial: &Trial<'_>) -> Result<Verdict> {
        let verdict = trial.if_not_higher()?;
        if let Verdict::Go(to, _) = &verdict {
            self.motion.advance(trial.x, to, false)?;
        } else if let (true, Some(worst)) = (self.config.opposite, trial.worst()) {
            let (seed, step): (Seed, f64) = (trial.clock.key().member(worst as u64), self.step.at(trial.clock.step));
            if let Some(x) = self.motion.oppose(trial.x, seed, step, self.config.propagation)? {
                return trial.go_unseen(x);
            }
        }
        Ok(verdict)
    }

    fn moved(&mut self, _: &CowTensor) -> Result<()> {
        self.motion.rest(self.config.order)
    }
}

persist!(RandomWalkRule { motion });
register!(RandomWalk);

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Function, Horizon, Key, Optimizer, Spec, Stop, minimize, optimizer::Algorithm, registry};

    fn bowl(x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 1.0).powi(2)).sum()
    }

    fn add(a: &[f64], b: &[f64], by: f64) -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| a + by * b).collect()
    }

    /// The recursions of the header, word for word, with every w of every candidate spelled out.
    fn walk_as_written(config: &RandomWalkConfig, key: Key, space: &Space, x: &mut Vec<f64>, v: &mut [Vec<f64>], t: u64) {
        let (n, length) = (config.order, 0.1 / (space.dim() as f64).sqrt());
        let trials: Vec<(Vec<f64>, Vec<Vec<f64>>, f64)> = (0..config.best_of)
            .map(|b| {
                let mut z = space.zeros().unwrap();
                Sampler::Normal.fill(key.fold(t).fold(b as u64), &mut z).unwrap();
                let drawn = add(&vec![0.0; x.len()], &z.to_vec1::<f64>().unwrap(), length);
                let mut w = vec![drawn.clone(); n];
                (0..n - 1).rev().for_each(|i| w[i] = add(&v[i], &w[i + 1], 1.0));
                let loss = bowl(&add(x, &w[0], 1.0));
                (drawn, w, loss)
            })
            .collect();
        let best = trials.iter().min_by(|a, b| a.2.total_cmp(&b.2)).unwrap();
        // The last of equals is what `max_by` gives; there are none here.
        let worst = trials.iter().max_by(|a, b| a.2.total_cmp(&b.2)).unwrap();
        if best.2 <= bowl(x) {
            *x = add(x, &best.1[0], 1.0);
            (0..n - 1).for_each(|i| v[i] = best.1[i].clone());
        } else if n == 1 {
            *x = add(x, &worst.0, -1.0);
        } else {
            v[n - 2] = add(&v[n - 2], &worst.0, -1.0);
            let orders: Vec<usize> = match config.propagation {
                Propagation::None => vec![],
                Propagation::Downward => (0..n - 2).rev().collect(),
                Propagation::Reverse => (0..n - 2).collect(),
            };
            orders.into_iter().for_each(|i| v[i] = add(&v[i], &v[i + 1], 1.0));
        }
    }

    #[test]
    fn walks_of_every_order_are_those_of_the_notes() {
        let (space, key) = (Space::real(3).unwrap(), Key::new(8));
        for order in 1..=4 {
            for propagation in [Propagation::None, Propagation::Downward, Propagation::Reverse] {
                let config = RandomWalkConfig {
                    order,
                    propagation,
                    best_of: 2,
                    step: Some(0.1.into()),
                    opposite: true,
                    ..Default::default()
                };
                let mut walk = <RandomWalk as Algorithm>::new(config.clone(), &space, key).unwrap();
                let (mut x, mut v) = (vec![0.0; 3], vec![vec![0.0; 3]; order - 1]);
                for t in 0..30 {
                    walk_as_written(&config, key, &space, &mut x, &mut v, t);
                    walk.step(&mut Function::new(space.clone(), bowl)).unwrap();
                    let got: Vec<f64> = walk.answer().unwrap().to_vec1().unwrap();
                    assert!(got.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-9), "{config:?}, step {t}: {got:?} {x:?}");
                }
            }
        }
    }

    /// At its defaults, where blind chance is at its best: few dimensions, a box, many valleys or one that is bent.
    #[test]
    fn its_answer_is_better_than_that_of_random_search() {
        type Loss = fn(&[f64]) -> f64;
        let sphere: Loss = |x| x.iter().map(|x| (x - 0.7).powi(2)).sum();
        let rastrigin: Loss =
            |x| x.iter().map(|x| (x - 0.7).powi(2) + 10.0 - 10.0 * (std::f64::consts::TAU * (x - 0.7)).cos()).sum();
        let rosenbrock: Loss = |x| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum();
        for (name, loss) in [("sphere", sphere), ("rastrigin", rastrigin), ("rosenbrock", rosenbrock)] {
            for (dim, evaluations) in [(2, 1000), (2, 20_000), (10, 1000), (10, 20_000)] {
                let space = Space::bounded(vec![(-5.0, 5.0); dim]).unwrap();
                let median = |id: &str| {
                    let mut losses: Vec<f64> = (0..7)
                        .map(|seed| {
                            let mut search =
                                registry::build_for(&Spec::new(id), &space, Key::new(seed), Horizon::evaluations(evaluations))
                                    .unwrap();
                            let mut objective = Function::new(space.clone(), loss);
                            let end = minimize(&mut *search, &mut objective, &Stop::evaluations(evaluations)).unwrap();
                            loss(&space.decode(&end.answer).unwrap().to_vec1::<f64>().unwrap())
                        })
                        .collect();
                    losses.sort_by(f64::total_cmp);
                    losses[3]
                };
                let (walk, blind) = (median("random-walk"), median("random-search"));
                assert!(walk < blind, "{name} in {dim}-D, {evaluations} evaluations: {walk} and {blind}");
            }
        }
    }
}
