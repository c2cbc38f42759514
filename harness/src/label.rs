//! Optimizers with their settings, for people.

use moths::{
    Spec,
    optimizer::{
        descent::{self, DescentEntry},
        settings::{self, Named},
    },
    registry,
};
use serde_json::{Map, Value, json};

/// A spec in words: `open-es (pairs = 32, descent = adamw (rate = 0.1))`.
pub fn words(spec: &Spec) -> String {
    let setting = |(name, value): (&String, &Value)| format!("{name} = {}", value_in_words(value));
    let settings: Vec<String> = spec.settings.iter().map(setting).collect();
    if settings.is_empty() { spec.name.clone() } else { format!("{} ({})", spec.name, settings.join(", ")) }
}

/// A spec, a list of specs, or any other value.
fn value_in_words(value: &Value) -> String {
    let part = || serde_json::from_value::<Spec>(value.clone()).map(|part| words(&part));
    match value {
        Value::Array(items) if items.iter().any(Value::is_string) || items.iter().any(Value::is_object) => {
            format!("[{}]", items.iter().map(value_in_words).collect::<Vec<_>>().join(", "))
        }
        _ => part().unwrap_or_else(|_| value.to_string()),
    }
}

/// A spec with all its settings, those by default too, and with those of its parts.
pub fn resolved(spec: &Spec) -> Spec {
    with_defaults(Named::Optimizer, spec)
}

fn with_defaults(named: Named, spec: &Spec) -> Spec {
    let schema = match named {
        Named::Optimizer => registry::find(&spec.name).map(registry::Entry::schema),
        Named::Descent => descent::find(&spec.name).map(DescentEntry::schema),
    }
    .unwrap_or_default();
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let setting = |(name, property): (&String, &Value)| {
        let value = spec.settings.get(name).or_else(|| property.get("default"))?;
        Some((name.clone(), with_parts(value, property)))
    };
    let mut settings: Map<String, Value> = properties.iter().filter_map(setting).collect();
    let unknown = spec.settings.iter().filter(|(name, _)| !properties.contains_key(*name));
    settings.extend(unknown.map(|(name, value)| (name.clone(), value.clone())));
    Spec { name: spec.name.clone(), settings }
}

/// The value of a setting, with the defaults of what it names.
fn with_parts(value: &Value, schema: &Value) -> Value {
    match (settings::named(schema), value) {
        (None, Value::Array(items)) => items.iter().map(|item| with_parts(item, &schema["items"])).collect(),
        (Some(named), value) => {
            serde_json::from_value::<Spec>(value.clone()).map_or_else(|_| value.clone(), |part| json!(with_defaults(named, &part)))
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_resolved() {
        let spec = r#"{"name":"open-es","descent":{"name":"sgd","momentum":0.5},"pairs":32}"#.parse().expect("a spec");
        let all = words(&resolved(&spec));
        assert!(all.contains("descent = sgd (momentum = 0.5, nesterov = false, rate = 0.01)"), "{all}");
        assert!(all.contains("pairs = 32") && all.contains("sigma = "), "{all}");
        assert_eq!(words(&resolved(&Spec::new("nobody"))), "nobody");
    }

    #[test]
    fn specs_are_told_apart_in_words() {
        let spec = r#"{"name":"open-es","descent":{"name":"adamw","rate":0.1},"pairs":32}"#.parse().expect("a spec");
        assert_eq!(words(&spec), "open-es (descent = adamw (rate = 0.1), pairs = 32)");
    }
}
