//! Who races, by what is known.

use moths_core::{Error, Horizon, Key, Result, Space, Spec, registry};
use serde_json::json;

use super::{situation::Situation, table};

/// Members and rounds, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) members: Vec<Spec>,
    /// Evaluations of a member at the end of each round.
    pub(super) rounds: Vec<u64>,
    pub(super) why: String,
}

/// Why what is chosen is chosen.
pub(super) fn why(situation: &Situation) -> Result<String> {
    Ok(Choice::unbuilt(situation)?.why)
}

/// More parameters than this are no longer those of a function; the table ends before.
const FUNCTIONS: usize = 100;
/// More than this are those of a network.
const NETWORKS: usize = 1000;

impl Choice {
    /// The best known for a situation, of whatever is linked and fits into memory.
    pub(super) fn of(situation: &Situation, space: &Space) -> Result<Self> {
        let choice = Self::unbuilt(situation)?;
        // Who is built in can do something in any budget.
        choice.told(situation, space)?.built(space).or_else(|_| rule(situation)?.told(situation, space)?.built(space))
    }

    fn unbuilt(situation: &Situation) -> Result<Self> {
        match situation {
            Situation { dim, evaluations: Some(few), discrete: 0, stochastic: false, .. } if *few <= 4 * (*dim as u64 + 1) => {
                Ok(Self::one(Spec::new("one-plus-one-es"), "so few evaluations would not pay for a step of most others"))
            }
            Situation { dim, discrete: 0, stochastic: false, .. } if *dim <= FUNCTIONS => table::choice(situation),
            _ => rule(situation),
        }
    }

    /// Alone.
    fn one(spec: Spec, why: &str) -> Self {
        Self { members: vec![spec], rounds: vec![], why: why.into() }
    }

    /// Every member knows what is left of the run when the others have had their rounds.
    fn told(mut self, situation: &Situation, space: &Space) -> Result<Self> {
        let Some(evaluations) = situation.evaluations else { return Ok(self) };
        let horizon = Horizon::evaluations(evaluations.saturating_sub(self.lost()).max(1));
        for member in &mut self.members {
            // What nobody can fill stays open, and building says what is wrong with it.
            *member = registry::planned(member, space, horizon).unwrap_or_else(|_| member.clone());
        }
        Ok(self)
    }

    /// What those use that fall out.
    fn lost(&self) -> u64 {
        let (mut racing, mut before, mut lost) = (self.members.len() as u64, 0, 0);
        for round in &self.rounds {
            lost += racing.saturating_sub(1) * (round - before.min(*round));
            (racing, before) = (racing.div_ceil(2), *round);
        }
        lost
    }

    /// Without those whose family is not linked, or that do not fit.
    fn built(mut self, space: &Space) -> Result<Self> {
        let mut refusal = None;
        self.members.retain(|member| match registry::build(member, space, Key::new(0)) {
            Ok(_) => true,
            Err(why) => {
                refusal.get_or_insert(why);
                false
            }
        });
        match (self.members.is_empty(), refusal) {
            (true, Some(why)) => Err(why),
            (true, None) => Err(Error::unsupported("auto", "knows nobody for this")),
            _ => Ok(self),
        }
    }
}

/// Where no table was measured: what the benchmarks say, in docs/how-to-choose.md.
fn rule(situation: &Situation) -> Result<Choice> {
    let Situation { dim, discrete, stochastic, outputs, .. } = *situation;
    let few = dim <= FUNCTIONS;
    let restarted = |inner: &str| Spec::new("restart").with("inner", json!({ "name": inner }));
    Ok(match (discrete > 0, stochastic) {
        _ if outputs && dim > NETWORKS => {
            Choice::one(Spec::new("ensemble-kalman"), "what a model answers says more than its loss")
        }
        (true, _) if dim > NETWORKS => {
            Choice::one(network()?, "of so many the gradient is all that can be learnt, of weights of few values too")
        }
        (true, false) => return discrete_rule(situation),
        (true, true) if few => Choice::one(restarted("cma-es")?, "its margin keeps integers and flags moving"),
        (true, _) => Choice::one(Spec::new("sep-cma-es"), "its deviations keep integers and flags moving"),
        (false, true) if few => Choice::one(Spec::new("cma-es"), "under noise, too, it is worth its matrix"),
        (false, true) if dim <= NETWORKS => Choice::one(Spec::new("sep-cma-es"), "a deviation each is what so many can afford"),
        (false, true) => {
            let spec = Spec::new("gaussian-smoothing").with("directions", 16)?;
            Choice::one(spec, "small batches of data want a gradient that is averaged over many steps")
        }
        (false, false) if dim <= NETWORKS => {
            Choice::one(Spec::new("cr-fm-nes"), "a normal distribution with one long axis is what so many can afford")
        }
        (false, false) => Choice::one(network()?, "of so many the gradient is all that can be learnt"),
    })
}

/// Evaluations within which a model of densities pays for itself.
const MODELLED: u64 = 300;
/// Evaluations a parameter, from which on tables of probabilities are learnt.
const TABLED: f64 = 20.0;
/// And those from which on a population is worth its slow beginning: on COCO's functions of integers and reals.
const POPULATED: f64 = 300.0;

/// Where some are discrete, and losses stay.
fn discrete_rule(situation: &Situation) -> Result<Choice> {
    let (spec, why) = match situation {
        Situation { evaluations: Some(..=MODELLED), .. } => {
            ("tpe", "so few evaluations are best spent by a model of where they were good")
        }
        Situation { tables: true, .. } if situation.budget() >= TABLED => {
            ("pbil", "where every parameter has few values, each of them can have a probability")
        }
        Situation { dim: ..=FUNCTIONS, .. } if situation.budget() >= POPULATED => {
            ("jso", "differences of a population are steps that integers and reals share")
        }
        Situation { dim: ..=FUNCTIONS, .. } => {
            ("one-plus-one-es", "steps of one point, which flip and move, are the first to get anywhere")
        }
        _ => ("sep-cma-es", "its deviations keep integers and flags moving"),
    };
    Ok(Choice::one(Spec::new(spec), why))
}

/// OpenES as it was chosen on the digits, on a part of the training data: wide perturbations, and a rate that falls to 0 over the run.
fn network() -> Result<Spec> {
    let rate = json!({ "cosine": { "from": 0.3, "to": 0.0 } });
    let descent = json!({ "name": "adamw", "rate": rate, "weight_decay": 0.005 });
    Spec::new("open-es").with("pairs", 32)?.with("sigma", 0.8)?.with("descent", descent)
}
