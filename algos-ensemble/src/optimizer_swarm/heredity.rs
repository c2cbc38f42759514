//! What a member inherits beside its point: settings, and the state of its optimizer.

use std::collections::BTreeMap;

use moths_core::{
    CowTensor, Error, Key, Optimizer, Result, Spec,
    optimizer::settings,
    persist::{Keep, State, Value},
};
use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::crossover;

/// The state that an optimizer which is born begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Inheritance {
    /// The initial one: momentum and counters of the dead do not act on the new point. Schedules begin anew: in a run whose length is told, rates that
    /// fall go with `copy`.
    #[default]
    Reset,
    /// That of the first parent, as many steps on, with random numbers of its own.
    Copy,
    /// Field by field that of either parent, or the middle between both, where they are of one kind; else as `copy`.
    Breed,
}

/// How settings mutate at a birth.
#[derive(Clone, Debug)]
pub(super) struct Mutation<'a> {
    /// The chance of each number.
    pub(super) chance: f64,
    /// What it is multiplied by, one of these.
    pub(super) factors: &'a [f64],
    /// The chance that it is drawn anew instead.
    pub(super) resample: f64,
    /// The paths of those that mutate; `None`: all that are no whole numbers.
    pub(super) of: Option<&'a [String]>,
}

/// The settings of a child: each that of either parent where they are of one kind, else those of the first.
pub(super) fn crossed(first: &Spec, second: &Spec, key: Key) -> Spec {
    if first.name != second.name {
        return first.clone();
    }
    let settings = crossed_settings(&first.settings, &second.settings, &mut key.stream());
    Spec { name: first.name.clone(), settings }
}

fn crossed_settings(first: &Map<String, Json>, second: &Map<String, Json>, stream: &mut impl Rng) -> Map<String, Json> {
    let names = first.keys().chain(second.keys().filter(|name| !first.contains_key(*name)));
    let inherit = |name: &String| {
        let of_first = stream.random_bool(0.5);
        let (own, other) = if of_first { (first, second) } else { (second, first) };
        match (own.get(name), other.get(name)) {
            // Parts of one kind are crossed in their turn.
            (Some(Json::Object(a)), Some(Json::Object(b))) if a.get("name").is_some() && a.get("name") == b.get("name") => {
                Some((name.clone(), Json::Object(crossed_settings(a, b, stream))))
            }
            (value, _) => Some((name.clone(), value?.clone())),
        }
    };
    names.filter_map(inherit).collect()
}

impl Mutation<'_> {
    /// The settings after it, inside the ranges of their schemas.
    ///
    /// # Errors
    /// As [`settings::numbers`].
    pub(super) fn of(&self, spec: &Spec, key: Key) -> Result<Spec> {
        let mut stream = key.stream();
        let mut child = spec.clone();
        if self.chance == 0.0 {
            return Ok(child);
        }
        for number in settings::numbers(spec)? {
            let wanted = self.of.map_or(!number.integer, |paths| paths.contains(&number.path));
            if !wanted || !stream.random_bool(self.chance) {
                continue;
            }
            let value = match (stream.random_bool(self.resample), number.range) {
                (true, (least, most)) if most - least <= f64::MAX => least + (most - least) * stream.random::<f64>(),
                // Without a range there is nothing to draw from but orders of magnitude around it.
                (true, _) => number.value * libm::pow(10.0, stream.random_range(-1.0..1.0)),
                (false, (least, most)) => {
                    let value = number.value * self.factors[stream.random_range(0..self.factors.len())];
                    // Half the way to a bound, and no further: β = 1 − ε is a number, and no memory.
                    value.clamp(halfway(number.value, least), halfway(number.value, most))
                }
            };
            child = number.set(child, value)?;
        }
        Ok(child)
    }

    /// Do all paths lead to a number of one of these optimizers?
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the path that leads nowhere.
    pub(super) fn check(&self, members: &[Spec]) -> Result<()> {
        let Some(paths) = self.of else { return Ok(()) };
        let mut known = vec![];
        for member in members {
            known.extend(settings::numbers(member)?.into_iter().map(|number| number.path));
        }
        match paths.iter().find(|path| !known.contains(path)) {
            Some(stray) => Err(Error::unknown_of_few("setting of the members", stray, known.iter().map(String::as_str))),
            None => Ok(()),
        }
    }
}

/// The middle between a value inside a range and one of its ends; that end where there is none.
fn halfway(value: f64, end: f64) -> f64 {
    if end.is_finite() { value + 0.5 * (end - value) } else { end }
}

/// The state that a child inherits of its parents; `None`: the initial one.
///
/// # Errors
/// [`State::of`] of a parent.
pub(super) fn state(inheritance: Inheritance, parents: Vec<State>, key: Key) -> Result<Option<State>> {
    let mut parents = parents.into_iter();
    Ok(match (inheritance, parents.next(), parents.next()) {
        (Inheritance::Reset, ..) | (_, None, _) => None,
        (Inheritance::Breed, Some(first), Some(second)) => Some(bred(&first, &second, key)?),
        (_, Some(first), _) => Some(first),
    })
}

/// Gives a child, which is as it was built, this state. One that its settings do not take is not inherited.
pub(super) fn inherit(child: &mut dyn Optimizer, state: &State) -> Result<()> {
    match state.restore(child, Keep::Keys) {
        Err(Error::State { .. }) => Ok(()),
        restored => restored,
    }
}

/// Each field of either parent, or the middle between two tensors; that of the first where the other has none like it.
fn bred(first: &State, second: &State, key: Key) -> Result<State> {
    let mut stream = key.stream();
    let mut fields = BTreeMap::new();
    for (name, of_first) in first.values() {
        let lot = stream.random_range(0..3);
        let value = match (of_first, second.values().get(name)) {
            (Value::Tensor(a), Some(Value::Tensor(b))) if a.dims() == b.dims() && a.dtype() == b.dtype() => match lot {
                0 => Value::Tensor(a.clone()),
                1 => Value::Tensor(b.clone()),
                _ => Value::Tensor(between(a, b)?),
            },
            (Value::Words(a), Some(Value::Words(b))) if a.len() == b.len() && lot == 1 => Value::Words(b.clone()),
            (own, _) => own.clone(),
        };
        fields.insert(name.clone(), value);
    }
    Ok(State::from_values(fields))
}

fn between(a: &CowTensor, b: &CowTensor) -> Result<CowTensor> {
    let mut child = CowTensor::new(a.zeros_like()?);
    crossover::middle(&mut child, a, b)?;
    Ok(child)
}
