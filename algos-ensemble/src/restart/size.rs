//! The size of whatever is wrapped, and the same optimizer with another one.

use moths_core::{Error, Key, Result, Space, Spec, optimizer::settings, registry};
use serde_json::{Map, Value, json};

use super::Run;

/// How far a size may be raised until it is taken.
const STRIDE: u64 = 8;

/// What is known of the size of a wrapped optimizer, λ.
#[derive(Default)]
pub(super) struct Size {
    /// λ_0; none where it follows from the dimension, or there is none.
    pub(super) first: Option<u64>,
    /// The largest; none: there is no size.
    pub(super) most: Option<f64>,
}

impl Size {
    /// Of the optimizer that a spec names.
    pub(super) fn of(spec: &Spec) -> Result<Self> {
        let (spec, entry) = sized(spec)?;
        let Some(name) = entry.meta.size else { return Ok(Self { first: None, most: None }) };
        let property = property(&spec, name)?;
        let first = spec.settings.get(name).unwrap_or(&property["default"]).as_u64();
        let limits = settings::choices(&property).into_iter().filter_map(|choice| choice["maximum"].as_u64());
        Ok(Self { first, most: Some(limits.max().unwrap_or(u64::from(u32::MAX)) as f64) })
    }

    /// The wrapped optimizer as a run has it: of the nearest size that it takes.
    pub(super) fn spec(&self, inner: &Spec, run: Run, space: &Space, key: Key) -> Result<Spec> {
        let of = |size: u64| changed(inner, size, run.factor);
        let is_taken =
            |spec: &Spec| !matches!(registry::build(spec, space, key), Err(Error::Invalid { .. } | Error::Unknown { .. }));
        let near = if run.size > 0 { run.size..run.size.saturating_add(STRIDE) } else { 0..0 };
        for size in near {
            let spec = of(size)?;
            if is_taken(&spec) {
                return Ok(spec);
            }
        }
        // Where no size near is taken, that of the settings is.
        of(0)
    }
}

/// The spec, and what is registered, of the innermost optimizer of a wrapper: the first from outside that has a size or wraps nothing.
fn sized(spec: &Spec) -> Result<(Spec, &'static registry::Entry)> {
    let entry = registry::find(&spec.name)?;
    match wrapped(spec)? {
        Some(inner) if entry.meta.size.is_none() => sized(&inner),
        _ => Ok((spec.clone(), entry)),
    }
}

/// What a wrapper wraps.
fn wrapped(spec: &Spec) -> Result<Option<Spec>> {
    let default = property(spec, "inner")?;
    let inner = spec.settings.get("inner").unwrap_or(&default["default"]);
    Ok(if default.is_null() { None } else { serde_json::from_value(inner.clone()).ok() })
}

/// The schema of a setting; null: there is no such setting.
fn property(spec: &Spec, name: &str) -> Result<Value> {
    Ok(registry::find(&spec.name)?.schema()["properties"].get(name).cloned().unwrap_or(Value::Null))
}

/// The same with this size, unless it is 0 or there is none, and with `factor` times its σ where there is one.
fn changed(spec: &Spec, size: u64, factor: f64) -> Result<Spec> {
    let meta = registry::find(&spec.name)?.meta;
    let mut settings = Map::new();
    if let (None, Some(inner)) = (meta.size, wrapped(spec)?) {
        settings.insert("inner".into(), json!(changed(&inner, size, factor)?));
    }
    if let (Some(name), true) = (meta.size, size > 0) {
        settings.insert(name.into(), json!(size));
    }
    let default = property(spec, "sigma")?;
    if factor != 1.0
        && let Some(sigma) = spec.settings.get("sigma").unwrap_or(&default["default"]).as_f64()
    {
        settings.insert("sigma".into(), json!(factor * sigma));
    }
    let mut spec = spec.clone();
    spec.settings.extend(settings);
    Ok(spec)
}

/// Is this the wrapped optimizer, whatever its size and σ?
pub(super) fn is_of(spec: &Spec, inner: &Spec) -> bool {
    let Ok(entry) = registry::find(&inner.name) else { return false };
    let free = |name: &str| name == "sigma" || entry.meta.size == Some(name) || (entry.meta.size.is_none() && name == "inner");
    let said = |spec: &Spec| {
        spec.settings.iter().filter(|(name, _)| !free(name)).map(|(n, v)| (n.clone(), v.clone())).collect::<Map<_, _>>()
    };
    let parts = match (entry.meta.size, wrapped(spec), wrapped(inner)) {
        (None, Ok(Some(a)), Ok(Some(b))) => is_of(&a, &b),
        _ => true,
    };
    spec.name == inner.name && said(spec) == said(inner) && parts
}
