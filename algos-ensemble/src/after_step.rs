//! A random direction as the gradient of another optimizer, judged by the loss after the step that it makes of it.
//!
//! ```text
//! z ~ sampler;   x₊, s₊ = where step(x, s; +z) leads,   x₋, s₋ = where step(x, s; −z) leads
//! opposite:   x, s ← x₊, s₊ if f(x₊) ≤ f(x), else x₋, s₋
//! lower:      x, s ← the lower of x₊, x₋, and its state
//! best:       x, s ← the lowest of x₊, x₋ and x, and its state
//! ```
//!
//! x, z: \[d\]; s: the state of the wrapped optimizer, all of it: both directions begin from the same momenta, step sizes and random numbers,
//! and those of the direction that is not taken are gone. The wrapped optimizer, `backprop` with any descent or what is made of it, never sees f: it
//! is given ±z as its gradient. All losses of a
//! step are compared on the same data. A point that failed is never taken: where none is left, x and s stay, and only random numbers go on.
//! Source: the founding notes of this project ("error is loss after optimizer step").
//! Differs from the notes: the opposite direction is evaluated before it is taken, so that one that fails is not.
//! Cost per step: f(x₊) and, where it is looked at, f(x₋); f(x) beside, in "opposite" and "best", where it is not known, as on a stochastic
//! objective: 2 or 3 evaluations. The state of the wrapped optimizer and 1 number; scratch of its steps, of two copies of the state they overwrite, and
//! 4 numbers per parameter.
//!
//! Take it when losses are all there is, only their order can be trusted, and the update rule has a memory, momentum above all, that leads elsewhere
//! than a direction alone: it is found out by looking where the step ends. `random-grad` judges by a short perturbation, which needs no second step.
//!
//! Tune first: `inner.descent.rate`, the length of a step; `keep`, "best" where the loss must not rise, "opposite" where it may.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("after-step").with("inner.name", "backprop")?.with("inner.descent.name", "adamw")?.with("inner.descent.rate", 0.02)?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..500 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/after-step.md")]

#[cfg(test)]
mod tests;

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Sampler, Space, Spec, kernel,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::{Clock, Keep, State, atomically},
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    committee,
    contest::{Contest, Seen},
    slope::Slope,
};

/// Which of the points that a step looks at it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeepStep {
    /// The first one, or where it raises the loss the opposite one, whatever the loss there.
    #[default]
    Opposite,
    /// The lower of the two.
    Lower,
    /// The lowest of the two and the point before.
    Best,
}

/// Settings of [`AfterStep`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AfterStepConfig {
    /// The optimizer whose steps are judged.
    pub inner: Spec,
    /// Which point is taken.
    pub keep: KeepStep,
    /// The distribution of z.
    pub sampler: Sampler,
}

impl Default for AfterStepConfig {
    fn default() -> Self {
        let descent = serde_json::json!("adamw");
        let inner = Spec { name: "backprop".into(), settings: [("descent".to_owned(), descent)].into_iter().collect() };
        Self { inner, keep: KeepStep::Opposite, sampler: Sampler::Normal }
    }
}

/// Judges directions by where the steps they make end. See the [module documentation](self).
pub struct AfterStep {
    config: AfterStepConfig,
    space: Space,
    clock: Clock,
    inner: Box<dyn Optimizer>,
    /// f(x); +∞ when it is not known.
    loss: f64,
}

impl Algorithm for AfterStep {
    const META: Meta = Meta::new(
        "after-step",
        Family::Ensemble,
        "A random direction as the gradient of another optimizer, reversed when the loss after its step is higher.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.seeds_only(true).rank_based(true).translation(true).beats_random(true));
    type Config = AfterStepConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        committee::follows_gradients("after-step", &config.inner)?;
        let inner = registry::build_part("inner", &config.inner, space, key.fold(1))?;
        Ok(Self { config, space: space.clone(), clock: Clock::new(key.fold(0)), inner, loss: f64::INFINITY })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let inner = committee::follows_gradients("after-step", &config.inner)?;
        // Of the loss nothing is ever seen but which is lower, in points that stand alone; what the wrapped optimizer remembers is its own. What the wrapped optimizer does is done to a
        // linear function, in which nothing is found: neither walls, nor switches, nor an end.
        Ok(inner
            .needs_gradient(false)
            .compares_steps(false)
            .rank_based(true)
            .rotation(inner.rotation && config.sampler.is_isotropic())
            .monotone(config.keep == KeepStep::Best)
            .at_walls(false)
            .converges(false)
            .escapes(false)
            .discrete(false)
            .suggestible(false)
            .deterministic(false))
    }

    fn evaluations_per_step(config: &Self::Config, _: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(Some(if stochastic && config.keep != KeepStep::Lower { 3 } else { 2 }))
    }
}

/// Where a direction leads, and with which state.
struct Side {
    after: CowTensor,
    state: State,
}

/// What a step looked at, and what it takes of it.
struct Look {
    /// `None`: nothing, all stays.
    taken: Option<Side>,
    /// f where it then is.
    loss: f64,
    report: Report,
}

kernel! { fn reverse(out: out, z: mat) {
    out = 0.0 - z;
} }

impl AfterStep {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let before = State::of(&mut self.inner)?;
        let mut z = self.space.zeros()?;
        self.config.sampler.over(&self.space).fill(self.clock.key(), &mut z)?;
        let mut opposite = self.space.zeros()?;
        reverse(&mut opposite, &z)?;
        let x = self.inner.answer()?;
        let plus = self.side(z, &x)?;
        before.restore(&mut self.inner, Keep::Nothing)?;
        let Look { taken, loss, report } = match self.config.keep {
            KeepStep::Opposite => self.first_good(&x, plus, opposite, objective)?,
            KeepStep::Lower | KeepStep::Best => {
                let minus = self.side(opposite, &x)?;
                self.lowest(&x, [plus, minus], objective)?
            }
        };
        match taken {
            Some(side) => side.state.restore(&mut self.inner, Keep::Nothing)?,
            // With the same random numbers it would try the same again.
            None => before.restore(&mut self.inner, Keep::Clocks)?,
        }
        self.loss = loss;
        self.clock.tick();
        Ok(report)
    }

    /// A step of the wrapped optimizer, given this gradient.
    fn side(&mut self, gradient: CowTensor, x: &CowTensor) -> Result<Side> {
        self.inner.step(&mut Slope::new(gradient, x, &self.space)?)?;
        Ok(Side { after: self.inner.answer()?, state: State::of(&mut self.inner)? })
    }

    /// The first side if it is not higher than x, or else the other one.
    fn first_good(&mut self, x: &CowTensor, plus: Side, opposite: CowTensor, objective: &mut dyn Objective) -> Result<Look> {
        let first = self.compare(&[&plus.after], Some(x), objective)?;
        let report = first.added_to(Report::new(f64::INFINITY, 0));
        if first.losses[0].is_finite() && first.losses[0] <= first.losses[1] {
            return Ok(Look { taken: Some(plus), loss: first.losses[0], report });
        }
        let minus = self.side(opposite, x)?;
        let second = self.compare(&[&minus.after], None, objective)?;
        let (taken, loss) = match second.best() {
            Some(_) => (Some(minus), second.losses[0]),
            None => (None, first.losses[1]),
        };
        Ok(Look { taken, loss, report: second.added_to(report) })
    }

    /// The lower of the sides, or x where it is lower still and counts.
    fn lowest(&mut self, x: &CowTensor, sides: [Side; 2], objective: &mut dyn Objective) -> Result<Look> {
        let x = Some(x).filter(|_| self.config.keep == KeepStep::Best);
        let contest = self.compare(&[&sides[0].after, &sides[1].after], x, objective)?;
        let report = contest.added_to(Report::new(f64::INFINITY, 0));
        let best = contest.best();
        // Where all failed x may have done so unseen.
        let loss = best.map_or(f64::INFINITY, |best| contest.losses[best]);
        Ok(Look { taken: best.and_then(|best| sides.into_iter().nth(best)), loss, report })
    }

    /// Losses of these points, x behind them if it counts, whose loss may be known. Others are asked for also where nothing has moved: a step
    /// that costs nothing would never end a run.
    fn compare(&self, sides: &[&CowTensor], x: Option<&CowTensor>, objective: &mut dyn Objective) -> Result<Contest> {
        let mut known = vec![f64::INFINITY; sides.len()];
        known.extend(x.map(|_| self.loss));
        let points: Vec<&CowTensor> = sides.iter().copied().chain(x).collect();
        Contest::of(&points, &known, &Seen::default(), objective)
    }
}

impl Optimizer for AfterStep {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.inner.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.inner.move_to(at)?;
        self.loss = f64::INFINITY;
        Ok(())
    }
}

persist!(AfterStep { clock, inner, loss });
register!(AfterStep);
