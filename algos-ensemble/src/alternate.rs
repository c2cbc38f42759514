//! One of several optimizers in every step, in turn.
//!
//! ```text
//! i = ⌊k / every⌋ mod n:   x ← the answer of member i after a step from x
//! ```
//!
//! k: steps taken so far; n members; x: \[d\], the point that all share. A member is moved to x ([`Optimizer::move_to`]) before its step, unless
//! that is where it is: it goes on around x with what it has learned. Alone, a member takes its own plain run; only then `converged` is
//! handed on, as others may still get away from where one of them ends.
//! A schedule of a member that is as long as the run has the share of the run that the member has.
//! Source: the founding notes of this project (torchzero's `Bagging`, one at a time).
//! Differs from the notes: turns of more than one step.
//! Cost per step: the evaluations of one member; the state of all members and 1 number per parameter; scratch of the member's step, of a copy
//! of the state it overwrites, and 2 numbers per parameter.
//!
//! Take it when two methods do different parts of the work and a step should cost no more than one of them; with a long `every`, when one is
//! to prepare what the other finishes, again and again. Without an order `random-choice` does the same.
//!
//! Tune first: `members`; `every`, long enough for a member to make use of what it learns around a point.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec: Spec = r#"{"name": "alternate", "every": 5, "members": ["spsa", "one-plus-one-es"]}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..600 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/alternate.md")]

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::{Clock, atomically},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::committee::{self, Committee};

/// Settings of [`Alternate`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlternateConfig {
    /// The optimizers, in the order of their turns.
    #[schemars(length(min = 1, max = 100))]
    pub members: Vec<Spec>,
    /// Steps of a turn.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub every: u64,
}

impl Default for AlternateConfig {
    fn default() -> Self {
        Self { members: vec![Spec::new("spsa"), Spec::new("random-grad")], every: 1 }
    }
}

/// Members that take turns. See the [module documentation](self).
pub struct Alternate {
    every: u64,
    clock: Clock,
    committee: Committee,
}

impl Algorithm for Alternate {
    const META: Meta = Meta::new(
        "alternate",
        Family::Ensemble,
        "One of several optimizers in every step, in turn, each from where the last one led.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.beats_random(true));
    type Config = AlternateConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let committee = Committee::new(&config.members, space, key.fold(1))?;
        Ok(Self { every: config.every, clock: Clock::new(key.fold(0)), committee })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        committee::capabilities(&config.members)
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(committee::costs(&config.members, space, stochastic)?.and_then(committee::all_the_same))
    }

    fn evaluations_per_turn(config: &Self::Config, _: usize, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(committee::costs(&config.members, space, stochastic)?.map(|costs| costs.iter().sum()))
    }
}

impl Alternate {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let turn = self.clock.step / self.every % self.committee.len() as u64;
        let report = self.committee.advance(turn as usize, objective)?;
        self.clock.tick();
        Ok(report)
    }
}

impl Optimizer for Alternate {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.committee.at.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.committee.move_to(at)
    }
}

persist!(Alternate { clock, committee });
register!(Alternate);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::script::{answers, built, is_exact, is_its_own_run, moving, of, path};
    use moths_core::{Horizon, registry};
    use moths_random as _;
    use serde_json::json;

    #[test]
    fn one_member_a_step_in_turn() {
        let members = [moving(&[1.0, 2.0]), moving(&[10.0]).with("asks", 3).unwrap(), moving(&[100.0])];
        let taken = path(&mut *built(&of("alternate", &members)), |x| x, 5);
        assert_eq!(taken, [(1.0, 1), (11.0, 3), (111.0, 1), (113.0, 1), (123.0, 3)]);
        let two_each = of("alternate", &members).with("every", 2).unwrap();
        assert_eq!(answers(&mut *built(&two_each), 5), [1.0, 3.0, 13.0, 23.0, 123.0]);
    }

    #[test]
    fn it_is_exact_and_alone_a_member_is_itself() {
        let members = ["spsa", "random-grad", "one-plus-one-es"].map(Spec::new);
        is_exact(&of("alternate", &members).with("every", 2).unwrap());
        is_its_own_run(&of("alternate", &[Spec::new("spsa")]), &Spec::new("spsa"));
    }

    /// Of 900 evaluations, in which a round of both takes 3, a member sees those of its own 300 steps.
    #[test]
    fn a_members_part_of_the_run_is_its_share_of_a_round() {
        let half = json!({ "cosine": { "from": 0.1, "to": 0.0, "steps": null } });
        let member = |id: &str| Spec::new(id).with("descent.name", "sgd").unwrap().with("descent.rate", half.clone()).unwrap();
        let spec = of("alternate", &[member("spsa"), moving(&[0.0])]);
        let space = Space::real(2).unwrap();
        let planned = registry::planned(&spec, &space, Horizon::evaluations(900)).unwrap();
        assert_eq!(planned.settings["members"][0]["descent"]["rate"]["cosine"]["steps"], json!(300));
        assert_eq!(registry::left_to_the_horizon(&spec).unwrap(), ["members.0.descent.rate.cosine.steps"]);
    }
}
