//! The family of JADE: current-to-pbest with an archive, and F and CR that learn from what succeeded.
//!
//! ```text
//! F_i ~ Cauchy(M_F, 0.1) in (0, 1],  CR_i ~ N(M_CR, 0.1) in [0, 1]   (M_F, M_CR): a random entry of the memory
//! v_i = x_i + F_w (x_pbest − x_i) + F_i (x_a − x_b)                  pbest: one of the best p n; b may be in the archive
//! u_i = v_i with the probability CR_i in each coordinate, and in one at least; x_i elsewhere
//! x_i ← u_i where f(u_i) ≤ f(x_i), JADE <;  the old x_i into the archive where f(u_i) < f(x_i)
//! memory ← means of the F_i and CR_i of those
//! ```
//!
//! A method is what it says of these: its [`Rules`].

use std::marker::PhantomData;

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Sampler, Space,
    optimizer::{
        Algorithm, Capabilities, Comparison, Init, Meta, Population, Size, convergence::History, population::Joining, settings,
    },
    persist,
    persist::Clock,
    rng::Stream,
    space::Walls,
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    another,
    archive::Archive,
    breeder::{Breeder, Recipe, Taken},
    memory::{Learning, Memory, Success},
};

/// Closed: what a member may say of the equations grows with the family.
mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::jade::JadeConfig {}
    impl Sealed for crate::shade::ShadeConfig {}
    impl Sealed for crate::l_shade::LShadeConfig {}
    impl Sealed for crate::jso::JsoConfig {}
}

/// The settings of a member of the family; those of this crate alone.
pub trait Preset: sealed::Sealed + Serialize + DeserializeOwned + JsonSchema + Default + Send + 'static {
    /// What it is.
    const META: Meta;
    /// Where the points begin.
    fn init(&self) -> Init;
    /// Archived points a candidate.
    fn archive(&self) -> f64;
    #[doc(hidden)]
    fn rules(&self, space: &Space) -> Rules;
}

/// What a member of the family says of the equations.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Rules {
    /// n; at first, where it shrinks by itself.
    pub(crate) population: Size,
    pub(crate) greed: Greed,
    pub(crate) learning: Learning,
    /// The evaluations over which the population shrinks to four.
    pub(crate) shrinks_over: Option<f64>,
    /// Are F, CR and F_w held back early on, as jSO does?
    pub(crate) staged: bool,
    /// Does a trial that is as good as its parent take its place, so that plateaus are crossed?
    pub(crate) ties: bool,
}

/// p.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Greed {
    /// The same in every step.
    Fixed(f64),
    /// Uniform between 2/n and this, drawn anew for each trial.
    UpTo(f64),
    /// This, and half of it in the end.
    Halving(f64),
}

impl Greed {
    /// How many of n are worth following.
    fn top(self, n: usize, progress: f64, stream: &mut Stream) -> usize {
        let p = match self {
            Self::Fixed(p) => p,
            Self::UpTo(most) => 2.0 / n as f64 + (most - 2.0 / n as f64).max(0.0) * stream.random::<f64>(),
            Self::Halving(p) => p * (1.0 - 0.5 * progress),
        };
        ((p * n as f64).round() as usize).clamp(2.min(n), n)
    }
}

impl Rules {
    /// Of a population that never shrinks by itself, and of steps that are never held back.
    pub(crate) fn steady(population: Size, greed: Greed, learning: Learning) -> Self {
        Self { population, greed, learning, shrinks_over: None, staged: false, ties: true }
    }

    /// How much of the budget is used, from 0 to 1.
    fn progress(&self, used: u64) -> f64 {
        self.shrinks_over.map_or(0.0, |all| (used as f64 / all).min(1.0))
    }

    /// n at step t, where it is a matter of the step.
    fn population_at(&self, t: u64) -> Option<usize> {
        self.shrinks_over.is_none().then(|| self.population.at(t))
    }

    /// n after so many evaluations, where it is a matter of those.
    fn population_after(&self, used: u64) -> Option<usize> {
        let first = self.population.at(0) as f64;
        self.shrinks_over.map(|_| (first + (FEWEST as f64 - first) * self.progress(used)).round() as usize)
    }

    /// F_i, CR_i and F_w / F_i, from what was drawn.
    fn held_back(&self, weight: f64, rate: f64, progress: f64) -> (f64, f64, f64) {
        if !self.staged {
            return (weight, rate, 1.0);
        }
        let by_stage = |stages: &[(f64, f64)], last: f64| stages.iter().find(|s| progress < s.0).map_or(last, |s| s.1);
        let most = by_stage(&[(0.6, 0.7)], 1.0);
        let least = by_stage(&[(0.25, 0.7), (0.5, 0.6)], 0.0);
        (weight.min(most), rate.max(least), by_stage(&[(0.2, 0.7), (0.4, 0.8)], 1.2))
    }
}

/// What every member promises; [`Algorithm::capabilities`] adds the archive.
pub(crate) const FAMILY: Capabilities = Capabilities::NONE
    .translation(true)
    .monotone(true)
    .beats_random(true)
    .walls(Walls::Halfway)
    .converges(true)
    .discrete(true)
    .state_per_candidate(2.0);

/// The evaluations a schedule goes by: what was asked for, or those of the CEC competitions.
pub(crate) fn budget(asked: Option<u64>, d: usize) -> f64 {
    asked.map_or(1e4 * d as f64, |evaluations| evaluations as f64)
}

/// The fewest that can make a trial: a parent, two others, and one to spare.
const FEWEST: usize = 4;

/// A member of the family of JADE.
pub struct AdaptiveDe<P> {
    rules: Rules,
    /// Archived points a candidate.
    archived: f64,
    space: Space,
    clock: Clock,
    pub(super) population: Population,
    pub(super) archive: Archive,
    pub(super) memory: Memory,
    /// Evaluations so far.
    used: u64,
    history: History,
    /// Steps for which all points have been one.
    still: u64,
    breeder: Breeder,
    /// CR's normal numbers; overwritten in every step.
    z: Vec<f64>,
    preset: PhantomData<P>,
}

impl<P: Preset> Algorithm for AdaptiveDe<P> {
    const META: Meta = P::META;
    type Config = P;

    fn new(config: P, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init().apart("init")?;
        let rules = config.rules(space);
        rules.population.least("population", FEWEST)?;
        let (n, most) = (rules.population.at(0), *rules.population.range().end());
        let population = Population::new(space, &space.start(), key.fold(u64::MAX), &rules.population, config.init())?;
        Ok(Self {
            clock: Clock::new(key),
            population: if rules.shrinks_over.is_some() { population.shrinking_to(FEWEST) } else { population },
            archive: Archive::new(space, capacity(config.archive(), n), capacity(config.archive(), most))?,
            memory: Memory::new(&rules.learning),
            used: 0,
            history: History::of_population(space.dim(), n),
            still: 0,
            breeder: Breeder::new(space, n)?,
            z: vec![],
            space: space.clone(),
            archived: config.archive(),
            rules,
            preset: PhantomData,
        })
    }

    fn capabilities(config: &P) -> Result<Capabilities> {
        Ok(P::META.capabilities.state_per_candidate(1.0 + config.archive()))
    }
}

impl<P> AdaptiveDe<P> {
    /// The population of this step, and its archive: newcomers join around the mean, and the worst leave.
    fn present(&self) -> Result<(Population, Archive)> {
        let (mut population, mut archive) = (self.population.clone(), self.archive.clone());
        let (n, key) = (self.rules.population_at(self.clock.step).unwrap_or(population.len()), self.clock.key());
        if n < population.len() {
            population.retain(&population.fittest(n))?;
            archive.shrink(capacity(self.archived, n), &mut key.fold(6).stream())?;
        } else if n > population.len() {
            population.join(n, Joining::Mean, &self.space, key.fold(7))?;
            archive.grow(capacity(self.archived, n), &self.space)?;
        }
        Ok((population, archive))
    }

    /// The recipe of every trial of this step.
    fn recipes(&mut self, population: &Population, archive: &Archive) {
        let Self { rules, clock, memory, breeder, z, used, .. } = self;
        let (n, d, progress) = (population.len(), population.points().dims()[1], rules.progress(*used));
        let (order, mut stream) = (population.order(), clock.key().fold(1).stream());
        z.resize(n, 0.0);
        Sampler::Normal.fill_slice(clock.key().fold(2), z);
        breeder.recipes.clear();
        breeder.recipes.extend(z.iter().enumerate().map(|(i, z)| {
            let (weight, rate) = memory.draw(&rules.learning, *z, &mut stream);
            let (weight, rate, pull) = rules.held_back(weight, rate, progress);
            let top = rules.greed.top(n, progress, &mut stream);
            let goal = order[stream.random_range(0..top)];
            let a = another(&mut stream, n, &[i]);
            let b = another(&mut stream, n + archive.len, &[i, a]);
            let taken = Taken::Each { rate, certain: stream.random_range(0..d) };
            Recipe { base: i, goal, pull: pull * weight, weight, first: [a, b], second: None, taken }
        }));
    }

    fn propose(&mut self, population: &Population, archive: &Archive) -> Result<CowTensor> {
        if !population.is_judged() {
            return Ok(population.points().clone());
        }
        self.recipes(population, archive);
        self.breeder.breed(population.points(), &archive.x, self.clock.key().fold(3))?;
        Ok(self.breeder.trials.clone())
    }

    /// `before`: the parents' losses on the data of their trials; `known`: how many of them did not join in this step.
    fn commit(&mut self, before: Vec<f64>, losses: &[f64], known: usize, evaluations: u64) -> Result<()> {
        let mut stream = self.clock.key().fold(4).stream();
        let Self { rules, archived, population, archive, memory, breeder, used, .. } = self;
        population.recall(before)?;
        if population.is_judged() {
            let better = population.better(losses);
            let gain = |i: usize| population.losses()[i] - losses[i];
            // A newcomer that nothing was known of is no measure of a trial's success.
            let beaten: Vec<usize> = better.iter().copied().filter(|i| *i < known).collect();
            let successes: Vec<Success> = beaten.iter().map(|&i| success(&breeder.recipes[i], gain(i))).collect();
            archive.take(population.points(), &beaten, &mut stream)?;
            let winners = if rules.ties { population.no_worse(losses) } else { better };
            population.replace(&winners, &breeder.trials, losses)?;
            memory.learn(&rules.learning, &successes);
        } else {
            population.judge(losses)?;
        }
        *used += evaluations;
        let n = rules.population_after(*used).unwrap_or(population.len());
        if n < population.len() {
            population.retain(&population.order()[..n])?;
            archive.shrink(capacity(*archived, n), &mut stream)?;
        }
        Ok(())
    }
}

/// How many points the archive of n points has room for.
fn capacity(archived: f64, n: usize) -> usize {
    (archived * n as f64) as usize
}

fn success(recipe: &Recipe, gain: f64) -> Success {
    let rate = match recipe.taken {
        Taken::Each { rate, .. } => rate,
        Taken::Run { .. } => 0.0,
    };
    Success { weight: recipe.weight, rate, gain }
}

impl<P: Preset> Optimizer for AdaptiveDe<P> {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let (population, archive) = self.present()?;
        let points = self.propose(&population, &archive)?;
        let Comparison { before, losses, report } = population.against(points, objective)?;
        let known = self.population.len();
        (self.population, self.archive) = (population, archive);
        self.commit(before, &losses, known, report.evaluations)?;
        self.clock.tick();
        let by_losses = self.history.judge(&losses, objective.stochastic(), self.clock.step);
        self.still = if self.population.is_one_point()? { self.still.saturating_add(1) } else { 0 };
        let over = self.still >= self.breeder.patience(self.population.len());
        let converged = over.then_some(super::ONE_POINT).or(by_losses);
        Ok(report.converged(converged))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.population.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.population = self.population.moved(&at, &self.space, self.clock.key().fold(5))?;
        self.archive.len = 0;
        self.history.clear();
        self.still = 0;
        Ok(())
    }
}

persist!([P] AdaptiveDe<P> { clock, population, archive, memory, used, history, still });
