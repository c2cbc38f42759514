//! Differential evolution: the differences of a population's points are its steps.
//!
//! ```text
//! rand               v_i = x_a + F (x_b − x_c)
//! best               v_i = x_best + F (x_b − x_c)
//! current-to-best    v_i = x_i + F (x_best − x_i) + F (x_b − x_c)
//! current-to-pbest   v_i = x_i + F (x_pbest − x_i) + F (x_b − x_c)     pbest: one of the best p n, drawn for each i
//!                    … + F (x_e − x_g) with two differences
//! u_ij = v_ij or x_ij, by crossover
//! x_i ← u_i where f(u_i) ≤ f(x_i)
//! ```
//!
//! x, v, u: \[n, d\]; a, b, c, e, g: different points other than i, at random. Binomial crossover takes each coordinate of v with the
//! probability CR, and a random one in any case; exponential crossover takes a run of neighbours (the first after the last), from a
//! random one on, which goes on after each with the probability CR. Sources: Storn & Price 1997, doi:10.1023/A:1008202821328 (rand, best,
//! current-to-best, both crossovers); Zhang & Sanderson 2009, doi:10.1109/TEVC.2009.2014613 (current-to-pbest).
//! Differs from the papers: a coordinate of v outside the bounds is moved halfway between the bound and x_i's; integers and flags take the
//! differences of rounded values, and go up or down to a whole number at random, and in one trial of ten one of them goes to a value beside its own;
//! n = 16 + ⌊7 ln d⌋ where the paper advises 10 d, which takes more than 1,000 d evaluations to converge beyond five dimensions (BBOB 2/5/10/20/40-D,
//! 1,000 d evaluations, instances 11-13, share of targets: .88/.50/.33/.25/.21 with 20/24/30/30/40 points, .88/.43/.16/.08/.04 with 10 d; in ten
//! times as many evaluations, 2/5/10-D, .95/.68/.38 with 32 points, .92/.81/.59 with 10 d).
//! **Suggestions** are the trials of the worst points.
//! `converged` is said by the criteria that all share, [`convergence`](moths_core::optimizer::convergence) (of a population), and when all points are one.
//! Convergence is not promised: with F = 0.5 all points are one before the minimum of a bowl is found in 1 run of 20, and then say so.
//! Cost per step: n evaluations in one round; of a stochastic objective 2 n, as parents are evaluated beside their trials on the same data;
//! 1 number of state per parameter and candidate; scratch of n numbers per parameter, and 2 for the box, held throughout.
//!
//! Take it when F and CR are known or shall stay as they are, as for comparisons. Otherwise take `jade`, which learns them, and reaches
//! more of BBOB in 2 to 20 dimensions.
//!
//! Tune first: `population`, up to 10 d in runs ten times longer than 1,000 d evaluations; `crossover_rate`, low where coordinates do not
//! depend on each other; `weight`, higher where all points become one too early.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("de").with("strategy", "current-to-pbest")?.with("crossover", "exponential")?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let first = optimizer.step(&mut objective)?.loss;
//! for _ in 0..50 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.5 * first);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/de.md")]

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space,
    optimizer::{
        Algorithm, Capabilities, Comparison, Family, Init, Meta, Population, Size, Suggestions, convergence::History,
        population::Joining, settings,
    },
    persist,
    persist::Clock,
    register,
    rng::Stream,
    space::Walls,
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    differential::{
        ONE_POINT, another,
        breeder::{Breeder, Recipe, Taken},
    },
    population_size,
};

/// Settings of [`De`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeConfig {
    /// n, the number of points, at least 4, with two differences at least 6; null: 16 + ⌊7 ln d⌋. A curve is one of the step: newcomers join
    /// around the mean, and the worst leave.
    pub population: Option<Size>,
    /// Where the points begin.
    pub init: Init,
    /// What a donor starts from, and is drawn to.
    pub strategy: Strategy,
    /// How many differences a donor adds.
    #[schemars(range(min = 1, max = 2))]
    pub differences: usize,
    /// F, the weight of differences.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 2.0))]
    pub weight: f64,
    /// Which coordinates of a donor are taken.
    pub crossover: Crossover,
    /// CR, the probability of taking one (exponential: one more).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub crossover_rate: f64,
    /// p, the part of the population that `current-to-pbest` follows.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub best_fraction: f64,
}

/// What a donor starts from, and is drawn to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// From a random point.
    Rand,
    /// From the best point.
    Best,
    /// From the parent, drawn to the best point.
    CurrentToBest,
    /// From the parent, drawn to one of the best.
    CurrentToPbest,
}

/// Which coordinates of a donor are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Crossover {
    /// Each by a draw of its own.
    Binomial,
    /// A run of neighbours.
    Exponential,
}

impl Default for DeConfig {
    fn default() -> Self {
        Self {
            population: None,
            init: Init::Around,
            strategy: Strategy::Rand,
            differences: 1,
            weight: 0.5,
            crossover: Crossover::Binomial,
            crossover_rate: 0.9,
            best_fraction: 0.1,
        }
    }
}

/// Differential evolution. See the [module documentation](self) for equations.
pub struct De {
    config: DeConfig,
    size: Size,
    space: Space,
    clock: Clock,
    pub(crate) population: Population,
    breeder: Breeder,
    history: History,
    suggestions: Suggestions,
    /// Steps for which all points have been one.
    still: u64,
}

impl Algorithm for De {
    const META: Meta = Meta::new(
        "de",
        Family::Evolution,
        "A population whose own differences are its steps; each trial against its parent.",
        "Storn & Price 1997, doi:10.1023/A:1008202821328",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .walls(Walls::Halfway)
            .discrete(true)
            .suggestible(true)
            .state_per_candidate(1.0),
    )
    .size("population");
    type Config = DeConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        config.init.apart("init")?;
        let size = Size::or(&config.population, population_size::differences(space.dim()));
        size.least("population", 2 + 2 * config.differences)?;
        let n = size.at(0);
        Ok(Self {
            clock: Clock::new(key),
            population: Population::new(space, &space.start(), key.fold(u64::MAX), &size, config.init)?,
            breeder: Breeder::new(space, n)?,
            history: History::of_population(space.dim(), n),
            suggestions: Suggestions::at_most(n, space),
            still: 0,
            space: space.clone(),
            size,
            config,
        })
    }

    fn evaluations_per_step(config: &DeConfig, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let size = Size::or(&config.population, population_size::differences(space.dim()));
        Ok(size.constant().map(|n| n as u64 * (1 + u64::from(stochastic))))
    }
}

impl De {
    /// The recipe of every trial of this step.
    fn recipes(&mut self, population: &Population) {
        let Self { config, clock, breeder, .. } = self;
        let (n, d) = (population.len(), population.points().dims()[1]);
        let leaders = match config.strategy {
            Strategy::Rand => vec![],
            Strategy::Best | Strategy::CurrentToBest => vec![population.best()],
            Strategy::CurrentToPbest => {
                let mut order = population.order();
                order.truncate(((config.best_fraction * n as f64).round() as usize).max(1));
                order
            }
        };
        let mut stream = clock.key().fold(1).stream();
        breeder.recipes.clear();
        breeder.recipes.extend((0..n).map(|i| recipe(config, i, n, d, &leaders, &mut stream)));
    }

    /// The population of this step, and its trials: the points themselves where nothing is known of them.
    fn propose(&mut self) -> Result<(Population, CowTensor)> {
        let mut population = self.population.clone();
        let (n, key) = (self.size.at(self.clock.step), self.clock.key());
        if n < population.len() {
            population.retain(&population.fittest(n))?;
        }
        population.join(n, Joining::Mean, &self.space, key.fold(4))?;
        let waiting = !self.suggestions.is_empty();
        let worst_first: Vec<usize> = if waiting { population.best_first().into_iter().rev().collect() } else { vec![] };
        if !population.is_judged() {
            let mut points = population.points().clone();
            self.suggestions.write(&mut points, &worst_first, &self.space)?;
            population.replace(&worst_first, &points, &vec![f64::INFINITY; n])?;
            return Ok((population, points));
        }
        self.recipes(&population);
        // The archive is empty: a recipe that names nobody in it never looks.
        let x = population.points();
        self.breeder.breed(x, x, key.fold(2))?;
        self.suggestions.write(&mut self.breeder.trials, &worst_first, &self.space)?;
        Ok((population, self.breeder.trials.clone()))
    }
}

/// How the trial of point `i` is made.
fn recipe(config: &DeConfig, i: usize, n: usize, d: usize, leaders: &[usize], stream: &mut Stream) -> Recipe {
    let mut others = [i; 6];
    let wanted = 1 + 2 * config.differences;
    for k in 1..=wanted {
        others[k] = another(stream, n, &others[..k]);
    }
    let [_, a, b, c, e, g] = others;
    let leader =
        if leaders.len() > 1 { leaders[stream.random_range(0..leaders.len())] } else { leaders.first().copied().unwrap_or(a) };
    let (base, pull) = match config.strategy {
        Strategy::Rand | Strategy::Best => (leader, 0.0),
        Strategy::CurrentToBest | Strategy::CurrentToPbest => (i, config.weight),
    };
    Recipe {
        base,
        goal: leader,
        pull,
        weight: config.weight,
        first: [b, c],
        second: (config.differences == 2).then_some([e, g]),
        taken: taken(config, d, stream),
    }
}

fn taken(config: &DeConfig, d: usize, stream: &mut Stream) -> Taken {
    let (from, rate) = (stream.random_range(0..d), config.crossover_rate);
    match config.crossover {
        Crossover::Binomial => Taken::Each { rate, certain: from },
        // P(len > k) = CRᵏ.
        Crossover::Exponential => {
            let run = libm::log(1.0 - stream.random::<f64>()) / libm::log(rate);
            Taken::Run { from, len: if rate < 1.0 { (1.0 + run).min(d as f64) as usize } else { d } }
        }
    }
}

impl Optimizer for De {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let (mut next, points) = self.propose()?;
        let Comparison { before, losses, report } = next.against(points, objective)?;
        next.recall(before)?;
        self.population = next;
        let Self { population, breeder, clock, history, suggestions, still, .. } = self;
        if population.is_judged() {
            population.replace(&population.no_worse(&losses), &breeder.trials, &losses)?;
        } else {
            population.judge(&losses)?;
        }
        suggestions.clear();
        clock.tick();
        let by_losses = history.judge(&losses, objective.stochastic(), clock.step);
        *still = if population.is_one_point()? { still.saturating_add(1) } else { 0 };
        let over = *still >= breeder.patience(population.len());
        let converged = over.then_some(ONE_POINT).or(by_losses);
        Ok(report.converged(converged))
    }

    fn answer(&self) -> Result<CowTensor> {
        self.population.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.population = self.population.moved(&at, &self.space, self.clock.key().fold(3))?;
        self.history.clear();
        self.suggestions.clear();
        self.still = 0;
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.suggestions.add(points, &self.space)
    }
}

persist!(De { clock, population, history, suggestions, still });
register!(De);
