//! jSO: L-SHADE that holds its steps back at first.
//!
//! ```text
//! CR_i ~ N(M_CR[r_i], 0.1) in [0, 1],  F_i ~ Cauchy(M_F[r_i], 0.1) in (0, 1]       r_i: a random one of H entries, the last always (0.9, 0.9)
//! t = evaluations / budget:  CR_i ≥ 0.7 for t < ¼, ≥ 0.6 for t < ½;  F_i ≤ 0.7 for t < 0.6;  F_w = 0.7, 0.8, 1.2 F_i for t < 0.2, < 0.4, then
//! v_i = x_i + F_w (x_pbest − x_i) + F_i (x_a − x_b)                pbest: one of the best p n; b may be in the archive
//! u_ij = v_ij with the probability CR_i, and for one random j; x_ij elsewhere
//! x_i ← u_i where f(u_i) ≤ f(x_i);  the old x_i into the archive where f(u_i) < f(x_i)
//! w_k = Δf_k / Σ Δf                                                over the trials with Δf = f(x_i) − f(u_i) > 0
//! M_CR[k] ← ½ (M_CR[k] + Σ w CR² / Σ w CR),  M_F[k] ← ½ (M_F[k] + Σ w F² / Σ w F)  one entry a step, in turn
//! n ← round(n₀ + (4 − n₀) t);  p falls from p₀ to ½ p₀
//! ```
//!
//! x, v, u, the archive: \[n, d\]; M: \[H\], at first M_F = 0.3, M_CR = 0.8. Source: Brest, Maučec & Bošković 2017,
//! doi:10.1109/CEC.2017.7969456 (n₀ = 25 √d ln d, H = 5, p₀ = 0.25; a budget of 10,000 d evaluations is the competition's).
//! Differs from the paper: n₀ is at least 8, and no more than half a million numbers hold; a gain over a parent that had failed is
//! infinite, and then only such gains count; integers as in `de`.
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as parents are evaluated beside their trials on the same data;
//! 2 numbers of state per parameter and candidate; scratch of n numbers per parameter, and 2 for the box, held throughout; in a step in
//! which the population shrinks, copies of it and of the archive.
//!
//! Take it when the length of the run is known, and it is long: F, CR and the pull to the best are held back for its sake. It reaches more
//! of BBOB than `l-shade`, which does not hold back; where the length is not known take `jade` or `shade`.
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
//! let spec = Spec::new("jso").with("evaluations", 4_000)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(4_000))?;
//! assert!(end.tally.lowest <= 1e-9);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/jso.md")]

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

/// Settings of [`Jso`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JsoConfig {
    /// n₀, the number of points at first, which shrinks over the budget and not by a curve; null: 25 √d ln d.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// Where the points begin.
    pub init: Init,
    /// The budget over which the population shrinks and steps are let go; null: 10,000 d.
    #[schemars(range(min = 1))]
    pub evaluations: Option<u64>,
    /// H, how many means are remembered.
    #[schemars(range(min = 1, max = 100_000))]
    pub memory: usize,
    /// p₀, the part of the population that is followed at first; two points at least.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub best_fraction: f64,
    /// Archived points per point of the population.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub archive: f64,
}

impl Default for JsoConfig {
    fn default() -> Self {
        Self { population: None, init: Init::Around, evaluations: None, memory: 5, best_fraction: 0.25, archive: 1.0 }
    }
}

/// jSO. See the [module documentation](self) for equations.
pub type Jso = AdaptiveDe<JsoConfig>;

impl Preset for JsoConfig {
    const META: Meta = Meta::new(
        "jso",
        Family::Evolution,
        "L-SHADE that holds F, CR and the pull to the best back at first.",
        "Brest, Maucec & Boskovic 2017, doi:10.1109/CEC.2017.7969456",
    )
    .capabilities(FAMILY)
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
        let n = d as f64;
        let learning = Learning {
            entries: self.memory,
            weight: 0.3,
            rate: 0.8,
            speed: 0.5,
            rates: Mean::Lehmer,
            fixed_last: true,
            ..Learning::SHADE
        };
        let population = population_size::or_of_the_paper(self.population, 25.0 * n.sqrt() * libm::log(n), d);
        Rules {
            shrinks_over: Some(budget(self.evaluations, d)),
            staged: true,
            ..Rules::steady(population.into(), Greed::Halving(self.best_fraction), learning)
        }
    }
}

register!(Jso);
