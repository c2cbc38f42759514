//! A small, sound population whose size may change with the step, and what it becomes with a flaw.

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flaw::Flaw;
use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space,
    optimizer::{
        Algorithm, Capabilities, Comparison, Family, Init, Meta, Population, Size, Suggestions, population::Joining, settings,
    },
    persist::{Clock, Fields, Persist},
    register,
};

/// Settings of a [`Brood`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BroodConfig {
    flaw: Flaw,
    /// How many members.
    members: Size,
    /// Where they begin.
    init: Init,
}

impl Default for BroodConfig {
    fn default() -> Self {
        Self { flaw: Flaw::None, members: Size::from(8), init: Init::Around }
    }
}

/// Differential evolution towards the best, as the swarm of the laws, of a population that grows and shrinks.
pub(super) struct Brood {
    config: BroodConfig,
    space: Space,
    clock: Clock,
    population: Population,
    suggestions: Suggestions,
    /// Nothing, in a sound specimen.
    steps: u64,
}

impl Algorithm for Brood {
    const META: Meta = Meta::new("brood", Family::Swarm, "What the law of sizes is tried on.", "none")
        .capabilities(
            Capabilities::NONE.translation(true).rank_based(true).monotone(true).suggestible(true).state_per_candidate(1.0),
        )
        .size("members");
    type Config = BroodConfig;

    fn new(config: BroodConfig, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        if config.flaw == Flaw::BeginsRudely && config.init == Init::Same {
            return Err(Error::Objective("all members are one".into()));
        }
        config.init.apart("init")?;
        config.members.least("members", 2)?;
        let population = Population::new(space, &space.start(), key.fold(u64::MAX), &config.members, config.init)?;
        let suggestions = Suggestions::at_most(*config.members.range().end(), space);
        Ok(Self { config, space: space.clone(), clock: Clock::new(key), population, suggestions, steps: 0 })
    }
}

impl Brood {
    /// How many members this step has.
    fn wanted(&self) -> usize {
        let t = if self.config.flaw == Flaw::CountsBesideClock { self.steps } else { self.clock.step };
        match self.config.flaw {
            Flaw::IgnoresSize => self.config.members.at(0),
            Flaw::GrowsAtOnce if t > 0 => self.config.members.at(1_000),
            _ => self.config.members.at(t),
        }
    }

    fn present(&self) -> Result<Population> {
        let (mut population, n) = (self.population.clone(), self.wanted());
        if n < population.len() {
            let kept = match self.config.flaw {
                Flaw::KeepsWorst => population.order().split_off(population.len() - n),
                _ => population.fittest(n),
            };
            population.retain(&kept)?;
        }
        population.join(n, Joining::Best, &self.space, self.clock.key().fold(1))?;
        Ok(population)
    }

    /// A way towards the best, and a difference of two others further.
    fn trials(&self, population: &Population) -> Result<CowTensor> {
        let (x, n, best) = (population.points(), population.len(), population.best());
        let mut stream = self.clock.key().fold(2).stream();
        let mut trials = x.clone();
        for i in 0..n {
            let [a, b] = [0; 2].map(|_| stream.random_range(0..n));
            let [towards, across] = [0; 2].map(|_| stream.random::<f64>());
            let step = (((x.get(best)? - x.get(i)?)? * towards)? + ((x.get(a)? - x.get(b)?)? * across)?)?;
            trials.set_row(i, &(x.get(i)? + step)?)?;
        }
        self.space.confine(&mut trials)?;
        Ok(trials)
    }
}

impl Optimizer for Brood {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut population = self.present()?;
        if self.config.flaw == Flaw::WelcomesEarly {
            self.population = population.clone();
        }
        let judged = population.is_judged();
        let mut trials = if judged { self.trials(&population)? } else { population.points().clone() };
        if self.config.flaw != Flaw::IgnoresSuggestions && !self.suggestions.is_empty() {
            let worst_first: Vec<usize> = population.best_first().into_iter().rev().collect();
            self.suggestions.write(&mut trials, &worst_first, &self.space)?;
            if !judged {
                population.replace(&worst_first, &trials, &vec![f64::INFINITY; worst_first.len()])?;
            }
        }
        if self.config.flaw == Flaw::DropsSuggestions {
            self.suggestions.clear();
        }
        let Comparison { before, losses, report } = population.against(trials.clone(), objective)?;
        population.recall(before)?;
        match judged {
            true => population.replace(&population.better(&losses), &trials, &losses)?,
            false => population.judge(&losses)?,
        }
        self.population = population;
        self.steps += 1;
        self.suggestions.clear();
        self.clock.tick();
        Ok(report)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.population.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        self.population = self.population.moved(&at, &self.space, self.clock.key().fold(3))?;
        self.suggestions.clear();
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.suggestions.add(points, &self.space)
    }
}

impl Persist for Brood {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.field("clock", &mut self.clock)?;
        fields.field("population", &mut self.population)?;
        match self.config.flaw {
            Flaw::LosesSuggestions => Ok(()),
            _ => fields.field("suggestions", &mut self.suggestions),
        }
    }
}

register!(Brood);
