//! The compact genetic algorithm: a population that is nothing but its frequencies, from which two candidates meet in every step.
//!
//! ```text
//! w, l: two candidates, every coordinate by itself; w has the lower loss
//! p_j(w_j) ← p_j(w_j) + δ,  p_j(l_j) ← p_j(l_j) − δ      where w_j ≠ l_j;  δ = min(1/N, p_j(l_j) − 1/(n (k_j − 1)))
//! m_j ← m_j + (w_j − l_j)/N,  s_j ← s_j exp((v(w_j) − v(l_j))/2N)      v(x) = ((x − m_j)/s_j)², 9 at most
//! ```
//!
//! p_j: the probabilities of the values of coordinate j, a flag, a category, or an integer or level of at most 32 values, of which it has k_j; n: how many such
//! coordinates there are, 10 at least, times 4 where there are others; m_j, s_j: of every other coordinate, which is drawn from N(m_j, s_j²). How they begin, the answer, and when
//! `converged` is said: [`univariate`](crate::univariate). Sources: Harik, Lobo & Goldberg 1999, "The compact genetic algorithm",
//! doi:10.1109/4235.797971; Mininno, Cupertino & Naso 2008, "Real-valued compact genetic algorithms for embedded microcontroller
//! optimization", IEEE Transactions on Evolutionary Computation 12, 203-219 (m and s); Ben Jedidia, Doerr & Krejca 2023, arXiv:2302.14420 (more than two values, margins).
//! Differs from the papers: there are margins, and so it does not end when all flags are certain; two candidates that
//! both failed teach nothing; the deviation is learnt in its logarithm (in the paper s_j² ← s_j² + m_j² − m'_j² + (w_j² − l_j²)/N, which where
//! flags decide who wins, and w_j and l_j are chance, makes it smaller and smaller: it is the same to the first order of 1/N); integers of many values are drawn as reals, with s_j never below a tenth
//! of a level; the answer is the lowest that was ever seen.
//! Where only the number of right flags matters, p_j goes from ½ to 1 in (π/2)^{3/2} N √(n/2) steps on average as long as N is large (Droste
//! 2006, doi:10.1007/s11047-004-9001-5, proves the order): with N = √n ln n, 2.8 n ln n evaluations.
//! Measured until all are right: 2.5, 2.6, 2.8 n ln n for n = 64, 256, 1000 (medians of 11 seeds; 19,100 evaluations for the thousand).
//! Minima on a wall, and better figures than chance, are not promised where parameters are real.
//! Cost per step: 2 evaluations in one round, of a stochastic objective one more, for the answer on the same data; 16 bytes of state per
//! real parameter, 8 per value of a discrete one, and the answer.
//!
//! Take it when flags matter one by one and memory is scarce, or an evaluation at a time is all there is. `umda` has as many candidates a
//! step as are wanted at once; where flags depend on each other, `pbil` and `genetic` are better (docs/how-to-choose.md).
//!
//! Tune first: `virtual_population`, higher where flags freeze at the wrong value by chance, lower for a faster search.
//!
//! ```
//! use moths_core::{Function, Key, Leaf, Space, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::new(vec![Leaf::bool("on", [60])])?;
//! let mut ones = Function::new(space.clone(), |x| x.iter().sum());
//! let mut optimizer = registry::build(&"compact-genetic".parse()?, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut ones, &Stop::evaluations(4_000).or_target(0.0))?;
//! assert_eq!(end.tally.lowest, 0.0);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/compact-genetic.md")]

use moths_core::{
    Key, Space,
    optimizer::{Capabilities, Family, Meta},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::univariate::{Marginals, Ranking, Univariate, UnivariateSearch};

/// The square of how many deviations away a candidate counts as, at most: the first may be anywhere.
const FARTHEST: f64 = 9.0;

/// Settings of [`CompactGenetic`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompactGeneticConfig {
    /// N, how many the population would be; null: √d ln d, 20 at least.
    #[schemars(extend("exclusiveMinimum" = 1.0), range(max = 1e9))]
    pub virtual_population: Option<f64>,
    /// σ, the deviation of coordinates without a table at first, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
}

impl Default for CompactGeneticConfig {
    fn default() -> Self {
        Self { virtual_population: None, sigma: 1.0 }
    }
}

/// The compact genetic algorithm. See the [module documentation](self) for equations.
pub type CompactGenetic = UnivariateSearch<CompactGeneticRule>;

/// What [`CompactGenetic`] learns.
pub struct CompactGeneticRule {
    sigma: f64,
    /// N.
    size: f64,
}

impl Univariate for CompactGeneticRule {
    const META: Meta = Meta::new(
        "compact-genetic",
        Family::Evolution,
        "A population that is nothing but its frequencies; two candidates meet in every step.",
        "Harik, Lobo & Goldberg 1999, doi:10.1109/4235.797971",
    )
    .capabilities(Capabilities::NONE.rank_based(true).translation(true).monotone(true).discrete(true).state_per_parameter(5.0));
    type Config = CompactGeneticConfig;

    fn new(config: CompactGeneticConfig, space: &Space) -> Self {
        let d = space.dim() as f64;
        let usual = (d.sqrt() * libm::log(d)).max(20.0);
        Self { sigma: config.sigma, size: config.virtual_population.unwrap_or(usual) }
    }

    fn candidates(&self) -> usize {
        2
    }

    fn sigma(&self) -> f64 {
        self.sigma
    }

    fn learn(&self, marginals: &mut Marginals, ranking: &Ranking<'_>, _: Key) {
        let (winner, loser) = (ranking.points[0], ranking.points[1]);
        for (choice, table) in marginals.tables() {
            choice.shift(table, choice.value(loser), choice.value(winner), 1.0 / self.size);
        }
        for (normal, m, s) in marginals.normals() {
            let (w, l) = (winner[normal.at] - *m, loser[normal.at] - *m);
            let square = |off: f64| (off / *s).powi(2).min(FARTHEST);
            let growth = libm::exp((square(w) - square(l)) / (2.0 * self.size));
            *m += (w - l) / self.size;
            *s = (*s * growth).max(f64::MIN_POSITIVE).clamp(normal.floor, normal.most);
        }
    }
}

register!(CompactGenetic);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::univariate::by_hand::{agrees, one_max};

    #[test]
    fn steps_are_those_of_the_equations() {
        let config = CompactGeneticConfig { virtual_population: Some(5.0), ..CompactGeneticConfig::default() };
        agrees::<CompactGeneticRule>(config, |by_hand, x, _| {
            let (w, l) = (x[0], x[1]);
            for j in 0..3 {
                by_hand.p[j] = (by_hand.p[j] + (w[j] - l[j]) / 5.0).clamp(0.025, 0.975);
            }
            for j in 0..2 {
                let (m, s, w, l) = (by_hand.m[j], by_hand.s[j], w[3 + j], l[3 + j]);
                let square = |x: f64| ((x - m) / s).powi(2).min(9.0);
                (by_hand.m[j], by_hand.s[j]) = (m + (w - l) / 5.0, s * ((square(w) - square(l)) / 10.0).exp());
            }
        });
    }

    /// (π/2)^{3/2} N √(n/2) duels bring the frequencies to the right side; what drifted to the wrong one, and the last flags, need some more.
    #[test]
    fn right_flags_take_n_ln_n_evaluations() {
        for n in [64, 256] {
            let mut all: Vec<u64> = (0..11).map(|seed| one_max::<CompactGeneticRule>(n, seed, 1_000_000)).collect();
            all.sort_unstable();
            let unit = n as f64 * (n as f64).ln();
            let constant = all[5] as f64 / unit;
            assert!((1.4..4.2).contains(&constant), "{n}: {constant} n ln n; {all:?}");
        }
    }
}
