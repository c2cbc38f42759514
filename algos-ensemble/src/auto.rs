//! Chooses: who searches, and how the run is divided among them, from what is known before it begins.
//!
//! ```text
//! known       d, integers and flags, bounds;  evaluations of the run;  do losses stay, does a model show its outputs
//! chosen      members M and rounds b:  by a table where losses stay, all d ≤ 100 are real, and there are more than 4 (d + 1) evaluations;
//!             one member, by a rule, elsewhere
//! then        race(M, b)
//! ```
//!
//! It looks at no landscape: members run, are paused, compared and continued ([`race`](crate::race)). The table stands in `auto/table.json` and is made by
//! a program of the repository from runs on BBOB's functions; every row says what share of the targets it reaches on functions that it was
//! not chosen by. Members that are not linked, or need more memory than there is, are left out. [`Optimizer::explain`] says what was chosen, why, and
//! what has become of it.
//!
//! **Suggestions** are evaluated at the beginning of the next step, beside the answer; where one is better, all that
//! still race go on from there.
//!
//! It is chosen in the first step, when the objective is there; before, the answer is where the search begins. A choice is part of the state, and
//! a run that is resumed goes on with the one it had.
//! Source: the founding notes of moths; portfolios on COCO: Baudiš & Pošík 2014, doi:10.1007/978-3-319-10762-2_36.
//! Cost per step: that of a step of a member, and less than a microsecond.
//!
//! Take it when you want a good answer and no opinion. When you know your problem, take what suits it; when you have several like it, race.
//!
//! Tune first: nothing. `evaluations`, the length of the run, is what every command tells it; a call by hand should.
//!
//! ```
//! use moths_core::{Function, Horizon, Key, Space, Spec, Stop, minimize, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_evolution as _;
//! use moths_local as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 5])?;
//! let valley = |x: &[f64]| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum();
//! let mut optimizer = registry::build_for(&Spec::new("auto"), &space, Key::new(1), Horizon::evaluations(2_000))?;
//! let end = minimize(&mut *optimizer, &mut Function::new(space, valley), &Stop::evaluations(2_000).or_target(1e-8))?;
//! assert!(end.tally.lowest <= 1e-8);
//! println!("{}", optimizer.explain().unwrap_or_default());
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/auto.md")]

mod choice;
mod situation;
mod table;
#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Key, Objective, Optimizer, Report, Result, Space,
    fuse::same_bits,
    optimizer::{Algorithm, Capabilities, Family, Meta, Suggestions, settings},
    persist,
    persist::{Clock, atomically},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::race::Race;
use choice::Choice;
use situation::Situation;

/// The most members of a race that is chosen.
const MOST_MEMBERS: usize = 16;
/// Of more suggestions the first are dropped.
const MOST_SUGGESTIONS: usize = 1000;

/// Settings of [`Auto`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AutoConfig {
    /// The evaluations of the run; null: as many as runs usually have, 1,000 a parameter.
    #[schemars(range(min = 1))]
    pub evaluations: Option<u64>,
}

/// Chooses who searches. See the [module documentation](self).
pub struct Auto {
    config: AutoConfig,
    space: Space,
    clock: Clock,
    /// Where the search begins.
    at: CowTensor,
    suggestions: Suggestions,
    race: Race,
    /// What was known when it was chosen, beside the space and the settings.
    stochastic: bool,
    outputs: bool,
}

impl Algorithm for Auto {
    const META: Meta = Meta::new(
        "auto",
        Family::Ensemble,
        "Chooses who searches and how the run is divided among them, from what is known before it begins.",
        "the founding notes of moths",
    )
    .capabilities(
        // A race is one of few parameters; with many, one member searches.
        Capabilities::NONE
            .beats_random(true)
            .suggestible(true)
            .state_fixed(2e6)
            .state_per_parameter(20.0)
            .state_per_candidate(1.0),
    )
    .horizon("evaluations");
    type Config = AutoConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self {
            suggestions: Suggestions::at_most(MOST_SUGGESTIONS, space),
            race: Race::open(space, MOST_MEMBERS),
            at: space.start(),
            clock: Clock::new(key),
            space: space.clone(),
            config,
            stochastic: false,
            outputs: false,
        })
    }
}

impl Auto {
    /// A step that begins with a choice, or with suggestions.
    fn begin(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let tried = if self.suggestions.is_empty() { None } else { Some(self.try_out(objective)?) };
        if self.race.is_open() {
            self.choose(objective)?;
        }
        let report = self.race.step(objective)?;
        self.clock.tick();
        Ok(tried.into_iter().fold(report, |report, tried| report.and(tried.loss, tried.evaluations)))
    }

    /// Evaluates what was suggested beside the answer; where one is better, the search goes on there.
    fn try_out(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let mut rows = self.space.zeros_for(self.suggestions.rows().len())?;
        let order: Vec<usize> = (0..rows.dims()[0]).rev().collect();
        self.suggestions.write(&mut rows, &order, &self.space)?;
        let points = Batch::Dense(rows);
        let seen = objective.losses_beside(&points, &Batch::one(&self.answer()?)?, None)?;
        if let Some((best, loss)) = seen.losses.best()
            && loss < seen.before[0]
        {
            self.move_to(&points.row(best, &self.space)?)?;
        }
        self.suggestions.clear();
        Ok(seen.report)
    }

    fn choose(&mut self, objective: &dyn Objective) -> Result<()> {
        let (stochastic, outputs) = (objective.stochastic(), objective.shows_outputs());
        let situation = Situation::of(&self.space, stochastic, outputs, self.config.evaluations);
        let choice = Choice::of(&situation, &self.space)?;
        self.race.enter(&choice.members, choice.rounds.clone(), self.clock.key())?;
        if !same_bits(&self.at, &self.space.start())? {
            self.race.move_to(&self.at)?;
        }
        (self.stochastic, self.outputs) = (situation.stochastic, situation.outputs);
        Ok(())
    }
}

impl Optimizer for Auto {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        match self.race.is_open() || !self.suggestions.is_empty() {
            true => atomically(self, |this| this.begin(objective)),
            false => self.race.step(objective),
        }
    }

    fn answer(&self) -> Result<CowTensor> {
        if self.race.is_open() { Ok(self.at.clone()) } else { self.race.answer() }
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        if !self.race.is_open() {
            self.race.move_to(&at)?;
        }
        self.at = at;
        self.suggestions.clear();
        Ok(())
    }

    fn suggest(&mut self, points: &Batch) -> Result<()> {
        self.suggestions.add(points, &self.space)
    }

    fn explain(&self) -> Option<String> {
        let race = self.race.told();
        if self.race.is_open() {
            return Some("nothing is chosen before the first step".to_owned());
        }
        let situation = Situation::of(&self.space, self.stochastic, self.outputs, self.config.evaluations);
        let why = choice::why(&situation).unwrap_or_default();
        Some(format!("{situation}: {why}\n{race}"))
    }
}

persist!(Auto { clock, at, stochastic, outputs, suggestions, race });
register!(Auto);
