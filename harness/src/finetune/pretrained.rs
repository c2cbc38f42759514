//! What is fine-tuned: a model in a folder, or one in a GGUF file.

use std::path::{Path, PathBuf};

use super::{
    base::Base,
    examples::Examples,
    gguf::{self, Gguf, Prompts},
    plan::Plan,
    text::Text,
};
use crate::Result;

/// A model that there is already.
pub enum Pretrained {
    /// A BERT in a folder, which gets a new head.
    Bert(Base),
    /// A quantised language model in a file, which is asked.
    Gguf(Box<Gguf>),
}

impl Pretrained {
    /// A file is a GGUF, and anything else the folder of a BERT.
    ///
    /// # Errors
    /// As [`Base::open`] and [`Gguf::open`].
    pub fn open(path: &Path) -> Result<Self> {
        match path.is_file() {
            true => Ok(Self::Gguf(Box::new(Gguf::open(path)?))),
            false => Ok(Self::Bert(Base::open(path)?)),
        }
    }

    /// Is it a GGUF file?
    pub fn is_gguf(&self) -> bool {
        matches!(self, Self::Gguf(_))
    }

    /// The file with its tensors.
    pub fn file(&self) -> PathBuf {
        match self {
            Self::Bert(base) => base.file(),
            Self::Gguf(gguf) => gguf.path().into(),
        }
    }

    /// A digest of these.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn digest(&self) -> Result<u64> {
        match self {
            Self::Bert(base) => base.weights.digest(),
            Self::Gguf(gguf) => gguf.digest(),
        }
    }

    /// The most tokens that it takes.
    pub fn context(&self) -> usize {
        match self {
            Self::Bert(base) => base.config.max_position_embeddings,
            Self::Gguf(gguf) => gguf.context,
        }
    }

    /// What is trained where nobody says: of a file, what [`GgufOptions`](moths::objective::model::gguf::GgufOptions) says.
    pub fn usually_trained(&self) -> Vec<String> {
        match self {
            Self::Bert(base) => base.last_layer(),
            Self::Gguf(_) => vec![],
        }
    }

    /// Finds out what can be known to be wrong with a plan while nothing has been made.
    ///
    /// # Errors
    /// As [`Run::new`](super::Run::new).
    pub fn check(&self, plan: &Plan) -> Result<()> {
        match self {
            // A run of it makes nothing when it is begun.
            Self::Bert(_) => Ok(()),
            Self::Gguf(gguf) => gguf::check(gguf, plan),
        }
    }

    /// Texts as it takes them.
    ///
    /// # Errors
    /// As [`Examples::new`]; [`Error::Invalid`](crate::Error::Invalid) for a prompt that is none.
    pub fn examples(&self, plan: &Plan, texts: &[&Text]) -> Result<Vec<Examples>> {
        match self {
            Self::Bert(base) => {
                let tokenizer = base.tokenizer()?;
                texts.iter().map(|text| Examples::new(text, &plan.classes, base, &tokenizer, plan.tokens)).collect()
            }
            Self::Gguf(gguf) => {
                let prompts = Prompts::new(gguf, plan.prompt.as_deref().unwrap_or_default(), plan.tokens)?;
                texts.iter().map(|text| prompts.examples(text, &plan.classes)).collect()
            }
        }
    }
}
