//! TPE: asks where good points are dense and others are not. For few evaluations, of integers, flags, categories and reals in any mixture.
//!
//! ```text
//! x_1..x_s  ~ the space: uniform inside bounds, N(start, I) where there are none; x_1 the start
//! l, g      the Parzen estimators of the m = min(⌈γ n⌉, 25) points of lowest loss, and of the other n − m
//! x         ← argmax l(x)/g(x) over c draws x ~ l
//! p(x)      = Σ_k w_k Π_j κ_j(x_j; x_kj, s_kj)       k: a point each, and last the prior: the middle, with s the width W of the interval
//! w_k       ∝ 1 for the 25 newest points and for the prior; of older ones from 1/n, of the oldest, rising to 1
//! s_kj      the larger gap from x_kj to a neighbour, at least W_j/min(100, 2 (n + 2)) and at most W_j
//! κ_j       real      N(x_kj, s²) truncated to the interval
//!           step      the mass of this within half a step
//!           choice    (1{x_j = x_kj} + a)/(1 + K a), a = 1/(n + 1), of K values; the prior 1/K
//! ```
//!
//! x: \[d\]; n of w, s and a is that of points in the estimator. A coordinate without bounds has the prior N(start, 4²), and W = 4. With
//! `multivariate` l and g are of whole points, and without it of one coordinate after the other, each with draws of its own.
//! Sources: Bergstra, Bardenet, Bengio & Kégl 2011, "Algorithms for hyper-parameter optimization", NeurIPS 24; Watanabe 2023, "Tree-structured Parzen
//! estimator: understanding its algorithm components and their roles for better empirical performance", arXiv:2304.11127.
//! Differs from the papers: a leaf that is off counts as what was drawn for it, and not as absent; m is that of Optuna (a tenth of the points and not √n/4), and so are w and the limits of s, but that the lower one is half as
//! high, which finds lower losses on three of four mixed functions (`reference/tpe.py`) and higher ones on the fourth; only the newest `archive` points are
//! remembered, and those that are good.
//! Points that failed are never good. A point that was proposed and whose loss is not known yet stands in g, the newest last, and counts for neither n nor m: so
//! commands that run side by side are seldom given the same point, but where there are few values (the constant liar of Ginsbourger, Le Riche &
//! Carraro 2010, doi:10.1007/978-3-642-10701-6_6). On a stochastic objective the good ones are evaluated again in every step, beside the new ones and on
//! the same data, and whoever is not good then never is again: so losses of different data are not compared.
//! `move_to` forgets what was seen, and begins again there. It never says `converged`, and does not: kernels of l end at W/54.
//! Cost per step: `batch` evaluations in one round, m more on a stochastic objective; O(c n d) arithmetic; state of n + 1 numbers per parameter,
//! n at most `archive`. Dimensions for which the archive takes more than 1 GiB are refused.
//!
//! Take it when some 20 to 300 evaluations are all there are, and there are integers, flags or categories. With more of them take `cma-es`, where
//! parameters depend on each other or are to be exact.
//!
//! Tune first: `batch`, as many as can be evaluated at once, where a step is to wait for all of them; `start`, more where there are many parameters; `multivariate`.
//!
//! ```
//! use moths_core::{Function, Key, Leaf, Space, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::new(vec![
//!     Leaf::real("rate", [1]).bounds(-5.0, 0.0),
//!     Leaf::integer("layers", [1], 1, 8),
//!     Leaf::bool("bias", [1]),
//! ])?;
//! let loss = |x: &[f64]| (x[0] + 3.0).powi(2) + (x[1] - 5.0).powi(2) + 1.0 - x[2];
//! let mut optimizer = registry::build(&"tpe".parse()?, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut Function::new(space, loss), &Stop::evaluations(100))?;
//! assert!(end.tally.lowest < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/tpe.md")]

mod archive;
mod parzen;
mod ratio;
#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space,
    objective::Losses,
    optimizer::{Algorithm, Capabilities, Comparison, Family, Meta, Pending, Proposal, Suggestions, settings},
    persist,
    persist::Clock,
    register,
    tensor::host,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::Values;
use archive::Archive;
use ratio::Ratio;

/// The most memory that the archive may take.
const MOST_BYTES: usize = 1 << 30;
/// How many suggestions wait at the most.
const SUGGESTIONS: usize = 16;

/// Settings of [`Tpe`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TpeConfig {
    /// Candidates a step, each drawn for itself.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub batch: usize,
    /// s, points that are drawn at random before anything is estimated.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub start: usize,
    /// γ, the part of the points that is good; 25 points at most.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 0.5))]
    pub gamma: f64,
    /// c, how many draws of l a candidate is the best of.
    #[schemars(range(min = 1, max = 100_000))]
    pub draws: usize,
    /// Are the estimators of whole points, which see what belongs together? Else of every coordinate for itself.
    pub multivariate: bool,
    /// How many points are remembered.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub archive: usize,
}

impl Default for TpeConfig {
    fn default() -> Self {
        Self { batch: 1, start: 10, gamma: 0.1, draws: 24, multivariate: true, archive: 500 }
    }
}

/// The tree-structured Parzen estimator. See the [module documentation](self) for equations.
pub struct Tpe {
    config: TpeConfig,
    space: Space,
    values: Vec<Values>,
    clock: Clock,
    centre: CowTensor,
    archive: Archive,
    suggestions: Suggestions,
    pending: Pending,
}

/// Numbers of state per parameter: the archive, the centre, and suggestions in f64.
const fn state_per_parameter(archive: usize) -> f64 {
    (archive + 1 + 2 * SUGGESTIONS) as f64
}

/// Losses in f64.
const fn state_fixed(archive: usize) -> f64 {
    2.0 * archive as f64
}

impl Algorithm for Tpe {
    const META: Meta = Meta::new(
        "tpe",
        Family::Evolution,
        "Proposes what is likelier among the good points seen so far than among the others.",
        "Bergstra, Bardenet, Bengio & Kégl 2011, NeurIPS 24",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .monotone(true)
            .suggestible(true)
            .asynchronous(true)
            .state_fixed(state_fixed(500))
            .state_per_parameter(state_per_parameter(500)),
    )
    .size("batch");
    type Config = TpeConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        if config.start > config.archive {
            let valid = format!("at most {}, the archive: what is not remembered cannot be counted", config.archive);
            return Err(Error::invalid("start", config.start, valid));
        }
        let bytes = config.archive.saturating_mul(space.dim()).saturating_mul(space.dtype().size_in_bytes());
        if bytes > MOST_BYTES {
            let what =
                format!("remembers {} points of {} numbers, more than 1 GiB; `archive` may be less", config.archive, space.dim());
            return Err(Error::unsupported("tpe", what));
        }
        Ok(Self {
            values: Values::of(space),
            clock: Clock::new(key),
            centre: space.start(),
            archive: Archive::new(space, config.archive)?,
            suggestions: Suggestions::at_most(SUGGESTIONS, space),
            pending: Pending::none(space),
            space: space.clone(),
            config,
        })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let (fixed, per_parameter) = (state_fixed(config.archive), state_per_parameter(config.archive));
        Ok(Self::META.capabilities.state_fixed(fixed).state_per_parameter(per_parameter))
    }

    fn evaluations_per_step(config: &Self::Config, _space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok((!stochastic).then_some(config.batch as u64))
    }
}

impl Optimizer for Tpe {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let gamma = self.config.gamma;
        let good = self.archive.good(gamma);
        let points = self.candidates(&good)?;
        let batch = Batch::Dense(points.clone());
        let (report, before, losses) = if good.is_empty() {
            let losses = objective.losses(&batch)?;
            (Report::of(&losses), vec![], losses)
        } else {
            let (known, remembered) = (Batch::Dense(self.archive.points(&good)?), self.archive.losses(&good));
            let Comparison { before, losses, report } = objective.losses_beside(&batch, &known, Some(&remembered))?;
            (report, before, losses)
        };
        self.archive = self.archive.with(&points, &losses, (&good, &before), objective.stochastic(), gamma)?;
        self.suggestions.clear();
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.archive.best()?.unwrap_or_else(|| self.centre.clone()))
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.archive = Archive::new(&self.space, self.config.archive)?;
        self.centre = at;
        self.suggestions.clear();
        self.pending.clear();
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.suggestions.add(points, &self.space)
    }

    fn propose(&mut self) -> Result<Proposal> {
        let mut points = self.drawn(&self.archive.good(self.config.gamma), 1)?;
        let suggested = self.seen() > 0 && !self.suggestions.is_empty();
        if suggested {
            self.suggestions.write_first(&mut points, 0, &self.space)?;
        }
        let proposal = self.pending.add(Batch::Dense(points).row(0, &self.space)?)?;
        if suggested {
            self.suggestions.drop_first();
        }
        self.clock.tick();
        Ok(proposal)
    }

    fn learn(&mut self, number: u64, loss: f64) -> Result<()> {
        let mut points = self.space.zeros_for(1)?;
        points.set_row(0, &*self.pending.get(number, &self.space)?)?;
        let losses = Losses::from(vec![loss]);
        self.archive = self.archive.with(&points, &losses, (&[], &[]), false, self.config.gamma)?;
        self.pending.remove(number);
        Ok(())
    }
}

impl Tpe {
    /// How many points are known, or will be.
    fn seen(&self) -> usize {
        self.archive.len() + self.pending.len()
    }

    /// The points of a step \[n, d\]; the last of them are those that others suggest.
    fn candidates(&self, good: &[usize]) -> Result<CowTensor> {
        let waiting = self.suggestions.rows().len();
        // The start itself is looked at, too.
        let first = usize::from(self.seen() == 0);
        let n = self.config.batch.max(waiting + first);
        let mut points = self.drawn(good, n)?;
        let rows: Vec<usize> = (n - waiting..n).rev().collect();
        self.suggestions.write(&mut points, &rows, &self.space)?;
        Ok(points)
    }

    /// n points \[n, d\] of its own, the first of all the start.
    fn drawn(&self, good: &[usize], n: usize) -> Result<CowTensor> {
        let key = self.clock.key();
        if self.seen() >= self.config.start && self.archive.len() > 0 {
            return self.proposals(good, key.fold(1), n);
        }
        let mut points = self.space.scatter(&self.centre, key.fold(0), n)?;
        if self.seen() == 0 {
            points.set_row(0, &self.centre)?;
        }
        Ok(points)
    }

    /// n points of high l/g, each for itself.
    fn proposals(&self, good: &[usize], key: Key, n: usize) -> Result<CowTensor> {
        let Self { config, space, values, archive, centre, pending, .. } = self;
        let d = space.dim();
        let ratio = Ratio::new(archive, good, pending, values, &host::to_f64s(centre)?)?;
        let together = if config.multivariate { d } else { 1 };
        let mut x = vec![0.0; n * d];
        for (i, x) in x.chunks_exact_mut(d).enumerate() {
            ratio.highest(config.draws, together, &mut key.fold(i as u64).stream(), x);
        }
        let mut points = CowTensor::new(space.numbers(x, (n, d))?);
        space.confine(&mut points)?;
        Ok(points)
    }
}

persist!(Tpe { clock, centre, archive, suggestions, pending });
register!(Tpe);
