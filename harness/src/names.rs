//! Names as people write them: `CMA-ES`, `Cma_Es` and `cmaes` are `cma-es`.

use std::collections::BTreeSet;

use moths::{
    Spec,
    optimizer::{
        descent::{self, DescentEntry},
        settings::{self, Named},
    },
    registry,
};
use serde_json::{Map, Value, json};

use crate::whole;

/// The one of `known` that a name means: the very name, or else the one of the same letters and digits, in whatever case.
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let exact = known.clone().into_iter().find(|one| *one == name);
    exact.or_else(|| known.into_iter().find(|one| letters(one) == letters(name)))
}

fn letters(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The id of the optimizer that a name means, or the name as it is: looking it up says what is wrong with it.
pub fn optimizer(name: &str) -> String {
    let entries = registry::entries();
    meant(name, entries.iter().map(|entry| entry.meta.id)).unwrap_or(name).to_owned()
}

/// The id of the descent that a name means, if it means one.
pub fn descent(name: &str) -> Option<&'static str> {
    meant(name, descent::entries().iter().map(|entry| entry.id).collect::<Vec<_>>())
}

/// An optimizer from the command line with names as they are registered, and with whole numbers where these are meant, in its parts too.
pub fn settled(spec: Spec) -> Spec {
    let name = optimizer(&spec.name);
    let schema = registry::find(&name).map(registry::Entry::schema);
    Spec { settings: settled_settings(spec.settings, &schema.unwrap_or_default()), name }
}

/// An update rule inside an optimizer.
fn settled_descent(spec: Spec) -> Spec {
    let name = descent(&spec.name).map_or(spec.name, str::to_owned);
    let schema = descent::find(&name).map(DescentEntry::schema);
    Spec { settings: settled_settings(spec.settings, &schema.unwrap_or_default()), name }
}

fn settled_settings(settings: Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let settle = |(name, value): (String, Value)| {
        let value = settled_value(value, &schema["properties"][&name]);
        (name, value)
    };
    settings.into_iter().map(settle).collect()
}

fn settled_value(value: Value, schema: &Value) -> Value {
    let types = types(schema);
    if let Some(named) = settings::named(schema) {
        let settle = if named == Named::Optimizer { settled } else { settled_descent };
        return serde_json::from_value::<Spec>(value.clone()).map_or(value, |part| json!(settle(part)));
    }
    let takes = |kind| types.contains(kind);
    match value {
        Value::String(text) if takes("integer") || takes("number") => whole::read(&text).map_or(Value::String(text), Value::from),
        Value::Number(number) if number.is_f64() && takes("integer") && !takes("number") => {
            let whole = number.as_f64().and_then(|number| whole::read(&format!("{number:e}")));
            whole.map_or(Value::Number(number), Value::from)
        }
        Value::Array(items) => items.into_iter().map(|item| settled_value(item, &schema["items"])).collect(),
        Value::Object(parts) => {
            let settle = |(name, part): (String, Value)| {
                let part = settled_value(part, &property(schema, &name).unwrap_or_default());
                (name, part)
            };
            Value::Object(parts.into_iter().map(settle).collect())
        }
        other => other,
    }
}

/// A schema, or all alternatives in it.
pub fn alternatives(schema: &Value) -> Vec<&Value> {
    match schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        Some(choices) => choices.iter().flat_map(alternatives).collect(),
        None => vec![schema],
    }
}

/// What kinds of values a schema takes.
fn types(schema: &Value) -> BTreeSet<&str> {
    alternatives(schema).into_iter().flat_map(own_types).collect()
}

fn own_types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

fn property(schema: &Value, name: &str) -> Option<Value> {
    alternatives(schema).iter().find_map(|one| one["properties"].get(name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(spec: &str) -> Value {
        json!(settled(spec.parse().expect("a spec")))
    }

    #[test]
    fn names_are_meant_however_they_are_written() {
        let known = ["cma-es", "CMAES", "pso"];
        for (name, expected) in [("cma-es", "cma-es"), ("CMAES", "CMAES"), ("Cma_Es", "cma-es"), ("PSO", "pso")] {
            assert_eq!(meant(name, known), Some(expected), "{name}");
        }
        assert_eq!(meant("cma", known), None);
        for (name, expected) in [("CMA-ES", "cma-es"), ("CmaEs", "cma-es"), ("cma_es", "cma-es"), ("psoo", "psoo")] {
            assert_eq!(settle(name), expected, "{name}");
        }
        assert_eq!([descent("Adam"), descent("Heavy_Ball"), descent("pso")], [Some("adam"), Some("heavy-ball"), None]);
    }

    #[test]
    fn parts_are_settled_too() {
        let spec = r#"{"name":"Undo","inner":{"name":"OpenES","descent":"AdamW"}}"#;
        assert_eq!(settle(spec), json!({"name": "undo", "inner": {"name": "open-es", "descent": "adamw"}}));
        let rate = r#"{"name":"open-es","descent":{"name":"SGD","rate":{"cosine":{"from":1e1,"to":0.5,"steps":1e3}}}}"#;
        let expected = json!({"name": "sgd", "rate": {"cosine": {"from": 10.0, "to": 0.5, "steps": 1000}}});
        assert_eq!(settle(rate)["descent"], expected);
    }

    #[test]
    fn whole_numbers_go_where_they_are_meant() {
        let particles = |text: &str| settle(&format!(r#"{{"name":"pso","particles":{text}}}"#))["particles"].clone();
        assert_eq!(
            [particles("1e2"), particles("\"1_000\""), particles("\"10,000\""), particles("80")],
            [100, 1000, 10_000, 80].map(Value::from)
        );
        assert_eq!([particles("1.5"), particles("\"many\"")], [json!(1.5), json!("many")]);
        assert_eq!(settle(r#"{"name":"open-es","sigma":1e2,"unknown":1e2}"#)["sigma"], json!(100.0));
    }
}
