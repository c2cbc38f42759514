//! Who is held against the laws.

use serde_json::{Value, json};

use super::{
    Depth, Held,
    broken::{is_inability, is_refusal},
};
use moths_core::{
    Error, Key, Optimizer, Result, Space, Spec,
    optimizer::{
        Capabilities,
        settings::{self, Named},
    },
    registry::{self, Entry},
};

/// An optimizer with some settings, looked up in the registry like anyone would.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    spec: Spec,
    depth: Depth,
}

impl Subject {
    /// The optimizer that a spec names, looked at as closely as the [environment](Depth::of_environment) says.
    ///
    /// # Errors
    /// As [`registry::capabilities`].
    pub fn new(spec: impl Into<Spec>) -> Result<Self> {
        let spec = spec.into();
        registry::capabilities(&spec)?;
        Ok(Self { spec, depth: Depth::of_environment() })
    }

    /// The same, looked at this closely.
    pub fn at(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// One whose settings may be refused yet. There are many of them: each is looked at quickly.
    pub(super) fn drawn(spec: Spec) -> Self {
        Self { spec, depth: Depth::Quick }
    }

    /// How closely it is looked at.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// What is looked up.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// A short name for tests: `pso`, `undo(pso)`, `best-of([pso,undo(spsa)])`, `pso(particles=80)`.
    pub fn name(&self) -> String {
        named(&self.spec)
    }

    /// Is it made of other optimizers?
    pub(super) fn wraps(&self) -> Result<bool> {
        Ok(!parts(registry::find(&self.spec.name)?).is_empty())
    }

    /// The optimizers that its settings name, those by default too.
    pub(super) fn parts(&self) -> Result<Vec<Self>> {
        let schema = registry::find(&self.spec.name)?.schema();
        let said = |(name, property): (&String, &Value)| {
            let value = self.spec.settings.get(name).or_else(|| property.get("default"))?;
            Some((name.clone(), value.clone()))
        };
        let whole = schema["properties"].as_object().into_iter().flatten().filter_map(said).collect();
        let named = settings::parts(&whole, &schema).into_iter().filter(|(_, named, _)| *named == Named::Optimizer);
        Ok(named
            .filter_map(|(_, _, part)| Some(Self { spec: serde_json::from_value(part.clone()).ok()?, depth: self.depth }))
            .collect())
    }

    /// What it wraps, if it is a wrapper of one.
    pub(super) fn inner(&self) -> Result<Option<Self>> {
        if !is_wrapper(registry::find(&self.spec.name)?) {
            return Ok(None);
        }
        let schema = registry::find(&self.spec.name)?.schema();
        let named = self.spec.settings.get(INNER).unwrap_or(&schema["properties"][INNER]["default"]);
        let spec = serde_json::from_value(named.clone()).map_err(|e| Error::invalid(INNER, named, e.to_string()))?;
        Ok(Some(Self { spec, depth: self.depth }))
    }

    /// The same with this setting.
    pub(super) fn with(&self, name: &str, value: Value) -> Self {
        let mut subject = self.clone();
        subject.spec.settings.insert(name.into(), value);
        subject
    }

    /// The same with this setting, which is that of what it wraps if it is a wrapper.
    pub(super) fn with_inner(&self, name: &str, value: &Value) -> Result<Self> {
        Ok(match self.inner()? {
            Some(inner) => self.with(INNER, json!(inner.with_inner(name, value)?.spec)),
            None => self.with(name, value.clone()),
        })
    }

    pub(super) fn capabilities(&self) -> Result<Capabilities> {
        registry::capabilities(&self.spec)
    }

    pub(super) fn build(&self, space: &Space, key: Key) -> Result<Box<dyn Optimizer>> {
        registry::build(&self.spec, space, key)
    }

    /// [`Subject::build`], or `None` for a space that this optimizer says it cannot search. That its settings are wrong is no such answer.
    pub(super) fn build_if_able(&self, space: &Space, key: Key) -> Result<Option<Box<dyn Optimizer>>> {
        unless(is_inability, self.build(space, key))
    }

    /// [`Subject::build`] with settings that somebody drew or changed, or `None` where they, or the space, are refused.
    pub(super) fn build_if_taken(&self, space: &Space, key: Key) -> Result<Option<Box<dyn Optimizer>>> {
        unless(is_refusal, self.build(space, key))
    }
}

fn unless<T>(refused: fn(&Error) -> bool, built: Result<T>) -> Result<Option<T>> {
    match built {
        Err(error) if refused(&error) => Ok(None),
        built => built.map(Some),
    }
}

impl Held for Subject {
    fn name(&self) -> String {
        self.name()
    }
}

/// The setting by which a wrapper names what it wraps.
const INNER: &str = "inner";

fn named(spec: &Spec) -> String {
    let settings: Vec<String> = spec.settings.iter().map(|(name, value)| setting(spec, name, value)).collect();
    if settings.is_empty() { spec.name.clone() } else { format!("{}({})", spec.name, settings.join(",")) }
}

fn setting(of: &Spec, name: &str, value: &Value) -> String {
    let short =
        |value: &Value| serde_json::from_value::<Spec>(value.clone()).map_or_else(|_| value.to_string(), |part| named(&part));
    let is_part = registry::find(&of.name).is_ok_and(|entry| parts(entry).iter().any(|part| part == name));
    match value {
        Value::Array(items) if is_part => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(",")),
        value if name == INNER => short(value),
        value if is_part => format!("{name}={}", short(value)),
        value => format!("{name}={value}"),
    }
}

/// The settings that name optimizers, one or a list.
fn parts(entry: &Entry) -> Vec<String> {
    let schema = entry.schema();
    let names =
        |property: &Value| [property, &property["items"]].into_iter().any(|s| settings::named(s) == Some(Named::Optimizer));
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.filter(|(_, property)| names(property)).map(|(name, _)| name.clone()).collect()
}

/// Is it a wrapper of one optimizer?
fn is_wrapper(entry: &Entry) -> bool {
    parts(entry).iter().any(|part| part == INNER)
}

/// Those made of optimizers that each optimizer is tried in.
const AROUND_EACH: usize = 1;
/// How many made of made ones there are of each kind.
const DEEPER: usize = 1;

/// Every registered optimizer; each inside one of those that are made of others; and one of these inside each of them, two levels deep.
///
/// Whom one is made of is drawn by name, always in the same way: a new optimizer changes hardly any other pair.
pub fn subjects() -> Vec<Subject> {
    let entries = registry::entries();
    let ids: Vec<&str> = entries.iter().map(|entry| entry.meta.id).collect();
    let makers: Vec<&Entry> = entries.iter().copied().filter(|entry| takes_any(entry)).collect();
    let mut all: Vec<Spec> = ids.iter().map(|id| Spec::new(*id)).collect();
    for id in &ids {
        all.extend(drawn(&makers, id, |maker| made(maker, &ids, Spec::new(*id)), AROUND_EACH));
    }
    for maker in &makers {
        let others: Vec<(&Entry, &str)> = makers.iter().flat_map(|other| ids.iter().map(|id| (*other, *id))).collect();
        let deep = |(other, id): &(&Entry, &str)| made(maker, &ids, made(other, &ids, Spec::new(*id))?);
        all.extend(drawn_by(&others, |(other, id)| lot(&[maker.meta.id, other.meta.id, id]), deep, DEEPER));
    }
    let mut all: Vec<Subject> = all.into_iter().map(|spec| Subject { spec, depth: Depth::of_environment() }).collect();
    let mut known = std::collections::HashSet::new();
    all.retain(|subject| known.insert(subject.name()));
    all
}

/// Is it made of whatever optimizer it is given: by the setting `inner`, or by a list?
fn takes_any(entry: &Entry) -> bool {
    is_wrapper(entry) || list_of(entry).is_some()
}

/// The setting that lists optimizers.
fn list_of(entry: &Entry) -> Option<String> {
    let schema = entry.schema();
    parts(entry).into_iter().find(|part| schema["properties"][part]["items"].is_object())
}

/// The one that is made of this, in a list with two others; `None` where it does not take it.
fn made(maker: &Entry, ids: &[&str], part: Spec) -> Option<Spec> {
    let spec = Spec::new(maker.meta.id);
    let spec = match list_of(maker) {
        Some(list) => {
            let listed = |other: &str| Spec::new(maker.meta.id).with(&list, json!([part, other])).ok();
            let taken = |id: &&str| listed(id).filter(is_taken).map(|_| json!(id));
            let others = drawn_by(ids, |id| lot(&[maker.meta.id, &named(&part), id]), taken, 2);
            let members: Vec<Value> = std::iter::once(json!(part)).chain(others).collect();
            let spec = match maker.meta.size {
                // Each once is enough, and quicker.
                Some(size) => spec.with(size, members.len()),
                None => Ok(spec),
            };
            spec.and_then(|spec| spec.with(&list, Value::Array(members)))
        }
        None => spec.with(INNER, json!(part)),
    };
    spec.ok().filter(is_taken)
}

fn is_taken(spec: &Spec) -> bool {
    !registry::capabilities(spec).is_err_and(|error| is_refusal(&error))
}

fn drawn(makers: &[&Entry], id: &str, made: impl Fn(&Entry) -> Option<Spec>, n: usize) -> Vec<Spec> {
    drawn_by(makers, |maker| lot(&[maker.meta.id, id]), |maker| made(maker), n)
}

/// Of what can be made, the first by lot.
fn drawn_by<T, U>(from: &[T], lot: impl Fn(&T) -> u64, made: impl Fn(&T) -> Option<U>, n: usize) -> Vec<U> {
    let mut order: Vec<&T> = from.iter().collect();
    order.sort_by_key(|one| lot(one));
    order.into_iter().filter_map(made).take(n).collect()
}

/// A number for these names, the same everywhere and always.
fn lot(names: &[&str]) -> u64 {
    let bytes = names.iter().flat_map(|name| name.bytes().chain([0]));
    bytes.fold(Key::new(0), |key, byte| key.fold(u64::from(byte))).to_bits()
}
