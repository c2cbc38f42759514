//! SHADE: JADE with a memory of many means, so that one bad generation spoils little.
//!
//! ```text
//! CR_i ~ N(M_CR[r_i], 0.1) in [0, 1],  F_i ~ Cauchy(M_F[r_i], 0.1) in (0, 1]       r_i: a random one of H entries
//! p_i ~ U[2/n, p]
//! v_i = x_i + F_i (x_pbest − x_i) + F_i (x_a − x_b)                pbest: one of the best p_i n; b may be in the archive
//! u_ij = v_ij with the probability CR_i, and for one random j; x_ij elsewhere
//! x_i ← u_i where f(u_i) ≤ f(x_i);  the old x_i into the archive where f(u_i) < f(x_i)
//! w_k = Δf_k / Σ Δf                                                over the trials with Δf = f(x_i) − f(u_i) > 0
//! M_CR[k] ← Σ w CR,  M_F[k] ← Σ w F² / Σ w F                       one entry a step, in turn
//! ```
//!
//! x, v, u, the archive: \[n, d\]; M: \[H\]. Source: Tanabe & Fukunaga 2013, doi:10.1109/CEC.2013.6557555 (n = H = 100). Differs from the
//! paper: n = 8 + ⌊5 ln d⌋ (40 at least with integers or flags), since a run of 1,000 d evaluations, a tenth of the competition's, has no time for a hundred points (BBOB
//! 2/5/10/20/40-D, 1,000 d evaluations, instances 11-13, share of targets: .87/.64/.43/.32/.26 with 10/15/20/20/24 points,
//! .41/.24/.20/.21/.24 with 100); in ten times as many evaluations a hundred are better from five dimensions on (2/5/10-D: .95/.74/.60 with
//! 19 points, .92/.83/.76 with 100). A gain over a parent that had failed is infinite, and then only such gains count; n may
//! change with the step, and the archive with it; integers as in `de`.
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as parents are evaluated beside their trials on the same data;
//! 2 numbers of state per parameter and candidate; scratch of n numbers per parameter, and 2 for the box, held throughout.
//!
//! Take it when a run is long and its length is not known, or the minimum may lie on a bound, which `jade` does not promise to find: with
//! 100 points it reaches more of 10-D BBOB in 10,000 d evaluations (.76; `jade` .66 at most).
//!
//! Tune first: `population`, a hundred in long runs from five dimensions on; `best_fraction`, larger where it settles in the wrong basin;
//! `memory`, fewer where F and CR should follow faster.
//!
//! ```
//! use moths_core::{Function, Key, Space, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let mut optimizer = registry::build(&"shade".parse()?, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(10_000).or_target(1e-6))?;
//! assert!(end.tally.lowest <= 1e-6);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/shade.md")]

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

/// Settings of [`Shade`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShadeConfig {
    /// n, the number of points, at least 4; null: 8 + ⌊5 ln d⌋, 40 at least with integers or flags. A curve is one of the step: newcomers join
    /// around the mean, and the worst leave.
    pub population: Option<Size>,
    /// Where the points begin.
    pub init: Init,
    /// H, how many means are remembered.
    #[schemars(range(min = 1, max = 100_000))]
    pub memory: usize,
    /// The greatest part p of the population that is followed; the smallest is two points.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub best_fraction: f64,
    /// Archived points per point of the population.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub archive: f64,
}

impl Default for ShadeConfig {
    fn default() -> Self {
        Self { population: None, init: Init::Around, memory: 100, best_fraction: 0.2, archive: 1.0 }
    }
}

/// SHADE. See the [module documentation](self) for equations.
pub type Shade = AdaptiveDe<ShadeConfig>;

impl Preset for ShadeConfig {
    const META: Meta = Meta::new(
        "shade",
        Family::Evolution,
        "JADE with a history of successful F and CR, weighted by what they gained.",
        "Tanabe & Fukunaga 2013, doi:10.1109/CEC.2013.6557555",
    )
    .capabilities(FAMILY.at_walls(true))
    .size("population");

    fn init(&self) -> Init {
        self.init
    }

    fn archive(&self) -> f64 {
        self.archive
    }

    fn rules(&self, space: &Space) -> Rules {
        let learning = Learning { entries: self.memory, ..Learning::SHADE };
        let population = Size::or(&self.population, population_size::adaptive_differences(space));
        Rules::steady(population, Greed::UpTo(self.best_fraction), learning)
    }
}

register!(Shade);
