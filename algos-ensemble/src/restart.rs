//! Restarts: when an optimizer has converged, it begins anew elsewhere, with another size if it has one.
//!
//! ```text
//! IPOP    λ ← growth · λ                                              after every run
//! BIPOP   in the regime, large or small, that has used fewer evaluations so far:
//!         large:  λ_l ← growth · λ_l
//!         small:  λ = ⌊λ_0 (λ_l / (growth λ_0))^(u₁²)⌋,  σ = σ_0 10^(−2u₂),  for half the evaluations of the last large run at most
//! start   uniform in the bounds, N(centre, I) where there are none    centre: the space's start, or where `move_to` led
//! ```
//!
//! λ: the size of the wrapped optimizer, the setting that its `Meta` names (`population`, `particles`, `pairs`, ..), or that of what it wraps
//! itself; without any, restarts differ in nothing but their start and their random numbers. λ_0, σ_0: what its settings say; a size
//! whose default depends on the dimension is what its first step evaluates. A size that the wrapped optimizer refuses is raised to the
//! nearest that it takes. u₁, u₂ ~ uniform \[0, 1\]. σ stays where there is no setting `sigma`. A run ends when the wrapped optimizer's
//! report says `converged`: what never converges is never restarted. The wrapper's own report says it only when the restarts are used up.
//!
//! **The answer** is the better of two points: the best answer of all runs that have ended, and that of the present run. They are compared on
//! the same data at the end of a run, and whenever it has used a tenth more evaluations than at the last comparison. Losses of different
//! steps are never compared on a stochastic objective; on a deterministic one, those that are known are not asked for again, but once
//! after a run that was the better.
//! Source: Auger & Hansen 2005, "A restart CMA evolution strategy with increasing population size", doi:10.1109/CEC.2005.1554902; Hansen 2009,
//! "Benchmarking a BI-population CMA-ES on the BBOB-2009 function testbed", doi:10.1145/1570256.1570333.
//! Differs from the papers: any optimizer can be wrapped, and its own criteria say when a run has ended.
//! Cost per step: the wrapped step, and one or two evaluations in a step that compares, none in the first run; 2 numbers of state per
//! parameter more; scratch of the wrapped step, of a copy of the state it overwrites, and 3 numbers per parameter.
//!
//! Take it when nothing is known of a function and the budget lets a run converge more than once: around `cma-es` it is the first to try
//! (docs/how-to-choose.md). In shorter runs it is its inner optimizer; around what never says `converged` it does nothing.
//!
//! Tune first: `inner`, and its own first size and deviation; `scheme`, "bipop" where small sizes may do as well as large ones; `growth`,
//! lower where runs become too long for the budget.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_evolution as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 3])?;
//! let rastrigin = |x: &[f64]| x.iter().map(|x| x * x + 10.0 - 10.0 * (2.0 * std::f64::consts::PI * x).cos()).sum();
//! let spec: Spec = r#"{"name": "restart", "scheme": "bipop", "inner": {"name": "cma-es", "sigma": 0.5}}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let stop = Stop::evaluations(100_000).or_target(1e-6);
//! let end = minimize(&mut *optimizer, &mut Function::new(space, rastrigin), &stop)?;
//! assert!(end.tally.lowest < 1e-6);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/restart.md")]

mod run;
mod size;
#[cfg(test)]
mod tests;

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Members, Meta, settings},
    persist,
    persist::{Clock, atomically},
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contest::{Contest, Seen};
use run::{Regimes, Run};
use size::Size;

/// How the size of the wrapped optimizer changes from run to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartScheme {
    /// It grows.
    Ipop,
    /// It grows in some runs and is small in others, at equal cost.
    Bipop,
}

/// Settings of [`Restart`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RestartConfig {
    /// The optimizer that is restarted.
    pub inner: Spec,
    /// How its size changes from run to run; nothing where it has none.
    pub scheme: RestartScheme,
    /// The factor of the size from run to run; 1: it stays.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub growth: f64,
    /// Restarts after which the search has converged; null: any number.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub restarts: Option<u64>,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self { inner: Spec::new("cma-es"), scheme: RestartScheme::Ipop, growth: 2.0, restarts: None }
    }
}

/// Restarts another optimizer when it has converged. See the [module documentation](self).
pub struct Restart {
    config: RestartConfig,
    space: Space,
    /// What can be said of λ.
    size: Size,
    /// Its steps are restarts.
    clock: Clock,
    run: Run,
    /// The one that is restarted.
    inner: Members,
    /// λ_0; 0 until it is known.
    base: u64,
    /// λ_l.
    large: f64,
    /// Evaluations used in the two regimes of BIPOP.
    spent: Regimes,
    /// What restarts are scattered around.
    centre: CowTensor,
    /// The best answer of all runs that have ended.
    kept: CowTensor,
    /// Its loss; +∞ while it is not known.
    kept_loss: f64,
}

impl Algorithm for Restart {
    const META: Meta = Meta::new(
        "restart",
        Family::Ensemble,
        "Begins anew elsewhere, larger or otherwise different, when the wrapped optimizer has converged: IPOP, BIPOP.",
        "Auger & Hansen 2005, doi:10.1109/CEC.2005.1554902; Hansen 2009, doi:10.1145/1570256.1570333",
    )
    .capabilities(Capabilities::NONE.beats_random(true));
    type Config = RestartConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        // What is wrong with it, building says, and where.
        let (clock, run, size) = (Clock::new(key), Run::FIRST, Size::of(&config.inner).unwrap_or_default());
        let wrapped = config.inner.clone();
        let mut inner = Members::new("inner", space, 1..=1).restricted_to(move |spec| size::is_of(spec, &wrapped));
        inner.push(size.spec(&config.inner, run, space, clock.key())?, clock.key())?;
        Ok(Self {
            inner,
            size,
            base: 0,
            large: 0.0,
            spent: Regimes::default(),
            centre: space.start(),
            kept: space.start(),
            kept_loss: f64::INFINITY,
            space: space.clone(),
            config,
            clock,
            run,
        })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = registry::capabilities(&config.inner)?;
        // What never says that it has converged is never restarted.
        let begins_anew = inner.converges && config.restarts != Some(0);
        Ok(inner
            .converges(config.restarts.is_some())
            .escapes(begins_anew)
            .deterministic(false)
            .state_per_parameter(inner.state_per_parameter + 2.0))
    }
}

impl Restart {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let (report, seen) = Seen::step(&mut *self.inner[0].optimizer, objective)?;
        if self.base == 0 {
            self.base = self.size.first.unwrap_or(report.evaluations).max(1);
            self.large = self.base as f64;
        }
        self.run.used += report.evaluations;
        let ended = report.converged.is_some() || self.run.used >= self.run.limit;
        let report = if self.is_contested(ended) { self.compare(&seen, objective)?.added_to(report) } else { report };
        if !ended {
            return Ok(report);
        }
        if self.config.restarts.is_some_and(|most| self.clock.step >= most) {
            return Ok(report.converged(Some("the restarts are used up")));
        }
        self.restart()?;
        Ok(report.converged(None))
    }

    /// Is it time to compare the present run with those before?
    fn is_contested(&self, ended: bool) -> bool {
        self.run.rivals && (ended || self.run.used >= self.run.next)
    }

    /// Which answer is the better one.
    fn compare(&mut self, seen: &Seen, objective: &mut dyn Objective) -> Result<Contest> {
        let mine = self.inner[0].optimizer.answer()?;
        let contest = Contest::of(&[&self.kept, &mine], &[self.kept_loss, f64::INFINITY], seen, objective)?;
        self.kept_loss = contest.losses[0];
        self.run.leads = contest.losses[1] < contest.losses[0];
        self.run.used += contest.evaluations;
        self.run.next = self.run.used + self.run.used.div_ceil(10);
        Ok(contest)
    }

    fn restart(&mut self) -> Result<()> {
        if self.run.leads {
            (self.kept, self.kept_loss) = (self.inner[0].optimizer.answer()?, f64::INFINITY);
        }
        if self.run.small {
            self.spent.small += self.run.used;
        } else {
            self.spent.last_large = self.run.used;
            // The very first run belongs to neither regime.
            self.spent.large += if self.clock.step > 0 { self.run.used } else { 0 };
        }
        self.clock.tick();
        let key = self.clock.key();
        self.run = self.next_run(key.fold(1));
        self.inner.replace(0, self.size.spec(&self.config.inner, self.run, &self.space, key)?, key)?;
        let start = self.space.scatter(&self.centre, key.fold(2), 1)?;
        self.inner[0].optimizer.move_to(&CowTensor::new(start.flatten_all()?.copy()?))
    }
}

impl Optimizer for Restart {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        if self.run.leads { self.inner[0].optimizer.answer() } else { Ok(self.kept.clone()) }
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner[0].optimizer.move_to(at)?;
        self.centre = self.space.point(at)?;
        (self.run.rivals, self.run.leads) = (false, true);
        Ok(())
    }
}

persist!(Restart { clock, run, inner, base, large, spent, centre, kept, kept_loss });
register!(Restart);
