//! Several optimizers in every step from the same point, and the mean of their best answers is where all go on.
//!
//! ```text
//! x_i = the answer of member i after a step from x, i = 1..n;  numbered so that f(x_1) ≤ .. ≤ f(x_m), of the m = `best` lowest
//! w_i ∝ exp(−(f(x_i) − f(x_1)) / s),  s the mean of f(x_j) − f(x_1) over j = 1..m          `weights`: "loss"
//! w_i ∝ ln(m + 1) − ln i                                                                   `weights`: "rank"
//! x̄ = Σ_i w_i x_i;   x ← x̄, or x_1 where x̄ fails
//! ```
//!
//! x, x_i, x̄: \[d\]; Σw = 1. The best weighs most. Weights do not change when one number is added to all losses, nor when all are multiplied
//! by one; those by rank with no increasing transform of them. Answers that failed are not counted; where all fail, all go on from x. A member
//! that is not where all go on is moved there ([`Optimizer::move_to`]) before its next step. Alone, a member takes its own plain run. The
//! report says `converged` when all members do in the same step.
//! Source: the founding notes of this project (torchzero's `OptimizerAverage`).
//! Differs from the notes: there the best member weighed nothing and the worst most; the mean is evaluated before it is the answer.
//! Cost per step: the evaluations of all members; in a second round one for each answer that is not the best candidate of its member's step; in a
//! third one for the mean. The state of all members and 1 number per parameter; scratch of the members' steps, of a copy of the state they
//! overwrite, and 2 + 3 n numbers per parameter.
//!
//! Take it when answers are scattered by noise, which a mean lowers: several members of one kind, each with random numbers of its own. Where
//! they are good in different regions `best-of` is better, as between two good answers there need not be a third.
//!
//! Tune first: `members`, as many as can be paid for; `best`, fewer where some go astray.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec: Spec = r#"{"name": "average", "members": ["spsa", "spsa", "spsa", "spsa"]}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..300 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/average.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec, kernel,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings, shaping::order},
    persist,
    persist::atomically,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::committee::{self, Committee};

/// What answers weigh in a mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AverageWeights {
    /// By how much higher their losses are than the lowest.
    #[default]
    Loss,
    /// By their order.
    Rank,
}

/// Settings of [`Average`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AverageConfig {
    /// The optimizers.
    #[schemars(length(min = 1, max = 100))]
    pub members: Vec<Spec>,
    /// m, how many of the answers are averaged, the best; null: all that did not fail.
    #[schemars(range(min = 1, max = 100))]
    pub best: Option<usize>,
    /// What they weigh.
    pub weights: AverageWeights,
}

impl Default for AverageConfig {
    fn default() -> Self {
        Self { members: vec![Spec::new("spsa"); 4], best: None, weights: AverageWeights::Loss }
    }
}

/// Members whose answers are averaged. See the [module documentation](self).
pub struct Average {
    best: usize,
    weights: AverageWeights,
    committee: Committee,
}

impl Algorithm for Average {
    const META: Meta = Meta::new(
        "average",
        Family::Ensemble,
        "Several optimizers in every step from one point; all go on from the mean of their best answers.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE);
    type Config = AverageConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let committee = Committee::new(&config.members, space, key.fold(1))?;
        Ok(Self { best: config.best.unwrap_or(usize::MAX), weights: config.weights, committee })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let all = committee::capabilities(&config.members)?;
        if config.members.len() == 1 {
            return Ok(all);
        }
        let ranked = all.rank_based && config.weights == AverageWeights::Rank;
        Ok(all.rank_based(ranked).monotone(false).beats_random(false))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let own = match (config.members.len() as u64, config.best) {
            (1, _) => 0,
            (n, Some(1)) => n,
            (n, _) => n + 1,
        };
        Ok(committee::costs(&config.members, space, stochastic)?.map(|costs| costs.iter().sum::<u64>() + own))
    }
}

kernel! { fn approach(mean: inout, best: mat, x: mat, weight: num) {
    mean = mean + weight * (x - best);
} }

impl Average {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let strides = self.committee.turns(objective)?;
        let ends: Vec<&CowTensor> = strides.iter().map(|stride| &stride.after).collect();
        if let [alone] = ends[..] {
            self.committee.move_to(alone)?;
            return Ok(committee::together(strides.into_iter().map(|stride| stride.report)));
        }
        let contest = self.committee.contest(&strides, &ends, f64::INFINITY, objective)?;
        let ranked = order(&contest.losses).into_iter().filter(|&i| contest.losses[i].is_finite());
        let best: Vec<usize> = ranked.take(self.best).collect();
        let losses: Vec<f64> = best.iter().map(|&i| contest.losses[i]).collect();
        let points: Vec<&CowTensor> = best.iter().map(|&i| ends[i]).collect();
        let mut second = Report::new(f64::INFINITY, 0);
        if let Some(&first) = points.first() {
            let mean = mean(&points, &self.weights.of(&losses), objective.space())?;
            let taken = match objective.space().same_values(&mean, first)? {
                true => true,
                false => {
                    second = Report::of(&objective.losses(&Batch::one(&mean)?)?);
                    second.loss.is_finite()
                }
            };
            self.committee.move_to(if taken { &mean } else { first })?;
        }
        let report = contest.added_to(committee::together(strides.iter().map(|stride| stride.report.clone())));
        Ok(report.and(second.loss, second.evaluations))
    }
}

/// Σ_i w_i x_i, from the first of them: where all are one point it is that point, to the bit.
fn mean(points: &[&CowTensor], weights: &[f64], space: &Space) -> Result<CowTensor> {
    let mut mean = points[0].clone();
    for (x, weight) in points.iter().zip(weights).skip(1) {
        approach(&mut mean, points[0], x, *weight)?;
    }
    space.confine(&mut mean)?;
    Ok(mean)
}

impl AverageWeights {
    /// w, of losses in order from the lowest on.
    fn of(self, losses: &[f64]) -> Vec<f64> {
        let m = losses.len() as f64;
        let gaps: Vec<f64> = losses.iter().map(|loss| loss - losses[0]).collect();
        // Divided first, as the sum may be no number; nor may a gap, which is then m of their mean at most, as any is.
        let s: f64 = gaps.iter().map(|gap| gap / m).sum();
        let raw: Vec<f64> = match self {
            Self::Loss if s > 0.0 => gaps.iter().map(|gap| libm::exp(-(gap / s).min(m))).collect(),
            Self::Loss => vec![1.0; losses.len()],
            Self::Rank => (1..=losses.len()).map(|i| libm::log(m + 1.0) - libm::log(i as f64)).collect(),
        };
        let sum: f64 = raw.iter().sum();
        raw.into_iter().map(|w| w / sum).collect()
    }
}

impl Optimizer for Average {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.committee.at.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.committee.move_to(at)
    }
}

persist!(Average { committee });
register!(Average);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::script::{built, is_exact, is_its_own_run, moving, of, path};
    use moths_random as _;

    #[test]
    fn the_best_weighs_most_and_neither_unit_nor_origin_of_the_loss_matters() {
        let weights = AverageWeights::Loss.of(&[1.0, 2.0, 5.0]);
        // s = (0 + 1 + 4) / 3
        let raw = [1.0, (-0.6f64).exp(), (-2.4f64).exp()];
        let expected = raw.map(|w| w / raw.iter().sum::<f64>());
        assert!(weights.iter().zip(expected).all(|(w, e)| (w - e).abs() < 1e-15), "{weights:?} {expected:?}");
        assert_eq!(AverageWeights::Loss.of(&[1025.0, 1026.0, 1029.0]), weights);
        assert_eq!(AverageWeights::Loss.of(&[4.0, 8.0, 20.0]), weights);
        assert_eq!(AverageWeights::Loss.of(&[7.0, 7.0]), [0.5, 0.5]);
        assert!(AverageWeights::Loss.of(&[-1.7e308, 0.0, 1.7e308]).iter().all(|w| w.is_finite()));
        let ranks = AverageWeights::Rank.of(&[1.0, 1e9]);
        let raw = [3f64.ln(), 3f64.ln() - 2f64.ln()];
        assert!((ranks[0] - raw[0] / (raw[0] + raw[1])).abs() < 1e-15 && (ranks.iter().sum::<f64>() - 1.0).abs() < 1e-15);
    }

    /// f = x: answers 1, 2 and 5 of losses 1, 2 and 5.
    #[test]
    fn all_go_on_from_the_mean_of_the_best() {
        let spec = of("average", &[moving(&[5.0]), moving(&[1.0]), moving(&[2.0])]);
        let weights = AverageWeights::Loss.of(&[1.0, 2.0, 5.0]);
        let taken = path(&mut *built(&spec), |x| x, 2);
        let expected = 1.0 + weights[1] + weights[2] * 4.0;
        assert!((taken[0].0 - expected).abs() < 1e-14 && (taken[1].0 - 2.0 * expected).abs() < 1e-13, "{taken:?}");
        assert_eq!([taken[0].1, taken[1].1], [7, 7], "three of their own, three answers, one mean");
        let (two, one) = (spec.clone().with("best", 2).unwrap(), spec.with("best", 1).unwrap());
        let weights = AverageWeights::Loss.of(&[1.0, 2.0]);
        assert_eq!(path(&mut *built(&two), |x| x, 1), [(1.0 + weights[1], 7)]);
        assert_eq!(path(&mut *built(&one), |x| x, 2), [(1.0, 6), (2.0, 6)]);
    }

    #[test]
    fn a_mean_that_fails_makes_way_for_the_best_and_failed_answers_do_not_count() {
        let spec = of("average", &[moving(&[4.0]), moving(&[1.0])]);
        let hole = |x: f64| if x > 1.0 && x < 4.0 { f64::NAN } else { x };
        assert_eq!(path(&mut *built(&spec), hole, 1), [(1.0, 5)]);
        assert_eq!(path(&mut *built(&spec), |x| if x == 1.0 { f64::NAN } else { x }, 1), [(4.0, 4)]);
        assert_eq!(path(&mut *built(&spec), |_| f64::NAN, 1), [(0.0, 4)]);
    }

    #[test]
    fn it_is_exact_and_alone_a_member_is_itself() {
        is_exact(&of("average", &["spsa", "random-grad", "one-plus-one-es"].map(Spec::new)));
        is_its_own_run(&of("average", &[Spec::new("spsa")]), &Spec::new("spsa"));
    }
}
