//! The file that says of what a folder holds runs.

use std::path::Path;

use moths::durable::checksum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Kept, bytes, refused};
use crate::{Result, output::harmless};

/// None where there is no file.
pub(super) fn read<R: Kept>(path: &Path) -> Result<Option<R::Manifest>> {
    let text = bytes(path)?;
    if text.is_empty() && !path.exists() {
        return Ok(None);
    }
    #[derive(Deserialize)]
    struct Format {
        format: u32,
        #[serde(default)]
        program: String,
    }
    let invalid = |e: serde_json::Error| refused(path, &format!("is not the manifest of a results folder ({e})"));
    let Format { format, program } = serde_json::from_slice(&text).map_err(invalid)?;
    if format != R::FORMAT {
        let program = harmless(&program, false);
        let why = format!("has format {format}, written by {program}; this program reads format {}", R::FORMAT);
        return Err(refused(path, &why));
    }
    let mut whole: Value = serde_json::from_slice(&text).map_err(invalid)?;
    let check = whole.as_object_mut().and_then(|fields| fields.remove(CHECK));
    if check.is_some_and(|check| check != *check_of(&whole)) {
        return Err(refused(path, "is damaged: it is not what was written"));
    }
    serde_json::from_value(whole).map(Some).map_err(invalid)
}

/// With a checksum of all else.
pub(super) fn pretty(manifest: &impl Serialize) -> Result<String> {
    let no_json = |e| crate::Error::unsupported("the manifest", format!("is no JSON: {e}"));
    let mut whole = serde_json::to_value(manifest).map_err(no_json)?;
    let check = check_of(&whole);
    whole.as_object_mut().map(|fields| fields.insert(CHECK.into(), check.into()));
    serde_json::to_string_pretty(&whole).map_err(no_json)
}

/// The field of the checksum.
const CHECK: &str = "check";

/// The checksum of a manifest without one: of its JSON in one line, fields in the order of their names.
fn check_of(whole: &Value) -> String {
    format!("{:016x}", checksum(whole.to_string().as_bytes()))
}
