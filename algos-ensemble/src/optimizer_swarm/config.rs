//! Settings of a swarm of optimizers.

use moths_core::{
    Error, Result, Spec,
    optimizer::{Init, Size, registry, settings},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    MOST,
    crossover::{Crossover, Unit},
    heredity::{Inheritance, Mutation},
};

/// Who dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Who has not been the best for more than `die_after` steps since it was `old`; parents are the two best.
    #[default]
    Streak,
    /// The worst of each sub-population, a `fraction`; parents are drawn from as large a share of the best of all.
    Truncation,
}

/// Where members are drawn to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Centre {
    /// The best member.
    #[default]
    Best,
    /// The mean of all members.
    Mean,
}

/// What gravity acts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// The members' points, before they step; nobody is drawn beyond the centre.
    #[default]
    Parameters,
    /// The gradients that the members follow: a well is added to the losses that they see. Not for those that see a model's outputs.
    Gradients,
}

/// Settings of [`OptimizerSwarm`](super::OptimizerSwarm).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerSwarmConfig {
    /// What the members are, in turn: the first place is of the first kind, and after the last kind comes the first again.
    #[schemars(length(min = 1, max = 1000))]
    pub members: Vec<Spec>,
    /// K, how many members there are. On a curve newcomers are born of the two best, and the worst leave.
    pub size: Size,
    /// Where the members begin.
    pub init: Init,
    /// Who dies.
    pub selection: Selection,
    /// Of streaks: steps after which a member is old enough to be bad; null: never, and nobody dies.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub old: Option<u64>,
    /// Of streaks: bad steps in a row that a member survives.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub die_after: u64,
    /// Of truncations: the share of each sub-population that dies, and of all members from which parents are drawn.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub fraction: f64,
    /// Every how many steps the dead are looked for, a number a sub-population: the place i belongs to sub-population i mod their number.
    #[schemars(length(min = 1, max = 100), inner(range(min = 1, max = 1_000_000_000)))]
    pub every: Vec<u64>,
    /// The chance that a child has two parents; else it begins where one is.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub crossover: f64,
    /// How points are crossed.
    pub operator: Crossover,
    /// What of a point is inherited as a whole.
    pub unit: Unit,
    /// What state the optimizer of a child begins with.
    pub state: Inheritance,
    /// The chance of each number among the settings to mutate at a birth.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub mutation: f64,
    /// What a number that mutates is multiplied by: one of these.
    #[schemars(length(min = 1, max = 100), inner(range(min = 0.001, max = 1000.0)))]
    pub factors: Vec<f64>,
    /// The chance that a number which mutates is drawn anew instead.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub resample: f64,
    /// The dotted paths of the settings that mutate, `descent.rate`; null: all that are real numbers.
    #[schemars(length(max = 1000), extend("x-valid" = "paths of numbers among the members' settings, or null"))]
    pub mutate: Option<Vec<String>>,
    /// γ, the pull on a member that is one unit away in a coordinate.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub gravity: f64,
    /// q: how the pull grows with the distance.
    #[schemars(range(max = 10.0), extend("exclusiveMinimum" = 0.0))]
    pub power: f64,
    /// Where members are drawn to.
    pub towards: Centre,
    /// What gravity acts on.
    pub on: On,
    /// s, the deviation of the noise that is added to each member before its step.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub noise: f64,
    /// β, the share of the mean's last move that is added to each member before its step.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub momentum: f64,
    /// What the answer is.
    pub answer: Centre,
}

impl Default for OptimizerSwarmConfig {
    fn default() -> Self {
        Self {
            members: vec![Spec::new("random-grad")],
            size: Size::from(10),
            init: Init::Same,
            selection: Selection::Streak,
            old: Some(5),
            die_after: 20,
            fraction: 0.2,
            every: vec![1],
            crossover: 0.9,
            operator: Crossover::Any,
            unit: Unit::Tensor,
            state: Inheritance::Reset,
            mutation: 0.0,
            factors: vec![0.8, 1.25],
            resample: 0.0,
            mutate: None,
            gravity: 0.0,
            power: 1.0,
            towards: Centre::Best,
            on: On::Parameters,
            noise: 0.0,
            momentum: 0.0,
            answer: Centre::Best,
        }
    }
}

impl OptimizerSwarmConfig {
    /// # Errors
    /// [`Error::Invalid`] and [`Error::Unknown`], naming what is wrong.
    pub(super) fn check(&self) -> Result<()> {
        settings::check(self)?;
        let listed = |name: &str, is_empty: bool| match is_empty {
            true => Err(Error::invalid(name, "[]", "one at least")),
            false => Ok(()),
        };
        listed("members", self.members.is_empty())?;
        listed("every", self.every.is_empty())?;
        listed("factors", self.factors.is_empty())?;
        if *self.size.range().end() > MOST {
            return Err(Error::invalid("size", self.size.range().end(), format!("{MOST} at most")));
        }
        self.check_views()?;
        self.mutations().check(&self.members)
    }

    pub(super) fn mutations(&self) -> Mutation<'_> {
        let Self { mutation, factors, resample, mutate, .. } = self;
        Mutation { chance: *mutation, factors, resample: *resample, of: mutate.as_deref() }
    }

    /// Do whole numbers, which say how many candidates there are, stay as they are?
    ///
    /// # Errors
    /// As [`settings::numbers`].
    pub(super) fn mutates_no_counts(&self) -> Result<bool> {
        let Some(paths) = self.mutate.as_deref().filter(|_| self.mutation > 0.0) else { return Ok(true) };
        for member in &self.members {
            if settings::numbers(member)?.iter().any(|number| number.integer && paths.contains(&number.path)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the member at a place is.
    pub(super) fn kind(&self, place: u64) -> &Spec {
        &self.members[(place % self.members.len() as u64) as usize]
    }

    /// Every how many steps those at a place are looked at.
    pub(super) fn pace(&self, place: u64) -> u64 {
        self.every[(place % self.every.len() as u64) as usize]
    }

    /// # Errors
    /// [`Error::Invalid`] for a well that a member would not see.
    pub(super) fn check_views(&self) -> Result<()> {
        for member in self.members.iter().filter(|_| self.has_well()) {
            if registry::capabilities(member)?.needs_outputs {
                let valid = format!("`parameters`: {} sees outputs, and no losses that gravity could be added to", member.name);
                return Err(Error::invalid("on", "gradients", valid));
            }
        }
        Ok(())
    }

    /// Is a well added to the losses that members see?
    pub(super) fn has_well(&self) -> bool {
        self.gravity > 0.0 && self.on == On::Gradients
    }

    /// Are members moved before they step?
    pub(super) fn moves_members(&self) -> bool {
        self.gravity > 0.0 && self.on == On::Parameters || self.noise > 0.0 || self.momentum > 0.0
    }

    /// Are members moved by the mean of all?
    pub(super) fn moves_by_mean(&self) -> bool {
        self.momentum > 0.0 || self.towards == Centre::Mean && self.gravity > 0.0
    }
}
