//! lq-CMA-ES: CMA-ES that asks a linear-quadratic model of the function first, and the function only as often as the model needs it.
//!
//! ```text
//! q     a polynomial of degree 1 or 2, fitted to the best points evaluated so far
//! x_i   ~ N(m, σ² C), and argmin q;  the best by q are evaluated, until q ranks the newest points as f does:  Kendall's τ ≥ 0.85
//! m, C  by CMA-ES from q(x_i)
//! ```
//!
//! It is [`surrogate`](crate::surrogate), which says it all, around `cma-es`. Until the model has its products, at (d (d + 3)/2 + 1) · 1.5
//! points, little is gained; then a smooth function takes less than half of the evaluations, and a quadratic one is all but solved.
//! Source: Hansen 2019, "A global surrogate assisted CMA-ES", doi:10.1145/3321707.3321842; differs from the paper as `surrogate` and `cma-es` do.
//! Cost per step: one evaluation at least and λ at most, in rounds of 1, 1, 1, 2, 3, 4, 6, ..; arithmetic and state as in `surrogate`.
//!
//! Take it with up to some 20 parameters, 40 where an evaluation takes a second, when the function may be smooth; in `restart`, when it may have many
//! valleys. On minibatches every candidate is evaluated, and it is `cma-es`.
//!
//! Tune first: `sigma`, as that of `cma-es`; then `population`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_evolution as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 5])?;
//! let ellipsoid = |x: &[f64]| x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 1.0).powi(2)).sum();
//! let mut optimizer = registry::build(&Spec::new("lq-cma-es"), &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut Function::new(space, ellipsoid), &Stop::evaluations(300).or_target(1e-8))?;
//! assert!(end.tally.lowest <= 1e-8);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/lq-cma-es.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist, register,
    space::Walls,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::surrogate::{Surrogate, SurrogateConfig};

/// Settings of [`LqCmaEs`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LqCmaEsConfig {
    /// λ, candidates a step; null: 4 + ⌊3 ln d⌋.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub population: Option<usize>,
    /// σ, the initial deviation in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
    /// τ_min, the rank correlation from which on the model is believed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub trust: f64,
}

impl Default for LqCmaEsConfig {
    fn default() -> Self {
        Self { population: None, sigma: 1.0, trust: 0.85 }
    }
}

impl LqCmaEsConfig {
    fn surrogate(&self) -> Result<SurrogateConfig> {
        let inner = Spec::new("cma-es").with("population", json!(self.population))?.with("sigma", json!(self.sigma))?;
        Ok(SurrogateConfig { inner, trust: self.trust, ..SurrogateConfig::default() })
    }
}

/// CMA-ES with a linear-quadratic surrogate. See the [module documentation](self).
pub struct LqCmaEs {
    whole: Surrogate,
}

impl Algorithm for LqCmaEs {
    const META: Meta = Meta::new(
        "lq-cma-es",
        Family::Ensemble,
        "CMA-ES against a linear-quadratic model of the function, evaluated only as often as the model needs it.",
        "Hansen 2019, doi:10.1145/3321707.3321842",
    )
    .capabilities(
        Capabilities::NONE
            .beats_random(true)
            .walls(Walls::Fold)
            .converges(true)
            .suggestible(true)
            .state_fixed(180_000.0)
            .state_per_parameter(30.0)
            .state_per_pair(15.0),
    )
    .size("population");
    type Config = LqCmaEsConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { whole: Surrogate::new(config.surrogate()?, space, key)? })
    }
}

impl Optimizer for LqCmaEs {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.whole.step(objective)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.whole.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.whole.move_to(at)
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.whole.suggest(points)
    }
}

persist!(LqCmaEs { whole });
register!(LqCmaEs);
