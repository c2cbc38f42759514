//! A swarm whose members are optimizers: they search each by itself, are drawn to each other, die and are bred.
//!
//! ```text
//! before a step   x_k ← x_k − sign(d) min(γ |d|^q, |d|),  d = x_k − c      gravity on parameters;  c: the best member, or the mean m of all
//!                 x_k ← x_k + β (m − m')                          mean momentum;  m': the mean a step before
//!                 x_k ← x_k + s z,  z ~ N(0, I)                   noise
//! step            each member steps; its losses are f(x) + γ / (q + 1) Σ |x − c|^(q + 1)      with gravity on gradients, else f(x)
//! after it        L_k = f(x_k), all on the same data;  best = argmin L
//!                 age_k ← age_k + 1;  bad_k ← bad_k + 1 if age_k > old and k is not the best, else 0
//! death           bad_k > die_after                               or one of the worst ⌊fraction · n⌋ of n in its sub-population, in a truncation
//! birth           x_k ← crossover(x_a, x_b) or x_a                a, b: the two best, or two of the ⌈fraction · K⌉ best
//!                 settings: of a and b where they are of one kind, then each number times a random factor with some chance
//!                 state of the optimizer: the initial one, or that of a, or bred from both, field by field
//! ```
//!
//! x_k \[d\]: the answer of member k of K, whose optimizer may be any, another one for each. Candidates of all members are evaluated in one
//! joined batch a round, on the same data, and so are then the points that they have come to: the best is the best of what is
//! kept, not of what was tried. The dead leave nothing behind: an optimizer is built anew from its settings and a key of its own, which is its
//! initial state to the bit, so that no state is stored for it. What is copied or bred goes on at the step its parent was at, with random
//! numbers of its own; a state that the settings of the child do not take is not inherited. Where all members fail in a step, they go back
//! to where they were before it. A number that mutates never goes further than half the way to a bound of its range.
//!
//! **Sub-populations** breed every so many steps, each at a pace of its own, since breeding often is greedy: it picks what pays at once. A
//! child whose parent breeds more often than its own sub-population takes the parent's point alone, and keeps the settings of the dead.
//!
//! **The tree of life**: who was born of whom, where and with what settings is in the [births](moths_core::optimizer::Birth) of each step's
//! report; `moths race` draws it.
//!
//! Source: the founding notes of this project (torchzero's `SwarmOfOptimizers`). Jaderberg et al. 2017, "Population based training of neural
//! networks", arXiv 1711.09846, is a [preset](crate::population_based_training); the paces are those of Multiple-Frequencies Population-Based
//! Training, 2025, arXiv 2506.03225. Differs from the founding implementation in its faults: the mean's momentum has its sign, ages and streaks
//! end with a life, death is one event for all tensors, |d|^q keeps its sign, one-point crossover has two sides, and the best is judged by the
//! losses of the points that are kept.
//! Cost per step: the evaluations of all members and K more, one more for the mean where that is the answer; state: that of the members, and
//! 1 number per parameter for the mean where members are moved by it, and where it is the answer. A member's step of R rounds is begun R + 1
//! times; scratch of a copy of the states it overwrites.
//!
//! Take it when a network is trained from losses alone and nobody knows the right rate, or one search gets stuck where another would not. With
//! equal evaluations K members take a K-th of the steps each: where one search alone does not get stuck, it is ahead.
//!
//! Tune first: `members`; `size`, few; `old` and `die_after`, which say how long a member may try; `mutation` where their rates are guesses.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(6)?;
//! // Rates that are far too low, and far too high: the swarm finds better ones.
//! let spec: Spec = r#"{"name": "optimizer-swarm", "size": 6, "mutation": 1.0, "mutate": ["descent.rate"], "factors": [0.5, 2.0],
//!     "members": [{"name": "spsa", "descent": {"name": "sgd", "rate": 1e-4}}, {"name": "spsa", "descent": {"name": "sgd", "rate": 3.0}}]}"#
//!     .parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let bowl = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! minimize(&mut *optimizer, &mut Function::new(space, bowl), &Stop::evaluations(10_000))?;
//! assert!(bowl(&optimizer.answer()?.to_vec1()?) < 1e-3);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/optimizer-swarm.md")]

mod birth;
mod config;
mod crossover;
mod gravity;
mod heredity;
mod life;
#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space,
    fuse::same_bits,
    kernel,
    objective::Losses,
    optimizer::{Algorithm, Birth, Capabilities, Family, Members, Meta},
    persist::{Clock, Fields, Persist, atomically},
    register, registry,
};

use crate::{
    committee::cost_when_moved,
    together::{View, step_together},
};
pub use config::{Centre, On, OptimizerSwarmConfig, Selection};
pub use crossover::{Crossover, Unit};
use gravity::Well;
pub use heredity::Inheritance;
use life::Lives;

/// Members at most.
const MOST: usize = 1_000;

/// A swarm of optimizers. See the [module documentation](self) for equations.
pub struct OptimizerSwarm {
    config: OptimizerSwarmConfig,
    space: Space,
    clock: Clock,
    members: Members,
    lives: Lives,
    /// Where the best member of the last step lives.
    best: usize,
    /// m before the last step, where members are moved by it.
    mean: CowTensor,
    /// m after the last step, where it is the answer.
    shown: CowTensor,
    /// Is m no answer, because it failed?
    mean_failed: bool,
}

kernel! { fn joined(mean: inout, x: mat, share: num) {
    mean = mean + share * (x - mean);
} }

impl Algorithm for OptimizerSwarm {
    const META: Meta = Meta::new(
        "optimizer-swarm",
        Family::Ensemble,
        "Optimizers that search side by side, are drawn to each other, die and are bred, settings and states too.",
        "the founding notes of moths (torchzero's SwarmOfOptimizers); arXiv 1711.09846; arXiv 2506.03225",
    )
    .size("size");
    type Config = OptimizerSwarmConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        config.check()?;
        let (lives, mut members) = (Lives::of(config.size.at(0)), Members::new("members", space, 1..=MOST));
        for life in 0..lives.born {
            members.push(config.kind(life).clone(), key.fold(1).fold(life))?;
        }
        let (clock, mean, shown) = (Clock::new(key.fold(0)), space.start(), space.start());
        let mut swarm = Self { config, space: space.clone(), clock, members, lives, best: 0, mean, shown, mean_failed: false };
        swarm.spread(&space.start())?;
        Ok(swarm)
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        config.check_views()?;
        let mut can = Capabilities::NONE.seeds_only(true).rank_based(config.on == On::Parameters).state_per_parameter(0.0);
        for (i, spec) in config.members.iter().enumerate() {
            let member = registry::capabilities(spec).map_err(|e| e.within(&format!("members.{i}")))?;
            can.needs_gradient |= member.needs_gradient;
            can.needs_outputs |= member.needs_outputs;
            can.compares_steps |= member.compares_steps;
            can.seeds_only &= member.seeds_only;
            can.rank_based &= member.rank_based;
            can.state_fixed = can.state_fixed.max(member.state_fixed);
            can.state_per_parameter = can.state_per_parameter.max(member.state_per_parameter);
            can.state_per_candidate = can.state_per_candidate.max(member.state_per_candidate);
            can.state_per_pair = can.state_per_pair.max(member.state_per_pair);
        }
        let most = *config.size.range().end() as f64;
        let means = u8::from(config.moves_by_mean()) + u8::from(config.answer == Centre::Mean);
        can.state_per_parameter = most * can.state_per_parameter + f64::from(means);
        can.state_fixed *= most;
        can.state_per_pair *= most;
        Ok(can)
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        // A child is of its parent's kind: where one takes more than another, nobody can say.
        let one = cost(config, 1, space, stochastic)?;
        let alike = config.members.windows(2).all(|pair| pair[0] == pair[1]) && config.mutates_no_counts()?;
        let shown = u64::from(config.answer == Centre::Mean);
        Ok(config.size.constant().zip(one).filter(|_| alike).map(|(size, one)| size as u64 * (one - shown) + shown))
    }

    /// Of a size that changes, as of the middle between its ends.
    fn evaluations_per_turn(config: &Self::Config, _: usize, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let sizes = config.size.range();
        cost(config, (sizes.start() + sizes.end()).div_ceil(2), space, stochastic)
    }
}

/// What a step of so many members takes.
fn cost(config: &OptimizerSwarmConfig, size: usize, space: &Space, stochastic: bool) -> Result<Option<u64>> {
    if config.members.is_empty() {
        return Ok(None);
    }
    // What is seen through a well is another objective in each step.
    let stochastic = stochastic || config.has_well();
    let mut sum = Some(size as u64 + u64::from(config.answer == Centre::Mean));
    for place in 0..size {
        let (kind, setting) = (config.kind(place as u64), "members");
        let own = match config.moves_members() {
            true => cost_when_moved(setting, kind, space)?,
            false => registry::evaluations_per_step_of_part(setting, kind, space, stochastic)?,
        };
        sum = sum.zip(own).map(|(sum, own)| sum + own);
    }
    Ok(sum)
}

impl OptimizerSwarm {
    /// All begin around this point; the first of them at it.
    fn spread(&mut self, at: &CowTensor) -> Result<()> {
        let points = self.config.init.points(&self.space, at, self.clock.key().fold(0), self.members.len())?;
        for (i, member) in self.members.iter_mut().enumerate() {
            let point = if i == 0 { at.clone() } else { CowTensor::new(points.get(i)?.copy()?) };
            member.optimizer.move_to(&point)?;
        }
        Ok(())
    }

    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let before = self.answers()?;
        self.stir()?;
        let well = self.well()?;
        let view = well.as_ref().map(|well| well as &dyn View);
        let reports = step_together(self.members.iter_mut().map(|member| &mut member.optimizer), objective, view)?;
        let (losses, last) = self.judge(objective)?;
        if losses.all_failed() {
            self.take_to(&before)?;
        }
        let founders: Vec<Birth> = if self.clock.step == 0 { self.founders() } else { vec![] };
        let births = self.breed(losses.to_vec())?;
        if self.config.moves_by_mean() && !births.is_empty() {
            // Who is born has not moved.
            self.mean = self.mean_of_all()?;
        }
        self.clock.tick();
        let all_converged = reports.iter().all(|report| report.converged.is_some()) && births.is_empty();
        let mut report = Report::new(last.0, last.1);
        for member in &reports {
            report = report.and(member.loss, member.evaluations);
        }
        let why = all_converged.then_some("all members have converged");
        Ok(report.converged(why).with_births(founders).with_births(births))
    }

    /// Gravity on parameters, mean momentum and noise: what moves members before they step.
    fn stir(&mut self) -> Result<()> {
        let OptimizerSwarmConfig { gravity, power, on, noise, momentum, .. } = self.config;
        let falls = gravity > 0.0 && on == On::Parameters;
        let before = self.mean.clone();
        if self.config.moves_by_mean() {
            self.mean = self.mean_of_all()?;
        }
        if !self.config.moves_members() {
            return Ok(());
        }
        let (centre, key) = (self.centre()?, self.clock.key().fold(1));
        let mut moved = self.answers()?;
        for (i, x) in moved.iter_mut().enumerate() {
            if falls {
                gravity::pull(x, &centre, gravity, power)?;
            }
            // Before the first step the mean has not moved.
            if momentum > 0.0 && self.clock.step > 0 {
                gravity::carry(x, &self.mean, &before, momentum)?;
            }
            if noise > 0.0 {
                gravity::jitter(x, noise, key.fold(i as u64))?;
            }
            self.space.confine(x)?;
        }
        self.take_to(&moved)
    }

    /// Where all members are.
    fn answers(&self) -> Result<Vec<CowTensor>> {
        self.members.iter().map(|member| member.optimizer.answer()).collect()
    }

    /// Moves every member to its point, unless that is where it is.
    fn take_to(&mut self, points: &[CowTensor]) -> Result<()> {
        for (member, point) in self.members.iter_mut().zip(points) {
            if !same_bits(&*member.optimizer.answer()?, point)? {
                member.optimizer.move_to(point)?;
            }
        }
        Ok(())
    }

    /// c.
    fn centre(&self) -> Result<CowTensor> {
        match self.config.towards {
            Centre::Best => self.members[self.best].optimizer.answer(),
            Centre::Mean => Ok(self.mean.clone()),
        }
    }

    fn well(&self) -> Result<Option<Well>> {
        let OptimizerSwarmConfig { gravity: strength, power, .. } = self.config;
        let is_there = self.config.has_well();
        let well = || Ok(Well { centre: self.centre()?, strength, power, space: self.space.clone() });
        is_there.then(well).transpose()
    }

    fn mean_of_all(&self) -> Result<CowTensor> {
        let mut mean = self.space.zeros()?;
        for (i, member) in self.members.iter().enumerate() {
            joined(&mut mean, &*member.optimizer.answer()?, 1.0 / (i + 1) as f64)?;
        }
        self.space.confine(&mut mean)?;
        Ok(mean)
    }

    /// The losses of all members where they are, and the lowest and the number of the evaluations that it took; says who is the best.
    fn judge(&mut self, objective: &mut dyn Objective) -> Result<(Losses, (f64, u64))> {
        let mut points = self.answers()?;
        let shown = if self.config.answer == Centre::Mean { Some(self.mean_of_all()?) } else { None };
        points.extend(shown.clone());
        let batches: Vec<Batch> = points.iter().map(Batch::one).collect::<Result<_>>()?;
        let mut losses = objective.losses(&Batch::Joined(batches.into()))?.to_vec();
        let paid = (losses.iter().copied().fold(f64::INFINITY, f64::min), losses.len() as u64);
        if let Some(mean) = shown {
            self.mean_failed = losses.pop().is_none_or(f64::is_infinite);
            self.shown = mean;
        }
        let losses = Losses::from(losses);
        if let Some((best, _)) = losses.best() {
            self.best = best;
        }
        Ok((losses, paid))
    }

    /// All are moved as the answer is, to this point; before the first step they begin around it.
    fn shift(&mut self, at: &CowTensor) -> Result<()> {
        let from = self.answer()?;
        if self.clock.step == 0 {
            self.spread(at)?;
            self.best = 0;
        } else {
            let mut points = self.answers()?;
            for (i, x) in points.iter_mut().enumerate() {
                if i == self.best && self.config.answer == Centre::Best {
                    *x = at.clone();
                    continue;
                }
                gravity::carry(x, at, &from, 1.0)?;
                self.space.confine(x)?;
            }
            self.take_to(&points)?;
        }
        self.lives.forgive();
        (self.shown, self.mean_failed) = (at.clone(), false);
        self.mean = if self.config.moves_by_mean() { self.mean_of_all()? } else { at.clone() };
        Ok(())
    }

    fn founders(&self) -> Vec<Birth> {
        let birth = |(i, spec): (usize, _)| Birth { life: i as u64, place: i as u64, parents: vec![], spec };
        self.members.iter().map(|member| member.spec().clone()).enumerate().map(birth).collect()
    }
}

impl Optimizer for OptimizerSwarm {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        match self.config.answer {
            Centre::Mean if !self.mean_failed => Ok(self.shown.clone()),
            _ => self.members[self.best].optimizer.answer(),
        }
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        atomically(self, |this| this.shift(&at))
    }
}

impl Persist for OptimizerSwarm {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        fields.field("members", &mut self.members)?;
        fields.field("lives", &mut self.lives)?;
        if self.lives.numbers.len() != self.members.len() {
            return Err(fields.refusal(format!("`lives` are {}, and members {}", self.lives.numbers.len(), self.members.len())));
        }
        fields.within("best", &mut self.best, ..self.members.len())?;
        fields.field("mean_failed", &mut self.mean_failed)?;
        if self.config.moves_by_mean() {
            fields.field("mean", &mut self.mean)?;
        }
        if self.config.answer == Centre::Mean { fields.field("shown", &mut self.shown) } else { Ok(()) }
    }
}
register!(OptimizerSwarm);
