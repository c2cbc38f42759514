//! Who runs: names and settings on the command line.

use moths::{Spec, registry};

use crate::{Error, Result, names};

/// All that need nothing but losses.
pub(super) fn derivative_free() -> Vec<Spec> {
    let entries = registry::entries().into_iter().filter(|e| e.meta.capabilities.needs_only_losses());
    entries.map(|e| Spec::new(e.meta.id)).collect()
}

/// Everything in the registry.
pub(super) fn everyone() -> Vec<Spec> {
    registry::entries().into_iter().map(|e| Spec::new(e.meta.id)).collect()
}

/// `a,b,c`, or one in JSON, or a JSON list.
pub(super) fn listed(text: &str) -> Result<Vec<Spec>> {
    let specs: Vec<Spec> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|e| Error::invalid("--optimizers", text, e.to_string()))?
    } else if text.trim_start().starts_with('{') {
        vec![text.parse()?]
    } else {
        text.split(',').map(|name| name.parse()).collect::<Result<_>>()?
    };
    let specs: Vec<Spec> = specs.into_iter().map(names::settled).collect();
    if let Some(twice) = specs.iter().enumerate().find(|(i, spec)| specs[..*i].contains(spec)) {
        return Err(Error::invalid("--optimizers", twice.1, "every optimizer once"));
    }
    if specs.is_empty() { Err(Error::invalid("--optimizers", text, "at least one")) } else { Ok(specs) }
}
