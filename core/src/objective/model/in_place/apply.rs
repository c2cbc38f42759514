//! A base and the log of a fine-tune: the tuned model, without data and without one forward pass.

use std::{fs, path::Path};

use candle_core::Tensor;

use super::{trained::Trained, tune::Contents};
use crate::{
    Error, Result, durable,
    objective::model::{save, weights::Weights},
};

/// What [`apply`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// Steps of the log.
    pub steps: u64,
    /// Weights that are trained.
    pub weights: usize,
}

/// Leads a copy of the base through the steps of a log ([`InPlaceModel::log_to`](super::InPlaceModel::log_to)), and writes the model to which they lead: the same bytes as
/// [`InPlaceModel::save`](super::InPlaceModel::save) wrote where it was trained.
///
/// # Errors
/// [`Error::File`] for a log that is none, is damaged, or belongs to another base; [`Error::Io`].
pub fn apply(base: &Weights, log: impl AsRef<Path>, out: impl AsRef<Path>) -> Result<Applied> {
    let log = log.as_ref();
    let refuse = |why: String| Error::File { path: log.into(), why };
    durable::check_readable(log)?;
    let bytes = fs::read(log).map_err(|source| Error::Io { path: log.into(), source })?;
    let contents = Contents::read(&bytes).map_err(refuse)?;
    let mut trained = contents.head.place(base).map_err(|why| refuse(format!("does not belong to this base: {why}")))?;
    if contents.head.origin != trained.origin_digits() {
        return Err(refuse("belongs to a base of the same tensors with other values".into()));
    }
    let entries = contents.entries(contents.len(), &trained.space).map_err(refuse)?;
    entries.iter().try_for_each(|entry| trained.take(entry))?;
    save::save(out.as_ref(), Some(base), now(&contents, &trained, base)?)?;
    Ok(Applied { steps: contents.len(), weights: trained.space.dim() })
}

/// What is trained, and what is new and frozen.
fn now(contents: &Contents, trained: &Trained, base: &Weights) -> Result<Vec<(String, Tensor)>> {
    let frozen = contents.head.tensors.iter().filter(|tensor| tensor.unit.is_none());
    let frozen = frozen.map(|tensor| Ok((tensor.name.clone(), tensor.base(base)?.tensor(&tensor.shape, tensor.dtype()?)?)));
    frozen.chain(trained.now().map(Ok)).collect()
}
