//! What settings name: optimizers and descents, alone or in lists.

use serde_json::{Map, Value};

use super::choices;

/// What a [`Spec`](crate::optimizer::Spec) in a setting names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// An optimizer.
    Optimizer,
    /// An update rule.
    Descent,
}

/// What this schema, or an alternative in it, asks for, if it asks for a [`Spec`](crate::optimizer::Spec): a name, or an object with one.
pub fn named(schema: &Value) -> Option<Named> {
    choices(schema).into_iter().find_map(|choice| match choice["x-names"].as_str()? {
        "optimizer" => Some(Named::Optimizer),
        "descent" => Some(Named::Descent),
        _ => None,
    })
}

/// The value at a path that [`parts`] gave.
pub(crate) fn part_at<'a>(settings: &'a mut Map<String, Value>, path: &str) -> Option<&'a mut Value> {
    match path.split_once('.') {
        None => settings.get_mut(path),
        Some((name, i)) => settings.get_mut(name)?.as_array_mut()?.get_mut(i.parse::<usize>().ok()?),
    }
}

/// Every [`Spec`](crate::optimizer::Spec) in these settings, alone or in a list, with its dotted path (`inner`, `members.2`) and what it names.
pub fn parts<'a>(settings: &'a Map<String, Value>, schema: &Value) -> Vec<(String, Named, &'a Value)> {
    let mut parts = vec![];
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        match settings.get(name) {
            Some(Value::Array(items)) => {
                let kind = named(&property["items"]);
                parts.extend(items.iter().enumerate().filter_map(|(i, item)| Some((format!("{name}.{i}"), kind?, item))));
            }
            Some(value) => parts.extend(named(property).map(|kind| (name.clone(), kind, value))),
            None => {}
        }
    }
    parts
}
