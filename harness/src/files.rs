//! Files and folders: made ready before a run starts, and replaced whole; and paths in JSON and for people.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use moths::durable::check_file;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{Error, Result, output};

/// Makes a folder, and makes sure that these files can be written in it. What writers of them left that were killed goes.
///
/// # Errors
/// As [`check_file`].
pub fn prepare_folder(folder: &Path, files: &[&str]) -> Result<()> {
    make_folder(folder)?;
    files.iter().try_for_each(|file| check_file(folder.join(file)))
}

/// Makes a folder, where there is none, and those it lies in.
///
/// # Errors
/// [`Error::Io`].
pub fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.into(), source })
}

/// Replaces a file by this text, or these bytes: whoever reads it sees the old one or the new one, never a part.
///
/// # Errors
/// As [`moths::durable::replace_file`].
pub fn replace_file(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let io = |source| Error::Io { path: path.into(), source };
    moths::durable::replace_file(path, |out| out.write_all(content.as_ref()).map_err(io))
}

/// The address of a problem as part of a file name: `bbob-f08-d10-i3`.
pub fn file_name(address: &str) -> String {
    address.replace('/', "-")
}

/// A path for scripts; what is no text in it is replaced.
pub fn json(path: &Path) -> Value {
    path.to_string_lossy().into()
}

/// A path for people, on one line.
pub fn words(path: &Path) -> String {
    output::harmless(&path.to_string_lossy(), false).into_owned()
}

/// A path that is read back as it was, also when it is no text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Exact {
    Text(String),
    Other(OsString),
}

impl From<&Path> for Exact {
    fn from(path: &Path) -> Self {
        path.to_str().map_or_else(|| Self::Other(path.into()), |text| Self::Text(text.into()))
    }
}

impl From<Exact> for PathBuf {
    fn from(exact: Exact) -> Self {
        match exact {
            Exact::Text(text) => text.into(),
            Exact::Other(other) => other.into(),
        }
    }
}

/// `#[serde(with = "files::exact")]`: a path that need not be text.
pub mod exact {
    use super::*;

    /// As text where it is text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Exact::from(path).serialize(serializer)
    }

    /// What [`serialize`] wrote.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<PathBuf, D::Error> {
        Exact::deserialize(deserializer).map(Into::into)
    }
}

/// `#[serde(with = "files::exact_or_none")]`: the same of a path that may be missing.
pub mod exact_or_none {
    use super::*;

    /// As text where it is text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        path.as_deref().map(Exact::from).serialize(serializer)
    }

    /// What [`serialize`] wrote.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<PathBuf>, D::Error> {
        Ok(Option::<Exact>::deserialize(deserializer)?.map(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwritable_places_are_found_out() -> std::io::Result<()> {
        let place = tempfile::tempdir()?;
        let file = place.path().join("file");
        fs::write(&file, "")?;
        fs::create_dir(place.path().join("taken"))?;
        assert!(prepare_folder(&file.join("folder"), &[]).is_err());
        assert!(prepare_folder(place.path(), &["taken"]).is_err());
        assert!(check_file(file.join("run.ckpt")).is_err());
        assert!(check_file(place.path().join("missing/run.ckpt")).is_err());
        assert!(check_file(&file).is_ok() && prepare_folder(&place.path().join("a/b"), &["c"]).is_ok());
        assert_eq!(fs::read_dir(place.path().join("a/b"))?.count(), 0);
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn paths_that_are_no_text_are_read_back() -> serde_json::Result<()> {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

        #[derive(Serialize, Deserialize)]
        struct Noted {
            #[serde(with = "exact")]
            one: PathBuf,
            #[serde(with = "exact_or_none")]
            two: Option<PathBuf>,
        }
        for path in [Path::new("ü/x"), Path::new(OsStr::from_bytes(b"a\xff/b"))] {
            let text = serde_json::to_string(&Noted { one: path.into(), two: Some(path.into()) })?;
            let read: Noted = serde_json::from_str(&text)?;
            assert_eq!((&*read.one, read.two.as_deref()), (path, Some(path)));
            assert!(json(path).is_string());
        }
        assert_eq!(words(Path::new("a\n\u{1b}[2J")), "a\\u000a\\u001b[2J");
        Ok(())
    }
}
