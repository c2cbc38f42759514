//! Population-based incremental learning: the probabilities of flags and integers follow the best of what they draw, a little in each step.
//!
//! ```text
//! x_1..x_λ: every coordinate by itself, ordered by loss: x_1 the best, x_w the worst
//! p_j ← (1 − η) p_j + η e(x_1j)
//! p_j ← (1 − η⁻) p_j + η⁻ e(x_1j)                  where x_1j ≠ x_wj
//! p_j ← (1 − ζ) p_j + ζ e(v),  v at random          with the probability q
//! p_jv ≥ 1/(n (k_j − 1))                            the others give in proportion to how far they are above
//! m_j ← (1 − η) m_j + η (x_1j + x_2j − x_wj)
//! s_j ← (1 − η) s_j + η (the deviation of x_j in the ⌈λ/2⌉ best)
//! ```
//!
//! p_j: the probabilities of the values of coordinate j, a flag, a category, or an integer or level of at most 32 values, of which it has k_j; e(v): 1 for v, 0 for
//! the others; n: how many such coordinates there are, 10 at least, times 4 where there are others; m_j, s_j: of every other coordinate, which is drawn from N(m_j, s_j²). How they begin, the
//! answer, and when `converged` is said: [`univariate`](crate::univariate). Sources: Baluja 1994, "Population-based incremental
//! learning", CMU-CS-94-163 (its defaults too, but for λ); Sebag & Ducoulombier 1998, "Extending population-based incremental learning to continuous
//! search spaces", doi:10.1007/BFb0056884 (m and s, the fourth of its rules); Ben Jedidia, Doerr & Krejca 2023, arXiv:2302.14420 (margins).
//! λ = 30 is fewer than the paper's 100: a thousand flags are right three times as soon, and reals beside flags converge.
//! Differs from the papers: more than two values have as many probabilities; there are margins; candidates that failed are neither best nor worst;
//! integers of many values are drawn as reals, with s_j never below a tenth of a level; the answer is the lowest that was ever seen.
//! Minima on a wall, and better figures than chance, are not promised where parameters are real.
//! Cost per step: λ evaluations in one round, of a stochastic objective one more, for the answer on the same data; 16 bytes of state per
//! real parameter, 8 per value of a discrete one, and the answer.
//!
//! Take it first of those with tables, for flags and integers: it forgets slowly, and was best or near it on four functions of flags
//! (docs/how-to-choose.md). Where every flag counts by itself, `compact-genetic` and `umda` are sooner there.
//!
//! Tune first: `learning_rate`, lower for a slower, safer search; `population`, more where losses are noisy.
//!
//! ```
//! use moths_core::{Function, Key, Leaf, Space, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::new(vec![Leaf::bool("on", [60])])?;
//! let mut ones = Function::new(space.clone(), |x| x.iter().sum());
//! let mut optimizer = registry::build(&"pbil".parse()?, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut ones, &Stop::evaluations(10_000).or_target(0.0))?;
//! assert_eq!(end.tally.lowest, 0.0);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/pbil.md")]

use moths_core::{
    Key, Space,
    optimizer::{Capabilities, Family, Meta},
    register,
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::univariate::{Choice, Marginals, Ranking, Univariate, UnivariateSearch};

/// Settings of [`Pbil`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PbilConfig {
    /// λ, candidates a step.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub population: usize,
    /// η, how far probabilities follow the best candidate.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub learning_rate: f64,
    /// η⁻, how far more where the worst candidate has another value.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub negative_rate: f64,
    /// q, the probability that a table mutates.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub mutation_rate: f64,
    /// ζ, how far a table that mutates goes to a random value.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub mutation_shift: f64,
    /// σ, the deviation of coordinates without a table at first, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
}

impl Default for PbilConfig {
    fn default() -> Self {
        Self { population: 30, learning_rate: 0.1, negative_rate: 0.075, mutation_rate: 0.02, mutation_shift: 0.05, sigma: 1.0 }
    }
}

/// Population-based incremental learning. See the [module documentation](self) for equations.
pub type Pbil = UnivariateSearch<PbilRule>;

/// What [`Pbil`] learns.
pub struct PbilRule {
    config: PbilConfig,
}

impl Univariate for PbilRule {
    const META: Meta = Meta::new(
        "pbil",
        Family::Evolution,
        "Probabilities of flags and integers that follow the best candidate, a little in each step.",
        "Baluja 1994, CMU-CS-94-163",
    )
    .capabilities(Capabilities::NONE.rank_based(true).translation(true).monotone(true).discrete(true).state_per_parameter(5.0))
    .size("population");
    type Config = PbilConfig;

    fn new(config: PbilConfig, _: &Space) -> Self {
        Self { config }
    }

    fn candidates(&self) -> usize {
        self.config.population
    }

    fn sigma(&self) -> f64 {
        self.config.sigma
    }

    fn learn(&self, marginals: &mut Marginals, ranking: &Ranking<'_>, key: Key) {
        let (valid, config) = (&ranking.points[..ranking.valid], &self.config);
        let (best, second, worst) = (valid[0], valid[1.min(valid.len() - 1)], valid[valid.len() - 1]);
        let mut stream = key.stream();
        for (choice, table) in marginals.tables() {
            let value = choice.value(best);
            Choice::pull(table, value, config.learning_rate);
            if value != choice.value(worst) {
                Choice::pull(table, value, config.negative_rate);
            }
            if stream.random::<f64>() < config.mutation_rate {
                Choice::pull(table, stream.random_range(0..choice.count()), config.mutation_shift);
            }
            choice.keep_margin(table);
        }
        let half = &valid[..self.config.population.div_ceil(2).max(2).min(valid.len())];
        // One point has no deviation.
        for (normal, m, s) in marginals.normals().filter(|_| half.len() > 1) {
            let of = |point: &[f64]| point[normal.at];
            let (count, eta) = (half.len() as f64, config.learning_rate);
            let mean = half.iter().map(|point| of(point)).sum::<f64>() / count;
            let deviation = (half.iter().map(|point| (of(point) - mean).powi(2)).sum::<f64>() / count).sqrt();
            *m += eta * (of(best) + of(second) - of(worst) - *m);
            *s = ((1.0 - eta) * *s + eta * deviation).max(normal.floor);
        }
    }
}

register!(Pbil);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::univariate::by_hand::{agrees, one_max};

    #[test]
    fn steps_are_those_of_the_equations() {
        let config = PbilConfig { population: 6, mutation_rate: 0.5, ..PbilConfig::default() };
        agrees::<PbilRule>(config, |by_hand, x, key| {
            let (best, second, worst, mut stream) = (x[0], x[1], x[5], key.stream());
            for j in 0..3 {
                let p = &mut by_hand.p[j];
                *p = *p * (1.0 - 0.1) + best[j] * 0.1;
                if best[j] != worst[j] {
                    *p = *p * (1.0 - 0.075) + best[j] * 0.075;
                }
                if stream.random::<f64>() < 0.5 {
                    *p = *p * (1.0 - 0.05) + stream.random_range(0..2) as f64 * 0.05;
                }
                *p = p.clamp(0.025, 0.975);
            }
            for j in 0..2 {
                let half = [x[0][3 + j], x[1][3 + j], x[2][3 + j]];
                let mean = half.iter().sum::<f64>() / 3.0;
                let deviation = (half.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
                by_hand.m[j] = 0.9 * by_hand.m[j] + 0.1 * (best[3 + j] + second[3 + j] - worst[3 + j]);
                by_hand.s[j] = 0.9 * by_hand.s[j] + 0.1 * deviation;
            }
        });
    }

    #[test]
    fn a_hundred_flags_are_right_in_the_end() {
        for seed in 0..5 {
            let evaluations = one_max::<PbilRule>(100, seed, 40_000);
            assert!(evaluations < 20_000, "{evaluations}");
        }
    }
}
