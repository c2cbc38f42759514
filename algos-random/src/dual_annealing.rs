//! Dual annealing: generalised simulated annealing, whose steps have the heavy tails of Tsallis' statistics, and a local search after its finds.
//!
//! ```text
//! T_t = T_0 (2^{q−1} − 1) / ((1 + t)^{q−1} − 1),  t = 1, 2, ... by chain;  t = 1 again when T_t < restart · T_0
//! where the length of the run is known, t goes evenly from 1 to where T_t = restart · T_0, once
//! Δ_j = σ a / |b|^{(q−1)/(3−q)},  a, b ~ N(0, 1);   y = x + Δ, wrapped around the bounds
//! ln σ = (q − 1)/(3 − q) · (½ ln π + ln T_t/(q − 1) + (4 − q) ln(q − 1) − (2 − q) ln 2/(q − 1) − ln(3 − q) − ln Γ(1/(q − 1) − ½))
//! x ← y with probability [1 − (1 − q_a) (f(y) − f(x)) / (T_t/t)]^{1/(1−q_a)}, 0 where the bracket is negative, 1 where y is no worse
//! ```
//!
//! A chain is d steps that move all coordinates, then one step for each coordinate alone. After a chain that found a new best point the `local`
//! search, fresh but for its random numbers, goes on from there for `local_evaluations`; after `patience` chains that found none, from where the chain ended.
//! x, y, Δ: \[d\]; q = q_v. Source: Tsallis & Stariolo 1996, doi:10.1016/S0378-4371(96)00271-3; Xiang et al. 1997,
//! doi:10.1016/S0375-9601(97)00474-X; constants of Xiang et al. 2013, "Generalized simulated annealing for global optimization: the GenSA package".
//! Differs from the papers: the local search is any optimizer; the first x is the start of the space; where there are no bounds, steps
//! are wrapped into `reach` around the best point; |b| is 1e-6 at least, and a tail longer than 1000 times the width, which wrapping makes
//! uniform, is drawn as such; several visits may be evaluated in a step, of which the best is judged; on a stochastic objective the best
//! point is where the search is. Factors that cancel in the published ln σ (the Γ and sine) are cancelled.
//! Differs from scipy's `dual_annealing`, whose default `restart` is: when annealing begins anew, x stays where it is (scipy draws a
//! new one); a local search follows 10 idle chains, `patience` (scipy: 1,000, then d), and x goes where it ends if that is lower than x
//! (scipy: than the best point); it is not L-BFGS-B by default, but any optimizer. Left out: an end of its own, as after a number of
//! chains; `converged` is never said.
//! Where the length of the run is known, T goes all the way down in it (BBOB, 1000 d evaluations, 12 instances: .607, .348, .272 of the targets in
//! 2, 5, 10-D; not told .576, .353, .253). T is in the unit of the loss, as published. For many local minima in few dimensions: a chain alone takes
//! 2 d steps.
//! The answer is the best point seen, also by a local search that is still going on; on a stochastic objective it is where the
//! search is, or the local search while there is one.
//! Minima on a wall are not promised: the local search, `one-plus-one-es` by default, does not promise them.
//! Cost per step: `visits` evaluations in one round, one more when f(x) is not known; or a step of the local search, and one evaluation
//! after its last. 2 numbers of state per parameter, and those of the local search; scratch of `visits` + 2 numbers per parameter, and of
//! what a step of the local search takes, which is copied before it is overwritten; 2 per parameter, held throughout, for the box, and
//! those of the local search as it was made.
//!
//! Take it when a function of few parameters has many local minima, and is evaluated one point at a time: it reaches more of BBOB than
//! `simulated-annealing` in 2 to 20 dimensions. Where a population can be evaluated, `jade` or `restart` around `cma-es` reach more still.
//!
//! Tune first: `temperature`, about the differences of losses between basins; `local` and `local_evaluations`, a stronger and longer search
//! where basins are narrow or bent; `visit`, lower for shorter tails.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_random as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 2])?;
//! let rastrigin = |x: &[f64]| x.iter().map(|x| x * x + 10.0 - 10.0 * (std::f64::consts::TAU * x).cos()).sum::<f64>();
//! let mut objective = Function::new(space.clone(), |x| rastrigin(&[x[0] - 1.5, x[1] + 2.0]));
//! let mut optimizer = registry::build(&Spec::new("dual-annealing"), &space, Key::new(1))?;
//! for _ in 0..3000 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(rastrigin(&[answer[0] - 1.5, answer[1] + 2.0]) < 1e-3, "{answer:?}");
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/dual-annealing.md")]

#[cfg(test)]
mod tests;
mod visits;

use candle_core::Tensor;
use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space, Spec,
    objective::layer::Best,
    optimizer::{Algorithm, Capabilities, Comparison, Family, Meta, settings},
    persist,
    persist::{Clock, Keep, State, atomically},
    register, registry,
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::direct_search::Incumbent;

/// Settings of [`DualAnnealing`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DualAnnealingConfig {
    /// T_0, in the unit of the loss.
    #[schemars(range(min = 0.01, max = 5e4))]
    pub temperature: f64,
    /// q_v: how heavy the tails of steps are; 2 is Cauchy's.
    #[schemars(range(min = 1.1, max = 2.9))]
    pub visit: f64,
    /// q_a: how seldom steps up are taken; the lower, the seldomer.
    #[schemars(range(min = -1e4, max = 0.0))]
    pub accept: f64,
    /// The part of T_0 at which annealing begins anew.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub restart: f64,
    /// The evaluations over which T falls to that part, once; null: T falls by chain, as published.
    #[schemars(range(min = 1))]
    pub evaluations: Option<u64>,
    /// Candidates a step.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub visits: usize,
    /// The optimizer that goes on from what annealing finds.
    pub local: Spec,
    /// Evaluations of one local search; null: 30 for each parameter, from 100 to 1000.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub local_evaluations: Option<u64>,
    /// Chains without a new best point after which the local search goes on from where the chain is.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub patience: u64,
    /// Half the width of what is searched where there are no bounds, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub reach: f64,
}

impl Default for DualAnnealingConfig {
    fn default() -> Self {
        Self {
            temperature: 5230.0,
            visit: 2.62,
            accept: -5.0,
            restart: 2e-5,
            evaluations: None,
            visits: 1,
            local: Spec::new("one-plus-one-es"),
            local_evaluations: None,
            patience: 10,
            reach: 2.0,
        }
    }
}

/// Dual annealing. See the [module documentation](self) for equations.
pub struct DualAnnealing {
    config: DualAnnealingConfig,
    space: Space,
    /// \[d\]; −∞ where there are no bounds.
    lower: Tensor,
    width: Tensor,
    clock: Clock,
    /// Evaluations so far.
    used: u64,
    incumbent: Incumbent,
    best: Incumbent,
    /// Chains since annealing began (anew), and steps of this one.
    chains: u64,
    steps: u64,
    /// Has this chain found a new best point? If not, how many have not?
    found: bool,
    idle: u64,
    local: Box<dyn Optimizer>,
    /// The local search as it was made.
    fresh: State,
    /// Evaluations that the local search still has; 0 while annealing.
    local_left: u64,
}

impl Algorithm for DualAnnealing {
    const META: Meta = Meta::new(
        "dual-annealing",
        Family::Random,
        "Annealing with heavy-tailed steps over the whole space, and a local search from what it finds.",
        "Tsallis & Stariolo 1996, doi:10.1016/S0378-4371(96)00271-3; Xiang et al. 1997, doi:10.1016/S0375-9601(97)00474-X",
    )
    .capabilities(Capabilities::NONE.translation(true).monotone(true).beats_random(true).state_per_parameter(3.0))
    .horizon("evaluations");
    type Config = DualAnnealingConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        from_one_point(&config.local)?;
        // What has one end is searched around the best point, as what has none.
        let lower = |(lower, upper): (f64, f64)| if upper.is_finite() { lower } else { f64::NEG_INFINITY };
        let width = |(lower, upper): (f64, f64)| if (upper - lower).is_finite() { upper - lower } else { 2.0 * config.reach };
        let row = |values: Vec<f64>| space.numbers(values, space.dim());
        let local = |key| registry::build_part("local", &config.local, space, key);
        Ok(Self {
            lower: row(space.intervals().map(lower).collect())?,
            width: row(space.intervals().map(width).collect())?,
            clock: Clock::new(key),
            used: 0,
            incumbent: Incumbent::at(space.start()),
            best: Incumbent::at(space.start()),
            chains: 0,
            steps: 0,
            found: false,
            idle: 0,
            // It is not saved, so it must follow from the settings: whoever draws its first state from a key draws it from the same one everywhere.
            fresh: State::of(&mut local(Key::new(0))?)?,
            local: local(key.fold(u64::MAX))?,
            local_left: 0,
            space: space.clone(),
            config,
        })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let local = from_one_point(&config.local)?;
        Ok(Self::META
            .capabilities
            .needs_gradient(local.needs_gradient)
            .needs_outputs(local.needs_outputs)
            .compares_steps(local.compares_steps)
            .state_per_parameter(2.0 + local.state_per_parameter)
            .state_fixed(local.state_fixed)
            .state_per_pair(local.state_per_pair))
    }

    fn evaluations_of_parts(config: &Self::Config, space: &Space) -> Option<u64> {
        Some(config.of_one_local_search(space))
    }
}

impl DualAnnealingConfig {
    /// Evaluations of one local search.
    fn of_one_local_search(&self, space: &Space) -> u64 {
        self.local_evaluations.unwrap_or_else(|| (30 * space.dim() as u64).clamp(100, 1000))
    }
}

/// What a local search can do: one from a point, as a population that it kept would be spread anew around every find.
fn from_one_point(local: &Spec) -> Result<Capabilities> {
    let can = registry::capabilities(local)?;
    if can.state_per_candidate > 0.0 {
        return Err(Error::invalid("local", &local.name, "a search from one point, without a population that it keeps"));
    }
    Ok(can)
}

impl DualAnnealing {
    fn anneal(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let batch = Batch::Dense(self.visits()?);
        let Comparison { before, losses, report } = self.incumbent.against(&batch, objective)?;
        let before = before[0];
        self.incumbent.loss = before;
        self.remember(objective.stochastic());
        let lowest = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])).filter(|i| losses[*i].is_finite());
        if let Some(i) = lowest
            && self.accepts(losses[i] - before)
        {
            self.incumbent = Incumbent { x: batch.row(i, &self.space)?, loss: losses[i] };
            self.remember(objective.stochastic());
        }
        self.steps += 1;
        if self.steps >= 2 * self.space.dim() as u64 {
            self.end_chain()?;
        }
        Ok(report)
    }

    fn accepts(&self, rise: f64) -> bool {
        if rise <= 0.0 {
            return true;
        }
        let one_less = 1.0 - self.config.accept;
        let t = self.time();
        let bracket = 1.0 - one_less * rise / (self.temperature(t) / t);
        let u: f64 = self.clock.key().fold(4).stream().random();
        bracket > 0.0 && u <= libm::pow(bracket, 1.0 / one_less)
    }

    /// The best point follows; on a stochastic objective, where losses of different steps cannot be compared, it is x.
    fn remember(&mut self, stochastic: bool) {
        if stochastic || self.incumbent.loss < self.best.loss {
            self.found = true;
            self.best = Incumbent { x: self.incumbent.x.clone(), loss: self.incumbent.loss };
        }
    }

    fn end_chain(&mut self) -> Result<()> {
        (self.steps, self.chains) = (0, self.chains + 1);
        let cold = || self.temperature(self.time()) < self.config.restart * self.config.temperature;
        if self.config.evaluations.is_none() && cold() {
            self.chains = 0;
        }
        self.idle = if self.found { 0 } else { self.idle + 1 };
        if self.found || self.idle >= self.config.patience {
            let from = if self.found { &self.best.x } else { &self.incumbent.x };
            self.fresh.restore(&mut self.local, Keep::Clocks)?;
            self.local.move_to(from)?;
            self.local_left = self.config.of_one_local_search(&self.space);
            (self.found, self.idle) = (false, 0);
        }
        Ok(())
    }

    /// A step of the local search; after its last, x goes where that has come to if it is better there. What it sees on the way is seen: the
    /// answer does not wait for its end.
    fn descend(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut report = self.look_on(objective)?;
        self.local_left = self.local_left.saturating_sub(report.evaluations.max(1));
        if report.converged.take().is_some() {
            self.local_left = 0;
        }
        if self.local_left == 0 {
            let end = self.local.answer()?;
            let Comparison { before, losses, report: last } = self.incumbent.against(&Batch::one(&end)?, objective)?;
            let before = before[0];
            self.incumbent.loss = before;
            if losses[0] < before {
                self.incumbent = Incumbent { x: end, loss: losses[0] };
            }
            self.remember(objective.stochastic());
            self.found = false;
            report = report.and(last.loss, last.evaluations);
        }
        Ok(report)
    }
}

impl DualAnnealing {
    /// A step of the local search. The best point follows; on a stochastic objective it is where the local search is.
    fn look_on(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        if objective.stochastic() {
            let report = self.local.step(objective)?;
            self.best = Incumbent::at(self.local.answer()?);
            return Ok(report);
        }
        let mut seen = Best::at_most(objective, self.best.loss);
        let report = self.local.step(&mut seen)?;
        if let Some((loss, x)) = seen.best()
            && *loss < self.best.loss
        {
            let mut x = x.clone();
            self.space.confine(&mut x)?;
            self.best = Incumbent { x, loss: *loss };
        }
        Ok(report)
    }
}

impl Optimizer for DualAnnealing {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| {
            let report = if this.local_left > 0 { this.descend(objective) } else { this.anneal(objective) }?;
            this.used += report.evaluations;
            this.clock.tick();
            Ok(report)
        })
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.best.x.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        (self.incumbent, self.best) = (Incumbent::at(at.clone()), Incumbent::at(at));
        (self.steps, self.found, self.idle, self.local_left) = (0, false, 0, 0);
        Ok(())
    }
}

persist!(DualAnnealing { clock, used, incumbent, best, chains, steps, found, idle, local, local_left });
register!(DualAnnealing);
