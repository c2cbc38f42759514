//! The file that says of what a folder holds runs.

use std::path::Path;

use serde::{Deserialize, Serialize};

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
    serde_json::from_slice(&text).map(Some).map_err(invalid)
}

pub(super) fn pretty(manifest: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(manifest).map_err(|e| crate::Error::unsupported("the manifest", format!("is no JSON: {e}")))
}
