//! How long a run is, for those whose settings depend on it.

use serde_json::{Map, Value, json};

use crate::{
    Error, Result,
    objective::Objective,
    optimizer::{
        Spec,
        settings::{self, Named},
    },
};

/// The length of a run in loss evaluations, or that nobody knows it.
///
/// It is given when an optimizer is built ([`registry::build_for`](crate::optimizer::registry::build_for)), and fills what is left open in its
/// settings: a budget that is null, a [`Schedule`](crate::optimizer::schedule::Schedule) whose length is null. What the user sets stays. A run that goes on past
/// its horizon stays at the end of its schedules.
///
/// ```
/// use moths_core::{Function, Horizon, Space};
/// let objective = Function::new(Space::real(2)?, |x| x[0] + x[1]);
/// assert_eq!(Horizon::evaluations(1000).on(&objective).length(), Some(1000));
/// assert_eq!(Horizon::default(), Horizon::NONE);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    evaluations: Option<u64>,
    stochastic: bool,
}

impl Horizon {
    /// Nobody knows how long the run is.
    pub const NONE: Self = Self { evaluations: None, stochastic: false };

    /// What [`length`](Self::length) and [`is_stochastic`](Self::is_stochastic) said.
    pub(crate) fn of(evaluations: Option<u64>, stochastic: bool) -> Self {
        Self { evaluations, stochastic }
    }

    /// A run of so many loss evaluations.
    pub fn evaluations(evaluations: u64) -> Self {
        Self { evaluations: Some(evaluations), ..Self::NONE }
    }

    /// The same on this objective: on a stochastic one some methods evaluate their point again in every step, and take fewer steps.
    pub fn on(self, objective: &dyn Objective) -> Self {
        Self { stochastic: objective.stochastic(), ..self }
    }

    /// How many evaluations the run has, where that is known.
    pub fn length(self) -> Option<u64> {
        self.evaluations
    }

    /// Is the objective stochastic?
    pub fn is_stochastic(self) -> bool {
        self.stochastic
    }

    /// The same objective for another number of evaluations.
    pub(crate) fn of_length(self, evaluations: u64) -> Self {
        Self { evaluations: Some(evaluations), ..self }
    }

    /// The length where it is known and valid.
    pub(crate) fn checked(self) -> Result<Option<u64>> {
        match self.evaluations {
            Some(0) => Err(Error::invalid("horizon", 0, "at least one evaluation, or none where the length is not known")),
            length => Ok(length),
        }
    }
}

impl From<Option<u64>> for Horizon {
    fn from(evaluations: Option<u64>) -> Self {
        Self { evaluations, ..Self::NONE }
    }
}

/// What a schema says of a value that may be null: what it is where the length of the run is known.
///
/// A number: so many of the run's steps, and at least one. Anything else: that, and what is null in it is filled in its turn.
const MARK: &str = "x-horizon";

/// Fills what is open in these values, by a schema with the same parts. `steps` says how many steps the run has; what it fails with names the
/// value that needed it.
fn fill(parts: &mut Map<String, Value>, schema: &Value, steps: &dyn Fn(&str) -> Result<u64>) -> Result<()> {
    each_open(parts, schema, "", &mut |path, mark, integer| match mark.as_f64() {
        None => Ok(Some(mark.clone())),
        Some(share) => {
            let length = (share * steps(path)? as f64).floor().max(1.0);
            Ok(Some(if integer { json!(length as u64) } else { json!(length) }))
        }
    })
}

/// Is told of a path, of its mark, and whether an integer is wanted there; gives the value that then stands there, if another one.
type Visit<'a> = &'a mut dyn FnMut(&str, &Value, bool) -> Result<Option<Value>>;

fn each_open(parts: &mut Map<String, Value>, schema: &Value, path: &str, visit: Visit<'_>) -> Result<()> {
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if let Some(mark) = schema.get(MARK)
            && parts.get(name).is_none_or(Value::is_null)
            && let Some(value) = visit(&path, mark, settings::is_integer(schema))?
        {
            parts.insert(name.clone(), value);
        }
        if let Some(Value::Object(inner)) = parts.get_mut(name) {
            let whole = Value::Object(inner.clone());
            let fitting = settings::choices(schema).into_iter().find(|choice| settings::fits(&whole, choice));
            fitting.map_or(Ok(()), |schema| each_open(inner, schema, &path, &mut *visit))?;
        }
    }
    Ok(())
}

/// These settings, and what the length of the run decides of those that they leave open. `whole` is what they are with their defaults; `part`
/// does the same for an optimizer or a descent that one of them names, of whose place (`inner`, `members.2`) it is told too.
pub(crate) fn completed(
    settings: &Map<String, Value>,
    whole: &Map<String, Value>,
    schema: &Value,
    steps: &dyn Fn(&str) -> Result<u64>,
    part: &dyn Fn(&str, Named, &Spec) -> Result<Spec>,
) -> Result<Map<String, Value>> {
    let mut filled = whole.clone();
    fill(&mut filled, schema, steps)?;
    for_parts(&mut filled, schema, &mut |path, named, spec| part(path, named, spec).map(Some).map_err(|e| e.within(path)))?;
    let news = filled.into_iter().filter(|(name, value)| whole.get(name) != Some(value));
    Ok(settings.clone().into_iter().chain(news).collect())
}

/// The dotted paths of what [`completed`] would fill.
pub(crate) fn open(
    whole: &Map<String, Value>,
    schema: &Value,
    part: &dyn Fn(Named, &Spec) -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    let (mut paths, mut whole) = (vec![], whole.clone());
    each_open(&mut whole, schema, "", &mut |path, _, _| {
        // Nothing is put there: what stands in what would be is no setting that is open.
        paths.push(path.to_owned());
        Ok(None)
    })?;
    for_parts(&mut whole, schema, &mut |name, named, spec| {
        paths.extend(part(named, spec)?.into_iter().map(|path| format!("{name}.{path}")));
        Ok(None)
    })?;
    Ok(paths)
}

/// Is told where a part stands, what it names, and which it is; gives what then stands there, if another one.
type VisitPart<'a> = &'a mut dyn FnMut(&str, Named, &Spec) -> Result<Option<Spec>>;

/// Is told of every specification that stands in settings, of where it stands and of what it names; gives what then stands there, if another one.
fn for_parts(settings: &mut Map<String, Value>, schema: &Value, visit: VisitPart<'_>) -> Result<()> {
    let standing: Vec<(String, Named, Value)> =
        settings::parts(settings, schema).into_iter().map(|(path, named, value)| (path, named, value.clone())).collect();
    for (path, named, value) in standing {
        if let Ok(spec) = serde_json::from_value::<Spec>(value)
            && let Some(other) = visit(&path, named, &spec)?.filter(|other| *other != spec)
            && let Some(place) = settings::part_at(settings, &path)
        {
            *place = json!(other);
        }
    }
    Ok(())
}
