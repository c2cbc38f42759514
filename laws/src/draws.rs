//! Configurations drawn from the schema of an optimizer's settings.

use proptest::{
    prelude::*,
    sample::select,
    strategy::{Union, ValueTree},
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use serde_json::{Map, Value, json};

use super::{
    Subject,
    broken::{Breach, Verdict},
    path::KEY,
    problem::Problem,
};
use moths_core::{
    Spec,
    optimizer::{
        descent,
        settings::{Named, choices, named},
    },
    registry,
};

/// Integers are drawn no further than this from their smallest: what they usually count is candidates.
const MOST_MORE: i64 = 40;

/// Holds a law for `cases` configurations, always the same ones; the one it names when it is broken is a smallest.
///
/// What the subject itself sets stays as it is.
pub(super) fn each(subject: &Subject, cases: u32, law: impl Fn(&Subject) -> Verdict) -> Verdict {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let schema = registry::find(&subject.spec().name)?.schema();
    let held = runner.run(&settings(&schema, &subject.spec().settings), |drawn| {
        let Spec { name, settings } = subject.spec().clone();
        let drawn = Subject::drawn(Spec { name, settings: drawn.into_iter().chain(settings).collect() });
        law(&drawn).map_err(|breach| TestCaseError::fail(format!("{}: {breach}", drawn.spec())))
    });
    held.map_err(|e| Breach::new(e.to_string()))
}

/// The same for those configurations that can be built for this problem.
pub(super) fn each_that_builds(
    subject: &Subject,
    cases: u32,
    problem: &Problem,
    law: impl Fn(&Subject, &Problem) -> Verdict,
) -> Verdict {
    each(subject, cases, |drawn| match drawn.build_if_taken(problem.space(), KEY)? {
        Some(_) => law(drawn, problem),
        None => Ok(()),
    })
}

/// Values that a schema allows, always the same ones.
pub(super) fn values(schema: &Value, n: u32) -> Vec<Value> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = value(schema);
    (0..n).filter_map(|_| Some(strategy.new_tree(&mut runner).ok()?.current())).collect()
}

type Settings = Map<String, Value>;

/// Any of the settings a schema has, other than those in `fixed`.
fn settings(schema: &Value, fixed: &Settings) -> BoxedStrategy<Settings> {
    let free = schema["properties"].as_object().into_iter().flatten().filter(|(name, _)| !fixed.contains_key(*name));
    let all: Vec<_> = free.map(|(name, schema)| (Just(name.clone()), proptest::option::weighted(0.6, value(schema)))).collect();
    all.prop_map(|drawn| drawn.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()).boxed()
}

/// Is it the schema of a [`Size`](moths_core::optimizer::Size): of a whole number, or a curve?
pub(super) fn is_size(schema: &Value) -> bool {
    let choices = choices(schema);
    choices.iter().any(|choice| choice["type"] == "integer")
        && choices.iter().any(|choice| !choice["properties"]["linear"].is_null())
}

/// A value that a schema allows.
fn value(schema: &Value) -> BoxedStrategy<Value> {
    if is_size(schema) {
        return size();
    }
    if let Some(choices) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        return Union::new(choices.iter().map(value)).boxed();
    }
    if let Some(constant) = schema.get("const") {
        return Just(constant.clone()).boxed();
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return select(allowed.clone()).boxed();
    }
    if let Some(named) = named(schema) {
        return spec(named);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    Union::new(kinds.into_iter().map(|kind| of_kind(kind, schema))).boxed()
}

fn of_kind(kind: &str, schema: &Value) -> BoxedStrategy<Value> {
    match kind {
        "integer" => integer(schema),
        "number" => number(schema),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "object" => parts(schema),
        "array" => proptest::collection::vec(value(&schema["items"]), 0..4).prop_map(Value::from).boxed(),
        "string" => "[a-z]{0,8}".prop_map(Value::from).boxed(),
        _ => Just(Value::Null).boxed(),
    }
}

/// The name of any optimizer, or of any descent.
fn spec(named: Named) -> BoxedStrategy<Value> {
    let names: Vec<&str> = match named {
        Named::Optimizer => registry::entries().into_iter().map(|entry| entry.meta.id).collect(),
        Named::Descent => descent::entries().into_iter().map(|entry| entry.id).collect(),
    };
    select(names).prop_map(Value::from).boxed()
}

/// So many members, or a curve of so few steps that it is seen, on which there are never a thousand times more.
fn size() -> BoxedStrategy<Value> {
    let members = 1..=MOST_MORE + 1;
    let ramp = (members.clone(), members.clone(), 1..12u64)
        .prop_map(|(from, to, steps)| json!({ "from": from, "to": to, "steps": steps }));
    let ramp = (select(vec!["linear", "cosine", "exponential"]), ramp).prop_map(|(name, ramp)| json!({ name: ramp }));
    let power = (members.clone(), 0..9u64, 0.0..1.0f64)
        .prop_map(|(from, offset, exponent)| json!({ "power": { "from": from, "offset": offset, "exponent": exponent } }));
    let steps = (members.clone(), 0.5..1.5f64, 1..5u64)
        .prop_map(|(from, factor, every)| json!({ "steps": { "from": from, "factor": factor, "every": every } }));
    prop_oneof![3 => members.prop_map(Value::from), 3 => ramp, 1 => power, 1 => steps].boxed()
}

fn integer(schema: &Value) -> BoxedStrategy<Value> {
    let least = schema["minimum"].as_i64().unwrap_or(-5);
    let most = schema["maximum"].as_i64().unwrap_or(i64::MAX).min(least.saturating_add(MOST_MORE));
    (least..=most).prop_map(Value::from).boxed()
}

/// Ordinary numbers mostly, and now and then one at the very edge of the range.
fn number(schema: &Value) -> BoxedStrategy<Value> {
    let limit = |key: &str| schema[key].as_f64();
    let (least, above) = (limit("minimum"), limit("exclusiveMinimum"));
    let (most, below) = (limit("maximum"), limit("exclusiveMaximum"));
    let from = least.or(above.map(f64::next_up)).unwrap_or(-1e300);
    let to = most.or(below.map(f64::next_down)).unwrap_or(1e300);
    let ordinary = from.max(-10.0)..to.min(from.max(-10.0) + 10.0);
    prop_oneof![
        8 => ordinary.prop_map(|x| json!(x)),
        1 => Just(json!(from)),
        1 => Just(json!(to)),
    ]
    .boxed()
}

fn parts(schema: &Value) -> BoxedStrategy<Value> {
    let all: Vec<_> =
        schema["properties"].as_object().into_iter().flatten().map(|(name, s)| (Just(name.clone()), value(s))).collect();
    all.prop_map(|parts| Value::Object(parts.into_iter().collect())).boxed()
}
