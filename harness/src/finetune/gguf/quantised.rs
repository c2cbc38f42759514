//! A quantised model as an objective: candle's own program over a working copy of the file.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use candle_core::{Device, Tensor};
use candle_nn::loss::cross_entropy;
use candle_transformers::models::quantized_llama::ModelWeights;
use moths::{
    Key, Spec,
    objective::model::gguf::{GgufModel, GgufOptions, GgufReader},
    registry,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{examples::Examples, plan::Plan},
    file::Gguf,
    prompt::Prompts,
    times::Times,
};
use crate::{Error, Result};

/// What of a quantised model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coordinates {
    /// The scales of its blocks.
    Scales,
    /// Its integer codes.
    Codes,
}

impl Coordinates {
    /// What an optimizer is made for: `qes` moves codes in steps of one, and all others move scales by shares of themselves.
    pub fn of(optimizer: &Spec) -> Self {
        if optimizer.name == "qes" { Self::Codes } else { Self::Scales }
    }
}

impl FromStr for Coordinates {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "scales" => Ok(Self::Scales),
            "codes" => Ok(Self::Codes),
            _ => Err("write scales or codes".into()),
        }
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scales => "scales",
            Self::Codes => "codes",
        })
    }
}

/// A language model that is asked which class a sentence is of, in training.
pub(in super::super) struct Quantised {
    pub(in super::super) model: GgufModel<ModelWeights>,
    answers: Tensor,
    times: Arc<Times>,
    log: PathBuf,
}

impl Quantised {
    /// The model of a file in its working copy.
    ///
    /// # Errors
    /// As [`GgufModel::open`], and [`Prompts::new`].
    pub(in super::super) fn open(gguf: &Gguf, work: &Path, plan: &Plan, examples: &Examples) -> Result<Self> {
        let answers = answers(gguf, plan)?;
        let (header, times) = (gguf.header(), Arc::new(Times::default()));
        let loads = times.clone();
        let load =
            move |reader: &mut GgufReader<'_>| loads.load(|| ModelWeights::from_gguf(header.content(), reader, &Device::Cpu));
        let (runs, examples, batch, theirs) = (times.clone(), examples.clone(), plan.batch, answers.clone());
        let loss = move |model: &mut ModelWeights, key| {
            runs.run(|| {
                let rows = examples.drawn(batch, key);
                cross_entropy(&logits(model, &examples, &rows, &theirs)?, &examples.classes(&rows)?)
            })
        };
        let model = GgufModel::open(gguf.path(), work, options(plan), load, loss)?;
        let mut log = work.as_os_str().to_owned();
        log.push(".log");
        Ok(Self { model, answers, times, log: log.into() })
    }

    /// What it answers to the sentences of these numbers, \[n, classes\]. The model is loaded for it.
    pub(in super::super) fn logits(&mut self, examples: &Examples, rows: &[usize]) -> Result<Tensor> {
        Ok(logits(self.model.model()?, examples, rows, &self.answers)?)
    }

    /// Bytes of the log of its steps.
    pub(in super::super) fn log_bytes(&self) -> Option<u64> {
        fs::metadata(&self.log).ok().map(|meta| meta.len())
    }

    /// The share of the time of losses that loading the model took, since it was opened.
    pub(in super::super) fn loading(&self) -> Option<f64> {
        let [loading, running] = self.times.taken().map(|time| time.as_secs_f64());
        (running > 0.0).then(|| loading / (loading + running))
    }
}

/// Finds out what is wrong with a plan before anything is made.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Invalid`] and [`Error::Unsupported`] for an optimizer that trains no file, for tensors that the file has not, and for a
/// prompt and labels that do not do.
pub(in super::super) fn check(gguf: &Gguf, plan: &Plan) -> Result<()> {
    if !registry::capabilities(&plan.optimizer)?.in_place {
        let why =
            "keeps a point of its own, and a GGUF file is trained where it is: take qzo, qes, mezo or another that goes in place";
        return Err(Error::unsupported(format!("optimizer `{}`", plan.optimizer.name), why));
    }
    let space = options(plan).space(gguf.path())?;
    registry::build(&plan.optimizer, &space, Key::new(plan.seed))?;
    answers(gguf, plan).map(drop)
}

fn answers(gguf: &Gguf, plan: &Plan) -> Result<Tensor> {
    let prompts = Prompts::new(gguf, plan.prompt.as_deref().unwrap_or_default(), plan.tokens)?;
    Ok(Tensor::new(prompts.answers(&plan.classes)?, &Device::Cpu)?)
}

fn options(plan: &Plan) -> GgufOptions {
    let options = match plan.quantised {
        Some(Coordinates::Codes) => GgufOptions::codes(),
        _ => GgufOptions::scales(),
    };
    let options = options.key(Key::new(plan.seed)).stochastic();
    plan.train.iter().fold(options, |options, tensors| options.train(tensors))
}

/// The logits of the answers behind each prompt, \[n, classes\]. One prompt after another: candle's program has no mask for padding, and takes no
/// several prompts at once.
fn logits(model: &mut ModelWeights, examples: &Examples, rows: &[usize], answers: &Tensor) -> candle_core::Result<Tensor> {
    let mut one = |row: &usize| {
        let prompt = Tensor::new(examples.tokens(*row), &Device::Cpu)?.unsqueeze(0)?;
        model.forward(&prompt, 0)?.index_select(answers, 1)
    };
    Tensor::cat(&rows.iter().map(&mut one).collect::<candle_core::Result<Vec<_>>>()?, 0)
}
