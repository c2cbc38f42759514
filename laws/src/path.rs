//! Runs as bits: what two runs must have in common to be the same.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{
    broken::{Breach, Verdict},
    tap::{Round, Tap},
};
use moths_core::{Batch, Key, Objective, Optimizer, Report, Result, Space, persist::State, tensor::host};

/// The seed of every optimizer that is held against a law.
pub(super) const KEY: Key = Key::new(0x006d_6f74_6873);
/// The seed of those whose randomness must come from elsewhere.
pub(super) const OTHER_KEY: Key = Key::new(77);

/// Everything that can be seen of one step, as bits.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) report: Report,
    /// One hash a candidate, in the order they were asked.
    pub(super) candidates: Vec<u64>,
    pub(super) answer: Vec<f64>,
    pub(super) state: Digest,
}

/// A state as bits, by field.
pub(super) type Digest = Vec<(String, Vec<u64>)>;

impl Moment {
    /// What can be seen after a step with this report.
    pub(super) fn after(optimizer: &mut dyn Optimizer, report: Report, candidates: Vec<u64>) -> Result<Self> {
        Ok(Self { report, candidates, answer: answer(optimizer)?, state: digest(optimizer)? })
    }
}

/// The state as bits.
pub(super) fn digest(optimizer: &mut dyn Optimizer) -> Result<Digest> {
    State::of(optimizer)?.digest()
}

/// The answer as numbers.
pub(super) fn answer(optimizer: &dyn Optimizer) -> Result<Vec<f64>> {
    host::to_f64s(&*optimizer.answer()?)
}

/// A hash of every candidate of a batch.
pub(super) fn candidates(batch: &Batch, space: &Space) -> Result<Vec<u64>> {
    (0..batch.len()).map(|i| Ok(hash(&host::to_f64s(&*batch.row(i, space)?)?))).collect()
}

/// A hash of a point, by its bits.
pub(super) fn hash(numbers: &[f64]) -> u64 {
    let mut hasher = DefaultHasher::new();
    numbers.iter().for_each(|x| x.to_bits().hash(&mut hasher));
    hasher.finish()
}

/// Takes one step, and moves a stochastic objective on.
pub(super) fn step(optimizer: &mut dyn Optimizer, objective: &mut dyn Objective) -> Result<Moment> {
    let (space, mut seen) = (objective.space().clone(), vec![]);
    let listen = |round: Round<'_>| {
        if round.losses.is_none() {
            seen.extend(candidates(round.batch, &space)?);
        }
        Ok(())
    };
    let report = optimizer.step(&mut Tap::new(objective, listen))?;
    if objective.stochastic() {
        objective.refresh()?;
    }
    Moment::after(optimizer, report, seen)
}

/// Takes `steps` steps.
pub(super) fn run(optimizer: &mut dyn Optimizer, objective: &mut dyn Objective, steps: usize) -> Result<Vec<Moment>> {
    (0..steps).map(|_| step(optimizer, objective)).collect()
}

/// Takes `steps` steps, or as many as begin before so many evaluations are used: what is made of many optimizers takes long ones.
pub(super) fn run_within(
    optimizer: &mut dyn Optimizer,
    objective: &mut dyn Objective,
    steps: usize,
    evaluations: u64,
) -> Result<Vec<Moment>> {
    let (mut moments, mut used) = (vec![], 0);
    while moments.len() < steps && used < evaluations {
        let moment = step(optimizer, objective)?;
        used += moment.report.evaluations;
        moments.push(moment);
    }
    Ok(moments)
}

/// Are two runs the same? If not, says where they part first.
pub(super) fn same_path(one: &[Moment], other: &[Moment]) -> Verdict {
    ensure!(one.len() == other.len(), "{} steps were taken instead of {}", other.len(), one.len());
    for (k, (one, other)) in one.iter().zip(other).enumerate() {
        same(one, other).map_err(|b| b.under(format_args!("{k} steps later")))?;
    }
    Ok(())
}

/// Are two steps the same? If not, says what differs.
pub(super) fn same(one: &Moment, other: &Moment) -> Verdict {
    same_candidates(one, other)?;
    ensure!(one.report == other.report, "the report is {:?} instead of {:?}", other.report, one.report);
    same_point("the answer", &one.answer, &other.answer)?;
    same_state(&one.state, &other.state)
}

/// Did two steps ask for the same candidates?
pub(super) fn same_candidates(one: &Moment, other: &Moment) -> Verdict {
    let (n, m) = (one.candidates.len(), other.candidates.len());
    ensure!(n == m, "{m} candidates were asked instead of {n}");
    match first_difference(&one.candidates, &other.candidates) {
        Some(i) => Err(Breach::new(format!("candidate {i} of the step is another"))),
        None => Ok(()),
    }
}

/// Are two points equal, bit for bit?
pub(super) fn same_point(what: &str, one: &[f64], other: &[f64]) -> Verdict {
    ensure!(one.len() == other.len(), "{what} has {} coordinates instead of {}", other.len(), one.len());
    let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    match first_difference(&bits(one), &bits(other)) {
        Some(i) => Err(Breach::new(format!("{what} differs first in coordinate {i}: {} instead of {}", other[i], one[i]))),
        None => Ok(()),
    }
}

/// Are two states equal, bit for bit? If not, names the first field that differs.
pub(super) fn same_state(one: &Digest, other: &Digest) -> Verdict {
    let names = |digest: &Digest| digest.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    ensure!(names(one) == names(other), "the state has the fields {:?} instead of {:?}", names(other), names(one));
    for ((name, one), (_, other)) in one.iter().zip(other) {
        ensure!(
            one.len() == other.len(),
            "the field `{name}` of the state has {} elements instead of {}",
            other.len(),
            one.len()
        );
        if let Some(i) = first_difference(one, other) {
            let how =
                format!("the field `{name}` of the state differs first in element {i}: {:#x} instead of {:#x}", other[i], one[i]);
            return Err(Breach::new(how));
        }
    }
    Ok(())
}

fn first_difference(one: &[u64], other: &[u64]) -> Option<usize> {
    one.iter().zip(other).position(|(a, b)| a != b)
}
