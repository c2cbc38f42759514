//! In what two specs differ, whatever they leave to the defaults.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Entry, find};
use crate::optimizer::{
    Spec,
    descent::{self, DescentEntry},
    settings::{self, Named},
};

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
    between(Named::Optimizer, one, other)
}

fn between(named: Named, one: &Spec, other: &Spec) -> Option<(String, String, String)> {
    if one.name != other.name {
        return Some(("name".into(), one.name.clone(), other.name.clone()));
    }
    let schema = schema(named, one);
    let (ours, theirs) = (whole(named, one), whole(named, other));
    let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
    names.into_iter().find_map(|name| {
        let [a, b] = [&ours, &theirs].map(|settings| settings.get(name).unwrap_or(&Value::Null));
        of_values(name, a, b, &schema["properties"][name])
    })
}

/// In what two values of a setting differ, which may name something or list what they name.
fn of_values(path: &str, a: &Value, b: &Value, schema: &Value) -> Option<(String, String, String)> {
    match (settings::named(schema), a, b) {
        (None, Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let pairs = ours.iter().zip(theirs).enumerate();
            pairs.into_iter().find_map(|(i, (a, b))| of_values(&format!("{path}.{i}"), a, b, &schema["items"]))
        }
        (Some(named), ..) if let (Some(a), Some(b)) = (part(a), part(b)) => {
            between(named, &a, &b).map(|(inner, a, b)| (format!("{path}.{inner}"), a, b))
        }
        _ => (!same(a, b)).then(|| (path.to_owned(), a.to_string(), b.to_string())),
    }
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

/// The schema of its settings; null where nobody has registered it.
fn schema(named: Named, spec: &Spec) -> Arc<Value> {
    match named {
        Named::Optimizer => find(&spec.name).map(Entry::schema),
        Named::Descent => descent::find(&spec.name).map(DescentEntry::schema),
    }
    .unwrap_or_default()
}

/// All settings, with their defaults where that is known.
fn whole(named: Named, spec: &Spec) -> Map<String, Value> {
    let whole = match named {
        Named::Optimizer => find(&spec.name).and_then(|entry| (entry.whole)(&spec.settings)),
        Named::Descent => descent::find(&spec.name).and_then(|entry| (entry.whole)(&spec.settings)),
    };
    whole.unwrap_or_else(|_| spec.settings.clone())
}

/// The spec that a value is.
fn part(value: &Value) -> Option<Spec> {
    serde_json::from_value::<Spec>(json!(value)).ok()
}
