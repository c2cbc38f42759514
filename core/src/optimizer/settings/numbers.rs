//! The numbers among settings: what can be turned a little and stays valid.

use serde_json::{Map, Value, json};

use super::{Named, choices, fits, is_integer, named, parts};
use crate::{
    Error, Result,
    optimizer::{Spec, descent, registry},
};

/// A number among the settings of a [`Spec`] or of what it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Where it stands, as [`Spec::with`] takes it: `descent.rate`.
    pub path: String,
    /// What it is, by default or as it was said.
    pub value: f64,
    /// Is it a whole number?
    pub integer: bool,
    /// What it may be at least and at most; ±∞ where nothing limits it.
    pub range: (f64, f64),
}

impl Number {
    /// The spec with another number here: the nearest that is valid.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no number.
    pub fn set(&self, spec: Spec, value: f64) -> Result<Spec> {
        if value.is_nan() {
            return Err(Error::invalid(&self.path, value, "a number"));
        }
        let value = value.clamp(self.range.0, self.range.1);
        // A whole number is as wide as f64 counts.
        let value = if self.integer { json!(value.round().clamp(-9e15, 9e15) as i64) } else { json!(value) };
        spec.with(&self.path, value)
    }
}

/// Every number among the settings of an optimizer and of the descents and optimizers that it names alone, those by default too, in the order
/// of their paths. Of a [`Schedule`](crate::Schedule) that is a curve it is the value that it begins with; lengths, counts of a curve, and what
/// is null, are none.
///
/// ```
/// use moths_core::{Spec, optimizer::settings};
///
/// # if moths_core::registry::find("spsa").is_err() { return Ok(()) } // this crate alone registers nothing
/// let spec: Spec = r#"{"name": "spsa", "descent": {"name": "sgd", "rate": 0.1}}"#.parse()?;
/// let rate = settings::numbers(&spec)?.into_iter().find(|number| number.path == "descent.rate").expect("a rate");
/// assert_eq!((rate.value, rate.integer), (0.1, false));
/// assert_eq!(rate.set(spec, -1.0)?.settings["descent"]["rate"], f64::from_bits(1)); // rates are positive
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unknown`] and [`Error::Invalid`] for what could not be built.
pub fn numbers(spec: &Spec) -> Result<Vec<Number>> {
    let mut found = vec![];
    collect(Named::Optimizer, spec, "", &mut found)?;
    Ok(found)
}

fn collect(kind: Named, spec: &Spec, path: &str, found: &mut Vec<Number>) -> Result<()> {
    let (schema, whole) = match kind {
        Named::Optimizer => registry::described(spec)?,
        Named::Descent => descent::described(spec)?,
    };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = whole.get(name).filter(|_| named(property).is_none()) {
            of_value(format!("{path}{name}"), value, property, found);
        }
    }
    for (name, kind, value) in alone(&whole, &schema) {
        let part = serde_json::from_value(value.clone()).map_err(|e| Error::invalid(&name, value, e.to_string()))?;
        collect(kind, &part, &format!("{path}{name}."), found).map_err(|e| e.within(&name))?;
    }
    Ok(())
}

/// The parts that stand in a setting by themselves.
fn alone<'a>(whole: &'a Map<String, Value>, schema: &Value) -> Vec<(String, Named, &'a Value)> {
    parts(whole, schema).into_iter().filter(|(path, ..)| !path.contains('.')).collect()
}

fn of_value(path: String, value: &Value, schema: &Value, found: &mut Vec<Number>) {
    let Some(choice) = choices(schema).into_iter().find(|choice| fits(value, choice)) else { return };
    match value {
        Value::Number(number) => found.push(Number {
            path,
            value: number.as_f64().unwrap_or(0.0),
            integer: is_integer(choice),
            range: range(choice),
        }),
        // A curve: {"cosine": {"from": 0.1, "to": 0, "steps": 100}}.
        Value::Object(curves) => {
            for (curve, parts) in curves {
                let begin = &choice["properties"][curve]["properties"]["from"];
                if let Some(from) = parts.get("from").filter(|from| from.is_number() && begin.is_object()) {
                    of_value(format!("{path}.{curve}.from"), from, begin, found);
                }
            }
        }
        _ => {}
    }
}

/// The least and the largest number that a schema allows.
fn range(schema: &Value) -> (f64, f64) {
    let limit = |key: &str| schema[key].as_f64();
    let beside = |limit: f64, integer: f64, real: fn(f64) -> f64| if is_integer(schema) { limit + integer } else { real(limit) };
    let least = limit("minimum").or_else(|| limit("exclusiveMinimum").map(|x| beside(x, 1.0, f64::next_up)));
    let most = limit("maximum").or_else(|| limit("exclusiveMaximum").map(|x| beside(x, -1.0, f64::next_down)));
    (least.unwrap_or(f64::NEG_INFINITY), most.unwrap_or(f64::INFINITY))
}
