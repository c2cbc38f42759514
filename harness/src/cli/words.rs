//! What settings can be, in words: the kinds of values that many settings share are explained once.

use std::sync::Arc;

use moths::{
    Sampler, Schedule,
    optimizer::{Size, settings},
};
use serde_json::{Value, json};

use crate::names::alternatives;

/// A kind of value that many settings are of.
pub(super) struct Kind {
    /// One of them: `a schedule`.
    pub(super) one: &'static str,
    /// What it is.
    pub(super) meaning: &'static str,
    /// Its type, from the root of the library.
    #[cfg(test)]
    pub(super) documented: &'static str,
    schema: fn() -> Arc<Value>,
}

/// All kinds, in the order in which they are explained.
pub(super) const KINDS: [Kind; 3] = [
    kind("a schedule", "a setting that may change with the step t", "Schedule", settings::schema::<Schedule>),
    kind("a sampler", "the law that perturbations are drawn from", "Sampler", settings::schema::<Sampler>),
    kind("a size", "a number of members that may change with the step t", "optimizer::Size", settings::schema::<Size>),
];

#[cfg_attr(not(test), expect(unused_variables, reason = "only the pages of settings, which a test writes, link the type"))]
const fn kind(one: &'static str, meaning: &'static str, documented: &'static str, schema: fn() -> Arc<Value>) -> Kind {
    Kind {
        one,
        meaning,
        #[cfg(test)]
        documented,
        schema,
    }
}

/// One value of a kind.
pub(super) struct Choice {
    /// How it is called.
    pub(super) name: String,
    /// What it is: its documentation.
    pub(super) what: String,
    /// Its own settings: name, valid, what it is.
    pub(super) parts: Vec<[String; 3]>,
}

impl Kind {
    /// Its values by name.
    pub(super) fn choices(&self) -> Vec<Choice> {
        alternatives(&(self.schema)()).into_iter().flat_map(choices).collect()
    }

    /// Is this one of the alternatives that a setting of this kind has?
    fn has(&self, alternative: &Value) -> bool {
        alternatives(&(self.schema)()).contains(&alternative)
    }

    /// Does this setting take values of this kind?
    pub(super) fn is_in(&self, setting: &Value) -> bool {
        let there = alternatives(setting);
        alternatives(&(self.schema)()).iter().all(|one| there.contains(one))
    }
}

fn choices(one: &Value) -> Vec<Choice> {
    let what = one["description"].as_str().unwrap_or_default().replace('\n', " ");
    let choice = |name: &str, parts| Choice { name: name.to_owned(), what: what.clone(), parts };
    if let Some(name) = one["const"].as_str() {
        return vec![choice(name, vec![])];
    }
    match one["properties"].as_object() {
        Some(variants) => variants.iter().map(|(name, variant)| choice(name, parts(variant))).collect(),
        None => vec![choice(&settings::describe(one), vec![])],
    }
}

fn parts(variant: &Value) -> Vec<[String; 3]> {
    let part = |(name, part): (&String, &Value)| {
        let what = part["description"].as_str().unwrap_or_default().replace('\n', " ");
        [name.clone(), settings::describe(part), what]
    };
    variant["properties"].as_object().into_iter().flatten().map(part).collect()
}

impl Choice {
    /// The name with those of its settings: `cosine {from, to, steps}`.
    pub(super) fn form(&self) -> String {
        let parts: Vec<&str> = self.parts.iter().map(|[name, ..]| name.as_str()).collect();
        if parts.is_empty() { self.name.clone() } else { format!("{} {{{}}}", self.name, parts.join(", ")) }
    }

    /// For scripts.
    pub(super) fn json(&self) -> Value {
        let parts = self.parts.iter().map(|[name, valid, what]| json!({ "name": name, "valid": valid, "summary": what }));
        json!({ "name": self.name, "summary": self.what, "settings": parts.collect::<Vec<_>>() })
    }
}

/// What a setting allows, where a kind that is explained elsewhere is only named.
pub(super) fn valid(setting: &Value) -> String {
    let Some(kind) = KINDS.iter().find(|kind| kind.is_in(setting)) else { return settings::describe(setting) };
    let others = alternatives(setting).into_iter().filter(|one| !kind.has(one)).map(settings::describe);
    std::iter::once(kind.one.to_owned()).chain(others).collect::<Vec<_>>().join(", or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_alternatives() {
        let [schedule, sampler, _] = &KINDS;
        let names = |kind: &Kind| kind.choices().iter().map(Choice::form).collect::<Vec<_>>();
        assert!(names(schedule).contains(&"cosine {from, steps, to}".to_owned()), "{:?}", names(schedule));
        assert!(names(sampler).contains(&"student-t {dof}".to_owned()) && names(sampler).contains(&"normal".to_owned()));
        assert!(schedule.choices().iter().chain(&sampler.choices()).all(|choice| !choice.what.is_empty()));
        let or_null = json!({ "anyOf": [*settings::schema::<Schedule>(), { "type": "null" }] });
        assert_eq!(valid(&or_null), "a schedule, or null");
        assert_eq!(valid(&json!({ "type": "integer", "minimum": 0 })), "an integer >= 0");
    }
}
