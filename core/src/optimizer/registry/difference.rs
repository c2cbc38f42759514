//! In what two specs differ, whatever they leave to the defaults.

use serde_json::{Map, Value, json};

use super::{Part, find, kind_of};
use crate::optimizer::{Spec, descent};

/// The dotted path of the first setting in which two specs differ, and what it is in either; `None`: they build the same. Settings that are not
/// said are those by default; of what nobody has registered, all that counts is what is said.
///
/// ```
/// use moths_core::{Spec, registry};
///
/// let (one, other) = (Spec::new("mine").with("rate", 0.1)?, Spec::new("mine").with("rate", 0.2)?);
/// assert_eq!(registry::difference(&one, &other), Some(("rate".into(), "0.1".into(), "0.2".into())));
/// assert_eq!(registry::difference(&one, &one), None);
/// # Ok::<(), moths_core::Error>(())
/// ```
pub fn difference(one: &Spec, other: &Spec) -> Option<(String, String, String)> {
    if one.name != other.name {
        return Some(("name".into(), one.name.clone(), other.name.clone()));
    }
    let (ours, theirs) = (whole(one), whole(other));
    let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
    names.into_iter().find_map(|name| {
        let [a, b] = [&ours, &theirs].map(|settings| settings.get(name).unwrap_or(&Value::Null));
        match (part(a), part(b)) {
            (Some(a), Some(b)) => difference(&a, &b).map(|(path, a, b)| (format!("{name}.{path}"), a, b)),
            _ => (!same(a, b)).then(|| (name.clone(), a.to_string(), b.to_string())),
        }
    })
}

/// 1 and 1.0 are the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64() && !(a.is_u64() && b.is_u64()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// All settings, with their defaults where that is known.
fn whole(spec: &Spec) -> Map<String, Value> {
    let whole = match kind_of(spec) {
        Some(Part::Optimizer) => find(&spec.name).and_then(|entry| (entry.whole)(&spec.settings)),
        Some(Part::Descent) => descent::find(&spec.name).and_then(|entry| (entry.whole)(&spec.settings)),
        None => Ok(spec.settings.clone()),
    };
    whole.unwrap_or_else(|_| spec.settings.clone())
}

/// The optimizer or descent that a setting names.
fn part(value: &Value) -> Option<Spec> {
    let names_something = value.is_string() || value.get("name").is_some();
    let spec = names_something.then(|| serde_json::from_value::<Spec>(json!(value)).ok()).flatten();
    spec.filter(|spec| kind_of(spec).is_some())
}
