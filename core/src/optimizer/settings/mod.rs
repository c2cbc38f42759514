//! Settings checked against the JSON schema of their type, the one place where names, types and ranges stand.

mod numbers;
mod parts;

use std::{
    any::TypeId,
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Error, Result};

pub use numbers::{Number, numbers};
pub(crate) use parts::part_at;
pub use parts::{Named, named, parts};

/// The schema of `C`, with every definition written out in place. It is made once: all optimizers are built by it, and those that are made of others many
/// times.
pub fn schema<C: JsonSchema + 'static>() -> Arc<Value> {
    static MADE: RwLock<BTreeMap<TypeId, Arc<Value>>> = RwLock::new(BTreeMap::new());
    let made = MADE.read().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<C>()).cloned();
    made.unwrap_or_else(|| {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        let schema = Arc::new(settings.into_generator().into_root_schema_for::<C>().to_value());
        MADE.write().unwrap_or_else(PoisonError::into_inner).insert(TypeId::of::<C>(), schema.clone());
        schema
    })
}

/// A schema whose defaults are these, where they are given.
pub(crate) fn with_defaults(schema: &Value, defaults: &Map<String, Value>) -> Arc<Value> {
    let mut schema = schema.clone();
    for (name, default) in defaults {
        if let Some(property) = schema["properties"].get_mut(name) {
            property["default"] = default.clone();
        }
    }
    Arc::new(schema)
}

/// Settings as a typed configuration. What is not given has its default.
///
/// ```
/// use moths_core::{Error, optimizer::{descent::SgdConfig, settings}};
/// use serde_json::json;
///
/// let resolve = |settings: serde_json::Value| settings::resolve::<SgdConfig>("sgd", settings.as_object().expect("an object"));
/// assert_eq!(resolve(json!({ "momentum": 0.9 }))?.momentum, 0.9);
/// assert_eq!(
///     resolve(json!({ "momentun": 0.9 })).err().map(|e| e.to_string()).as_deref(),
///     Some("unknown setting of sgd `momentun`; did you mean `momentum`? valid are `anchor`, `momentum`, `nesterov`, `rate`"),
/// );
/// assert!(matches!(resolve(json!({ "momentum": 1.5 })), Err(Error::Invalid { field, .. }) if field == "momentum"));
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unknown`] for a setting that `C` does not have, with the nearest it has; [`Error::Invalid`] for a value of another
/// type or out of range. `owner` is what the settings belong to, for the message.
pub fn resolve<C: DeserializeOwned + JsonSchema + 'static>(owner: &str, settings: &Map<String, Value>) -> Result<C> {
    let schema = schema::<C>();
    validate(owner, &schema, settings)?;
    serde_json::from_value(Value::Object(settings.clone()))
        .map_err(|e| Error::invalid(owner, Value::Object(settings.clone()), e.to_string()))
}

/// Settings as a program would write them: nothing has looked at their ranges.
pub(crate) fn unchecked<C: DeserializeOwned>(owner: &str, settings: &Map<String, Value>) -> Result<C> {
    let written = Value::Object(settings.clone());
    serde_json::from_value(written.clone()).map_err(|e| Error::invalid(owner, written, e.to_string()))
}

/// Settings with everything said: what is not given has its default.
pub(crate) fn whole<C>(owner: &str, settings: &Map<String, Value>) -> Result<Map<String, Value>>
where
    C: Serialize + DeserializeOwned + JsonSchema + 'static,
{
    written(&resolve::<C>(owner, settings)?)
}

/// A configuration as settings.
pub(crate) fn written<C: Serialize>(config: &C) -> Result<Map<String, Value>> {
    match serde_json::to_value(config) {
        Ok(Value::Object(settings)) => Ok(settings),
        Ok(other) => Err(Error::invalid("settings", other, "a struct of named fields")),
        Err(e) => Err(Error::invalid("settings", "(cannot be written as JSON)", e.to_string())),
    }
}

/// Checks a configuration made in Rust against the ranges of its schema.
///
/// # Errors
/// [`Error::Invalid`], naming the field, its value and what is valid. NaN and infinities are never valid.
pub fn check<C: Serialize + JsonSchema + 'static>(config: &C) -> Result<()> {
    validate("settings", &schema::<C>(), &written(config)?)
}

fn validate(owner: &str, schema: &Value, settings: &Map<String, Value>) -> Result<()> {
    let none = Map::new();
    let known = schema["properties"].as_object().unwrap_or(&none);
    for (name, value) in settings {
        let Some(property) = known.get(name) else {
            return Err(Error::unknown_of_few(format!("setting of {owner}"), name, known.keys().map(String::as_str)));
        };
        if !fits(value, property) {
            return Err(Error::invalid(name, value, describe(property)));
        }
    }
    Ok(())
}

/// Is `value` what `schema` allows? Knows the words that schemas of settings use.
pub(crate) fn fits(value: &Value, schema: &Value) -> bool {
    if let Some(choices) = alternatives(schema) {
        return choices.iter().any(|choice| fits(value, choice));
    }
    if let Some(constant) = schema.get("const") {
        return value == constant;
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return allowed.contains(value);
    }
    types(schema).iter().any(|kind| is_a(value, kind)) && in_range(value, schema) && parts_fit(value, schema)
}

fn parts_fit(value: &Value, schema: &Value) -> bool {
    match (value, schema["properties"].as_object()) {
        (Value::Object(parts), Some(known)) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            parts.iter().all(|(name, part)| known.get(name).is_some_and(|s| fits(part, s)))
                && required.into_iter().all(|name| parts.contains_key(name))
        }
        (Value::Array(items), _) => {
            let at = |key: &str| schema[key].as_u64();
            at("minItems").is_none_or(|least| items.len() as u64 >= least)
                && at("maxItems").is_none_or(|most| items.len() as u64 <= most)
                && items.iter().all(|item| schema.get("items").is_none_or(|s| fits(item, s)))
        }
        _ => true,
    }
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())
}

/// The schemas that a value may be of: those of all alternatives.
pub fn choices(schema: &Value) -> Vec<&Value> {
    alternatives(schema).map_or_else(|| vec![schema], |choices| choices.iter().flat_map(|choice| self::choices(choice)).collect())
}

/// Does it allow integers, and no other numbers?
pub(crate) fn is_integer(schema: &Value) -> bool {
    types(schema).contains(&"integer")
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any"],
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn in_range(value: &Value, schema: &Value) -> bool {
    let Some(x) = value.as_f64() else { return true };
    let holds = |key: &str, test: fn(f64, f64) -> bool| schema[key].as_f64().is_none_or(|limit| test(x, limit));
    holds("minimum", |x, limit| x >= limit)
        && holds("maximum", |x, limit| x <= limit)
        && holds("exclusiveMinimum", |x, limit| x > limit)
        && holds("exclusiveMaximum", |x, limit| x < limit)
}

/// What a schema allows, in words: "an integer from 2 to 1000", "a number > 0", "one of `gaussian`, `rademacher`".
pub fn describe(schema: &Value) -> String {
    if let Some(words) = schema["x-valid"].as_str() {
        return words.to_owned();
    }
    if let Some(choices) = alternatives(schema) {
        let constants: Vec<String> = choices.iter().filter_map(|c| c.get("const")).map(|c| format!("`{}`", plain(c))).collect();
        if constants.len() == choices.len() {
            return format!("one of {}", constants.join(", "));
        }
        return choices.iter().map(describe).collect::<Vec<_>>().join(", or ");
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{}`", plain(constant));
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return format!("one of {}", allowed.iter().map(|v| format!("`{}`", plain(v))).collect::<Vec<_>>().join(", "));
    }
    let kinds: Vec<String> = types(schema).iter().map(|kind| described(kind, schema)).collect();
    kinds.join(" or ")
}

fn described(kind: &str, schema: &Value) -> String {
    match kind {
        "number" => format!("a number{}", range(schema)),
        "integer" => format!("an integer{}", range(schema)),
        "boolean" => "`true` or `false`".into(),
        "string" if types(schema).contains(&"object") => "a name".into(),
        "string" => "a string".into(),
        "object" => match schema["properties"].as_object() {
            Some(parts) => {
                let parts: Vec<String> = parts.iter().map(|(name, part)| format!("\"{name}\": {}", describe(part))).collect();
                format!("{{{}}}", parts.join(", "))
            }
            None => "an object with a `name` and settings".into(),
        },
        "array" => format!("a list{}", entries(schema)),
        "null" => "null".into(),
        _ => "anything".into(),
    }
}

fn range(schema: &Value) -> String {
    let at = |key: &str| schema[key].as_f64();
    let lower = at("minimum").map(|v| format!(">= {v}")).or_else(|| at("exclusiveMinimum").map(|v| format!("> {v}")));
    let upper = at("maximum").map(|v| format!("<= {v}")).or_else(|| at("exclusiveMaximum").map(|v| format!("< {v}")));
    match (lower, upper) {
        (None, None) => String::new(),
        (Some(one), None) | (None, Some(one)) => format!(" {one}"),
        (Some(lower), Some(upper)) => format!(" {lower} and {upper}"),
    }
}

/// How many entries a list has.
fn entries(schema: &Value) -> String {
    match (schema["minItems"].as_u64(), schema["maxItems"].as_u64()) {
        (None, None) => String::new(),
        (Some(least), None) => format!(" of {least} or more"),
        (None, Some(most)) => format!(" of {most} at most"),
        (Some(least), Some(most)) => format!(" of {least} to {most}"),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::descent::{AdamWConfig, SgdConfig};

    #[test]
    fn a_schema_is_made_once_for_each_type() {
        let [one, again, other] = [schema::<SgdConfig>(), schema::<SgdConfig>(), schema::<AdamWConfig>()];
        assert!(Arc::ptr_eq(&one, &again) && one != other);
    }
}
