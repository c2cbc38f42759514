//! The model as an objective: its own point where the optimizer keeps none, or one that takes the points of the optimizer.

use std::{
    fmt,
    path::Path,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
};

use candle_core::{D, DType, Tensor};
use moths::{
    CowTensor, FlatModel, Key, ModelOptions, Objective, Spec,
    objective::model::InPlaceModel,
    persist::{Fields, Persist},
    registry,
};
use serde::{Deserialize, Serialize};

use super::{
    base::Base,
    classifier::{Classifier, Form, Shape},
    examples::Examples,
    gguf::Quantised,
    head::Head,
    hidden::HiddenStates,
    plan::Plan,
    pretrained::Pretrained,
};
use crate::{Error, Result};

/// What a model is held in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// The upper 16 bits of those.
    Bf16,
}

impl Precision {
    pub(super) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            _ => Err("write f32 or bf16".into()),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.dtype().as_str())
    }
}

/// A classifier in training.
pub struct Tuner {
    held: Held,
    /// Sentences that are judged together.
    batch: usize,
    /// Do steps follow from seeds alone? Who holds more than the point draws by that too.
    logs: bool,
}

enum Held {
    InPlace(Box<InPlaceModel<Classifier>>),
    Flat(Box<FlatModel<Classifier>>),
    Gguf(Box<Quantised>),
}

/// So many sentences take some seconds, and loading the model before them little beside that.
const ASKED_TOGETHER: usize = 16;

/// The file in which a quantised model is trained, in the folder of its run.
pub const WORK: &str = "work.gguf";

impl Tuner {
    /// The model that is trained of what there is, in its working copy in this folder where it is quantised.
    ///
    /// # Errors
    /// As [`Tuner::new`]; as [`GgufModel::open`](moths::objective::model::gguf::GgufModel::open) of a quantised model.
    pub fn of(base: &Pretrained, plan: &Plan, examples: &Examples, folder: &Path) -> Result<Self> {
        match base {
            Pretrained::Bert(base) => Self::new(base, plan, examples, None),
            Pretrained::Gguf(gguf) => {
                let held = Quantised::open(gguf, &folder.join(WORK), plan, examples)?;
                // Sentences are asked one by one, and the model is loaded for those that are judged together.
                Ok(Self { held: Held::Gguf(Box::new(held)), batch: ASKED_TOGETHER, logs: true })
            }
        }
    }

    /// The BERT that this optimizer can train: in place where it can, with gradients where it needs them. Its head begins with these
    /// numbers, or is drawn.
    ///
    /// # Errors
    /// [`Error::Unknown`](crate::Error::Unknown) for leaves that the model does not have; [`Error::Shape`](crate::Error::Shape), [`Error::File`](crate::Error::File) and [`Error::Invalid`](crate::Error::Invalid) for weights that are not
    /// this model's, or are not finite.
    pub fn new(base: &Base, plan: &Plan, examples: &Examples, head: Option<&Head>) -> Result<Self> {
        Self::with_room(base, plan, examples, head, 0)
    }

    /// [`Tuner::new`] with room, in bytes, for what frozen layers make of sentences that come again.
    ///
    /// # Errors
    /// As there.
    pub fn with_room(base: &Base, plan: &Plan, examples: &Examples, head: Option<&Head>, room: usize) -> Result<Self> {
        Self::keeping(base, plan, examples, head, &HiddenStates::within(room))
    }

    /// [`Tuner::new`], of the same base and plan as the one that made these hidden states.
    pub(super) fn keeping(
        base: &Base,
        plan: &Plan,
        examples: &Examples,
        head: Option<&Head>,
        hidden: &HiddenStates,
    ) -> Result<Self> {
        let can = registry::capabilities(&plan.optimizer)?;
        let plainly = can.needs_gradient || plan.dtype != Precision::F32;
        let form = if plainly { Form::Plain } else { Form::Stock };
        let options = options(base, plan, head)?;
        let shape = Shape {
            config: base.config.clone(),
            prefix: base.prefix(),
            classes: plan.classes.len(),
            form,
            frozen: base.frozen(&options),
            hidden: hidden.clone(),
        };
        let (examples, batch) = (examples.clone(), plan.batch);
        let build = move |vb: candle_nn::VarBuilder<'_>| Classifier::load(vb, &shape);
        let loss = move |model: &mut Classifier, key| model.loss(&examples.minibatch(batch, key)?);
        let held = match can.in_place {
            true => Held::InPlace(Box::new(InPlaceModel::new(options, build, loss)?)),
            false => Held::Flat(Box::new(FlatModel::with(options, build, loss)?)),
        };
        Ok(Self { held, batch, logs: can.state_per_parameter <= 1.0 })
    }

    /// Is it its own point?
    pub fn is_in_place(&self) -> bool {
        matches!(self.held, Held::InPlace(_) | Held::Gguf(_))
    }

    /// The loss on minibatches.
    pub fn objective(&mut self) -> &mut dyn Objective {
        match &mut self.held {
            Held::InPlace(model) => &mut **model,
            Held::Flat(model) => &mut **model,
            Held::Gguf(held) => &mut held.model,
        }
    }

    /// The names of tensors that are trained in place and that the loss does not read, where looking takes at most so many losses, those of unread ones apart.
    ///
    /// # Errors
    /// What the loss fails with.
    pub fn unread(&mut self, most: u64) -> Result<Vec<String>> {
        match &mut self.held {
            // Two losses of the model as it is, and one with each tensor as something else.
            Held::InPlace(model) if 2 + model.space().leaves().len() as u64 <= most => match model.unread() {
                // Nothing can be told of a loss that is not finite: the run will say what it is to.
                Err(Error::Unsupported { .. }) => Ok(vec![]),
                found => found,
            },
            _ => Ok(vec![]),
        }
    }

    /// Writes every step down, where steps can be; see [`InPlaceModel::log_to`]. The log of a quantised model stands beside its working copy.
    ///
    /// # Errors
    /// As there.
    pub fn log_to(&mut self, path: &Path) -> Result<()> {
        match &mut self.held {
            Held::InPlace(model) if self.logs => model.log_to(path),
            _ => Ok(()),
        }
    }

    /// Bytes of that log.
    pub fn log_bytes(&self) -> Option<u64> {
        match &self.held {
            Held::InPlace(model) => model.log_bytes(),
            Held::Flat(_) => None,
            Held::Gguf(held) => held.log_bytes(),
        }
    }

    /// The share of the time of losses in which a model was loaded that is loaded anew for each.
    pub fn loading(&self) -> Option<f64> {
        match &self.held {
            Held::InPlace(_) | Held::Flat(_) => None,
            Held::Gguf(held) => held.loading(),
        }
    }

    /// Moves the model to an answer, if it is not there.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for a point of another space.
    pub fn take(&mut self, answer: &CowTensor) -> Result<()> {
        match &mut self.held {
            Held::InPlace(_) | Held::Gguf(_) => Ok(()),
            Held::Flat(model) => model.load(answer),
        }
    }

    /// `None` of a language model, which is asked.
    fn classifier(&self) -> Option<&Classifier> {
        match &self.held {
            Held::InPlace(model) => Some(model.model()),
            Held::Flat(model) => Some(model.model()),
            Held::Gguf(_) => None,
        }
    }

    /// What the model answers to the sentences of these numbers, \[n, classes\].
    fn logits(&mut self, examples: &Examples, rows: &[usize]) -> Result<Tensor> {
        match &mut self.held {
            Held::InPlace(model) => Ok(model.model().logits(&examples.batch(rows)?)?),
            Held::Flat(model) => Ok(model.model().logits(&examples.batch(rows)?)?),
            Held::Gguf(held) => held.logits(examples, rows),
        }
    }

    /// The share of at most so many of the examples that the model gets right, and its mean loss on them; `None` where it was interrupted.
    ///
    /// # Errors
    /// What candle fails with.
    pub fn judge(&mut self, examples: &Examples, most: usize, interrupted: &AtomicBool) -> Result<Option<[f64; 2]>> {
        let (mut right, mut loss, mut seen) = (0.0, 0.0, 0.0);
        for rows in examples.batches(most, self.batch) {
            if interrupted.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let (logits, classes) = (self.logits(examples, &rows)?, examples.classes(&rows)?);
            let hits = logits.argmax(D::Minus1)?.eq(&classes)?.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?;
            let mean = candle_nn::loss::cross_entropy(&logits, &classes)?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            right += hits;
            loss += mean * rows.len() as f64;
            seen += rows.len() as f64;
        }
        Ok(Some([right / seen, loss / seen]))
    }

    /// What the head sees of every example, \[n, h\].
    ///
    /// # Errors
    /// What candle fails with; [`Error::Unsupported`](crate::Error::Unsupported) of a language model, which has no head.
    pub(super) fn features(&self, examples: &Examples) -> Result<Tensor> {
        let headless = || Error::unsupported("a language model", "has no head that would see features");
        let classifier = self.classifier().ok_or_else(headless)?;
        let batches = examples.batches(examples.len(), self.batch);
        let mut rows: Vec<(usize, Tensor)> = vec![];
        for batch in batches {
            let pooled = classifier.pooled(&examples.batch(&batch)?)?;
            for (i, row) in batch.iter().enumerate() {
                rows.push((*row, pooled.narrow(0, i, 1)?));
            }
        }
        rows.sort_by_key(|(row, _)| *row);
        Ok(Tensor::cat(&rows.into_iter().map(|(_, pooled)| pooled).collect::<Vec<_>>(), 0)?)
    }

    /// Writes all tensors of the base, those that the model does not read too, and the head; of a GGUF file, the file with other numbers.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File), [`Error::Io`](crate::Error::Io).
    pub fn save(&mut self, path: &Path) -> Result<()> {
        match &mut self.held {
            Held::InPlace(model) => model.save(path),
            Held::Flat(model) => model.save(path),
            Held::Gguf(held) => held.model.save(path),
        }
    }
}

/// Where its data are, and where it is itself.
impl Persist for Tuner {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        match &mut self.held {
            Held::InPlace(model) => model.visit(fields),
            Held::Flat(model) => model.visit(fields),
            Held::Gguf(held) => held.model.visit(fields),
        }
    }
}

fn options(base: &Base, plan: &Plan, head: Option<&Head>) -> Result<ModelOptions> {
    let options = ModelOptions::default().dtype(plan.dtype.dtype()).weights(&base.weights).key(Key::new(plan.seed)).stochastic();
    let options = match head {
        _ if base.has_head() => options,
        Some(head) => options.beside(&head.weights()?),
        None => options.fresh("head"),
    };
    Ok(plan.train.iter().fold(options, |options, leaves| options.train(leaves)))
}

/// Does this optimizer train a model in place?
///
/// # Errors
/// [`Error::Unknown`](crate::Error::Unknown), [`Error::Invalid`](crate::Error::Invalid) for an optimizer that cannot be had.
pub fn is_in_place(optimizer: &Spec) -> Result<bool> {
    Ok(registry::capabilities(optimizer)?.in_place)
}
