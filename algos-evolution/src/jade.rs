//! JADE: differential evolution that follows any of its best, and learns F and CR from what succeeded in the last steps.
//!
//! ```text
//! CR_i ~ N(μ_CR, 0.1) in [0, 1],  F_i ~ Cauchy(μ_F, 0.1) in (0, 1]
//! v_i = x_i + F_i (x_pbest − x_i) + F_i (x_a − x_b)     pbest: one of the best p n; a from the population, b from it or the archive
//! u_ij = v_ij with the probability CR_i, and for one random j; x_ij elsewhere
//! x_i ← u_i, and the old x_i into the archive, where f(u_i) < f(x_i): a tie keeps the parent
//! μ_CR ← (1 − c) μ_CR + c mean(S_CR)
//! μ_F  ← (1 − c) μ_F + c Σ F² / Σ F  over S_F           S: the CR_i and F_i of the trials with f(u_i) < f(x_i)
//! ```
//!
//! x, v, u: \[n, d\]; the archive: \[n, d\]; a ≠ b ≠ i. Source: Zhang & Sanderson 2009, doi:10.1109/TEVC.2009.2014613 (with archive).
//! Differs from the paper: when the archive is full, a newcomer takes the place of a random point (the paper adds all, then removes);
//! n = 8 + ⌊5 ln d⌋ (40 at least with integers or flags), where the paper has 30, 100 and 400 for d up to 10, 30 and 100, for runs of 1,000 to 10,000 generations (BBOB 2/5/10/20/40-D,
//! 1,000 d evaluations, instances 11-13, share of targets: .86/.68/.46/.31/.27 with 12/15/20/20/24 points, .65/.51/.41/.22/.09 with the paper's; in ten
//! times as many evaluations, 2/5/10-D, .96/.76/.59 with 19 points, .95/.82/.66); n may change with the step, and the archive with it;
//! integers as in `de`.
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as parents are evaluated beside their trials on the same data;
//! 2 numbers of state per parameter and candidate; scratch of n numbers per parameter, and 2 for the box, held throughout.
//!
//! Take it when there are up to 5 parameters and some 1,000 evaluations a dimension: it reaches the most of BBOB there (.893 of the targets
//! in 2-D, .736 in 5-D). In more dimensions take `restart` around `cma-es`; in runs ten times longer `shade` with a large population.
//!
//! Tune first: `population`, more in longer runs; `best_fraction`, larger where it settles in the wrong basin (it follows two points at
//! least); `archive`, 0 for a greedier search.
//!
//! ```
//! use moths_core::{Function, Key, Space, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&"jade".parse()?, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(10_000).or_target(1e-6))?;
//! assert!(end.tally.lowest <= 1e-6);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/jade.md")]

use moths_core::{
    Space,
    optimizer::{Family, Init, Meta, Size},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    differential::{
        adaptive::{AdaptiveDe, FAMILY, Greed, Preset, Rules},
        memory::Learning,
    },
    population_size,
};

/// Settings of [`Jade`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JadeConfig {
    /// n, the number of points, at least 4; null: 8 + ⌊5 ln d⌋, 40 at least with integers or flags. A curve is one of the step: newcomers join
    /// around the mean, and the worst leave.
    pub population: Option<Size>,
    /// Where the points begin.
    pub init: Init,
    /// p, the part of the population that is followed.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub best_fraction: f64,
    /// c, how fast μ_CR and μ_F change.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub learning_rate: f64,
    /// Archived points per point of the population.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub archive: f64,
}

impl Default for JadeConfig {
    fn default() -> Self {
        Self { population: None, init: Init::Around, best_fraction: 0.05, learning_rate: 0.1, archive: 1.0 }
    }
}

/// JADE. See the [module documentation](self) for equations.
pub type Jade = AdaptiveDe<JadeConfig>;

impl Preset for JadeConfig {
    const META: Meta = Meta::new(
        "jade",
        Family::Evolution,
        "Differential evolution towards any of the best; F and CR learn from recent successes.",
        "Zhang & Sanderson 2009, doi:10.1109/TEVC.2009.2014613",
    )
    .capabilities(FAMILY.rank_based(true))
    .size("population");

    fn init(&self) -> Init {
        self.init
    }

    fn archive(&self) -> f64 {
        self.archive
    }

    fn rules(&self, space: &Space) -> Rules {
        let learning = Learning { entries: 1, speed: self.learning_rate, by_gain: false, ..Learning::SHADE };
        let population = Size::or(&self.population, population_size::adaptive_differences(space));
        Rules { ties: false, ..Rules::steady(population, Greed::Fixed(self.best_fraction), learning) }
    }
}

register!(Jade);
