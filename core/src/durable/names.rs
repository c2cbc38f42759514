//! What stands beside a file, by name.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::rng::Key;

/// What temporary files end with.
pub(super) const TEMPORARY: &str = ".tmp";

/// The folder a file is in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `.moths-TAG`: short enough beside the longest of names, and the same for a name that is no text.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let tag = name.as_encoded_bytes().iter().fold(Key::new(0), |key, byte| key.fold(u64::from(*byte)));
    format!(".moths-{:016x}", tag.to_bits())
}

/// What the temporary files of this one begin with.
pub(super) fn prefix(path: &Path) -> String {
    stem(path) + "-"
}

/// Is it the name of a temporary file with this prefix?
pub(super) fn is_temporary(name: &OsStr, prefix: &str) -> bool {
    let rest = name.to_str().and_then(|name| name.strip_prefix(prefix)?.strip_suffix(TEMPORARY));
    rest.is_some_and(|chance| chance.len() == super::temporary::CHANCE && chance.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// Where the lock of this file is.
pub(super) fn lock(path: &Path) -> PathBuf {
    folder(path).join(stem(path) + ".lock")
}

/// Is the open file still the one of this name? Another program may have removed it meanwhile, and made a new one.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (open.dev(), open.ino()) == (there.dev(), there.ino())
    }
    // Where an open file keeps its name, it is enough that there is one.
    #[cfg(not(unix))]
    {
        open.is_file() && there.is_file()
    }
}
