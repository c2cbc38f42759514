//! Folders of runs: appended to, never overwritten.
//!
//! A folder holds a manifest, which says what was run, and `runs.jsonl`, one run a line. A run is written when it has ended. A program that
//! is killed in the middle of a line leaves a line without an end, which the next one cuts off; a full disk ends the bench or race with
//! the folder as it was before that line. Both files hold a [`checksum`](moths::durable::checksum), `check`, which other programs may leave out. Lines that are no runs are moved to `runs.damaged.jsonl`, and what they were is run again.

mod appender;
mod lines;
mod manifest;

use std::{fs, io, marker::PhantomData, path::Path};

use moths::durable::Claim;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result, files};
pub(crate) use appender::Appender;
use lines::Lines;
pub(crate) use lines::{is_cut_off, line, run as record};

/// The file of the runs.
pub const RUNS: &str = "runs.jsonl";
/// Where lines go that are no runs.
pub const DAMAGED: &str = "runs.damaged.jsonl";

/// A run that is kept.
pub trait Kept: Serialize + DeserializeOwned {
    /// What is said of all runs of a folder.
    type Manifest: Serialize + DeserializeOwned + Clone + PartialEq;
    /// The file of the manifest.
    const MANIFEST: &'static str;
    /// The format of such folders. A folder of another format is refused.
    const FORMAT: u32;

    /// The manifest of old runs and new ones.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the two could not stand side by side.
    fn joined(there: Self::Manifest, wanted: &Self::Manifest) -> Result<Self::Manifest>;

    /// Why this run cannot be of a folder with this manifest.
    fn misfit(&self, manifest: &Self::Manifest) -> Option<String>;
}

/// A folder that runs are added to. Only one program at a time may hold it.
#[derive(Debug)]
pub struct Store<R> {
    runs: Appender,
    _held: Claim,
    kept: PhantomData<fn(R)>,
}

/// A folder, and what is in it.
#[derive(Debug)]
pub struct Opened<R: Kept> {
    /// Where runs are added.
    pub store: Store<R>,
    /// What is said of old and new runs together.
    pub manifest: R::Manifest,
    /// The runs that are there.
    pub runs: Vec<R>,
    /// What was wrong with lines that were moved away, a sentence each.
    pub damage: Vec<String>,
}

/// A folder that was read, and what was wrong with lines that are no runs.
pub type Read<R> = (<R as Kept>::Manifest, Vec<R>, Vec<String>);

impl<R: Kept> Store<R> {
    /// Opens a folder, or makes it; what it holds stays.
    ///
    /// # Errors
    /// [`Error::File`] for a folder of another format, one that another program is writing to, and one whose runs are not those of its
    /// manifest; [`Error::Invalid`] when what it holds could not stand beside the new runs; [`Error::Io`].
    ///
    /// `other` says why a run is none of those that are wanted, beyond what its manifest tells.
    pub fn open(folder: &Path, wanted: &R::Manifest, other: impl Fn(&R) -> Option<String>) -> Result<Opened<R>> {
        files::prepare_folder(folder, &[R::MANIFEST, RUNS])?;
        let (path, about) = (folder.join(RUNS), folder.join(R::MANIFEST));
        let held = Claim::take(&path)?;
        let bytes = bytes(&path)?;
        let there = manifest::read::<R>(&about)?;
        if there.is_none() && !bytes.is_empty() {
            return Err(refused(&path, &without_a_manifest::<R>()));
        }
        let manifest = there.clone().map_or_else(|| Ok(wanted.clone()), |there| R::joined(there, wanted))?;
        let lines = Lines::<R>::of(&path, &bytes);
        lines.fit(|run| run.misfit(&manifest).or_else(|| other(run)))?;
        let damage = lines.set_aside(&folder.join(DAMAGED))?;
        if !bytes.starts_with(&lines.whole) {
            files::replace_file(&path, &lines.whole)?;
        }
        if there.as_ref() != Some(&manifest) {
            files::replace_file(&about, manifest::pretty(&manifest)?)?;
        }
        let store = Self { runs: Appender::open(&path, lines.whole.len() as u64)?, _held: held, kept: PhantomData };
        Ok(Opened { store, manifest, runs: lines.runs, damage })
    }

    /// Adds a run: a whole line, or nothing.
    ///
    /// # Errors
    /// [`Error::Io`], a full disk for instance; the folder then is as it was before.
    pub fn append(&mut self, run: &R) -> Result<()> {
        let text = serde_json::to_string(run).map_err(|e| refused(self.runs.path(), &e.to_string()))?;
        self.runs.append(&lines::line(&text))
    }

    /// Makes sure that everything is on the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        self.runs.sync()
    }
}

/// What is in a folder, without holding it: a program may be writing to it. Nothing is changed.
///
/// # Errors
/// [`Error::File`] for a folder that holds no such runs, or of another format; [`Error::Io`].
pub fn read<R: Kept>(folder: &Path) -> Result<Read<R>> {
    let about = folder.join(R::MANIFEST);
    let none = || refused(folder, &format!("is no folder of results: it holds no `{}`", R::MANIFEST));
    let manifest = manifest::read::<R>(&about)?.ok_or_else(none)?;
    let path = folder.join(RUNS);
    let lines = Lines::<R>::of(&path, &bytes(&path)?);
    lines.fit(|run| run.misfit(&manifest))?;
    let damage = lines.damaged.iter().map(|line| format!("{}: {}; it is left out", files::words(&path), line.why)).collect();
    Ok((manifest, lines.runs, damage))
}

/// The bytes of a file, none where there is no file.
fn bytes(path: &Path) -> Result<Vec<u8>> {
    // A pipe would be waited for.
    if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Err(refused(path, "is no regular file"));
    }
    match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        read => read.map_err(io_at(path)),
    }
}

fn without_a_manifest<R: Kept>() -> String {
    format!(
        "is there without `{0}`, which says of what runs: put that file back, or name another folder; nothing was changed",
        R::MANIFEST
    )
}

fn refused(path: &Path, why: &str) -> Error {
    Error::File { path: path.into(), why: why.into() }
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path: path.clone(), source }
}
