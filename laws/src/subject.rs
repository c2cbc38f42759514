//! Who is held against the laws.

use serde_json::{Value, json};

use super::{Depth, Held, broken::is_refusal};
use moths_core::{Error, Key, Optimizer, Result, Space, Spec, optimizer::Capabilities, registry};

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

    /// A short name for tests: `pso`, `undo(pso)`, `pso(particles=80)`.
    pub fn name(&self) -> String {
        let setting = |(name, value): (&String, &Value)| match value {
            Value::String(inner) if name == INNER => inner.clone(),
            value => format!("{name}={value}"),
        };
        let settings: Vec<String> = self.spec.settings.iter().map(setting).collect();
        if settings.is_empty() { self.spec.name.clone() } else { format!("{}({})", self.spec.name, settings.join(",")) }
    }

    /// Is it a wrapper of another optimizer?
    pub(super) fn wraps(&self) -> Result<bool> {
        Ok(registry::find(&self.spec.name)?.schema()["properties"].get(INNER).is_some())
    }

    /// What it wraps, if it is a wrapper.
    pub(super) fn inner(&self) -> Result<Option<Self>> {
        if !self.wraps()? {
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

    /// [`Subject::build`], or `None` for a space that this optimizer says it cannot search.
    pub(super) fn build_if_able(&self, space: &Space, key: Key) -> Result<Option<Box<dyn Optimizer>>> {
        match self.build(space, key) {
            Err(error) if is_refusal(&error) => Ok(None),
            built => built.map(Some),
        }
    }
}

impl Held for Subject {
    fn name(&self) -> String {
        self.name()
    }
}

/// The setting by which a wrapper names what it wraps.
const INNER: &str = "inner";

/// Every registered optimizer, and every wrapper around every one of them that it takes: a wrapper is what has a setting `inner`.
pub fn subjects() -> Vec<Subject> {
    let ids: Vec<&str> = registry::entries().iter().map(|entry| entry.meta.id).collect();
    let alone = ids.iter().map(|id| Spec::new(*id));
    let wrappers = registry::entries().into_iter().filter(|entry| entry.schema()["properties"].get(INNER).is_some());
    let wrapped = wrappers.flat_map(|wrapper| ids.iter().map(move |id| around(wrapper.meta.id, id)));
    let taken = |spec: &Spec| !registry::capabilities(spec).is_err_and(|error| is_refusal(&error));
    alone.chain(wrapped.filter(taken).collect::<Vec<_>>()).map(|spec| Subject { spec, depth: Depth::of_environment() }).collect()
}

fn around(wrapper: &str, inner: &str) -> Spec {
    Spec { name: wrapper.into(), settings: [(INNER.to_owned(), json!(inner))].into_iter().collect() }
}
