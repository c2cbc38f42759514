//! Restarts: when an optimizer has converged, it begins anew elsewhere, with another population.
//!
//! ```text
//! IPOP    λ ← growth · λ                                              after every run
//! BIPOP   in the regime, large or small, that has used fewer evaluations so far:
//!         large:  λ_l ← growth · λ_l
//!         small:  λ = ⌊λ_0 (λ_l / (growth λ_0))^(u₁²)⌋,  σ = σ_0 10^(−2u₂),  for half the evaluations of the last large run at most
//! start   uniform in the bounds, N(start, I) where there are none
//! ```
//!
//! λ_0, σ_0: what the wrapped optimizer's settings `population` and `sigma` say; a population that is its default is what its first step
//! evaluates. u₁, u₂ ~ uniform \[0, 1\]. σ stays where there is no setting `sigma`. A run ends when the wrapped optimizer's report says
//! `converged`; that of the wrapper says it only when the restarts are used up. The answer is that of the run whose last step found the
//! lowest loss: among all that have ended, and the present one.
//! Source: Auger & Hansen 2005, "A restart CMA evolution strategy with increasing population size", doi:10.1109/CEC.2005.1554902; Hansen 2009,
//! "Benchmarking a BI-population CMA-ES on the BBOB-2009 function testbed", doi:10.1145/1570256.1570333.
//! Differs from the papers: any optimizer with a setting `population` can be wrapped, and its own criteria say when a run has ended.
//! Cost per step: the wrapped step, and after a restart of a stochastic objective two evaluations, by which the best answer of the runs that
//! have ended is compared with that of this one on the same data; 1 number of state per parameter more.
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

mod run;
#[cfg(test)]
mod tests;

use moths_core::{
    Algorithm, Batch, Capabilities, Clock, Comparison, CowTensor, Error, Family, Fields, Key, Meta, Objective, Optimizer,
    Persist, Report, Result, Space, Spec, atomically, register, registry, settings,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use run::{Regimes, Run};

/// How the population changes from run to run.
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
    /// The optimizer that is restarted: one with a setting `population`.
    pub inner: Spec,
    /// How the population changes from run to run.
    pub scheme: RestartScheme,
    /// The factor of the population from run to run; 1: it stays.
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
    /// Its steps are restarts.
    clock: Clock,
    run: Run,
    inner: Box<dyn Optimizer>,
    /// λ_0; 0 until it is known.
    base: u64,
    /// λ_l.
    large: f64,
    /// Evaluations used in the two regimes of BIPOP.
    spent: Regimes,
    /// The best answer of all runs that have ended.
    kept: CowTensor,
    /// The lowest loss of its run's last step; +∞: there is none.
    kept_loss: f64,
}

impl Algorithm for Restart {
    const META: Meta = Meta {
        id: "restart",
        family: Family::Ensemble,
        summary: "Begins anew elsewhere, with a larger or another population, when the wrapped optimizer has converged: IPOP, BIPOP.",
        citation: "Auger & Hansen 2005, doi:10.1109/CEC.2005.1554902; Hansen 2009, doi:10.1145/1570256.1570333",
        capabilities: Capabilities { beats_random: true, ..Capabilities::NONE },
        ..Meta::NONE
    };
    type Config = RestartConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        property(&config.inner, "population")?;
        let (clock, run) = (Clock::new(key), Run::FIRST);
        Ok(Self {
            inner: build(&config.inner, run, space, clock.key())?,
            base: 0,
            large: 0.0,
            spent: Regimes::default(),
            kept: space.start(),
            kept_loss: f64::INFINITY,
            space: space.clone(),
            config,
            clock,
            run,
        })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        property(&config.inner, "population")?;
        let inner = registry::capabilities(&config.inner)?;
        Ok(Capabilities { monotone: false, state_per_parameter: inner.state_per_parameter + 1.0, ..inner })
    }
}

/// The schema of a setting that the wrapped optimizer must have.
fn property(inner: &Spec, name: &str) -> Result<Value> {
    let schema = registry::find(&inner.name)?.schema();
    schema["properties"].get(name).cloned().ok_or_else(|| {
        let valid = format!("an optimizer with a setting `{name}`");
        Error::invalid("inner", &inner.name, valid)
    })
}

/// The wrapped optimizer as a run has it.
fn build(inner: &Spec, run: Run, space: &Space, key: Key) -> Result<Box<dyn Optimizer>> {
    let mut spec = inner.clone();
    if run.population > 0 {
        spec = spec.with("population", run.population)?;
    }
    if run.factor != 1.0
        && let Ok(sigma) = property(inner, "sigma")
        && let Some(sigma) = inner.settings.get("sigma").unwrap_or(&sigma["default"]).as_f64()
    {
        spec = spec.with("sigma", run.factor * sigma)?;
    }
    registry::build_part("inner", &spec, space, key)
}

impl Restart {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut report = self.inner.step(objective)?;
        if self.base == 0 {
            let given = self.config.inner.settings.get("population").and_then(Value::as_u64);
            self.base = given.unwrap_or(report.evaluations);
            self.large = self.base as f64;
        }
        self.run.used += report.evaluations;
        self.run.loss = report.loss;
        self.judge(objective, &mut report)?;
        if report.converged.is_none() && self.run.used < self.run.limit {
            return Ok(report);
        }
        if self.config.restarts.is_some_and(|most| self.clock.step >= most) {
            return Ok(Report { converged: Some("the restarts are used up"), ..report });
        }
        self.restart()?;
        Ok(Report { converged: None, ..report })
    }

    /// Losses of different data are not compared: on a stochastic objective the best answer of all runs that have ended is evaluated beside
    /// the answer of the one that is going on.
    fn judge(&mut self, objective: &mut dyn Objective, report: &mut Report) -> Result<()> {
        if !objective.stochastic() || self.kept_loss.is_infinite() {
            return Ok(());
        }
        let (here, kept) = (Batch::one(&self.inner.answer()?)?, Batch::one(&self.kept)?);
        let Comparison { before, losses, report: extra } = objective.losses_beside(&here, &kept, Some(&[self.kept_loss]))?;
        (self.kept_loss, self.run.loss) = (before[0], losses[0]);
        report.loss = report.loss.min(extra.loss);
        report.evaluations += extra.evaluations;
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        (self.kept, self.kept_loss) = (self.answer()?, self.kept_loss.min(self.run.loss));
        if self.run.small {
            self.spent.small += self.run.used;
        } else {
            self.spent.last_large = self.run.used;
            // The very first run belongs to neither regime.
            self.spent.large += if self.clock.step > 0 { self.run.used } else { 0 };
        }
        self.clock.tick();
        let key = self.clock.key();
        self.run = self.next_run(key.fold(1))?;
        self.inner = build(&self.config.inner, self.run, &self.space, key)?;
        let start = self.space.scatter(&self.space.start(), key.fold(2), 1)?;
        self.inner.move_to(&CowTensor::new(start.flatten_all()?.copy()?))
    }
}

impl Optimizer for Restart {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        if self.kept_loss < self.run.loss { Ok(self.kept.clone()) } else { self.inner.answer() }
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)?;
        (self.kept_loss, self.run.loss) = (f64::INFINITY, f64::INFINITY);
        Ok(())
    }
}

/// The run comes first: an optimizer with its population must be there before it can be given a state.
impl Persist for Restart {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let built = self.run;
        fields.field("clock", &mut self.clock)?;
        fields.field("run", &mut self.run)?;
        if (built.population, built.factor) != (self.run.population, self.run.factor) {
            self.inner = build(&self.config.inner, self.run, &self.space, self.clock.key())?;
        }
        fields.field("inner", &mut self.inner)?;
        fields.field("base", &mut self.base)?;
        fields.field("large", &mut self.large)?;
        fields.field("spent", &mut self.spent)?;
        fields.field("kept", &mut self.kept)?;
        fields.field("kept_loss", &mut self.kept_loss)
    }
}

register!(Restart);
