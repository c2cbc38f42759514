//! A base and the log of its steps: the tuned file, without data and without one forward pass.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::Path,
};

use serde::Deserialize;

use super::{GgufOptions, copy::WorkingCopy, opened::beside};
use crate::{Error, Result, objective::model::Applied};

/// No first line of a log is longer: it names tensors.
const LONGEST: u64 = 1 << 24;

/// What the first line of a log says, behind the version.
#[derive(Deserialize)]
struct Header {
    trained: String,
    replayed: usize,
    tensors: Vec<String>,
}

/// Leads a copy of the base through the steps of a log, which stands beside the working copy of a [`GgufModel`](super::GgufModel) as `NAME.log`, and writes
/// the file to which they lead: the same bytes as [`GgufModel::save`](super::GgufModel::save) wrote where it was trained. Takes room for a second copy beside `out`.
///
/// # Errors
/// [`Error::File`] for a log that is none, is damaged, or belongs to another base; [`Error::Io`].
pub fn apply(base: impl AsRef<Path>, log: impl AsRef<Path>, out: impl AsRef<Path>) -> Result<Applied> {
    let (base, log, out) = (base.as_ref(), log.as_ref(), out.as_ref());
    let options = options(log)?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Io { path, source }
    };
    let folder = tempfile::tempdir_in(folder).map_err(io(folder))?;
    // Of a copy that is not there, the log makes another.
    let work = folder.path().join("work");
    let steps = fs::read(log).map_err(io(log))?;
    fs::write(beside(&work, "log"), steps).map_err(io(out))?;
    let named = |why: Error| match why {
        Error::File { path, why } if path.starts_with(folder.path()) => Error::File { path: log.into(), why },
        Error::Io { path, source } if path.starts_with(folder.path()) => Error::Io { path: out.into(), source },
        other => other,
    };
    let mut copy = WorkingCopy::open(base, &work, &options).map_err(named)?;
    copy.save(out)?;
    Ok(Applied { steps: copy.steps(), weights: copy.training.space.dim() })
}

/// What a log says is trained.
fn options(log: &Path) -> Result<GgufOptions> {
    let refuse = |why: &str| Error::File { path: log.into(), why: format!("is no log of a GGUF model: {why}") };
    let mut line = String::new();
    let file = File::open(log).map_err(|source| Error::Io { path: log.into(), source })?;
    BufReader::new(file.take(LONGEST)).read_line(&mut line).map_err(|_| refuse("it is no text"))?;
    let (_, text) = line.split_once(' ').ok_or_else(|| refuse("its first line holds no version"))?;
    let header: Header = serde_json::from_str(text).map_err(|e| refuse(&format!("its first line is another ({e})")))?;
    let options = match header.trained.as_str() {
        "scales" => GgufOptions::scales(),
        "codes" => GgufOptions::codes().replay(header.replayed.max(1))?,
        other => return Err(refuse(&format!("it trains {other}, and scales and codes are known"))),
    };
    Ok(header.tensors.iter().fold(options, |options, tensor| options.train(tensor)))
}
