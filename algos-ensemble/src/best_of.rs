//! Several optimizers in every step from the same point, and the best of their answers is where all go on.
//!
//! ```text
//! x_i = the answer of member i after a step from x,   i = 1..n
//! x ← the x_i of lowest f(x_i);   with `stay` x itself is one of them
//! ```
//!
//! x, x_i: \[d\]. All are compared on the same data, in one batch; of equal losses the first member's is taken, and x last. A member that is
//! not where all go on is moved there ([`Optimizer::move_to`]) before its next step, and keeps what it learned from the step that was not
//! taken. Where all fail, all go on from x. Alone and without `stay`, a member takes its own plain run. The report says `converged` when all
//! members do in the same step.
//! Source: the founding notes of this project (torchzero's `Bagging`, of which the best counts).
//! Differs from the notes: answers are compared, and not the losses that members reported, which are those of other points.
//! Cost per step: the evaluations of all members, and one for each answer that is not the best candidate of its member's step; with `stay` one
//! more on a stochastic objective. The state of all members, 1 number per parameter and 1 number; scratch of the members' steps, of a copy of
//! the state they overwrite, and 1 + 3 n numbers per parameter.
//!
//! Take it when nobody knows which method, or which rate, is the right one, and that changes during the run; it pays for all of them. `average`
//! goes between their answers; `alternate` costs one member a step.
//!
//! Tune first: `members`; `stay`, off where steps that raise the loss lead somewhere.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(4)?;
//! let f = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! // One of the rates will do.
//! let rate = |rate: f64| Spec::new("spsa").with("descent.name", "sgd")?.with("descent.rate", rate);
//! let spec = Spec::new("best-of").with("members", serde_json::json!([rate(2.0)?, rate(0.2)?, rate(0.02)?]))?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let mut before = f64::INFINITY;
//! for _ in 0..200 {
//!     optimizer.step(&mut Function::new(space.clone(), f))?;
//!     let now = f(&optimizer.answer()?.to_vec1::<f64>()?);
//!     assert!(now <= before);
//!     before = now;
//! }
//! assert!(before < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/best-of.md")]

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::atomically,
    register, registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::committee::{self, Committee};

/// Settings of [`BestOf`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BestOfConfig {
    /// The optimizers.
    #[schemars(length(min = 1, max = 100))]
    pub members: Vec<Spec>,
    /// Stay where no answer is lower.
    pub stay: bool,
}

impl Default for BestOfConfig {
    fn default() -> Self {
        Self { members: vec![Spec::new("spsa"), Spec::new("random-grad")], stay: true }
    }
}

/// Members of which the best is followed. See the [module documentation](self).
pub struct BestOf {
    stay: bool,
    committee: Committee,
    /// f(x); +∞ when it is not known.
    loss: f64,
}

impl Algorithm for BestOf {
    const META: Meta = Meta::new(
        "best-of",
        Family::Ensemble,
        "Several optimizers in every step from one point; all go on from the best of their answers.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.monotone(true));
    type Config = BestOfConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let committee = Committee::new(&config.members, space, key.fold(1))?;
        Ok(Self { stay: config.stay, committee, loss: f64::INFINITY })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        let all = committee::capabilities(&config.members)?;
        let follows = config.members.len() == 1 && !config.stay;
        // One whose answer never rises is enough: the best is not higher.
        let mut never_rises = config.stay;
        for member in &config.members {
            never_rises |= registry::capabilities(member)?.monotone;
        }
        Ok(all
            .monotone(never_rises)
            .beats_random(all.beats_random && config.members.len() == 1)
            .discrete(all.discrete && follows))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let n = config.members.len() as u64;
        let own = match (n, config.stay) {
            (1, false) => 0,
            (n, stay) => n + u64::from(stay && stochastic),
        };
        Ok(committee::costs(&config.members, space, stochastic)?.map(|costs| costs.iter().sum::<u64>() + own))
    }
}

impl BestOf {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let strides = self.committee.turns(objective)?;
        if let ([alone], false) = (&strides[..], self.stay) {
            self.move_to(&alone.after)?;
            return Ok(alone.report.clone());
        }
        let mut ends: Vec<&CowTensor> = strides.iter().map(|stride| &stride.after).collect();
        let stay = self.stay.then(|| self.committee.at.clone());
        ends.extend(&stay);
        let contest = self.committee.contest(&strides, &ends, self.loss, objective)?;
        // Where all failed nothing is known of a better place.
        if let Some(best) = contest.best() {
            self.committee.move_to(ends[best])?;
            self.loss = contest.losses[best];
        }
        Ok(contest.added_to(committee::together(strides.into_iter().map(|stride| stride.report))))
    }
}

impl Optimizer for BestOf {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        atomically(self, |this| this.attempt(objective))
    }

    fn answer(&self) -> Result<CowTensor> {
        Ok(self.committee.at.clone())
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.committee.move_to(at)?;
        self.loss = f64::INFINITY;
        Ok(())
    }
}

persist!(BestOf { committee, loss });
register!(BestOf);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::script::{built, is_exact, is_its_own_run, moving, of, path};
    use moths_random as _;

    /// From 0 towards 3: +1 and +2 and −5 a step, as far as that lowers |x − 3|.
    #[test]
    fn the_lowest_answer_is_where_all_go_on() {
        let spec = of("best-of", &[moving(&[1.0]), moving(&[2.0]), moving(&[-5.0])]);
        let distance = |x: f64| (x - 3.0).abs();
        // Three steps ask for x each, whose loss is then known; their answers are asked for beside. At 3 all are worse.
        assert_eq!(path(&mut *built(&spec), distance, 3), [(2.0, 6), (3.0, 6), (3.0, 6)]);
        let goes_on = spec.with("stay", false).unwrap();
        assert_eq!(path(&mut *built(&goes_on), distance, 3), [(2.0, 6), (3.0, 6), (4.0, 6)]);
    }

    #[test]
    fn what_failed_is_no_answer() {
        let spec = of("best-of", &[moving(&[1.0]), moving(&[-1.0])]);
        let right = |x: f64| if x > 0.0 { f64::NAN } else { -x };
        for stay in [true, false] {
            let spec = spec.clone().with("stay", stay).unwrap();
            assert_eq!(path(&mut *built(&spec), right, 1), [(if stay { 0.0 } else { -1.0 }, 4)]);
            assert_eq!(path(&mut *built(&spec), |x| if x == 0.0 { 1.0 } else { f64::NAN }, 2), [(0.0, 4), (0.0, 4)]);
        }
    }

    #[test]
    fn it_is_exact_and_alone_a_member_is_itself() {
        let members = ["spsa", "random-grad", "one-plus-one-es"].map(Spec::new);
        for stay in [true, false] {
            is_exact(&of("best-of", &members).with("stay", stay).unwrap());
        }
        is_its_own_run(&of("best-of", &[Spec::new("spsa")]).with("stay", false).unwrap(), &Spec::new("spsa"));
    }
}
