//! Optimizers with their settings, for people.

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
        (Some(named), value) => serde_json::from_value::<Spec>(value.clone())
            .map_or_else(|_| value.clone(), |part| json!(with_defaults(named, &part))),
        _ => value.clone(),
    }
}

/// What of a spec is other than in one before, in words: `descent.rate = 0.1 (was 0.2)`. What is not said is a default.
pub fn changes(spec: &Spec, before: &Spec) -> Vec<String> {
    if spec.name == before.name {
        return changed(&spec.settings, &before.settings);
    }
    vec![format!("{} (was {})", spec.name, before.name)]
}

fn changed(now: &Map<String, Value>, before: &Map<String, Value>) -> Vec<String> {
    let names: BTreeSet<&String> = now.keys().chain(before.keys()).collect();
    let of_one = |name: &String| match (now.get(name), before.get(name)) {
        (now, before) if now == before => vec![],
        (Some(Value::Object(now)), Some(Value::Object(before))) if now.get("name") == before.get("name") => {
            changed(now, before).into_iter().map(|change| format!("{name}.{change}")).collect()
        }
        (now, before) => vec![format!("{name} = {} (was {})", said(now), said(before))],
    };
    names.into_iter().flat_map(of_one).collect()
}

fn said(value: Option<&Value>) -> String {
    value.map_or_else(|| "its default".into(), value_in_words)
}

/// A spec whose numbers have four digits, as people read them.
pub fn rounded(spec: &Spec) -> Spec {
    Spec { name: spec.name.clone(), settings: spec.settings.iter().map(|(name, value)| (name.clone(), short(value))).collect() }
}

fn short(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            number.as_f64().and_then(|x| format!("{x:.3e}").parse().ok()).map_or_else(|| value.clone(), |x: f64| json!(x))
        }
        Value::Array(values) => values.iter().map(short).collect(),
        Value::Object(settings) => settings.iter().map(|(name, value)| (name.clone(), short(value))).collect(),
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
        assert!(all.contains("descent = sgd (anchor = 0.0, momentum = 0.5, nesterov = false, rate = 0.01)"), "{all}");
        assert!(all.contains("pairs = 32") && all.contains("sigma = "), "{all}");
        assert_eq!(words(&resolved(&Spec::new("nobody"))), "nobody");
    }

    #[test]
    fn changes_are_told_with_where_they_are() {
        let spec = |text: &str| text.parse::<Spec>().expect("a spec");
        let before = spec(r#"{"name":"spsa","descent":{"name":"adamw","rate":0.1,"betas":[0.9,0.99]},"pairs":2}"#);
        let after = spec(r#"{"name":"spsa","descent":{"name":"adamw","rate":0.2,"betas":[0.9,0.99]},"scale":0.5}"#);
        let told = ["descent.rate = 0.2 (was 0.1)", "pairs = its default (was 2)", "scale = 0.5 (was its default)"];
        assert_eq!(changes(&after, &before), told);
        let other = spec(r#"{"name":"spsa","descent":"sgd","pairs":2}"#);
        assert_eq!(changes(&other, &before), ["descent = sgd (was adamw (betas = [0.9,0.99], rate = 0.1))"]);
        assert_eq!(changes(&Spec::new("pso"), &before), ["pso (was spsa)"]);
        assert!(changes(&before, &before).is_empty());
    }

    #[test]
    fn numbers_are_rounded_wherever_they_are() {
        let spec: Spec =
            r#"{"name":"a","n":123456,"b":{"name":"c","x":0.123456789,"y":[1e-30,-98765.4321]}}"#.parse().expect("a spec");
        assert_eq!(words(&rounded(&spec)), "a (b = c (x = 0.1235, y = [1e-30,-98770.0]), n = 123456)");
    }

    #[test]
    fn specs_are_told_apart_in_words() {
        let spec = r#"{"name":"open-es","descent":{"name":"adamw","rate":0.1},"pairs":32}"#.parse().expect("a spec");
        assert_eq!(words(&spec), "open-es (descent = adamw (rate = 0.1), pairs = 32)");
    }
}
