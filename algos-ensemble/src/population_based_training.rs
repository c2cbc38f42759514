//! Population-based training: optimizers with settings of their own train side by side; the worst copy the best, and change their settings.
//!
//! ```text
//! every `ready` steps, L_k the losses of all members on the same data:
//! exploit   who is among the worst ⌊fraction · n⌋ of the n in its sub-population takes point, state and settings of one of the best
//!           ⌈fraction · K⌉ of all
//! explore   each real number among the settings it took: times one of `factors`, or drawn anew with probability `resample`
//! ```
//!
//! An [optimizer-swarm](crate::optimizer_swarm) with `selection` = truncation, `state` = copy, `crossover` = 0 and `mutation` = 1, of which the
//! settings that the paper knows are left; the documentation there says what a step is and what it costs.
//!
//! Source: Jaderberg et al. 2017, "Population based training of neural networks", arXiv 1711.09846. Differs from the paper: members take
//! steps together, so that a run can be repeated, and `ready` is a number of steps for all; a step is one of any optimizer, not of a gradient
//! descent. Several numbers in `ready` make sub-populations, as Multiple-Frequencies Population-Based Training, arXiv 2506.03225.
//! Cost per step: as [`optimizer_swarm`](crate::optimizer_swarm).
//!
//! Take it when rates are guesses and the run is long, or the right rate changes in its course. In shorter runs its members, each with a K-th of
//! the evaluations, have not come far enough when the first are compared.
//!
//! Tune first: `ready`: a comparison must mean something, and what pays at once is not always what pays; `members`.
//!
//! ```
//! use moths_core::{Function, Key, Space, Spec, Stop, minimize, registry};
//! use moths_ensemble as _; // the facade `moths` does this, for all families
//! use moths_random as _;
//!
//! let space = Space::real(6)?;
//! let spec: Spec = r#"{"name": "population-based-training", "size": 8, "ready": [5], "members": [{"name": "spsa", "descent": {"name": "sgd", "rate": 1e-3}}]}"#
//!     .parse()?;
//! let mut optimizer = registry::build(&spec, &space, Key::new(1))?;
//! let bowl = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
//! minimize(&mut *optimizer, &mut Function::new(space, bowl), &Stop::evaluations(20_000))?;
//! assert!(bowl(&optimizer.answer()?.to_vec1()?) < 0.1);
//! # Ok::<(), moths_core::Error>(())
//! ```
#![doc = include_str!("settings/population-based-training.md")]

use moths_core::{
    CowTensor, Key, Objective, Optimizer, Report, Result, Space, Spec,
    optimizer::{Algorithm, Capabilities, Family, Init, Meta, Size, settings},
    persist::{Fields, Persist},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::optimizer_swarm::{Inheritance, OptimizerSwarm, OptimizerSwarmConfig, Selection};

/// Settings of [`PopulationBasedTraining`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PopulationBasedTrainingConfig {
    /// What the members are, in turn.
    #[schemars(length(min = 1, max = 1000))]
    pub members: Vec<Spec>,
    /// K, how many members there are.
    #[schemars(range(min = 1, max = 1_000))]
    pub size: usize,
    /// Where the members begin.
    pub init: Init,
    /// Steps between two comparisons, a number a sub-population: the place i belongs to sub-population i mod their number.
    #[schemars(length(min = 1, max = 100), inner(range(min = 1, max = 1_000_000_000)))]
    pub ready: Vec<u64>,
    /// The share that copies, and the share that is copied.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub fraction: f64,
    /// What settings are multiplied by: one of these.
    #[schemars(length(min = 1, max = 100), inner(range(min = 0.001, max = 1000.0)))]
    pub factors: Vec<f64>,
    /// The chance that a setting is drawn anew instead.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub resample: f64,
    /// The dotted paths of the settings that are explored, `descent.rate`; null: all that are real numbers.
    #[schemars(length(max = 1000), extend("x-valid" = "paths of numbers among the members' settings, or null"))]
    pub explore: Option<Vec<String>>,
}

impl Default for PopulationBasedTrainingConfig {
    fn default() -> Self {
        Self {
            members: vec![Spec::new("spsa")],
            size: 10,
            init: Init::Same,
            ready: vec![20],
            fraction: 0.2,
            factors: vec![0.8, 1.2],
            resample: 0.0,
            explore: None,
        }
    }
}

impl PopulationBasedTrainingConfig {
    fn swarm(self) -> OptimizerSwarmConfig {
        OptimizerSwarmConfig {
            members: self.members,
            size: Size::from(self.size),
            init: self.init,
            selection: Selection::Truncation,
            fraction: self.fraction,
            every: self.ready,
            crossover: 0.0,
            state: Inheritance::Copy,
            mutation: 1.0,
            factors: self.factors,
            resample: self.resample,
            mutate: self.explore,
            ..OptimizerSwarmConfig::default()
        }
    }
}

/// A swarm of optimizers that explores their settings. See the [module documentation](self).
pub struct PopulationBasedTraining(OptimizerSwarm);

impl Algorithm for PopulationBasedTraining {
    const META: Meta = Meta::new(
        "population-based-training",
        Family::Ensemble,
        "Optimizers train side by side; now and then the worst copy the best, and change their settings.",
        "Jaderberg et al. 2017, arXiv 1711.09846",
    )
    .capabilities(OptimizerSwarm::META.capabilities)
    .size("size");
    type Config = PopulationBasedTrainingConfig;

    fn new(config: Self::Config, space: &Space, key: Key) -> Result<Self> {
        settings::check(&config)?;
        Ok(Self(OptimizerSwarm::new(config.swarm(), space, key).map_err(renamed)?))
    }

    fn capabilities(config: &Self::Config) -> Result<Capabilities> {
        OptimizerSwarm::capabilities(&config.clone().swarm())
    }

    fn evaluations_per_step(config: &Self::Config, space: &Space, stochastic: bool) -> Result<Option<u64>> {
        OptimizerSwarm::evaluations_per_step(&config.clone().swarm(), space, stochastic)
    }
}

/// Errors name the settings as they are called here.
fn renamed(error: moths_core::Error) -> moths_core::Error {
    match error {
        moths_core::Error::Invalid { field, value, valid } if field == "every" => {
            moths_core::Error::Invalid { field: "ready".into(), value, valid }
        }
        other => other,
    }
}

impl Optimizer for PopulationBasedTraining {
    fn step(&mut self, objective: &mut dyn Objective) -> Result<Report> {
        self.0.step(objective)
    }

    fn answer(&self) -> Result<CowTensor> {
        self.0.answer()
    }

    fn move_to(&mut self, at: &CowTensor) -> Result<()> {
        self.0.move_to(at)
    }
}

impl Persist for PopulationBasedTraining {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        self.0.visit(fields)
    }
}
register!(PopulationBasedTraining);

#[cfg(test)]
mod tests {
    use moths_core::{Function, registry};
    use moths_random as _;

    use super::*;

    /// One in five copies, of one in five; every number of its settings is then 0.8 or 1.2 times its parent's.
    #[test]
    fn the_worst_copy_the_best_and_change_their_settings() -> Result<()> {
        let space = Space::real(3)?;
        let spec: Spec = r#"{"name": "population-based-training", "ready": [4], "explore": ["descent.rate"],
            "members": [{"name": "spsa", "descent": {"name": "sgd", "rate": 0.01}}]}"#
            .parse()?;
        let mut optimizer = registry::build(&spec, &space, Key::new(3))?;
        let mut objective = Function::new(space, |x| x.iter().map(|x| (x - 1.0).powi(2)).sum());
        let mut specs: Vec<Spec> = vec![];
        for k in 0..12 {
            let births = optimizer.step(&mut objective)?.births;
            assert_eq!(
                births.len(),
                if k == 0 {
                    10
                } else if k % 4 == 3 {
                    2
                } else {
                    0
                }
            );
            for birth in births {
                if let [parent] = birth.parents.as_slice() {
                    let rate = |spec: &Spec| spec.settings["descent"]["rate"].as_f64().unwrap_or(f64::NAN);
                    let factor = rate(&birth.spec) / rate(&specs[*parent as usize]);
                    assert!([0.8, 1.2].iter().any(|f| (factor - f).abs() < 1e-12), "{factor}");
                }
                specs.push(birth.spec);
            }
        }
        assert_eq!(specs.len(), 16);
        Ok(())
    }
}
