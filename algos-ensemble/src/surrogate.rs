//! A surrogate: another optimizer steps against a model of the function, which is asked only as often as the model needs it.
//!
//! ```text
//! archive A           all true evaluations, max(2 df_max, λ) at most; m = |A|
//! model               q(x) = β·φ(x), β from the best max(df + 2, ¾ (m + 1)) of A, weights from 20 (best) to 1
//! φ                   1, x  |  1, x, x²  as soon as ¾ m ≥ 1.1 (2d + 1)  |  1, x, x², x_i x_j  as soon as ¾ m ≥ 1.1 (d (d + 3)/2 + 1)
//! of a batch of λ     1. rank it by q;  evaluate the best k = 1 + max(⌊0.02 λ⌋, 4 − m);  put them into A;  fit q
//!                     2. while τ(q, f on the newest max(15, min(1.2 k, ¾ λ)) of A) < τ_min and k < λ:  ⌈k/2⌉ more, by q
//!                     3. answer q(x_i) − min q + min f of those evaluated;  f itself where all were
//! next                argmin q, no farther than A reaches, is suggested to the wrapped optimizer, where it takes suggestions
//! ```
//!
//! f: true losses; df: coefficients of the model; τ: Kendall's rank correlation. The fit is by weighted least squares in coordinates in which the
//! points are white. Batches of less than 4, and all on stochastic objectives, are evaluated as they are: losses of different data are never
//! compared. The wrapped optimizer knows nothing of all this; only true evaluations are counted and reported.
//! Source: Hansen 2019, "A global surrogate assisted CMA-ES", doi:10.1145/3321707.3321842.
//! Differs from the paper: any optimizer can be wrapped; the points are whitened before they are fitted, where the paper's pseudo-inverse
//! is of their own coordinates; directions in which the model is not curved upwards do not move the suggested minimiser; no model of fewer
//! points than coefficients is trusted.
//! Cost per step: at least one evaluation of the batches of the wrapped step, in as many rounds as it takes; O(df³) arithmetic a fit, of which
//! there are one or two a round: 0.1 ms in 10 dimensions, 3 ms in 20, some 0.2 s in 43; state of 2 df (d + 1) numbers (f64) more. Models have 1,000 coefficients at
//! most: products up to 43 dimensions, squares up to 499, and more than 999 are refused.
//!
//! Take it when an evaluation takes longer than a millisecond, or evaluations are few, and the function is smooth: around `cma-es` it is
//! `lq-cma-es`, which needs less than half of the evaluations on valleys and bowls. Around others, `de` and `pso` among them, it runs, and was
//! not measured.
//!
//! Tune first: `inner`; `trust`, higher where the function is rugged.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_evolution as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let rosenbrock = |x: &[f64]| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum();
//! let evaluations = |spec: &str| {
//!     let mut optimizer = registry::build(&spec.parse()?, &space, Key::new(1))?;
//!     let stop = Stop::evaluations(10_000).or_target(1e-6);
//!     Ok::<_, moths_core::Error>(minimize(&mut *optimizer, &mut Function::new(space.clone(), rosenbrock), &stop)?.tally.evaluations)
//! };
//! let alone = evaluations(r#"{"name": "cma-es"}"#)?;
//! let modelled = evaluations(r#"{"name": "surrogate", "inner": {"name": "cma-es"}}"#)?;
//! assert!(2 * modelled < alone, "{modelled} {alone}");
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/surrogate.md")]

mod archive;
mod model;
mod modelled;
#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, Suggestions, settings},
    persist, register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use archive::Archive;
use model::{Model, Terms};
use modelled::Modelled;

/// The most coefficients of a model: a fit takes the third power of them.
const MOST: usize = 1000;
/// Of more suggestions the first are dropped.
const MOST_SUGGESTIONS: usize = 1000;

/// Settings of [`Surrogate`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SurrogateConfig {
    /// The optimizer that steps against the model.
    pub inner: Spec,
    /// τ_min, the rank correlation from which on the model is believed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub trust: f64,
    /// Is the model's minimiser suggested to the wrapped optimizer?
    pub suggest: bool,
}

impl Default for SurrogateConfig {
    fn default() -> Self {
        Self { inner: Spec::new("cma-es"), trust: 0.85, suggest: true }
    }
}

/// Another optimizer against a model of the function. See the [module documentation](self) for the rule.
pub struct Surrogate {
    space: Space,
    inner: Box<dyn Optimizer>,
    trust: f64,
    suggests: bool,
    richest: Terms,
    archive: Archive,
    /// What others suggested.
    wanted: Suggestions,
    /// The model of an archive: not part of the state, as it follows from it.
    fitted: Option<(Archive, Option<Model>)>,
}

impl Algorithm for Surrogate {
    const META: Meta = Meta::new(
        "surrogate",
        Family::Ensemble,
        "Another optimizer steps against a linear-quadratic model of the function, evaluated only as often as the model needs it.",
        "Hansen 2019, doi:10.1145/3321707.3321842",
    )
    .capabilities(Capabilities::NONE.beats_random(true));
    type Config = SurrogateConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let d = space.dim();
        let Some(richest) = Terms::richest(d, MOST) else {
            return Err(Error::unsupported("surrogate", format!("models at most {} parameters, not {d}", MOST - 1)));
        };
        Ok(Self {
            inner: registry::build_part("inner", &config.inner, space, key)?,
            suggests: config.suggest && registry::capabilities(&config.inner)?.suggestible,
            trust: config.trust,
            archive: Archive::new(d, 2 * richest.count(d)),
            richest,
            fitted: None,
            wanted: Suggestions::at_most(MOST_SUGGESTIONS, space),
            space: space.clone(),
        })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = registry::capabilities(&config.inner)?;
        // What a model says has values, not ranks, and is rounded; what it holds for the best was never evaluated.
        let told = inner.rank_based(false).translation(false).rotation(false).monotone(false).seeds_only(false);
        // Levels are no polynomial, nor are losses folded at walls.
        let told = told.at_walls(false).discrete(false);
        // 2 df (d + 1) numbers of f64, where the space may be f32: with products up to 43 parameters, and 1 + 2d for df from there on.
        let (fixed, pair) = (inner.state_fixed + 180_000.0, inner.state_per_pair + 9.0);
        Ok(told.state_fixed(fixed).state_per_parameter(inner.state_per_parameter + 20.0).state_per_pair(pair))
    }
}

impl Optimizer for Surrogate {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let known = self.fitted.take().filter(|(of, _)| *of == self.archive).map(|(_, model)| model);
        let mut asked = Modelled::new(objective, self.archive.clone(), known, self.richest, self.trust);
        asked.wanted = self.wanted.rows().map(<[f64]>::to_vec).collect();
        let report = self.inner.step(&mut asked)?;
        // The step is taken: from here on nothing may fail, and what would suggests nothing.
        let told = Report::new(asked.lowest, asked.evaluations).converged(report.converged).with_births(report.births);
        let lowest = if self.suggests { asked.minimiser().unwrap_or_default() } else { None };
        self.fitted = asked.model.map(|model| (asked.archive.clone(), model));
        self.archive = asked.archive;
        self.wanted.clear();
        if let Some(batch) = lowest.and_then(|lowest| one(&lowest, &self.space).ok()) {
            let _ = self.inner.suggest(&batch);
        }
        Ok(told)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)?;
        self.wanted.clear();
        Ok(())
    }

    /// They are evaluated, whatever the model thinks of them.
    fn suggest(&mut self, points: &Batch) -> Result<()> {
        let mut wanted = self.wanted.clone();
        wanted.add(points, &self.space)?;
        self.inner.suggest(points)?;
        self.wanted = wanted;
        Ok(())
    }
}

fn one(point: &[f64], space: &Space) -> Result<Batch> {
    Batch::one(&CowTensor::new(space.numbers(point, point.len())?))
}

persist!(Surrogate { inner, archive, wanted });
register!(Surrogate);
