//! A race by halving: members search on their own, and the better half of them goes on, until one has the rest of the run.
//!
//! ```text
//! round r      every member that is left steps until it has used b_r d evaluations;  whose turn it is: who has used least, the first of these
//! after it     the better half goes on, ⌈n/2⌉ of n;  after the last round the best alone, for as long as the run lasts
//! better       the lower loss: deterministic, the lowest that it has seen;  stochastic, of its answer, all answers on the same data
//! shared       the best answer is suggested to those that go on and take suggestions
//! ```
//!
//! b: \[rounds\], evaluations a dimension; d: the number of parameters. A member keeps its state between its turns, and nothing is lost when the
//! race is saved in the middle of a round. One that says that it has converged is asked no more while others race, but its answer stays in it; the race has
//! converged when all that are left have.
//!
//! **The answer** is that of the member that is best as far as is known. Source: successive halving (Karnin, Koren & Somekh 2013; Jamieson &
//! Talwalkar 2016, arXiv:1502.07943), with search algorithms as arms, as portfolios of optimizers are run on COCO (Baudiš & Pošík 2014,
//! doi:10.1007/978-3-319-10762-2_36). Differs from those: rounds are given, and members are paused rather than begun anew with a longer budget.
//! Cost per step: a step of one member; on a stochastic objective one evaluation a member more at the end of a round, and a copy of
//! what the step overwrites in all states; the state of all members, those that are out included.
//!
//! Take it when a few methods are candidates and nobody knows which; `auto` is a race whose members and rounds were measured. Where the budget is
//! not ten times that of the first round, take one method.
//!
//! Tune first: `members`, few and unlike each other; then `rounds`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_evolution as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let valley = |x: &[f64]| x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum();
//! let spec: Spec = r#"{"name": "race", "members": ["de", "cma-es"], "rounds": [100]}"#.parse()?;
//! let mut race = registry::build(&spec, &space, Key::new(1))?;
//! minimize(&mut *race, &mut Function::new(space, valley), &Stop::evaluations(3_000).or_target(1e-8))?;
//! assert!(race.explain().is_some_and(|told| told.contains("`cma-es` has the rest of the run")));
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/race.md")]

mod field;
#[cfg(test)]
mod tests;

use moths_core::{
    Batch, CowTensor, Error, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Members, Meta, settings},
    persist::{Fields, Persist, atomically},
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    committee,
    contest::{Contest, Seen},
};
use field::Field;

/// Settings of [`Race`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RaceConfig {
    /// Who races. Of those that have used as many evaluations the first in the list has its turn first.
    #[schemars(length(min = 1, max = 100))]
    pub members: Vec<Spec>,
    /// b, the evaluations a dimension that a member has used at the end of each round, rising.
    #[schemars(length(min = 1, max = 100), inner(range(min = 0.001, max = 1e9)))]
    pub rounds: Vec<f64>,
    /// Is the best answer suggested to those that go on?
    pub share: bool,
}

impl Default for RaceConfig {
    fn default() -> Self {
        Self { members: vec![Spec::new("cma-es"), Spec::new("de")], rounds: vec![40.0, 160.0], share: false }
    }
}

impl RaceConfig {
    fn check(&self) -> Result<()> {
        settings::check(self)?;
        match self.rounds.windows(2).position(|pair| pair[1] <= pair[0]) {
            Some(i) => {
                Err(Error::invalid(format!("rounds.{}", i + 1), self.rounds[i + 1], format!("more than {}", self.rounds[i])))
            }
            None => Ok(()),
        }
    }
}

/// Members of which the better half goes on. See the [module documentation](self).
pub struct Race {
    space: Space,
    /// Evaluations that a member has used at the end of each round.
    rounds: Vec<u64>,
    share: bool,
    members: Members,
    field: Field,
}

impl Algorithm for Race {
    const META: Meta = Meta::new(
        "race",
        Family::Ensemble,
        "Members search on their own, and the better half goes on, until one has the rest of the run.",
        "Jamieson & Talwalkar 2016, arXiv:1502.07943; Baudiš & Pošík 2014, doi:10.1007/978-3-319-10762-2_36",
    )
    .capabilities(Capabilities::NONE);
    type Config = RaceConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        config.check()?;
        let named = config.members.clone();
        let count = named.len();
        let mut members = Members::new("members", space, count..=count).listed().restricted_to(move |spec| named.contains(spec));
        for (i, spec) in config.members.iter().enumerate() {
            members.push(spec.clone(), key.fold(i as u64))?;
        }
        let rounds = config.rounds.iter().map(|round| (round * space.dim() as f64).ceil() as u64).collect();
        Ok(Self { space: space.clone(), rounds, share: config.share, field: Field::of(count), members })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let all = committee::capabilities(&config.members)?;
        let alone = config.members.len() == 1;
        let (mut converges, mut takes) = (true, true);
        for member in &config.members {
            let member = registry::capabilities(member)?;
            converges &= member.converges;
            takes &= member.suggestible;
        }
        // Whose answer is better is seen at its lowest loss, which need not be its answer's; and the first in the list may lose.
        let raced = all.converges(converges).suggestible(takes).monotone(false);
        Ok(raced.beats_random(all.beats_random && alone).compares_steps(all.compares_steps))
    }
}

impl Race {
    /// One that nobody has entered yet, for as many as `most`.
    pub(crate) fn open(space: &Space, most: usize) -> Self {
        let members = Members::new("members", space, 0..=most).listed();
        Self { space: space.clone(), rounds: vec![], share: false, field: Field::of(0), members }
    }

    /// These race, by rounds of so many evaluations a member.
    pub(crate) fn enter(&mut self, specs: &[Spec], rounds: Vec<u64>, key: Key) -> Result<()> {
        for (i, spec) in specs.iter().enumerate() {
            self.members.push(spec.clone(), key.fold(i as u64))?;
        }
        (self.rounds, self.field) = (rounds, Field::of(specs.len()));
        Ok(())
    }

    /// Has anybody entered?
    pub(crate) fn is_open(&self) -> bool {
        self.members.is_empty()
    }

    /// Who races, what each has seen, and who fell out.
    pub(crate) fn told(&self) -> String {
        let names: Vec<String> = self.members.iter().map(|member| short(member.spec())).collect();
        self.field.told(&names)
    }

    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let turn = self.field.turn();
        let report = self.members[turn].optimizer.step(objective)?;
        self.field.note(turn, &report, objective.stochastic());
        let limit = self.rounds.get(self.field.round()).copied();
        // Where all have converged nobody has anything to lose.
        if !self.field.is_over(limit) || self.field.converged().is_some() {
            return Ok(self.said(report));
        }
        let report = match objective.stochastic() && self.field.racing().count() > 1 {
            true => self.judge(objective)?.added_to(report),
            false => report,
        };
        self.field.halve(self.rounds.len());
        if self.share {
            self.hand_on();
        }
        Ok(self.said(report))
    }

    /// The report of a member as that of the race.
    fn said(&self, report: Report) -> Report {
        report.converged(self.field.converged())
    }

    /// On data that change: the answers of all that race, on the same ones.
    fn judge(&mut self, objective: &mut dyn Objective) -> Result<Contest> {
        let racing: Vec<usize> = self.field.racing().collect();
        let answers: Vec<CowTensor> = racing.iter().map(|&i| self.members[i].optimizer.answer()).collect::<Result<_>>()?;
        let unknown = vec![f64::INFINITY; answers.len()];
        let contest = Contest::of(&answers.iter().collect::<Vec<_>>(), &unknown, &Seen::default(), objective)?;
        racing.iter().zip(&contest.losses).for_each(|(&i, loss)| self.field.judge(i, *loss));
        Ok(contest)
    }

    /// What the leader has found, to the others.
    fn hand_on(&mut self) {
        let leader = self.field.leader();
        let Ok(best) = self.members[leader].optimizer.answer().and_then(|answer| Batch::one(&answer)) else { return };
        for i in self.field.racing().filter(|&i| i != leader).collect::<Vec<_>>() {
            // Who takes no suggestions says so, and goes on by himself.
            let _ = self.members[i].optimizer.suggest(&best);
        }
    }
}

/// A member in a few words: what it is, and what is inside.
fn short(spec: &Spec) -> String {
    let named = |value: &serde_json::Value| {
        let name = value.get("name").unwrap_or(value).as_str()?;
        registry::find(name).is_ok().then(|| name.to_owned())
    };
    let inside: Vec<String> = spec.settings.values().filter_map(named).collect();
    if inside.is_empty() { spec.name.clone() } else { format!("{}({})", spec.name, inside.join(", ")) }
}

impl Optimizer for Race {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        // A step of a member changes nothing where it fails, and what follows it cannot fail, but for a judgement.
        match objective.stochastic() && self.field.racing().count() > 1 {
            true => atomically(self, |this| this.attempt(objective)),
            false => self.attempt(objective),
        }
    }

    fn answer(&self) -> Result<CowTensor> {
        self.members[self.field.leader()].optimizer.answer()
    }

    /// All go there, and the race goes on as it stood; what each has seen is forgotten.
    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        let at = self.space.point(at)?;
        atomically(self, |this| {
            this.field.forget();
            this.members.iter_mut().try_for_each(|member| member.optimizer.move_to(&at))
        })
    }

    /// To the next in turn, where all take them.
    fn suggest(&mut self, points: &Batch) -> Result<()> {
        for member in self.members.iter() {
            if !registry::capabilities(member.spec())?.suggestible {
                return Err(Error::unsupported("race", "takes no suggestions, as not all of its members do"));
            }
        }
        self.members[self.field.turn()].optimizer.suggest(points)
    }

    fn explain(&self) -> Option<String> {
        Some(self.told())
    }
}

impl Persist for Race {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        fields.within("rounds", &mut self.rounds, 0..=100)?;
        fields.field("members", &mut self.members)?;
        self.field.count = self.members.len();
        fields.field("field", &mut self.field)
    }
}
register!(Race);
