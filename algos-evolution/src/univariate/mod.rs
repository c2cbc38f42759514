//! What the searches share that draw every coordinate by itself: univariate estimation of distributions.
//!
//! ```text
//! flags, categories, integers of at most 32   x_j = v with the probability p_jv;   p_jv = 1/k_j at first,  p_jv ≥ 1/(n (k_j − 1)) always
//! everything else                             x_j = m_j + s_j z,  z ~ N(0, 1);     m = the start and s = σ at first
//! ```
//!
//! k_j: how many values coordinate j has; n: how many coordinates have tables, 10 at least, times 4 where others have none. The *margins* 1/(n (k_j − 1)) keep every value
//! alive: a probability of 0 or 1 would never change again. A search is a [`Univariate`]: what it learns from candidates in the order of
//! their losses. The rest is here: drawing, the order of a step, the lowest that was ever seen, which is the answer, and when it is over.
//!
//! The first candidate of the first step, and of the first after a move, is the point itself: no candidate is the answer that is higher.
//! A move gives half of every table to the value of the point. Candidates are moved to the nearest point inside the bounds, and learnt
//! there. `converged` is said when for 10 + ⌈30 d/λ⌉ steps all tables were at their margins, all deviations of reals were 10⁻¹² of the first,
//! and nothing lower was found; or when losses are flat ([`convergence`](moths_core::optimizer::convergence), of a population).
//! Source of tables with more than two values, and of their margins: Ben Jedidia, Doerr & Krejca 2023, arXiv:2302.14420.

#[cfg(test)]
pub(crate) mod by_hand;
mod marginals;

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space,
    objective::Losses,
    optimizer::{Algorithm, Comparison, Meta, convergence::History, settings, shaping},
    persist::{Clock, Fields, Persist},
    tensor::host,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use marginals::{Choice, Marginals, Normal};

/// What is said when there is nothing left to learn.
const SETTLED: &str =
    "settled: all probabilities are at their margins and all deviations vanished, and nothing lower was found for long";

/// Candidates in the order of their losses, the lowest first.
#[non_exhaustive]
pub struct Ranking<'a> {
    /// \[d\] each, as they were evaluated.
    pub points: Vec<&'a [f64]>,
    /// How many did not fail: those that come first.
    pub valid: usize,
}

/// What is particular to a search that draws every coordinate by itself. See the [module documentation](self).
pub trait Univariate: Send + Sized + 'static {
    /// What it is.
    const META: Meta;
    /// Its settings.
    type Config: Serialize + DeserializeOwned + JsonSchema + Default;

    /// With these settings, which are within the ranges of their schema.
    fn new(config: Self::Config, space: &Space) -> Self;
    /// λ, candidates a step.
    fn candidates(&self) -> usize;
    /// σ, the deviation of normal distributions at first.
    fn sigma(&self) -> f64;
    /// What candidates teach, of which one did not fail at least; `key` is for draws of its own.
    fn learn(&self, marginals: &mut Marginals, ranking: &Ranking<'_>, key: Key);
}

/// Probabilities that are kept, at most.
const MOST: usize = 1 << 26;

/// A search by the rule `U`. See the [module documentation](self).
pub struct UnivariateSearch<U> {
    rule: U,
    space: Space,
    clock: Clock,
    pub(crate) marginals: Marginals,
    best: CowTensor,
    /// +∞ until `best` has been evaluated.
    best_loss: f64,
    history: History,
    /// Steps in which all was settled and nothing lower was found.
    still: u64,
}

impl<U: Univariate> Algorithm for UnivariateSearch<U> {
    const META: Meta = U::META;
    type Config = U::Config;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let rule = U::new(config, space);
        let probabilities = marginals::probabilities(space);
        if probabilities > MOST {
            let what = format!("keeps a probability for every value, at most {MOST} of them, and not {probabilities}");
            return Err(Error::unsupported(U::META.id, what));
        }
        // Room for the candidates of a step, as they are drawn, searched and looked at.
        space.zeros_for(rule.candidates().saturating_mul(5))?;
        Ok(Self {
            marginals: Marginals::new(space, &marginals::start(space)?, rule.sigma()),
            history: History::of_population(space.dim(), rule.candidates()),
            space: space.clone(),
            clock: Clock::new(key),
            best: space.start(),
            best_loss: f64::INFINITY,
            still: 0,
            rule,
        })
    }
}

impl<U: Univariate> UnivariateSearch<U> {
    /// λ points inside the bounds, \[λ, d\].
    fn candidates(&self) -> Result<CowTensor> {
        let n = self.rule.candidates();
        let drawn = self.marginals.sample(n, self.clock.key().fold(1));
        let mut points = CowTensor::new(self.space.numbers(drawn, (n, self.space.dim()))?);
        self.space.confine(&mut points)?;
        if self.best_loss.is_infinite() {
            points.set_row(0, &self.best)?;
        }
        Ok(points)
    }

    /// What candidates \[λ, d\] with these losses teach.
    fn learn(&mut self, points: &[f64], losses: &Losses) {
        let rows: Vec<&[f64]> = points.chunks_exact(self.space.dim()).collect();
        let ranking = Ranking {
            points: shaping::order(losses).into_iter().map(|i| rows[i]).collect(),
            valid: losses.iter().filter(|loss| loss.is_finite()).count(),
        };
        if ranking.valid > 0 {
            self.rule.learn(&mut self.marginals, &ranking, self.clock.key().fold(2));
        }
    }

    /// Whether going on is pointless, after a step that found something lower, or did not.
    fn converged(&mut self, losses: &Losses, lower: bool, stochastic: bool) -> Option<&'static str> {
        let flat = self.history.judge(losses, stochastic, self.clock.step + 1);
        let settled = !lower && !stochastic && self.marginals.is_settled(self.rule.sigma());
        self.still = if settled { self.still.saturating_add(1) } else { 0 };
        let patience = 10 + (30 * self.space.dim()).div_ceil(self.rule.candidates()) as u64;
        flat.or((self.still >= patience).then_some(SETTLED))
    }
}

impl<U: Univariate> Optimizer for UnivariateSearch<U> {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let points = self.candidates()?;
        let drawn = host::to_f64s(&points)?;
        let batch = Batch::Dense(points);
        let Comparison { before, losses, report } =
            objective.losses_beside(&batch, &Batch::one(&self.best)?, Some(&[self.best_loss]))?;
        let lower = losses.best().filter(|(_, loss)| *loss < before[0]);
        let lower = lower.map(|(i, loss)| Ok::<_, moths_core::Error>((batch.row(i, &self.space)?, loss))).transpose()?;
        let found = lower.is_some();
        self.best_loss = before[0];
        if let Some(lower) = lower {
            (self.best, self.best_loss) = lower;
        }
        self.learn(&drawn, &losses);
        let converged = self.converged(&losses, found, objective.stochastic());
        self.clock.tick();
        Ok(report.converged(converged))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.best.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.marginals.move_to(&host::to_f64s(&at)?);
        (self.best, self.best_loss, self.still) = (at, f64::INFINITY, 0);
        self.history.clear();
        Ok(())
    }
}

impl<U: Univariate> Persist for UnivariateSearch<U> {
    /// The tables and moments stand beside the others.
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        self.marginals.visit(fields)?;
        fields.field("best", &mut self.best)?;
        fields.field("best_loss", &mut self.best_loss)?;
        fields.field("history", &mut self.history)?;
        fields.field("still", &mut self.still)
    }
}
