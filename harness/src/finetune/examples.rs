//! Sentences as tokens.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use moths::Key;
use tokenizers::Tokenizer;

use super::{base::Base, text::Text};
use crate::{Error, Result, problem::below};

/// Sentences as numbers of tokens, and the class of each. Cloning copies no data.
#[derive(Clone)]
pub struct Examples {
    tokens: Arc<[Arc<[u32]>]>,
    labels: Arc<[u32]>,
    pad: u32,
    come_again: bool,
}

/// Some sentences, padded to the longest of them.
pub(super) struct Batch {
    /// Is what frozen layers make of them to be kept?
    pub(super) comes_again: bool,
    /// Their tokens.
    pub(super) sentences: Vec<Arc<[u32]>>,
    /// \[n, t\]
    pub(super) ids: Tensor,
    /// 1 where there is a token, \[n, t\].
    pub(super) mask: Tensor,
    /// \[n\]
    pub(super) labels: Tensor,
}

impl Examples {
    /// Sentences of at most so many tokens; of longer ones what comes first.
    ///
    /// # Errors
    /// [`Error::File`] for labels that are not among the classes, and for tokens that the model does not have.
    pub fn new(text: &Text, classes: &[String], base: &Base, tokenizer: &Tokenizer, most: usize) -> Result<Self> {
        let [begin, end] = base.ends(tokenizer)?;
        let refuse = |why: String| Error::File { path: text.path().into(), why };
        let encode = |sentence: &str| {
            let encoded =
                tokenizer.encode_fast(sentence, false).map_err(|e| refuse(format!("cannot be made tokens of ({e})")))?;
            let ids = encoded.get_ids();
            let ids: Arc<[u32]> =
                [begin].into_iter().chain(ids.iter().copied().take(most.saturating_sub(2))).chain([end]).collect();
            match ids.iter().find(|id| **id as usize >= base.config.vocab_size) {
                Some(id) => Err(refuse(format!("has the token {id}, and the model knows {}", base.config.vocab_size))),
                None => Ok(ids),
            }
        };
        let tokens = text.texts().map(encode).collect::<Result<Vec<_>>>()?;
        let pad = base.config.pad_token_id as u32;
        Ok(Self { tokens: tokens.into(), labels: text.labels(classes)?.into(), pad, come_again: false })
    }

    /// These sentences as such that are seen again and again: what frozen layers make of them is kept.
    pub fn seen_again(self) -> Self {
        Self { come_again: true, ..self }
    }

    /// Sentences that are tokens already, and the class of each.
    pub(super) fn of(tokens: Vec<Vec<u32>>, labels: Vec<u32>) -> Self {
        let tokens = tokens.into_iter().map(Arc::from).collect();
        Self { tokens, labels: labels.into(), pad: 0, come_again: false }
    }

    /// At most so many of them, evenly.
    pub fn some(&self, most: usize) -> Self {
        let rows = self.spread(most);
        let tokens = rows.iter().map(|row| Arc::clone(&self.tokens[*row])).collect();
        let labels = rows.iter().map(|row| self.labels[*row]).collect();
        Self { tokens, labels, ..self.clone() }
    }

    fn spread(&self, most: usize) -> Vec<usize> {
        let taken = most.min(self.len());
        (0..taken).map(|i| i * self.len() / taken).collect()
    }

    /// How many sentences.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class of each.
    pub(super) fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The tokens of one.
    pub(super) fn tokens(&self, row: usize) -> &[u32] {
        &self.tokens[row]
    }

    /// The classes of the sentences of these numbers, \[n\].
    pub(super) fn classes(&self, rows: &[usize]) -> candle_core::Result<Tensor> {
        let labels: Vec<u32> = rows.iter().map(|row| self.labels[*row]).collect();
        Tensor::new(labels, &Device::Cpu)
    }

    /// The numbers of so many, drawn with replacement by a key.
    pub(super) fn drawn(&self, size: usize, key: Key) -> Vec<usize> {
        (0..size as u64).map(|i| below(self.len(), key.fold(i))).collect()
    }

    /// A minibatch of so many, drawn with replacement by a key.
    pub(super) fn minibatch(&self, size: usize, key: Key) -> candle_core::Result<Batch> {
        self.batch(&self.drawn(size, key))
    }

    /// At most so many of them, evenly, in batches of sentences about as long as each other.
    pub(super) fn batches(&self, most: usize, size: usize) -> Vec<Vec<usize>> {
        let mut rows = self.spread(most);
        rows.sort_by_key(|row| (self.tokens[*row].len(), *row));
        rows.chunks(size).map(<[usize]>::to_vec).collect()
    }

    /// The sentences of these numbers.
    pub(super) fn batch(&self, rows: &[usize]) -> candle_core::Result<Batch> {
        let longest = rows.iter().map(|row| self.tokens[*row].len()).max().unwrap_or(0);
        let shape = (rows.len(), longest);
        let (mut ids, mut mask) = (vec![self.pad; rows.len() * longest], vec![0f32; rows.len() * longest]);
        for (i, row) in rows.iter().enumerate() {
            let (tokens, at) = (&self.tokens[*row], i * longest);
            ids[at..at + tokens.len()].copy_from_slice(tokens);
            mask[at..at + tokens.len()].fill(1.0);
        }
        Ok(Batch {
            comes_again: self.come_again,
            sentences: rows.iter().map(|row| Arc::clone(&self.tokens[*row])).collect(),
            ids: Tensor::from_vec(ids, shape, &Device::Cpu)?,
            mask: Tensor::from_vec(mask, shape, &Device::Cpu)?,
            labels: self.classes(rows)?,
        })
    }
}
