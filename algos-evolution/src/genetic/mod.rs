//! The genetic algorithm: parents are chosen for their losses, their children are mixed from them and mutated.
//!
//! ```text
//! parents      tournament   the best of k at random
//!              truncation   any of the best ⌈τ n⌉
//!              roulette     i with a probability ∝ f_worst − f_i
//!              rank         i-th best with the probability (s − 2 (s − 1) (i − 1)/(n − 1)) / n
//! children     a + t (b − a) and b + t (a − b), with the probability p_c, with a t for every gene:
//!              uniform      t = 0 or 1                      one-point, two-point   t = 1 from a cut on, or between two
//!              arithmetic   t ~ U[0, 1)                     blend   t ~ U[−α, 1 + α), another one for each child
//!              sbx          t = (1 − β)/2 with probability ½ (else 0);  β = (2u)^{1/(η+1)} for u < ½, else (2 − 2u)^{−1/(η+1)}
//! mutation     of each gene, with the probability p_m; of all its elements:
//!              gaussian     x + σ z                         polynomial   x + 4 δ;  δ = (2u)^{1/(η_m+1)} − 1, mirrored for u ≥ ½
//!              self-adaptive  σ_i ← σ_i e^{z/√d}, then x + σ_i z    flags are flipped; integers step, by one at least,
//!                                                  or are any other (redraw)
//! swap         two flags or integers of one tensor exchange their values, with the probability p_s
//! next         the e best, and n − e children, where n may change with the step
//! ```
//!
//! x: \[n, d\]; σ_i: \[n\]. A gene is an element, a row of a tensor, or a tensor. Sources: Bäck 1996, "Evolutionary Algorithms in Theory and
//! Practice", ISBN 0-19-509971-0 (selection, σ_i); Eshelman & Schaffer 1993, doi:10.1016/B978-0-08-094832-4.50018-0 (blend, BLX-α); Deb & Agrawal
//! 1995, "Simulated binary crossover for continuous search space", Complex Systems 9, 115-148 (sbx); Deb & Goyal 1996, "A combined genetic
//! adaptive search (GeneAS) for engineering design", Computer Science and Informatics 26, 30-45 (polynomial).
//! Differs from the papers: polynomial mutation reaches 4 units of the search, which are the interval of a coordinate with bounds; values outside bounds
//! are moved to the nearest inside; a mixture of integers goes up or down to a whole number at random; a child has the σ_i of its first parent.
//! n = 20 is fewer than is usual: of 10 to 100 the small ones do best in 1,000 d evaluations (BBOB 2/5/10/20/40-D, instances 11-13, share
//! of targets: .49/.27/.22/.17/.16 with 20, .42/.22/.17/.10/.07 with 100) and on the digits.
//! `converged` is said by the criteria that all share, [`convergence`](moths_core::optimizer::convergence) (of a population).
//! Minima close to a wall are not promised to 1e-6 of the box: mutations end longer.
//! Cost per step: n − e evaluations in one round (n in the first step); of a stochastic objective n, as the elite is evaluated beside the
//! children on the same data; 1 number of state per parameter and point; scratch of n numbers per parameter, held throughout.
//!
//! Take it when what is searched is made of parts that are worth exchanging, as integers, flags, or rows of tensors. Of real parameters
//! `jade` finds lower losses (BBOB, 5-D, 1,000 d evaluations: .736 of the targets, here .287).
//!
//! Tune first: `population`, small in short runs; `crossover`, `uniform` where there are flags alone (half as many evaluations on
//! `one-max`); `genes` and `crossover`, so that what belongs together is inherited as one;
//! `mutation_rate`, higher where the population becomes alike.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_evolution as _; // the facade `moths` does this
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec = Spec::new("genetic").with("crossover", "blend")?.with("selection", "rank")?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let end = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(5_000))?;
//! assert!(end.tally.lowest < 0.01);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("../settings/genetic.md")]

mod brood;
mod crossover;
mod genes;
mod mutation;
mod selection;
#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space,
    optimizer::{Algorithm, Capabilities, Comparison, Family, Init, Meta, Population, Size, convergence::History, settings},
    persist,
    persist::Clock,
    register,
    tensor::host,
    with_scalar,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crossover::Crossover;
pub use genes::Genes;
pub use mutation::{Integers, Mutation};
pub use selection::Selection;

use crate::differential::whole::Whole;
use brood::Brood;
use genes::Layout;

/// Settings of [`Genetic`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GeneticConfig {
    /// n, the number of points, at least 2; null: 20. A curve is one of the step: as many children more or fewer, of all there were.
    pub population: Option<Size>,
    /// Where the points begin.
    pub init: Init,
    /// e, how many of the best go on as they are; fewer than n at every step.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub elite: usize,
    /// How parents are chosen.
    pub selection: Selection,
    /// k, how many take part in a tournament.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub tournament: usize,
    /// τ, the part of the population that truncation lets breed.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub truncation: f64,
    /// s, how many children the best may expect under rank selection, where the average is one.
    #[schemars(range(min = 1.0, max = 2.0))]
    pub pressure: f64,
    /// What is inherited as one.
    pub genes: Genes,
    /// How parents are mixed.
    pub crossover: Crossover,
    /// p_c, the probability that a pair is mixed at all.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub crossover_rate: f64,
    /// α, how far `blend` goes beyond the parents.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub blend: f64,
    /// η of `sbx`: the higher, the nearer children are to their parents.
    #[schemars(range(min = 0.0, max = 1e4))]
    pub crossover_index: f64,
    /// What mutation adds.
    pub mutation: Mutation,
    /// p_m, the probability that a gene mutates; null: one gene a child on average.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub mutation_rate: Option<f64>,
    /// σ, or σ_i at first, in search coordinates.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1e6))]
    pub sigma: f64,
    /// η_m of polynomial mutation: the higher, the smaller it is.
    #[schemars(range(min = 0.0, max = 1e4))]
    pub mutation_index: f64,
    /// What mutation makes of an integer.
    pub integers: Integers,
    /// p_s, the probability that two flags, or two integers, of one tensor of a child exchange their values.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub swap_rate: f64,
}

impl Default for GeneticConfig {
    fn default() -> Self {
        Self {
            population: None,
            init: Init::Around,
            elite: 1,
            selection: Selection::Tournament,
            tournament: 2,
            truncation: 0.5,
            pressure: 1.5,
            genes: Genes::Element,
            crossover: Crossover::Sbx,
            crossover_rate: 0.9,
            blend: 0.5,
            crossover_index: 15.0,
            mutation: Mutation::Polynomial,
            mutation_rate: None,
            sigma: 0.1,
            mutation_index: 20.0,
            integers: Integers::Step,
            swap_rate: 0.0,
        }
    }
}

/// The genetic algorithm. See the [module documentation](self) for equations.
pub struct Genetic {
    config: GeneticConfig,
    size: Size,
    space: Space,
    layout: Layout,
    wholes: Vec<Whole>,
    clock: Clock,
    population: Population,
    /// σ_i.
    sigma: Vec<f64>,
    history: History,
    /// The next generation: elite, then children. Overwritten in every step.
    next: CowTensor,
    next_sigma: Vec<f64>,
}

impl Algorithm for Genetic {
    const META: Meta = Meta::new(
        "genetic",
        Family::Evolution,
        "Parents chosen for their losses; children mixed from them, gene by gene, and mutated.",
        "Baeck 1996, ISBN 0-19-509971-0; Deb & Agrawal 1995, Complex Systems 9, 115-148",
    )
    .capabilities(
        Capabilities::NONE
            .rank_based(true)
            .translation(true)
            .monotone(true)
            .beats_random(true)
            .discrete(true)
            // The elite is not evaluated again, so that a step may have half as many candidates as there are points, or fewer.
            .state_per_candidate(1.0)
            .state_per_parameter(2.0),
    )
    .size("population");
    type Config = GeneticConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let size = Size::or(&config.population, 20);
        size.least("population", 2)?;
        let (n, fewest) = (size.at(0), *size.range().start());
        if config.elite >= fewest {
            return Err(Error::invalid("elite", config.elite, format!("fewer than the population, which is {fewest}")));
        }
        Ok(Self {
            layout: Layout::new(config.genes, space),
            wholes: Whole::of(space),
            clock: Clock::new(key),
            population: Population::new(space, &space.start(), key.fold(u64::MAX), &size, config.init)?,
            sigma: vec![config.sigma; n],
            history: History::of_population(space.dim(), n - config.elite),
            next: space.zeros_for(n)?,
            next_sigma: vec![config.sigma; n],
            space: space.clone(),
            size,
            config,
        })
    }

    fn capabilities(config: &GeneticConfig) -> Result<Capabilities> {
        Ok(Self::META
            .capabilities
            .rank_based(config.selection != Selection::Roulette)
            .monotone(config.elite > 0)
            .state_per_parameter(1.0 + config.elite as f64))
    }
}

impl Genetic {
    /// The first points are evaluated.
    fn first(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let losses = objective.losses(&Batch::Dense(self.population.points().clone()))?;
        self.population.judge(&losses)?;
        let converged = self.history.judge(&losses, objective.stochastic(), self.clock.step + 1);
        Ok(Report::of(&losses).converged(converged))
    }

    /// The elite and its children take the place of the population, unless all children failed.
    fn generation(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let (e, n, order) = (self.config.elite, self.size.at(self.clock.step), self.population.order());
        self.breed(n)?;
        let remembered: Vec<f64> = order[..e].iter().map(|&i| self.population.losses()[i]).collect();
        let next = Batch::Dense(self.next.clone());
        let Comparison { before: mut loss, losses, report } =
            objective.losses_beside(&next.part(e..n), &next.part(0..e), Some(&remembered))?;
        drop(next);
        if !losses.all_failed() {
            loss.extend(&*losses);
            self.population.succeed(&mut self.next, loss)?;
            std::mem::swap(&mut self.sigma, &mut self.next_sigma);
        }
        let converged = self.history.judge(&losses, objective.stochastic(), self.clock.step + 1);
        Ok(report.converged(converged))
    }

    /// The elite and its children, n in all, into `next`.
    fn breed(&mut self, n: usize) -> Result<()> {
        let (d, e) = (self.space.dim(), self.config.elite);
        let order = self.population.order();
        if self.next.dims() != [n, d] {
            self.next = self.space.zeros_for(n)?;
        }
        self.next.make_out()?;
        self.next_sigma.resize(n, self.config.sigma);
        let Self { config, layout, wholes, clock, population, sigma, next, next_sigma, .. } = self;
        let pool = selection::Pool::new(config, &order, population.losses());
        order[..e].iter().enumerate().for_each(|(k, i)| next_sigma[k] = sigma[*i]);
        let brood = Brood { config, layout, wholes, pool, sigma, key: clock.key() };
        with_scalar!(population.points().dtype(), T => host::read::<T, _>(population.points(), |x| host::edit::<T, _>(next, |next| {
            let (elite, children) = next.split_at_mut(e * d);
            elite.chunks_exact_mut(d).zip(&order).for_each(|(row, i)| row.copy_from_slice(&x[i * d..(i + 1) * d]));
            brood.fill(x, children, &mut next_sigma[e..n], d);
        }))?)?;
        self.space.confine(&mut self.next)
    }
}

impl Optimizer for Genetic {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let report = if self.population.is_judged() { self.generation(objective) } else { self.first(objective) }?;
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.population.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.population = self.population.moved(&at, &self.space, self.clock.key().fold(3))?;
        self.history.clear();
        Ok(())
    }
}

persist!(Genetic { clock, population, sigma in |ours| ours.population.len()..=ours.population.len(), history });
register!(Genetic);
