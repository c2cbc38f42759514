//! One of several optimizers in every step, by chance.
//!
//! ```text
//! i ~ w / Σw:   x ← the answer of member i after a step from x
//! ```
//!
//! w: \[n\], the weights of the n members, all 1 by default; x: \[d\], the point that all share. A member is moved to x
//! ([`Optimizer::move_to`]) before its step, unless that is where it is: it goes on around x with what it has learned. Alone, a member takes its own plain
//! run; only then `converged` is handed on, as others may still get away from where one of them ends.
//! A schedule of a member that is as long as the run has the share of the run that the member has on average.
//! Source: the founding notes of this project (torchzero's random `Bagging`).
//! Differs from the notes: weights.
//! Cost per step: the evaluations of one member; the state of all members and 1 number per parameter; scratch of the member's step, of a copy
//! of the state it overwrites, and 2 numbers per parameter.
//!
//! Take it when now and then another kind of step helps, as a jump out of where small steps end: a small weight gives it a small part of the
//! budget. `alternate` has a fixed order, and turns of more than one step.
//!
//! Tune first: `members`; `weights`, of what the rare one is to have of the steps.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::bounded([(-5.0, 5.0); 4])?;
//! let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
//! let spec: Spec = r#"{"name": "random-choice", "members": ["spsa", "one-plus-one-es"], "weights": [3, 1]}"#.parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! for _ in 0..600 {
//!     optimizer.step(&mut objective)?;
//! }
//! let answer = space.decode(&*optimizer.answer()?)?.to_vec1::<f64>()?;
//! assert!(answer.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/random-choice.md")]

use moths_core::{
    CowTensor, Error, Key, Objective, Optimizer, Report, Result, Sampler, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Meta, settings},
    persist,
    persist::{Clock, atomically},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::committee::{self, Committee};

/// Settings of [`RandomChoice`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RandomChoiceConfig {
    /// The optimizers.
    #[schemars(length(min = 1, max = 100))]
    pub members: Vec<Spec>,
    /// w, how often each is chosen beside the others; null: all equally often.
    #[schemars(length(min = 1, max = 100), inner(range(min = 0.0, max = 1e12)))]
    pub weights: Option<Vec<f64>>,
}

impl Default for RandomChoiceConfig {
    fn default() -> Self {
        Self { members: vec![Spec::new("spsa"), Spec::new("random-grad")], weights: None }
    }
}

/// Members of which one is chosen. See the [module documentation](self).
pub struct RandomChoice {
    /// One a member, of sum 1.
    weights: Vec<f64>,
    clock: Clock,
    committee: Committee,
}

impl Algorithm for RandomChoice {
    const META: Meta = Meta::new(
        "random-choice",
        Family::Ensemble,
        "One of several optimizers in every step, by chance, each from where the last one led.",
        "the founding notes of moths",
    )
    .capabilities(Capabilities::NONE.beats_random(true));
    type Config = RandomChoiceConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        let weights = config.shares()?;
        let committee = Committee::new(&config.members, space, key.fold(1))?;
        Ok(Self { weights, clock: Clock::new(key.fold(0)), committee })
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        config.shares()?;
        Ok(committee::capabilities(&config.members)?.deterministic(false))
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let weights = config.shares()?;
        let costs = committee::costs(&config.members, space, stochastic)?;
        // Of those who are ever chosen.
        let chosen =
            |costs: Vec<u64>| costs.into_iter().zip(weights).filter(|(_, weight)| *weight > 0.0).map(|(cost, _)| cost).collect();
        Ok(costs.map(chosen).and_then(committee::all_the_same))
    }

    fn evaluations_per_turn(config: &Self::Config, place: usize, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        let weights = config.shares()?;
        let Some(costs) = committee::costs(&config.members, space, stochastic)? else { return Ok(None) };
        let mean: f64 = costs.iter().zip(&weights).map(|(cost, weight)| *cost as f64 * weight).sum();
        Ok(weights.get(place).filter(|weight| **weight > 0.0).map(|weight| (mean / weight).round().max(1.0) as u64))
    }
}

impl RandomChoiceConfig {
    /// w / Σw.
    ///
    /// # Errors
    /// [`Error::Invalid`] for weights of which there is not one a member, or that are all zero.
    fn shares(&self) -> Result<Vec<f64>> {
        let n = self.members.len();
        let Some(weights) = &self.weights else { return Ok(vec![1.0 / n as f64; n]) };
        let sum: f64 = weights.iter().sum();
        if weights.len() != n || sum.is_nan() || sum <= 0.0 {
            return Err(Error::invalid(
                "weights",
                format!("{weights:?}"),
                format!("{n} numbers, one for each of the members, not all 0; or null"),
            ));
        }
        Ok(weights.iter().map(|weight| weight / sum).collect())
    }
}

impl RandomChoice {
    fn attempt(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        let report = self.committee.advance(self.chosen(), objective)?;
        self.clock.tick();
        Ok(report)
    }

    /// Whose step it is.
    fn chosen(&self) -> usize {
        let mut u = [0.0f64];
        Sampler::Uniform.fill_slice(self.clock.key(), &mut u);
        // The sampler's uniform lies in ±√3.
        let mut left = u[0] / 12f64.sqrt() + 0.5;
        let possible = || (0..self.weights.len()).filter(|&i| self.weights[i] > 0.0);
        let chosen = possible().find(|&i| {
            left -= self.weights[i];
            left < 0.0
        });
        // What rounding leaves is the last one's.
        chosen.or_else(|| possible().next_back()).unwrap_or(0)
    }
}

impl Optimizer for RandomChoice {
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

persist!(RandomChoice { clock, committee });
register!(RandomChoice);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::script::{answers, built, is_exact, is_its_own_run, moving, of};
    use moths_core::registry;
    use moths_random as _;
    use serde_json::json;

    /// Every move says whose it was.
    #[test]
    fn members_are_chosen_as_often_as_their_weights_say() {
        let members = [moving(&[1.0]), moving(&[1000.0]), moving(&[1e6])];
        let spec = of("random-choice", &members);
        let shares = |spec: &Spec| {
            let end = *answers(&mut *built(spec), 900).last().unwrap();
            [end % 1000.0, (end / 1000.0).floor() % 1000.0, (end / 1e6).floor()]
        };
        let equal = shares(&spec);
        assert!(equal.iter().sum::<f64>() == 900.0 && equal.iter().all(|n| (n - 300.0).abs() < 60.0), "{equal:?}");
        let weighted = shares(&spec.with("weights", json!([8, 0, 1])).unwrap());
        assert!(weighted[1] == 0.0 && (weighted[2] - 100.0).abs() < 40.0, "{weighted:?}");
    }

    #[test]
    fn weights_that_are_not_one_a_member_are_refused_by_name() {
        let spec = of("random-choice", &[moving(&[1.0]), moving(&[2.0])]);
        for weights in [json!([1]), json!([1, 2, 3]), json!([0, 0]), json!([-1, 2]), json!([])] {
            let spec = spec.clone().with("weights", weights.clone()).unwrap();
            let why = registry::build(&spec, &Space::real(1).unwrap(), Key::new(1)).err().map(|e| e.to_string());
            assert!(why.as_ref().is_some_and(|why| why.starts_with("weights = ")), "{weights}: {why:?}");
            assert!(registry::capabilities(&spec).is_err(), "{weights}");
        }
    }

    #[test]
    fn it_is_exact_and_alone_a_member_is_itself() {
        is_exact(&of("random-choice", &["spsa", "random-grad", "one-plus-one-es"].map(Spec::new)));
        is_its_own_run(&of("random-choice", &[Spec::new("spsa")]), &Spec::new("spsa"));
    }

    #[test]
    fn a_members_part_of_the_run_is_what_it_has_on_average() {
        let config = RandomChoiceConfig {
            members: vec![moving(&[1.0]).with("asks", 4).unwrap(), moving(&[1.0]).with("asks", 2).unwrap()],
            weights: Some(vec![3.0, 1.0]),
        };
        // A step takes 3.5 on average: 4 steps of all are 3 of the first, and one of the second.
        let turn = |place| RandomChoice::evaluations_per_turn(&config, place, &Space::real(1).unwrap(), false).unwrap();
        assert_eq!([turn(0), turn(1)], [Some(5), Some(14)]);
        // One step takes as much as another only where all members do.
        let step = |config| RandomChoice::evaluations_per_step(config, &Space::real(1).unwrap(), false).unwrap();
        let alike = RandomChoiceConfig { members: vec![moving(&[1.0]); 2], weights: None };
        assert_eq!([step(&config), step(&alike)], [None, Some(1)]);
    }
}
