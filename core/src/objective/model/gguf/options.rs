//! What is trained of a file, and how.

use std::path::Path;

use candle_core::quantized::gguf_file::Content;

use super::{Trained, finite, opened::Opened, tensors};
use crate::{Error, Result, rng::Key, space::Space};

/// What of a [`GgufModel`](super::GgufModel) is searched.
///
/// ```
/// use moths_core::objective::model::gguf::GgufOptions;
///
/// let some = GgufOptions::scales().train("blk.*.attn_*").train("output.weight");
/// let codes = GgufOptions::codes().replay(32)?;
/// # let _ = (some, codes);
/// # Ok::<(), moths_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GgufOptions {
    pub(super) what: Trained,
    pub(super) patterns: Vec<String>,
    pub(super) key: Key,
    pub(super) stochastic: bool,
    replay: usize,
}

impl GgufOptions {
    /// The scales of blocks are searched, one coordinate a block: its f16 factor, or both where it has two. A displacement x
    /// makes a factor d d (1 + x). All ten types.
    ///
    /// As QZO (arXiv:2505.13430) does, for which the optimizer `qzo` is made.
    pub fn scales() -> Self {
        Self::of(Trained::Scales)
    }

    /// The integer codes are searched, one coordinate a weight: a displacement of 1 is one step of the code. All ten types.
    ///
    /// As QES (arXiv:2602.03120) does, for which the optimizer `qes` is made.
    pub fn codes() -> Self {
        Self::of(Trained::Codes)
    }

    fn of(what: Trained) -> Self {
        Self { what, patterns: vec![], key: Key::new(0), stochastic: false, replay: 16 }
    }

    /// Trains these tensors; of several calls all are trained. `*` in a name is any number of letters; a name without one means
    /// whole parts of the beginning: `blk.3` is all of that block. Tensors of floats among those that are meant stay as they are.
    ///
    /// Default: all quantised matrices but `token_embd`.
    pub fn train(mut self, tensors: &str) -> Self {
        self.patterns.push(tensors.into());
        self
    }

    /// How many steps back the residuals of [`codes`](Self::codes) go: 1 to 1000, default 16. What a step rounds away is
    /// remembered for as many steps, and every step draws the noise of all of them again: a step costs so many times the seeds of
    /// a step, in draws.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number out of this range.
    pub fn replay(self, steps: usize) -> Result<Self> {
        if !(1..=1000).contains(&steps) {
            return Err(Error::invalid("replay", steps, "1 to 1000 steps"));
        }
        Ok(Self { replay: steps, ..self })
    }

    /// The loss uses the key it is given: for minibatches.
    pub fn stochastic(self) -> Self {
        Self { stochastic: true, ..self }
    }

    /// The key that the keys of the loss follow from.
    pub fn key(self, key: Key) -> Self {
        Self { key, ..self }
    }

    /// The space that a model of this file has: what of it is trained. Nothing is made.
    ///
    /// # Errors
    /// Those of [`GgufModel::open`](super::GgufModel::open) that are of the file and of what is to be trained.
    pub fn space(&self, base: impl AsRef<Path>) -> Result<Space> {
        let base = Opened::new(base.as_ref(), false)?;
        let content = Content::read(&mut &base.file)?;
        finite::check(&content, &base)?;
        tensors::space(&tensors::chosen(&content, base.len, &self.patterns, self.what)?, self.what)
    }

    /// How many steps before the one that is made are looked at.
    pub(super) fn held(&self) -> usize {
        match self.what {
            Trained::Scales => 0,
            Trained::Codes => self.replay,
        }
    }
}
