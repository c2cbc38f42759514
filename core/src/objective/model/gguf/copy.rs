//! The working copy of a file: what a search moves, on the disk, step by step.
//!
//! A step is made in this order, so that a program may be killed between any two of them:
//!
//! 1. the bytes that change are written down beside the copy, as they are and as they become ([`changes`]);
//! 2. they are written into the copy;
//! 3. the step is written into the log ([`Log`]): now it has been made;
//! 4. what was written down goes.
//!
//! Whoever opens the copy and finds bytes written down for a step that is not in the log writes them back as they were.
//!
//! A copy that goes back is made anew, put in the place of the other, and the log stays as it is until the next step. In between a
//! file beside it says that the copy is not what the log ends with: whoever opens it then makes it again.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use candle_core::quantized::gguf_file::Content;

use super::{
    changes::{self, Changes, Side},
    finite,
    log::Log,
    opened::{Opened, beside},
    options::GgufOptions,
    replay::{Training, remembered},
    step::Step,
    tensors,
};
use crate::{
    Error, Result,
    durable::{Claim, replace_file, seal::Seal, sync_folder},
};

/// A copy of a base file that nobody else writes, with the steps that were made in it.
pub(super) struct WorkingCopy {
    pub(super) training: Training,
    base: Opened,
    pub(super) copy: Opened,
    pub(super) log: Log,
    /// Of the steps before the one that is made, so many are looked at.
    held: usize,
    /// Where changed bytes are written down.
    changes: PathBuf,
    /// It is there while the copy may not be what the log ends with.
    stale: PathBuf,
    _claim: Claim,
}

impl WorkingCopy {
    /// Opens the copy at `copy`, or makes it.
    ///
    /// # Errors
    /// As [`GgufModel::open`](super::GgufModel::open).
    pub(super) fn open(base: &Path, copy: &Path, options: &GgufOptions) -> Result<Self> {
        let base = Opened::new(base, false)?;
        let content = Content::read(&mut &base.file)?;
        let tensors = tensors::chosen(&content, base.len, &options.patterns, options.what)?;
        finite::check(&content, &base)?;
        let space = tensors::space(&tensors, options.what)?;
        let training = Training { what: options.what, tensors, space };
        let claim = Claim::take(copy)?;
        let (header, log) = (header(&base, &training, options)?, beside(copy, "log"));
        if !exists(&log)? {
            if exists(copy)? {
                let why = format!("is no working copy, as there is no {} beside it: name another place", log.display());
                return Err(Error::File { path: copy.into(), why });
            }
            Log::create(&log, &header)?;
        }
        let (held, changes, stale) = (options.held(), beside(copy, "changes"), beside(copy, "stale"));
        let unfinished = changes::sealed(&changes)?;
        let log = Log::open(&log, &header, held, unfinished)?;
        // A line was lost without a list that undoes its step: the copy may have it.
        if log.is_torn() && unfinished != Some(log.version()) {
            mark(&stale)?;
        }
        let opened = if exists(&stale)? || !exists(copy)? {
            training.rebuild(&base, &log.find(log.version())?.map_or(vec![], |(_, steps)| steps), held, copy)?
        } else {
            Opened::new(copy, true)?
        };
        let mut this = Self { training, base, copy: opened, log, held, changes, stale, _claim: claim };
        if this.copy.len != this.base.len {
            let why = format!("has {} bytes, and its base {}", this.copy.len, this.base.len);
            return Err(Error::File { path: copy.into(), why });
        }
        this.mend()?;
        this.unmark()?;
        Ok(this)
    }

    pub(super) fn version(&self) -> u64 {
        self.log.version()
    }

    pub(super) fn steps(&self) -> u64 {
        self.log.steps()
    }

    pub(super) fn path(&self) -> &Path {
        &self.copy.path
    }

    /// The copy, and how long it is.
    pub(super) fn file(&self) -> (&File, u64) {
        (&self.copy.file, self.copy.len)
    }

    /// Finishes what was broken off: a step that is not in the log is undone. Until that is so, nobody is to use the copy.
    ///
    /// # Errors
    /// [`Error::Io`]: it can be tried again.
    pub(super) fn mend(&mut self) -> Result<()> {
        let listed = exists(&self.changes)?;
        if listed && changes::sealed(&self.changes)? == Some(self.log.version()) {
            changes::write(&self.changes, Side::Before, &self.copy.file, &self.copy.path)?;
        }
        self.log.settle()?;
        if listed { self.forget() } else { Ok(()) }
    }

    /// Makes a step, in the place of those that come after where the copy is. On failure the copy is as it was, or will be once it is
    /// [mended](Self::mend).
    ///
    /// # Errors
    /// [`Error::Shape`] for noise over another space; [`Error::Io`].
    pub(super) fn advance(&mut self, step: Step) -> Result<()> {
        self.mend()?;
        let made = self.write_down(&step).and_then(|()| self.make(step));
        if made.is_err() {
            self.mend()?;
        }
        made
    }

    /// Part 1: the bytes that a step changes.
    pub(super) fn write_down(&self, step: &Step) -> Result<()> {
        let steps = remembered(self.log.last(), step);
        let anchored = steps.iter().any(|step| step.anchor > 0.0);
        let mut changes = Changes::create(&self.changes, self.log.version())?;
        let (mut before, mut after, mut first) = (vec![], vec![], vec![]);
        self.training.with_motion(&steps, self.log.version(), |motion| {
            self.training.each_piece(|tensor, from, place, len| {
                before.resize(len, 0);
                self.copy.read(place, &mut before)?;
                if anchored {
                    first.resize(len, 0);
                    self.base.read(place, &mut first)?;
                }
                after.clone_from(&before);
                motion.apply(tensor, from, &mut after, if anchored { &first } else { &before });
                changes.add(place, &before, &after)
            })
        })??;
        changes.seal()
    }

    /// Parts 2 to 4.
    fn make(&mut self, step: Step) -> Result<()> {
        changes::write(&self.changes, Side::After, &self.copy.file, &self.copy.path)?;
        self.log.append(step)?;
        // The step has been made. What was written down is of another version now, and nobody will look at it.
        let _ = self.forget();
        let _ = self.unmark();
        Ok(())
    }

    /// Goes to another version, if the log has it: the copy is made again from the base and the steps up to there. Later steps stay in
    /// the log until another is made. Whether it had it.
    ///
    /// # Errors
    /// As [`open`](Self::open); the copy is then what it was.
    pub(super) fn rewind(&mut self, version: u64) -> Result<bool> {
        if version == self.log.version() {
            return Ok(true);
        }
        let Some((at, steps)) = self.log.find(version)? else { return Ok(false) };
        mark(&self.stale)?;
        let made = self.training.rebuild(&self.base, &steps, self.held, &self.copy.path).map(|made| {
            self.copy = made;
            self.log.go(at);
            true
        });
        // Left there, the copy is made again to no purpose.
        let _ = self.unmark();
        made
    }

    /// Writes the file as it is now to another place.
    ///
    /// # Errors
    /// As [`replace_file`]; [`Error::File`] for the places of the copy and of its base.
    pub(super) fn save(&mut self, path: &Path) -> Result<()> {
        self.mend()?;
        for own in [&self.base.path, &self.copy.path] {
            if matches!((own.canonicalize(), path.canonicalize()), (Ok(own), Ok(path)) if own == path) {
                return Err(Error::File { path: path.into(), why: "is the model's own file: name another place".into() });
            }
        }
        let io = |source| Error::Io { path: path.into(), source };
        replace_file(path, |out| self.copy.each(0, self.copy.len, |bytes| out.write_all(bytes).map_err(io)))
    }

    /// The copy is what the log ends with, if it is.
    fn unmark(&self) -> Result<()> {
        if !self.log.is_at_end() || !exists(&self.stale)? {
            return Ok(());
        }
        sync_folder(&self.copy.path)?;
        fs::remove_file(&self.stale).map_err(|source| Error::Io { path: self.stale.clone(), source })
    }

    fn forget(&self) -> Result<()> {
        fs::remove_file(&self.changes).map_err(|source| Error::Io { path: self.changes.clone(), source })
    }
}

/// Which base, and what is trained of it and how: what the versions of a copy begin with.
fn header(base: &Opened, training: &Training, options: &GgufOptions) -> Result<String> {
    let mut seal = Seal::new();
    base.each(0, base.len, |bytes| {
        seal.add(bytes);
        Ok(())
    })?;
    let names: Vec<&str> = training.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let header = serde_json::json!({
        "moths": "gguf",
        "format": 1,
        "base": seal.digits(),
        "bytes": base.len,
        "trained": training.what.name(),
        "replayed": options.held(),
        "tensors": names,
    });
    Ok(header.to_string())
}

/// Whoever opens the copy is to make it again.
fn mark(stale: &Path) -> Result<()> {
    if exists(stale)? { Ok(()) } else { replace_file(stale, |_| Ok(())) }
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists().map_err(|source| Error::Io { path: path.into(), source })
}
