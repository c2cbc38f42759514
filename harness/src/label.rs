//! Optimizers with their settings, for people.

use moths::{
    Spec,
    optimizer::descent::{self, DescentEntry},
    registry,
};
use serde_json::{Map, Value, json};

use crate::names::is_spec;

/// A spec in words: `open-es (pairs = 32, descent = adamw (rate = 0.1))`.
pub fn words(spec: &Spec) -> String {
    let setting = |(name, value): (&String, &Value)| match serde_json::from_value::<Spec>(value.clone()) {
        Ok(part) => format!("{name} = {}", words(&part)),
        Err(_) => format!("{name} = {value}"),
    };
    let settings: Vec<String> = spec.settings.iter().map(setting).collect();
    if settings.is_empty() { spec.name.clone() } else { format!("{} ({})", spec.name, settings.join(", ")) }
}

/// A spec with all its settings, those by default too, and with those of its parts.
pub fn resolved(spec: &Spec) -> Spec {
    let optimizer = || registry::find(&spec.name).map(registry::Entry::schema);
    let schema = optimizer().or_else(|_| descent::find(&spec.name).map(DescentEntry::schema)).unwrap_or_default();
    let none = Map::new();
    let setting = |(name, property): (&String, &Value)| {
        let value = spec.settings.get(name).or_else(|| property.get("default"))?;
        let part = is_spec(property).then(|| serde_json::from_value::<Spec>(value.clone()).ok()).flatten();
        Some((name.clone(), part.map_or_else(|| value.clone(), |part| json!(resolved(&part)))))
    };
    let mut settings: Map<String, Value> = schema["properties"].as_object().unwrap_or(&none).iter().filter_map(setting).collect();
    let unknown = spec.settings.iter().filter(|(name, _)| schema["properties"].get(name.as_str()).is_none());
    settings.extend(unknown.map(|(name, value)| (name.clone(), value.clone())));
    Spec { name: spec.name.clone(), settings }
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
