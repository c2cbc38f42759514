//! The model that is fine-tuned: a folder as models are published in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use candle_transformers::models::bert::Config;
use moths::{ModelOptions, objective::model::Weights};
use serde_json::Value;
use tokenizers::{Tokenizer, models::wordpiece::WordPiece, normalizers::BertNormalizer, pre_tokenizers::bert::BertPreTokenizer};

use crate::{Error, Result};

/// A folder with a BERT: `config.json`, `model.safetensors`, and `tokenizer.json` or `vocab.txt`.
#[derive(Clone)]
pub struct Base {
    folder: PathBuf,
    /// Its architecture.
    pub config: Config,
    /// Its tensors, of which nothing is read yet.
    pub weights: Weights,
}

impl Base {
    /// Reads what the model is.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is not there; [`Error::File`] for one that is damaged, and for a model that is no BERT.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let refuse = |why: String| Error::File { path: path.clone(), why };
        let text = fs::read_to_string(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let json: Value = serde_json::from_str(&text).map_err(|e| refuse(format!("is no JSON ({e})")))?;
        match json["model_type"].as_str() {
            Some("bert") => {}
            other => return Err(refuse(format!("has model_type = {}: \"bert\" is what is known here", said(other)))),
        }
        let config: Config =
            serde_json::from_value(json).map_err(|e| refuse(format!("describes no BERT that is known ({e})")))?;
        check(&config).map_err(refuse)?;
        let weights = Weights::open(folder.join("model.safetensors"))?;
        let base = Self { folder: folder.into(), config, weights };
        base.fits()?;
        Ok(base)
    }

    /// Are the sizes that the one file says those of the other? What is not there would be made as large as they say.
    fn fits(&self) -> Result<()> {
        let Config { hidden_size, vocab_size, max_position_embeddings, intermediate_size, num_hidden_layers, .. } = self.config;
        let prefix = self.prefix().map(|prefix| format!("{prefix}.")).unwrap_or_default();
        let sizes = [
            ("embeddings.word_embeddings.weight".to_owned(), [vocab_size, hidden_size]),
            ("embeddings.position_embeddings.weight".to_owned(), [max_position_embeddings, hidden_size]),
            (format!("encoder.layer.{}.intermediate.dense.weight", num_hidden_layers - 1), [intermediate_size, hidden_size]),
        ];
        for (name, size) in sizes.map(|(name, size)| (prefix.clone() + &name, size)) {
            match self.weights.shape(&name) {
                None => return Err(Error::File { path: self.file(), why: format!("has no `{name}`, which the model needs") }),
                Some(shape) if shape == size => {}
                Some(shape) => {
                    let what = format!("`{name}` of the weights");
                    return Err(Error::shape(what, format!("{size:?}, as config.json says"), format!("{shape:?}")));
                }
            }
        }
        Ok(())
    }

    /// The file with its tensors.
    pub fn file(&self) -> PathBuf {
        self.folder.join("model.safetensors")
    }

    /// What stands before the names of its tensors.
    pub fn prefix(&self) -> Option<&'static str> {
        self.weights.contains("bert.embeddings.word_embeddings.weight").then_some("bert")
    }

    /// So many layers keep their weights, with all that is below them; `None` where even the embeddings do not.
    pub(super) fn frozen(&self, options: &ModelOptions) -> Option<usize> {
        let prefix = self.prefix().map(|prefix| format!("{prefix}.")).unwrap_or_default();
        let is_trained = |part: &str| {
            let part = format!("{prefix}{part}.");
            let mut tensors = self.weights.names().filter(|name| name.starts_with(&part));
            tensors.any(|name| options.trains(name, self.weights.shape(name).unwrap_or_default()))
        };
        let layers = self.config.num_hidden_layers;
        let first = (0..layers).find(|i| is_trained(&format!("encoder.layer.{i}"))).unwrap_or(layers);
        (!is_trained("embeddings")).then_some(first)
    }

    /// Does it bring a head: is it what an earlier fine-tune has made?
    pub fn has_head(&self) -> bool {
        self.weights.contains("head.weight")
    }

    /// How many weights it has.
    pub(super) fn weights(&self) -> usize {
        let elements = |name| self.weights.shape(name).map_or(0, |shape| shape.iter().product::<usize>());
        self.weights.names().map(elements).sum()
    }

    /// The leaves that are trained where nobody says: a new head and the last layer.
    pub fn last_layer(&self) -> Vec<String> {
        let prefix = self.prefix().map(|prefix| format!("{prefix}.")).unwrap_or_default();
        vec!["head.*".into(), format!("{prefix}encoder.layer.{}.*", self.config.num_hidden_layers - 1)]
    }

    /// What makes tokens of its text.
    ///
    /// # Errors
    /// [`Error::File`] for a vocabulary that cannot be read.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let whole = self.folder.join("tokenizer.json");
        let (path, read) = match whole.exists() {
            true => (whole.clone(), Tokenizer::from_file(&whole)),
            false => (self.folder.join("vocab.txt"), self.word_pieces()),
        };
        let mut tokenizer = read.map_err(|e| Error::File { path, why: format!("is no vocabulary that is known ({e})") })?;
        tokenizer.with_padding(None);
        let _ = tokenizer.with_truncation(None); // that there is none cannot fail
        Ok(tokenizer)
    }

    /// BERT's own, from a list of its pieces.
    fn word_pieces(&self) -> tokenizers::Result<Tokenizer> {
        let vocabulary = self.folder.join("vocab.txt");
        let pieces = WordPiece::from_file(&vocabulary.to_string_lossy()).unk_token("[UNK]".into()).build()?;
        let lower = fs::read_to_string(self.folder.join("tokenizer_config.json"))
            .ok()
            .and_then(|text| serde_json::from_str::<Value>(&text).ok()?["do_lower_case"].as_bool());
        let mut tokenizer = Tokenizer::new(pieces);
        tokenizer.with_normalizer(Some(BertNormalizer::new(true, true, None, lower.unwrap_or(true))))?;
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        Ok(tokenizer)
    }

    /// The numbers of the pieces that a sentence begins and ends with.
    ///
    /// # Errors
    /// [`Error::File`] for a vocabulary without them.
    pub fn ends(&self, tokenizer: &Tokenizer) -> Result<[u32; 2]> {
        let number = |piece: &str| {
            let missing = || Error::File { path: self.folder.clone(), why: format!("has a vocabulary without `{piece}`") };
            tokenizer.token_to_id(piece).ok_or_else(missing)
        };
        Ok([number("[CLS]")?, number("[SEP]")?])
    }
}

fn said(text: Option<&str>) -> String {
    text.map_or_else(|| "nothing".into(), |text| format!("{text:?}"))
}

/// What candle would divide by, or index with.
fn check(config: &Config) -> std::result::Result<(), String> {
    let Config { hidden_size, num_attention_heads, num_hidden_layers, max_position_embeddings, .. } = config;
    let whole = *num_attention_heads > 0 && hidden_size.is_multiple_of(*num_attention_heads) && *hidden_size > 0;
    match whole && *num_hidden_layers > 0 && *max_position_embeddings > 2 {
        true => Ok(()),
        false => Err("has sizes that make no BERT: hidden_size must be a multiple of num_attention_heads".into()),
    }
}
