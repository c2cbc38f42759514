//! Several optimizers in every step, one after another, each from where the one before led.
//!
//! ```text
//! for i = 1..n:   x ← the answer of member i after a step from x
//! ```
//!
//! x: \[d\], the point that all share. A member is moved to x ([`Optimizer::move_to`]) before its step, unless that is where it is: it goes on
//! around x with what it has learned, step sizes, momenta and covariances. Where a member finds that the point fails to which another one led,
//! they go back to the last one in the step that is not known to. Alone, a member takes its own plain run. The report says `converged`
//! when all members do in the same step.
//! Source: the founding notes of this project (torchzero's sequential `Bagging`).
//! Differs from the notes: what members keep beside the point is theirs, and is not reset.
//! Cost per step: the evaluations of all members; the state of all members and 1 number per parameter; scratch of the members' steps, of a copy
//! of the state they overwrite, and 2 numbers per parameter.
//!
//! Take it when two methods do different parts of the work in every step, as one that follows gradient estimates and one that jumps. Where they
//! should not cost a step together take `alternate`; where only the better one should count, `best-of`.
//!
//! Tune first: `members`, and how many evaluations a step of each takes: who takes more has more of the budget.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec: Spec = r#"{"name": "sequence", "members": ["spsa", "one-plus-one-es"]}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..300 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/sequence.md")]

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::atomically,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::committee::{self, Committee, Failures};

/// Settings of [`Sequence`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SequenceConfig {
    /// The optimizers, in the order of their steps.
    #[schemars(length(min = 1, max = 100))]
    pub members: Vec<Spec>,
}

impl Default for SequenceConfig {
    fn default() -> Self {
        Self { members: vec![Spec::new("spsa"), Spec::new("random-grad")] }
    }
}

/// Members that step one after another. See the [module documentation](self).
pub struct Sequence {
    committee: Committee,
}

impl Algorithm for Sequence {
    const META: Meta = Meta::new(
        "sequence",
        Family::Ensemble,
        "Several optimizers in every step, one after another, each from where the one before led.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.beats_random(true));
    type Config = SequenceConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self { committee: Committee::new(&config.members, space, key.fold(1))? })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        committee::capabilities(&config.members)
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        Ok(committee::costs(&config.members, space, stochastic)?.map(|costs| costs.iter().sum()))
    }
}

impl Sequence {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let (mut reports, mut seen) = (vec![], Failures::of(objective, &self.committee.at));
        for i in 0..self.committee.len() {
            let stride = self.committee.turn(i, &mut seen)?;
            seen.reach(stride.after)?;
            self.committee.move_to(seen.sound())?;
            reports.push(stride.report);
        }
        Ok(committee::together(reports))
    }
}

impl Optimizer for Sequence {
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

persist!(Sequence { committee });
register!(Sequence);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::script::{at, built, is_exact, is_its_own_run, moving, of, path};
    use moths_core::registry;
    use moths_random as _;

    #[test]
    fn each_member_steps_from_where_the_one_before_led() {
        let mut sequence = built(&of("sequence", &[moving(&[1.0, 2.0]), moving(&[10.0])]));
        assert_eq!(path(&mut *sequence, |x| x, 3), [(11.0, 2), (23.0, 2), (34.0, 2)]);
        sequence.move_to(&CowTensor::new((&*sequence.answer().unwrap() * 0.0).unwrap())).unwrap();
        assert_eq!(path(&mut *sequence, |x| x, 1), [(12.0, 2)]);
    }

    /// The second one is asked at 1 in its first step: losses are those of the point it was moved to.
    #[test]
    fn the_report_is_that_of_all_steps() {
        let mut sequence = built(&of("sequence", &[moving(&[1.0]), moving(&[1.0])]));
        let mut objective = moths_core::Function::new(crate::committee::script::line(), |x: &[f64]| 5.0 - x[0]);
        let report = sequence.step(&mut objective).unwrap();
        assert_eq!((report.loss, report.evaluations, report.converged, at(&*sequence)), (4.0, 2, None, 2.0));
    }

    /// Nobody has looked at 2 when the first leads there; the second is asked to begin there.
    #[test]
    fn where_one_led_and_another_finds_that_it_fails_they_do_not_stay() {
        let hole = |x: f64| if x == 2.0 { f64::NAN } else { 0.0 };
        let goes = of("sequence", &[moving(&[2.0]), moving(&[1.0])]);
        assert_eq!(path(&mut *built(&goes), hole, 1), [(3.0, 2)]);
        let stays = of("sequence", &[moving(&[2.0]), moving(&[0.0])]);
        assert_eq!(path(&mut *built(&stays), hole, 2), [(0.0, 2), (0.0, 2)]);
    }

    #[test]
    fn it_is_exact_and_alone_a_member_is_itself() {
        for members in [&["spsa", "random-grad"][..], &["one-plus-one-es", "random-walk", "spsa"]] {
            let members: Vec<Spec> = members.iter().map(|id| Spec::new(*id)).collect();
            is_exact(&of("sequence", &members));
        }
        for id in ["spsa", "one-plus-one-es"] {
            is_its_own_run(&of("sequence", &[Spec::new(id)]), &Spec::new(id));
        }
    }

    #[test]
    fn what_is_wrong_with_a_member_is_said_with_its_place() {
        let space = Space::real(2).unwrap();
        let build = |text: &str| registry::build(&text.parse().unwrap(), &space, Key::new(1)).err().map(|e| e.to_string());
        let why = build(r#"{"name": "sequence", "members": ["spsa", {"name": "spsa", "pairs": 0}]}"#).unwrap();
        assert!(why.starts_with("members.1.pairs = 0"), "{why}");
        let why = build(r#"{"name": "sequence", "members": []}"#).unwrap();
        assert_eq!(why, "members = []: a list of 1 to 100");
        assert!(Sequence::new(SequenceConfig { members: vec![] }, &space, Key::new(1)).is_err());
    }
}
