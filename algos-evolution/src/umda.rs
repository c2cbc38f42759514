//! The univariate marginal distribution algorithm: every coordinate is drawn as often as the better half of the candidates has it.
//!
//! ```text
//! x_1..x_λ: every coordinate by itself
//! p_jv ← the part of the μ best that have x_j = v          μ = ⌈τ λ⌉
//! s_j² ← Σ (x_j − m_j)²/(μ − 1),  m_j ← Σ x_j/μ           over the μ best, s_j around the m_j of before
//! p_jv ≥ 1/(n (k_j − 1))                                  the others give in proportion to how far they are above
//! ```
//!
//! p_jv: the probability of value v of coordinate j, a flag, a category, or an integer or level of at most 32 values, of which it has k_j; n: how many such
//! coordinates there are, 10 at least, times 4 where there are others; m_j, s_j: of every other coordinate, which is drawn from N(m_j, s_j²). How they begin, the answer, and when
//! `converged` is said: [`univariate`](crate::univariate). Sources: Mühlenbein & Paaß 1996, "From recombination of genes to the
//! estimation of distributions I. Binary parameters", doi:10.1007/3-540-61723-X_982; Larrañaga & Lozano 2002, "Estimation of Distribution
//! Algorithms", ISBN 0-7923-7466-5 (UMDA_c, the normal distributions); Ben Jedidia, Doerr & Krejca 2023, arXiv:2302.14420 (more than two values, margins).
//! Differs from the papers: s_j is the deviation from the mean that was sampled around, as in CMA-ES (Hansen 2016, arXiv:1604.00772, section 3.1).
//! Around the mean of the best themselves it shrinks on a slope, wherever that leads, by a factor of 0.6 a step, and the search ends within two
//! deviations of its start; so it stays (and ends at 10⁶ σ), and the division by μ − 1 keeps chance from wearing it down while flags decide what is best. Candidates that failed are never among the best; integers of many values are drawn as reals, with s_j never below a tenth
//! of a level; n is not their number alone; the answer is the lowest that was ever seen.
//! Minima on a wall, and better figures than chance, are not promised where parameters are real: candidates that were moved
//! to the wall are learnt as they are, and draw the mean off it.
//! Cost per step: λ evaluations in one round, of a stochastic objective one more, for the answer on the same data; 16 bytes of state per
//! real parameter, 8 per value of a discrete one, and the answer.
//!
//! Take it when flags and integers matter one by one, and many candidates can be evaluated at once. `compact-genetic` has two candidates a
//! step; where flags depend on each other, `pbil` and `genetic` are better (docs/how-to-choose.md).
//!
//! Tune first: `population`, more where flags freeze at the wrong value by chance; then `selected`.
//!
//! ```
//! use moths_core::{Function, Key, Leaf, Space, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::new(vec![Leaf::bool("on", [60])])?;
//! let mut ones = Function::new(space.clone(), |x| x.iter().sum());
//! let mut optimizer = registry::build(&"umda".parse()?, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut ones, &Stop::evaluations(4_000).or_target(0.0))?;
//! assert_eq!(end.tally.lowest, 0.0);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/umda.md")]

use moths_core::{
    Key, Space,
    optimizer::{Capabilities, Family, Meta},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::univariate::{Marginals, Ranking, Univariate, UnivariateSearch};

/// Settings of [`Umda`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UmdaConfig {
    /// λ, candidates a step; null: 50 + 4 √d.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub population: Option<usize>,
    /// τ, the part of the candidates that is learnt from; two candidates at least.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub selected: f64,
    /// σ, the deviation of coordinates without a table at first, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
}

impl Default for UmdaConfig {
    fn default() -> Self {
        Self { population: None, selected: 0.5, sigma: 1.0 }
    }
}

/// The univariate marginal distribution algorithm. See the [module documentation](self) for equations.
pub type Umda = UnivariateSearch<UmdaRule>;

/// What [`Umda`] learns.
pub struct UmdaRule {
    config: UmdaConfig,
    /// λ.
    population: usize,
}

impl Univariate for UmdaRule {
    const META: Meta = Meta::new(
        "umda",
        Family::Evolution,
        "Every coordinate is drawn as often as the better half of the candidates has it.",
        "Muehlenbein & Paass 1996, doi:10.1007/3-540-61723-X_982",
    )
    .capabilities(Capabilities::NONE.rank_based(true).translation(true).monotone(true).discrete(true).state_per_parameter(5.0))
    .size("population");
    type Config = UmdaConfig;

    fn new(config: UmdaConfig, space: &Space) -> Self {
        let usual = 50 + (4.0 * (space.dim() as f64).sqrt()).ceil() as usize;
        Self { population: config.population.unwrap_or(usual), config }
    }

    fn candidates(&self) -> usize {
        self.population
    }

    fn sigma(&self) -> f64 {
        self.config.sigma
    }

    fn learn(&self, marginals: &mut Marginals, ranking: &Ranking<'_>, _: Key) {
        let mu = ((self.config.selected * self.population as f64).ceil() as usize).max(2).min(ranking.valid);
        let best = &ranking.points[..mu];
        for (choice, table) in marginals.tables() {
            table.fill(0.0);
            best.iter().for_each(|point| table[choice.value(point)] += 1.0 / mu as f64);
            choice.keep_margin(table);
        }
        // One point has no deviation.
        for (normal, m, s) in marginals.normals().filter(|_| mu > 1) {
            let (mut sum, mut squares) = (0.0, 0.0);
            for off in best.iter().map(|point| point[normal.at] - *m) {
                (sum, squares) = (sum + off, squares + off * off);
            }
            (*m, *s) = (*m + sum / mu as f64, (squares / (mu - 1) as f64).sqrt().clamp(normal.floor, normal.most));
        }
    }
}

register!(Umda);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::univariate::by_hand::{agrees, one_max};

    #[test]
    fn steps_are_those_of_the_equations() {
        let config = UmdaConfig { population: Some(9), selected: 0.4, ..UmdaConfig::default() };
        agrees::<UmdaRule>(config, |by_hand, x, _| {
            let best = &x[..4];
            let mean = |of: &dyn Fn(&[f64; 5]) -> f64| best.iter().map(of).sum::<f64>() / 4.0;
            // Of three flags, n counts as 10.
            by_hand.p = [0, 1, 2].map(|j| mean(&|x| x[j]).clamp(0.025, 0.975));
            for j in 0..2 {
                let before = by_hand.m[j];
                by_hand.m[j] = mean(&|x| x[3 + j]);
                by_hand.s[j] = (mean(&|x| (x[3 + j] - before).powi(2)) * 4.0 / 3.0).sqrt();
            }
        });
    }

    #[test]
    fn a_hundred_flags_are_right_after_as_many_evaluations_as_theory_allows() {
        // O(λ √n) for λ of the order of √n ln n and above; where λ is less, margins bring back what drifted away: O(n ln n).
        let mut all: Vec<u64> = (0..11).map(|seed| one_max::<UmdaRule>(100, seed, 100_000)).collect();
        all.sort_unstable();
        assert!(all[5] < (4.5 * 100.0 * 100f64.ln()) as u64, "{all:?}");
    }
}
