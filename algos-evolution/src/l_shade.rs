//! L-SHADE: SHADE with a population that shrinks steadily over a budget, from broad search to refinement.
//!
//! ```text
//! CR_i ~ N(M_CR[r_i], 0.1) in [0, 1],  F_i ~ Cauchy(M_F[r_i], 0.1) in (0, 1]       r_i: a random one of H entries
//! v_i = x_i + F_i (x_pbest − x_i) + F_i (x_a − x_b)                pbest: one of the best p n; b may be in the archive
//! u_ij = v_ij with the probability CR_i, and for one random j; x_ij elsewhere
//! x_i ← u_i where f(u_i) ≤ f(x_i);  the old x_i into the archive where f(u_i) < f(x_i)
//! w_k = Δf_k / Σ Δf                                                over the trials with Δf = f(x_i) − f(u_i) > 0
//! M_CR[k] ← Σ w CR² / Σ w CR,  M_F[k] ← Σ w F² / Σ w F             one entry a step, in turn; once all CR were 0, M_CR[k] stays so
//! n ← round(n₀ + (4 − n₀) evaluations / budget)                    the worst leave; the archive keeps r n points, chosen by lot
//! ```
//!
//! x, v, u: \[n, d\]; the archive: \[r n, d\]; M: \[H\]. Source: Tanabe & Fukunaga 2014, doi:10.1109/CEC.2014.6900380 (n₀ = 18 d, H = 6,
//! p = 0.11, r = 2.6; a budget of 10,000 d evaluations is the competition's). After the budget, four points search on. p n is rounded, to
//! two points at least; the archive has ⌊r n⌋ places.
//! Differs from the paper: the start is one of the first points, and where there are no bounds the others are normal around it; n₀ is
//! no more than half a million numbers hold, or 32; a gain over a parent that had failed is infinite, and then only such gains count; a
//! trial that failed never takes the place of its parent; on a stochastic objective the parents are evaluated again beside their trials,
//! and that counts against the budget; integers as in `de`. `converged` is said by the criteria that all share,
//! [`convergence`](moths_core::optimizer::convergence) (of a population), and when all points are one; the paper ends with its budget. Left out: the
//! rule of the competition that a gap below 1e-8 is 0.
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as parents are evaluated beside their trials on the same data;
//! 3.6 numbers of state per parameter and candidate; scratch of n numbers per parameter, and 2 for the box, held throughout; in a step in
//! which the population shrinks, copies of it and of the archive.
//!
//! Take it when the length of the run is known, and it is long: the search is broad at first and ends with four points. `jso` reaches a
//! little more of BBOB in 2 to 20 dimensions; where the length is not known take `shade`.
//!
//! Tune first: `evaluations`, the length of the run, which every command tells; `population`, smaller in runs far shorter than 10,000 d;
//! `best_fraction`, larger where it settles too early.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("l-shade").with("evaluations", 4_000)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(4_000))?;
//! assert!(end.tally.lowest <= 1e-9);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/l-shade.md")]

use moths_core::{
    Space,
    optimizer::{Family, Init, Meta},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    differential::{
        adaptive::{AdaptiveDe, FAMILY, Greed, Preset, Rules, budget},
        memory::{Learning, Mean},
    },
    population_size,
};

/// Settings of [`LShade`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LShadeConfig {
    /// n₀, the number of points at first, which shrinks over the budget and not by a curve; null: 18 d.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// Where the points begin.
    pub init: Init,
    /// The budget over which the population shrinks; null: 10,000 d.
    #[schemars(range(min = 1))]
    pub evaluations: Option<u64>,
    /// H, how many means are remembered.
    #[schemars(range(min = 1, max = 100_000))]
    pub memory: usize,
    /// p, the part of the population that is followed; two points at least.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub best_fraction: f64,
    /// r, archived points per point of the population.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub archive: f64,
}

impl Default for LShadeConfig {
    fn default() -> Self {
        Self { population: None, init: Init::Around, evaluations: None, memory: 6, best_fraction: 0.11, archive: 2.6 }
    }
}

/// L-SHADE. See the [module documentation](self) for equations.
pub type LShade = AdaptiveDe<LShadeConfig>;

impl Preset for LShadeConfig {
    const META: Meta = Meta::new(
        "l-shade",
        Family::Evolution,
        "SHADE with a population that shrinks over a budget of evaluations.",
        "Tanabe & Fukunaga 2014, doi:10.1109/CEC.2014.6900380",
    )
    .capabilities(FAMILY.state_per_candidate(3.6))
    .size("population")
    .horizon("evaluations");

    fn init(&self) -> Init {
        self.init
    }

    fn archive(&self) -> f64 {
        self.archive
    }

    fn rules(&self, space: &Space) -> Rules {
        let d = space.dim();
        let learning = Learning { entries: self.memory, rates: Mean::Lehmer, ..Learning::SHADE };
        let population = population_size::or_of_the_paper(self.population, 18.0 * d as f64, d);
        Rules {
            shrinks_over: Some(budget(self.evaluations, d)),
            ..Rules::steady(population.into(), Greed::Fixed(self.best_fraction), learning)
        }
    }
}

register!(LShade);
